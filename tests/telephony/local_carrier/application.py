"""The application at the other end of webhooks: answers as told, remembers what it was asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from twilio.request_validator import RequestValidator

PATIENCE_S = 10.0


@dataclass(frozen=True)
class Asked:
    """One request that came in."""

    method: str
    path: str
    url: str
    params: dict[str, str]
    headers: dict[str, str]
    at: float
    nth: int
    """1 for the first request of its connection."""

    def is_signed_by(self, auth_token: str) -> bool:
        """Whether the official validator accepts it."""
        signed = self.params if self.method == "POST" else {}
        return RequestValidator(auth_token).validate(self.url, signed, self.headers.get("x-twilio-signature", ""))


@dataclass(frozen=True)
class Answer:
    """What to answer with."""

    body: bytes = b"<Response/>"
    content_type: str = "text/xml"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0


Reply = str | bytes | Answer | Callable[[Asked], "str | bytes | Answer"]


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A carrier that hangs up in the middle of an answer is nothing to report."""


class Application:
    """An HTTP server in a thread. `on(path, reply)` decides the answer; anything else gets an empty `<Response/>`."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._replies: dict[str, Reply] = {}
        self._news = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def on(self, path: str, reply: Reply) -> str:
        """Answer a path so from now on; gives the path's URL. Text is TwiML, without or with its `<Response>`."""
        self._replies[path] = reply
        return self.url + path

    def play(self, path: str, wav: bytes) -> str:
        """Serve a sound; gives its URL."""
        return self.on(path, Answer(wav, "audio/wav"))

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def requests(self, path: str, **params: str) -> list[Asked]:
        """What was asked of a path, oldest first."""
        with self._news:
            return [asked for asked in self.asked if asked.path == path and _matches(asked, params)]

    def wait_for(self, path: str, count: int = 1, timeout_s: float = PATIENCE_S, **params: str) -> Asked:
        """Wait until a path was asked so often with such parameters; gives the last of these requests."""
        deadline = time.monotonic() + timeout_s
        with self._news:
            while True:
                found = [asked for asked in self.asked if asked.path == path and _matches(asked, params)]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                if left <= 0:
                    seen = [(asked.path, {key: asked.params.get(key) for key in params}) for asked in self.asked]
                    raise AssertionError(f"{path} {params} was not asked {count} times; asked were {seen}")
                self._news.wait(left)

    def _handler(application) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            served = 0

            def do_GET(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def log_message(self, *_: Any) -> None:
                pass

            def _serve(self) -> None:
                self.served += 1
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                pairs = parse_qsl(parts.query if self.command == "GET" else body, keep_blank_values=True)
                asked = Asked(
                    self.command,
                    parts.path,
                    f"http://{self.headers['Host']}{self.path}",
                    dict(pairs),
                    {name.lower(): value for name, value in self.headers.items()},
                    time.monotonic(),
                    self.served,
                )
                with application._news:
                    application.asked.append(asked)
                    application._news.notify_all()
                self._answer(_answer_of(application._replies.get(parts.path, b"<Response/>"), asked))

            def _answer(self, answer: Answer) -> None:
                if answer.delay_s:
                    time.sleep(answer.delay_s)  # an application that is slow on purpose
                try:
                    self.send_response(answer.status)
                    self.send_header("Content-Type", answer.content_type)
                    self.send_header("Content-Length", str(len(answer.body)))
                    for name, value in answer.headers:
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(answer.body)
                except OSError:
                    return

        return Handler


def _matches(asked: Asked, params: dict[str, str]) -> bool:
    return all(asked.params.get(name) == value for name, value in params.items())


def _answer_of(reply: Reply, asked: Asked) -> Answer:
    made = reply(asked) if callable(reply) else reply
    if isinstance(made, Answer):
        return made
    if isinstance(made, bytes):
        return Answer(made)
    return Answer((made if "<Response" in made else f"<Response>{made}</Response>").encode())

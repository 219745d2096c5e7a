"""A carrier's REST over real HTTP that can be told to misbehave: the outer edge of tests about faults.

It answers Twilio's JSON for messages and recordings, remembers what it was asked, and does once, or always, what a
carrier does on a bad day.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class OddCarrier:
    """Start with `start()`, point TWILIO_API_BASE at `url`, end with `stop()`.

    `trouble` holds what happens to the coming requests, first one first: an HTTP status, `drop` (closes without an
    answer and does nothing), `answer_lost` (does it, then closes), `cut_off` (half of the body), `say:<code>` (Twilio's
    error). `always` is what happens to every request when the queue is empty.
    """

    def __init__(self) -> None:
        self.recordings: dict[str, bytes] = {}
        self.attachments: dict[str, tuple[str, bytes]] = {}
        self.messages: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.credentials: list[str | None] = []
        self.trouble: deque[int | str] = deque()
        self.always: int | str | None = None
        self.clock_ahead_s = 0.0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> OddCarrier:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def paths(self, method: str) -> list[str]:
        return [path for asked, path, _ in self.asked if asked == method]

    def now(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=self.clock_ahead_s)

    def text_in(self, body: str, *, to: str, from_: str) -> dict[str, Any]:
        """A customer's text that the carrier took, whether or not it could tell us."""
        return self._take_message({"To": to, "From": from_, "Body": body}, "inbound", "received")

    def _take_message(self, form: dict[str, str], direction: str, status: str) -> dict[str, Any]:
        at = format_datetime(self.now())
        message = {
            "sid": f"SM{len(self.messages) + 1:032x}",
            "account_sid": "AC" + "0" * 32,
            "to": form["To"],
            "from": form["From"],
            "body": form.get("Body", ""),
            "status": status,
            "direction": direction,
            "date_created": at,
            "date_sent": at,
            "date_updated": at,
            "num_segments": "1",
            "num_media": "0",
            "error_code": None,
            "error_message": None,
        }
        self.messages.append(message)
        return message

    def _handler(carrier) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                return

            def do_GET(self) -> None:
                carrier._meet(self, {})

            def do_DELETE(self) -> None:
                carrier._meet(self, {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                carrier._meet(self, {key: values[-1] for key, values in parse_qs(body, True).items()})

        return Handler

    def _meet(self, request: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        self.asked.append((request.command, request.path, form))
        self.credentials.append(request.headers.get("Authorization"))
        trouble = self.trouble.popleft() if self.trouble else self.always
        if trouble == "drop":
            return self._hang_up(request)
        if isinstance(trouble, int):
            return self._answer(request, trouble, {"code": 20500, "message": "on fire", "status": trouble})
        if isinstance(trouble, str) and trouble.startswith("say:"):
            code = int(trouble[4:])
            return self._answer(request, 400, {"code": code, "message": f"error {code}", "status": 400})
        status, body, kind = self._do(request.command, request.path, form)
        if trouble == "answer_lost":
            return self._hang_up(request)
        self._send(request, status, body, kind, cut_off=trouble == "cut_off")

    def _do(self, method: str, path: str, form: dict[str, str]) -> tuple[int, bytes, str]:
        parts = urlsplit(path)
        name = parts.path.rsplit("/", 1)[-1]
        if found := re.search(r"/Recordings/(RE\w{32})", parts.path):
            return self._recording(method, found[1])
        if "/Media/" in parts.path and name in self.attachments:
            kind, data = self.attachments[name]
            return 200, data, kind
        if name == "Messages.json" and method == "POST":
            return _json(201, self._take_message(form, "outbound-api", "queued"))
        if name == "Messages.json":
            return _json(200, self._page(parse_qs(parts.query)))
        if found := re.search(r"/Messages/(\w+)\.json", parts.path):
            for message in self.messages:
                if message["sid"] == found[1]:
                    return _json(200, message)
        return _json(404, {"code": 20404, "message": f"{parts.path} was not found", "status": 404})

    def _recording(self, method: str, sid: str) -> tuple[int, bytes, str]:
        if sid not in self.recordings:
            return _json(404, {"code": 20404, "message": "not found", "status": 404})
        if method == "DELETE":
            del self.recordings[sid]
            return 204, b"", "application/json"
        return 200, self.recordings[sid], "audio/x-wav"

    def _page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        wanted = {key: query[key][0] for key in ("To", "From") if key in query}
        found = [m for m in reversed(self.messages) if all(m[key.lower()] == value for key, value in wanted.items())]
        return {"messages": found, "page": 0, "page_size": 50, "next_page_uri": None, "uri": "/Messages.json"}

    def _answer(self, request: BaseHTTPRequestHandler, status: int, body: dict[str, Any]) -> None:
        self._send(request, *_json(status, body))

    def _send(
        self, request: BaseHTTPRequestHandler, status: int, body: bytes, kind: str, *, cut_off: bool = False
    ) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2] if cut_off else body)
        if cut_off:
            self._hang_up(request)

    def _hang_up(self, request: BaseHTTPRequestHandler) -> None:
        request.wfile.flush()
        request.close_connection = True


def _json(status: int, body: dict[str, Any]) -> tuple[int, bytes, str]:
    return status, json.dumps(body).encode(), "application/json"

"""The outer edge for tests without a carrier: a small HTTP server that answers like Twilio's REST and notes what it
was asked. It decides nothing; a test that needs a real carrier uses the local one."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, dict[str, Any]] | None


@dataclass(frozen=True)
class Asked:
    """One request: method, path below the account, and its form or query (lists collapsed to their first value)."""

    method: str
    path: str
    form: dict[str, str]


@dataclass
class Edge:
    """`asked` in order; `answers` are tried first: each answers, gives None to pass, or raises to cut off."""

    base: str
    asked: list[Asked] = field(default_factory=list)
    answers: list[Callable[[Asked], Answer]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    rooms: list[str] = field(default_factory=list)
    recordings: list[dict[str, Any]] = field(default_factory=list)

    def to(self, method: str, path_end: str) -> list[Asked]:
        """The requests with this method whose path ends so."""
        return [asked for asked in self.asked if asked.method == method and asked.path.endswith(path_end)]

    def call(self, **fields: Any) -> dict[str, Any]:
        """A call that the carrier knows of."""
        number = next(_serial)
        known = {"sid": f"CA{number:032x}", "status": "queued", "date_created": None} | fields
        self.calls.append(known)
        return known


_serial = itertools.count(0xC0FFEE)


class CutOff(Exception):
    """Close the connection without an answer."""


def serve() -> tuple[Edge, Callable[[], None]]:
    """Start the edge on a free port; the edge and how to stop it."""
    edge = Edge("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            given = parse_qs(body or parts.query, keep_blank_values=True)
            path = parts.path.split("/Accounts/")[-1].partition("/")[2].removesuffix(".json")
            asked = Asked(self.command, path, {name: values[0] for name, values in given.items()})
            edge.asked.append(asked)
            try:
                status, answer = _answer(edge, asked)
            except CutOff:
                self.close_connection = True
                return
            data = json.dumps(answer).encode() if status != 204 else b""
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _any

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    edge.base = f"http://127.0.0.1:{server.server_address[1]}"
    return edge, server.shutdown


def _answer(edge: Edge, asked: Asked) -> tuple[int, dict[str, Any]]:
    for answer in list(edge.answers):
        given = answer(asked)
        if given is not None:
            return given
    match asked.method, asked.path.split("/"):
        case "POST", ["Calls"]:
            return 201, edge.call(to=asked.form["To"].partition("?")[0], status="queued")
        case "GET", ["Calls"]:
            found = [c for c in edge.calls if _fits(c, asked.form)]
            return 200, _page("calls", found)
        case "GET", ["Calls", sid]:
            known = next((c for c in edge.calls if c["sid"] == sid), None)
            return (200, known) if known else (404, {"code": 20404, "message": "not found", "status": 404})
        case "POST", ["Calls", sid]:
            return 200, {"sid": sid, "status": asked.form.get("Status", "in-progress")}
        case "POST", ["Calls", sid, "Recordings"]:
            return 201, {"sid": f"RE{next(_serial):032x}", "call_sid": sid, "status": "in-progress"}
        case "GET", ["Recordings"]:
            return 200, _page("recordings", [r for r in edge.recordings if r["call_sid"] == asked.form["CallSid"]])
        case "GET", ["Conferences"]:
            rooms = [{"sid": f"CF{1:032x}", "friendly_name": r} for r in edge.rooms if r == asked.form["FriendlyName"]]
            return 200, _page("conferences", rooms)
        case "POST", ["Conferences", _, "Participants", sid]:
            return 200, {"call_sid": sid}
        case "GET", ["IncomingPhoneNumbers"]:
            return 200, _page("incoming_phone_numbers", [])
        case "POST", ["IncomingPhoneNumbers"]:
            return 201, {"sid": f"PN{next(_serial):032x}"} | asked.form
    return 404, {"code": 20404, "message": f"{asked.method} {asked.path} was not found", "status": 404}


def _fits(call: dict[str, Any], query: dict[str, str]) -> bool:
    return all(call.get(name.lower()) == query[name] for name in ("To", "Status") if name in query)


def _page(key: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {key: items, "page": 0, "page_size": 50, "next_page_uri": None, "first_page_uri": "", "uri": ""}

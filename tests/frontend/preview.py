"""The pages with example records under the content policy of the house: for looking at them and for browser tests.

python -m tests.frontend.preview [port]

The desktop's case is chosen by address: /desktop?case=idle, ringing, call, held, wrapping, missed, off or full, and the
calls in hand of `examples.state`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from flask_babel import Babel
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from app.config import Settings
from app.pages import content_policy
from tests.frontend import examples
from tests.frontend.flow_preview import flow_pages

ROOT = Path(__file__).resolve().parents[2]
POLICY = content_policy(Settings.from_env({"CARRIER": "local"})).replace("connect-src 'self'", "connect-src 'self' ws:")
"""The one that the house sends; a test's carrier has a port of its own, where the house has one origin."""


class Compiled(BytecodeCache):
    """Templates that were compiled once in this process: each test has an app of its own, and compiling is slow."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """A template that has changed since is not taken: its checksum differs."""
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()


def make_preview() -> Flask:
    """A Flask app that draws our templates from `tests.frontend.examples`."""
    app = Flask("app", root_path=str(ROOT / "app"))
    app.jinja_options = {**app.jinja_options, "bytecode_cache": COMPILED}
    app.config.update(SECRET_KEY="preview", TEMPLATES_AUTO_RELOAD=True)
    Babel(app, locale_selector=lambda: request.args.get("lang", "en"))
    app.context_processor(_context)
    app.after_request(_with_policy)
    _pages(app)
    _desktop(app)
    flow_pages(app)
    return app


def _context() -> dict[str, Any]:
    return {
        "current_user": examples.Person(),
        "csrf_token": lambda: "preview-token",
        "page_language": request.args.get("lang", "en").replace("_", "-"),
        "url_for_security": lambda name: f"/{name}",
    }


def _with_policy(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    if "case" in request.args:
        response.set_cookie("case", request.args["case"])
    return response


def _case() -> str:
    return request.args.get("case") or request.cookies.get("case", "idle")


def _pages(app: Flask) -> None:
    app.add_url_rule("/logout", "security.logout", lambda: "")
    app.add_url_rule(
        "/login", "security.login", lambda: render_template("security/login_user.html", **examples.sign_in())
    )
    app.add_url_rule(
        "/me/password",
        "security.change_password",
        lambda: render_template("security/change_password.html", **examples.change_password()),
    )
    app.add_url_rule(
        "/phone", "phone", lambda: render_template("phone.html", page_data=app.config.get("PHONE", examples.PHONE))
    )
    app.add_url_rule("/phone/token", "phone_token", lambda: jsonify(_line(app, request.args["number"])))
    app.add_url_rule("/admin", "admin", lambda: render_template("admin/system.html", system=examples.SYSTEM))
    of_person = [f"{action}/<user_id>" for action in ("give_roles", "reset_password", "activate")]
    for action in ("edit_number/<number_id>", "add", "change_member/<queue_id>", *of_person):
        app.add_url_rule(f"/admin/{action}", f"admin.{action.split('/')[0]}", lambda **_: "", methods=["POST"])
    app.add_url_rule(
        "/error/<int:status>",
        "error",
        lambda status: render_template("error.html", status=status, message=examples.ERROR),
    )


def _line(app: Flask, address: str) -> dict[str, str]:
    """The line to a carrier that a test configured; the pages as such have none."""
    make = app.config.get("LINE")
    return make(address) if make else {"token": "preview", "address": address, "url": "/phone/socket"}


def _desktop(app: Flask) -> None:
    app.add_url_rule("/desktop", "desktop", _desktop_page)
    app.add_url_rule("/desktop/state", "state", lambda: jsonify(examples.state(_case())))
    app.add_url_rule("/desktop/targets", "targets", lambda: jsonify(examples.TARGETS))
    app.add_url_rule("/supervisor/<path:rest>", "steer", lambda rest: _accept(app, rest), methods=["POST"])
    app.add_url_rule("/desktop/token", "token", lambda: jsonify({"mode": "local"} | _line(app, "client:agent_7")))
    app.add_url_rule("/desktop/customers", "search", _search)
    app.add_url_rule("/desktop/customers/<which>", "record", lambda which: _fragment("_record", which))
    drafts: dict[str, dict[str, str]] = {}
    app.add_url_rule(
        "/desktop/customers/<which>/drafts", "drafts", lambda which: _drafts(drafts, which), methods=["GET", "PUT"]
    )
    app.add_url_rule("/desktop/customers/<which>/timeline", "timeline", lambda which: _older(which))
    app.add_url_rule("/desktop/interactions/<which>/transcript", "transcript", _transcript)
    app.add_url_rule("/recordings/<int:which>.wav", "tape", lambda which: app.send_static_file("build/sounds/ring.wav"))
    app.add_url_rule("/desktop/heartbeat", "beat", _beat, methods=["POST"])
    app.config["SENT"] = []
    app.add_url_rule("/desktop/<path:rest>", "accept", lambda rest: _accept(app, rest), methods=["POST", "PATCH"])
    app.add_url_rule("/live", "live", lambda: Response(_quiet_line(), mimetype="text/event-stream"))


def _desktop_page() -> str:
    chosen = request.args.get("customer")
    given = {"state": examples.state(_case()), "customer_id": chosen, "phone_page": True, "reasons": examples.REASONS}
    return render_template("desktop/page.html", **given)


def _fragment(template: str, which: str) -> str:
    return render_template(f"desktop/{template}.html", **examples.record(which, _case()))


def _older(which: str) -> str:
    return render_template("desktop/_timeline.html", **examples.older(which))


def _drafts(kept: dict[str, dict[str, str]], which: str) -> dict[str, str]:
    of_customer = kept.setdefault(which, {"text": "", "note": ""})
    if request.method == "PUT":
        of_customer[request.json["kind"]] = request.json["body"]
    return of_customer


def _search() -> str:
    words = request.args.get("q", "")
    found = [examples.found(which) for which in (examples.MIRA, examples.JOE)] if words.lower().startswith("m") else []
    return render_template("desktop/_search.html", customers=found, q=words)


def _transcript(which: str) -> Response:
    return jsonify(examples.transcript("live" if which == examples.CALL else "recording"))


def _accept(app: Flask, rest: str) -> Response:
    app.config["SENT"].append((rest, request.get_json(silent=True), request.headers.get("X-CSRFToken")))
    return jsonify({})


def _beat() -> Response:
    return jsonify(reachability=examples.state(_case())["me"]["reachability"])


def _quiet_line() -> Iterator[str]:
    while True:
        yield ": alive\n\n"
        threading.Event().wait(10)


if __name__ == "__main__":
    make_preview().run(port=int(sys.argv[1]) if len(sys.argv) > 1 else 8765, threaded=True)

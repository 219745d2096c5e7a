"""The pages with example records, served by a small Flask app under the strictest content policy: for looking at them and for browser tests.

python -m tests.frontend.preview [port]
"""

import sys
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from flask_babel import Babel

from tests.frontend import examples

ROOT = Path(__file__).resolve().parents[2]
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self' ws: wss:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def make_preview() -> Flask:
    """A Flask app that draws our templates from `tests.frontend.examples`."""
    app = Flask("app", root_path=str(ROOT / "app"))
    app.config["SECRET_KEY"] = "preview"
    Babel(app, locale_selector=lambda: request.args.get("lang", "en"))
    app.context_processor(_context)
    app.after_request(_with_policy)
    _routes(app)
    return app


def _context() -> dict[str, Any]:
    return {
        "current_user": examples.Person(),
        "csrf_token": lambda: "preview-token",
        "page_language": request.args.get("lang", "en"),
        "url_for_security": lambda name: f"/{name}",
    }


def _with_policy(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _routes(app: Flask) -> None:
    app.add_url_rule("/logout", "security.logout", lambda: "")
    app.add_url_rule("/login", "login", lambda: render_template("security/login_user.html", **examples.sign_in()))
    app.add_url_rule("/phone", "phone", lambda: render_template("phone.html", page_data=examples.PHONE))
    app.add_url_rule("/phone/token", "token", lambda: jsonify(examples.phone_token(request.args["number"])))
    app.add_url_rule("/error/<code>", "error", lambda code: render_template(f"errors/{code}.html"))


if __name__ == "__main__":
    make_preview().run(port=int(sys.argv[1]) if len(sys.argv) > 1 else 8765)

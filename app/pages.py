"""What all pages share: languages, CSRF, limits, security headers, plain error pages."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import structlog
from apiflask import APIFlask
from flask import Flask, Request, Response, current_app, g, jsonify, render_template, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_babel import Babel, get_locale
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user
from flask_security import uia_email_mapper
from flask_wtf.csrf import CSRFError, CSRFProtect
from jinja2 import TemplateNotFound
from werkzeug.exceptions import HTTPException

from app.accounts.entry import CARRIER, entry_of
from app.accounts.people import SHORTEST_PASSWORD
from app.config import Settings
from app.db import request_session
from app.words import N_, in_their_language

log = structlog.get_logger()
csrf = CSRFProtect()
limiter = Limiter(get_remote_address, default_limits=[])

LANGUAGES = {"en": "English", "zh_Hans": "简体中文", "zh_Hant": "繁體中文"}
TRANSLATIONS = Path(__file__).parent / "translations"
MAX_BODY_BYTES = 2 * 1024 * 1024

ERRORS = {
    400: N_("That request could not be understood."),
    401: N_("Sign in first."),
    403: N_("You may not do that. Ask an admin for the role it needs."),
    404: N_("There is nothing here. It may have been moved or merged."),
    405: N_("That address does not take this kind of request."),
    409: N_("Somebody else was faster. The page shows what stands now."),
    413: N_("That is too large."),
    429: N_("Too many tries. Wait a minute and try again."),
    500: N_("Something went wrong on our side. What you wrote is still in the page; try again."),
}


class Cookies(SecureCookieSessionInterface):
    """Flask's session in a signed cookie; the signer is made only for who brings one."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)


class House(APIFlask):
    """Flask, where the carrier's requests pass by what is for people: limits, sign-in, CSRF and cookies.

    They are signed, and there are many. Their room's own checks, the headers and the log line are theirs as well.
    """

    session_interface = Cookies()

    def preprocess_request(self) -> ResponseReturnValue | None:
        if not _is_the_carriers():
            return super().preprocess_request()
        _start_watch()
        checks = [check for room in reversed(request.blueprints) for check in self.before_request_funcs.get(room, ())]
        return next((answer for check in checks if (answer := self.ensure_sync(check)()) is not None), None)

    def process_response(self, response: Response) -> Response:
        if not _is_the_carriers():
            return super().process_response(response)
        return _log_request(_add_headers(response))


def _is_the_carriers() -> bool:
    return request.endpoint is not None and entry_of(current_app, request.endpoint) == CARRIER


def flask_config(settings: Settings) -> dict[str, Any]:
    """Flask's and the extensions' settings."""
    secure = settings.is_https
    return {
        "SECRET_KEY": settings.secret_key,
        "SECURITY_PASSWORD_SALT": settings.secret_key,
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_POST_LOGIN_VIEW": "/",
        "SECURITY_SEND_REGISTER_EMAIL": False,
        "SECURITY_USE_AUTO_CHANGE_EMAIL": False,
        "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False, "test_environment": True},
        "SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS": False,
        "SECURITY_AUTO_LOGIN_AFTER_CONFIRM": False,
        "SECURITY_RETURN_GENERIC_RESPONSES": True,  # a wrong address and a wrong password read the same
        "SECURITY_API_ENABLED_METHODS": ["session"],
        "SECURITY_USER_IDENTITY_ATTRIBUTES": [{"email": {"mapper": uia_email_mapper, "case_insensitive": True}}],
        "SECURITY_CHANGEABLE": True,
        "SECURITY_CHANGE_URL": "/me/password",
        "SECURITY_POST_CHANGE_VIEW": "/",
        "SECURITY_SEND_PASSWORD_CHANGE_EMAIL": False,  # we send no email
        "SECURITY_PASSWORD_LENGTH_MIN": SHORTEST_PASSWORD,
        "SECURITY_I18N_DIRNAME": ["builtin", str(TRANSLATIONS)],
        "SESSION_COOKIE_NAME": "__Host-session" if secure else "session",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "REMEMBER_COOKIE_SAMESITE": "Lax",
        "REMEMBER_COOKIE_SECURE": secure,
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_CSRF_CHECK_DEFAULT": False,
        "MAX_CONTENT_LENGTH": MAX_BODY_BYTES,
        "RATELIMIT_HEADERS_ENABLED": True,
        "RATELIMIT_STRATEGY": "moving-window",
        "RATELIMIT_STORAGE_URI": "memory://",  # each web process counts for itself: enough against guessing
        "BABEL_DEFAULT_LOCALE": "en",
        "TEMPLATES_AUTO_RELOAD": False,
        "HEADERS": _headers(settings),
    }


def init(app: Flask, settings: Settings) -> None:
    """Install the extensions and the handlers every page shares."""
    Babel(app, locale_selector=choose_language)
    csrf.init_app(app)
    limiter.init_app(app)
    app.before_request(_start_watch)
    app.before_request(_check_csrf)
    app.after_request(_add_headers)
    app.after_request(_log_request)
    app.teardown_appcontext(lambda _error: request_session.remove())
    app.register_error_handler(HTTPException, _show_error)
    app.register_error_handler(CSRFError, _show_error)
    app.register_error_handler(Exception, _show_crash)
    app.context_processor(lambda: {"languages": LANGUAGES, "settings": settings, "page_language": page_language()})


def choose_language() -> str | None:
    """The user's own language, else the browser's, among those we speak."""
    own = getattr(current_user, "language", None)
    if own in LANGUAGES:
        return str(own)
    best = request.accept_languages.best_match(["en", "zh-CN", "zh-TW", "zh-HK", "zh"])
    return {"zh-CN": "zh_Hans", "zh": "zh_Hans", "zh-TW": "zh_Hant", "zh-HK": "zh_Hant"}.get(best or "", best)


def page_language() -> str:
    """The chosen language as pages name it (BCP 47): en, zh-Hans, zh-Hant."""
    return str(get_locale() or "en").replace("_", "-")


def _check_csrf() -> None:
    """Every write needs the token. The carrier's do not come here."""
    if request.endpoint:
        csrf.protect()


def content_policy(settings: Settings) -> str:
    """What a page of ours may load and reach: nothing of others but the carrier's phones, no script or style in it."""
    twilio = "" if settings.is_local else " https://*.twilio.com wss://*.twilio.com"
    socket = settings.public_base_url.replace("http", "ws", 1)
    return (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob: data:; worker-src 'self' blob:; "
        f"connect-src 'self' {socket}{twilio}; style-src 'self'; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'self'; object-src 'none'"
    )


def _headers(settings: Settings) -> dict[str, str]:
    """What every answer says unless its view says otherwise."""
    headers = {
        "Content-Security-Policy": content_policy(settings),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    }
    return headers | ({"Strict-Transport-Security": "max-age=31536000"} if settings.is_https else {})


def _add_headers(response: Response) -> Response:
    for name, value in current_app.config["HEADERS"].items():
        response.headers.setdefault(name, value)
    return response


def _start_watch() -> None:
    g.started = time.perf_counter()


def _log_request(response: Response) -> Response:
    """The rule, never the address: addresses hold search words and numbers."""
    rule = request.url_rule.rule if request.url_rule else "-"
    if rule not in ("/healthz", "/readyz") and not rule.startswith("/static"):
        log.info(
            "web.request",
            method=request.method,
            rule=rule,
            status=response.status_code,
            ms=round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000, 1),
        )
    return response


def wants_json() -> bool:
    """Whether the browser's script asked, rather than a person."""
    return request.is_json or request.accept_mimetypes.best_match(["text/html", "application/json"]) != "text/html"


def error_body(code: str, message: str, field: str | None = None) -> dict[str, Any]:
    """The one shape of a JSON error: what happened, in words."""
    return {"error": {"code": code, "message": message} | ({"field": field} if field else {})}


def _show_error(error: HTTPException) -> Any:
    if error.response is not None:
        return error.response
    status = error.code or 500
    message = ERRORS.get(status, error.description or ERRORS[500])
    if isinstance(error, CSRFError):
        message = N_("This page is out of date. Reload it and try again.")
    if status in (400, 409, 422) and error.description and not isinstance(error, CSRFError):
        message = error.description
    message = in_their_language(message)
    if wants_json():
        return jsonify(error_body(error.name.lower().replace(" ", "_"), message)), status
    try:
        return render_template("error.html", status=status, message=message), status
    except TemplateNotFound:
        return message, status


def _show_crash(error: Exception) -> Any:
    log.exception("web.crash", rule=request.url_rule.rule if request.url_rule else "-")
    request_session.rollback()
    from werkzeug.exceptions import InternalServerError

    return _show_error(InternalServerError(original_exception=error))

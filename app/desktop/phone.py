"""The caller's phone page: local mode only, where every number on it is played."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import Field, StringConstraints

from app.customers.identify import BadAddress, normalise
from app.db import request_session
from app.desktop.call_control import PhoneTokens, PhoneTrace, TraceRefused
from app.forms import BadInput, Form, Refusal, parse
from app.numbers import Numbers
from app.pages import limiter

bp = Blueprint("phone", __name__)

CALLERS = ["+15550102030", "+15550102031", "+15550102032", "+15550102033"]
"""Whom the page may be at a click: fictional numbers (555-01xx). Source: https://www.nanpa.com/numbering/555-line-numbers"""


class PhoneTokenForm(Form):
    number: Annotated[str, StringConstraints(min_length=1, max_length=40)]


class TraceForm(Form):
    after: Annotated[int, Field(ge=0, lt=10**15)] = 0


@bp.get("/phone")
def page() -> ResponseReturnValue:
    """phone.html with `page_data`: `{numbers: [E.164 to call from], lines: [{number, label} of ours], trace}`."""
    numbers: Numbers = current_app.extensions["our_numbers"]
    lines = [{"number": each.number, "label": each.label} for each in numbers.all(request_session())]
    return render_template("phone.html", page_data={"numbers": CALLERS, "lines": lines, "trace": True})


@bp.get("/phone/token")
@limiter.limit("120/minute")
def token() -> ResponseReturnValue:
    """`?number=` in, `{token, address, url}` out: the right to be this outside telephone, never one of our numbers."""
    wanted = _outside_number(parse(PhoneTokenForm).number)
    tokens: PhoneTokens = current_app.extensions["phone_tokens"]
    return tokens.token_for(wanted), 200, {"Cache-Control": "no-store"}


@bp.get("/phone/trace")
@limiter.limit("120/minute")
def trace() -> ResponseReturnValue:
    """`?after=<id>` and the phone's token as Bearer: `{entries}`, what its calls and texts made the carrier ask us."""
    form = parse(TraceForm)
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Refusal(401, "no_token", "The phone shows its own token for this.")
    watched: PhoneTrace = current_app.extensions["phone_trace"]
    try:
        entries = watched.entries(token, form.after)
    except TraceRefused as refused:
        raise Refusal(refused.status, "no_trace", str(refused)) from refused
    return {"entries": entries}, 200, {"Cache-Control": "no-store"}


def _outside_number(text: str) -> str:
    try:
        number = normalise("phone", text)
    except BadAddress as wrong:
        raise BadInput("number", str(wrong)) from wrong
    if number is None or not number.startswith("+"):
        raise BadInput("number", "Give a whole number with + and its country, like +1 555 010 2030.")
    numbers: Numbers = current_app.extensions["our_numbers"]
    if number in {each.number for each in numbers.all(request_session())}:
        raise BadInput("number", "That is a number of ours. Be somebody who calls it.")
    return number

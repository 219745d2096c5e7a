"""What anybody signed in may change about themselves."""

from __future__ import annotations

from typing import Literal

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.accounts.models import User
from app.db import unit_of_work
from app.forms import Form, parse
from app.pages import wants_json

bp = Blueprint("me", __name__, url_prefix="/me")


class LanguageForm(Form):
    language: Literal["en", "zh_Hans", "zh_Hant"]


@bp.post("/language")
def choose() -> ResponseReturnValue:
    """`{language}`: what pages speak from now on, whatever the browser asks for. Back to the page, or JSON."""
    form = parse(LanguageForm)
    with unit_of_work() as session:
        session.get_one(User, current_user.id).language = form.language
    if wants_json():
        return {"language": form.language}
    return redirect("/admin" if "/admin" in (request.referrer or "") else "/", 303)

"""What browsers send us, checked before anything acts on it. A bad input is refused by field, in a sentence."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from flask import Flask, jsonify, request
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from app.pages import error_body
from app.words import N_, flow_words, in_their_language


class BadInput(Exception):
    """The request cannot be used; `field` is what is wrong with it. Becomes a 400."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Refusal(Exception):
    """What was asked does not fit what stands. Becomes `status` with a code, a sentence and what stands."""

    def __init__(self, status: int, code: str, message: str, **standing: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.standing = standing


def _storable(text: str) -> str:
    """PostgreSQL keeps neither NUL nor halves of characters."""
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError(N_("has characters that are no text"))
    return text


Words = Annotated[str, AfterValidator(_storable)]
"""A text that may be stored."""


class Form(BaseModel):
    """Base of all inputs: texts are trimmed; a field we don't know is ignored, so that an old page keeps working."""

    model_config = ConfigDict(str_strip_whitespace=True, extra="ignore", frozen=True)


AnyForm = TypeVar("AnyForm", bound=Form)


def parse(form: type[AnyForm]) -> AnyForm:
    """Read the request's JSON object, form fields, or query (of a GET). Raises BadInput."""
    try:
        return form.model_validate(_sent())
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_context=True)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise BadInput(field, f"{field}: {_said(dict(first))}") from wrong


def _sent() -> dict[str, Any]:
    if request.method == "GET":
        return request.args.to_dict()
    if not request.is_json:
        return request.form.to_dict()
    try:
        sent = request.get_json(silent=True)
    except RecursionError:  # brackets in brackets in brackets
        sent = None
    if not isinstance(sent, dict):
        raise BadInput("body", "Send a JSON object.")
    return sent


_SENTENCES = {
    "missing": N_("this is needed."),
    "string_too_long": N_("at most {max_length} characters."),
    "string_too_short": N_("at least {min_length} characters."),
    "string_type": N_("this must be text."),
    "bool_type": N_("this must be true or false."),
    "bool_parsing": N_("this must be true or false."),
    "uuid_parsing": N_("this is no id."),
    "uuid_type": N_("this is no id."),
    "literal_error": N_("one of {expected}."),
    "enum": N_("one of {expected}."),
    "string_pattern_mismatch": N_("this does not look right."),
    "int_parsing": N_("this must be a whole number."),
    "greater_than_equal": N_("at least {ge}."),
    "less_than_equal": N_("at most {le}."),
    "value_error": "{error}.",
    "flow": "{said}.",
}


def _said(error: dict[str, Any]) -> str:
    sentence = in_their_language(_SENTENCES.get(error["type"], N_("this does not look right.")))
    blanks = error.get("ctx", {})
    said = sentence.format(**{name: flow_words(value) for name, value in blanks.items()})
    return f"{said.removesuffix('..')}." if said.endswith("..") else said


def init(app: Flask) -> None:
    """Turn refusals into the one shape of a JSON error."""
    app.register_error_handler(BadInput, _show_bad_input)
    app.register_error_handler(Refusal, _show_refusal)


def _show_bad_input(wrong: BadInput) -> Any:
    return jsonify(error_body("bad_input", in_their_language(str(wrong)), wrong.field)), 400


def _show_refusal(refusal: Refusal) -> Any:
    return jsonify(error_body(refusal.code, in_their_language(str(refusal))) | refusal.standing), refusal.status

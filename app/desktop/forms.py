"""What the desktop's scripts may send."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    model_validator,
)

from app.forms import Form, Words
from app.interactions.drafts import LONGEST_DRAFT
from app.words import N_

Digits = Annotated[str, StringConstraints(pattern=r"^[0-9*#A-Dw]+$", min_length=1, max_length=32)]
Line = Annotated[Words, StringConstraints(min_length=1, max_length=200)]
LONGEST_REMARK = 500
MAX_TEXT_CHARS = 1600
"""What a carrier takes as one text."""


class HeartbeatForm(Form):
    session_id: uuid.UUID
    phone_ready: StrictBool
    problem: Annotated[str, StringConstraints(pattern=r"^[a-z_]+$", max_length=40)] | None = None


class PresenceForm(Form):
    presence: Literal["available", "break", "offline"]
    reason: Annotated[Words, StringConstraints(max_length=80)] | None = None


class HoldForm(Form):
    hold: StrictBool


class MuteForm(Form):
    mute: StrictBool


class DigitsForm(Form):
    digits: Digits


class Target(Form):
    """Whom a call goes to: exactly one of them."""

    agent: Annotated[int, Field(strict=True, gt=0, lt=1 << 63)] | None = None
    queue: Annotated[Words, StringConstraints(min_length=1, max_length=80)] | None = None
    flow: Annotated[Words, StringConstraints(min_length=1, max_length=120)] | None = None
    number: Annotated[Words, StringConstraints(min_length=1, max_length=40)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Target:
        if sum(each is not None for each in (self.agent, self.queue, self.flow, self.number)) != 1:
            raise ValueError(N_("name one of agent, queue, flow and number"))
        return self


Remark = Annotated[Words, StringConstraints(max_length=LONGEST_REMARK)]


class TransferForm(Form):
    to: Target
    warm: StrictBool = False
    note: Remark | None = None


class ThirdForm(Form):
    """Without `to`, whoever is being consulted joins."""

    to: Target | None = None


class HelpForm(Form):
    help: StrictBool = True
    note: Annotated[Words, StringConstraints(max_length=200)] | None = None


class DialForm(Form):
    customer_id: uuid.UUID
    number: Annotated[str, StringConstraints(max_length=40)]


def _nothing_is_null(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")]


class CustomerForm(Form):
    """A field that is not sent stays as it is; null or nothing but blanks empties it."""

    name: Annotated[Line | None, BeforeValidator(_nothing_is_null)] = None
    language: Annotated[Language | None, BeforeValidator(_nothing_is_null)] = None


class MessageForm(Form):
    body: Annotated[Words, StringConstraints(min_length=1, max_length=MAX_TEXT_CHARS)]
    client_id: uuid.UUID
    to: Annotated[str, StringConstraints(max_length=40)] | None = None


class NoteForm(Form):
    body: Annotated[Words, StringConstraints(min_length=1, max_length=10_000)]
    interaction_id: uuid.UUID | None = None


class DraftForm(Form):
    """Blanks stay: whoever writes may be in the middle of a line."""

    model_config = ConfigDict(str_strip_whitespace=False)

    kind: Literal["text", "note", "wrap"]
    body: Annotated[Words, StringConstraints(max_length=LONGEST_DRAFT)]


Code = Annotated[Words, StringConstraints(min_length=1, max_length=60)]


class OutcomeForm(Form):
    """Null takes a choice back."""

    code: Code | None


class WrapUpForm(Form):
    code: Code
    note: Annotated[Words, StringConstraints(max_length=10_000)] | None = None


class WrapUpWishForm(Form):
    wanted: StrictBool


class SearchForm(Form):
    q: Annotated[Words, StringConstraints(max_length=100)] = ""


class PageForm(Form):
    """The desktop's address: `?customer=` opens a record."""

    customer: uuid.UUID | None = None


class TimelineForm(Form):
    before: AwareDatetime | None = None

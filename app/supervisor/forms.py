"""What the floor's scripts may send."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.forms import Form, Words

MOST_ID = 2**63 - 1
Id = Annotated[int, Field(ge=1, le=MOST_ID)]


class PresenceForm(Form):
    presence: Literal["available", "break", "offline"]
    reason: Annotated[Words, StringConstraints(max_length=60)] | None = None


class RequeueForm(Form):
    """Without a queue: the one it came from."""

    queue_id: Id | None = None


class PullForm(Form):
    """Without an agent: whoever asks."""

    agent_id: Id | None = None


class CompleteForm(Form):
    """Without an outcome: the one of a wrap-up that ran out. `agent_id`: whose, of a call that was handed on."""

    agent_id: Id | None = None

    code: Annotated[Words, StringConstraints(min_length=1, max_length=60)] | None = None


class WallForm(Form):
    """The wallboard's address: `?queues=1,2` shows only these."""

    queues: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}(,[0-9]{1,18}){0,99}$")] | None = None

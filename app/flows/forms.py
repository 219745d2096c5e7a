"""What the flow pages' scripts may send."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, StrictBool, StringConstraints

from app.forms import Form, Refusal, Words
from app.words import N_
from ivr_flows.patterns import E164_PATTERN, NODE_ID_PATTERN
from ivr_flows.yaml_reader import MAX_BYTES

TOO_LARGE = N_("A flow's text may have one megabyte at most. Move parts of it into flows of their own.")

FlowName = Annotated[str, StringConstraints(pattern=NODE_ID_PATTERN)]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
Message = Annotated[Words, StringConstraints(max_length=500)]
Rev = Annotated[int, Field(ge=0, lt=2**31)]


Moment = Annotated[AwareDatetime | date, Field(union_mode="left_to_right")]


class Verbatim(Form):
    """A form that holds a flow's text: not a space of it is touched."""

    model_config = ConfigDict(str_strip_whitespace=False, extra="ignore", frozen=True)


class DraftForm(Verbatim):
    text: Words
    rev: Rev
    base_version: Version | None = None


class TextForm(Verbatim):
    text: Words | None = None


class NewFlowForm(Form):
    name: FlowName
    title: Annotated[Words, StringConstraints(max_length=120)] = ""
    text: Words | None = None


class PublishForm(Form):
    message: Message = ""
    rev: Rev


class RollbackForm(Form):
    version: Version
    message: Message = ""


class LockForm(Form):
    take_over: StrictBool = False


class ConflictForm(Form):
    take: Literal["page", "file"]
    file_version: Version


class DiffForm(Form):
    from_: Annotated[str, StringConstraints(max_length=40)] = Field("live", alias="from")
    to: Annotated[str, StringConstraints(max_length=40)] = "draft"


class CanaryForm(Form):
    percent: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 0
    numbers: Annotated[list[Annotated[str, StringConstraints(pattern=E164_PATTERN)]], Field(max_length=100)] = []  # noqa: RUF012
    rev: Rev | None = None


class PeriodForm(Form):
    """Dates (a whole day, UTC) or times with a zone; the last seven days where nothing is given."""

    from_: Annotated[Moment | None, Field(alias="from")] = None
    to: Moment | None = None
    version: Version | None = None


class SimulateForm(Verbatim):
    text: Words | None = None
    given: dict[str, Any] = {}  # noqa: RUF012
    acts: list[Any] = []  # noqa: RUF012


class HearForm(SimulateForm):
    audio: Annotated[str, StringConstraints(min_length=1)]


class ScenarioForm(SimulateForm):
    name: Annotated[Words, StringConstraints(min_length=1, max_length=200)]


class CallForm(Verbatim):
    text: Words | None = None
    to: Annotated[str, StringConstraints(pattern=rf"{E164_PATTERN}|^client:[A-Za-z0-9_]{{1,60}}$")]


def sized(text: str) -> str:
    """The text, if it is no larger than a flow may be; Refusal 413."""
    if len(text) > MAX_BYTES or len(text.encode()) > MAX_BYTES:
        raise Refusal(413, "too_large", TOO_LARGE)
    return text

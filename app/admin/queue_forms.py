"""What the queue pages may send. Lists of a form come as `overflow-0-when`, `overflow-0-after_s`, …"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, field_validator, model_validator

from app.forms import Form, Words
from app.routing.models import AtClose, Method, SkillRule, WrapUpMode
from app.routing.overflow import read_steps
from app.routing.score import read_value_rules
from app.routing.skills import read_rings
from ivr_flows.nodes.hours import known_zone
from ivr_flows.patterns import NODE_ID_PATTERN

MOST_ID = 2**63 - 1
ROW = re.compile(r"(overflow|rings|value_rules)-(\d{1,2})-([a-z_]{1,20})\Z")

Key = Annotated[Words, StringConstraints(pattern=NODE_ID_PATTERN, max_length=60)]
Name = Annotated[Words, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\r\n\t]*$")]
Id = Annotated[int, Field(ge=1, le=MOST_ID)]
DAY_S = 86_400
TIMED = ("after_s", "ewt_over_s")


def _none_if_empty(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


Empty = BeforeValidator(_none_if_empty)


def _listed(value: Any) -> Any:
    """`french, fibre` as people write it."""
    return [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else value


def _steps(value: Any) -> Any:
    """Rows of the page, or steps as they are stored; checked by the router's own rules."""
    if isinstance(value, list):
        value = [_step(row) if isinstance(row, dict) and "when" in row else row for row in value]
    read_steps(value)
    return value


def _step(row: dict[str, Any]) -> dict[str, Any]:
    when, seconds, target = str(row["when"]), row.get("seconds"), row.get("target")
    kept: dict[str, Any] = {when: _whole(seconds) if when in TIMED else True, "action": row.get("action")}
    return kept | ({"target": target} if target and row.get("action") == "queue" else {})


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10 else value


def _rings(value: Any) -> Any:
    if isinstance(value, list):
        value = [
            {"stay_s": _whole(row.get("stay_s")), "drop": _listed(row.get("drop"))} if isinstance(row, dict) else row
            for row in value
        ]
    read_rings(value)
    return value


def _value_rules(value: Any) -> Any:
    """`tier=gold, language=fr` as the page has it, or rules as they are stored."""
    if isinstance(value, list):
        value = [_value_rule(row) if isinstance(row, dict) and "words" in row else row for row in value]
    return read_value_rules(value)


def _value_rule(row: dict[str, Any]) -> dict[str, Any]:
    words = [each.partition("=") for each in _listed(str(row["words"]))]
    rule: dict[str, Any] = {name.strip(): fact.strip() for name, _equals, fact in words}
    return rule | {"priority_min": _minutes(row.get("priority_min"))}


def _minutes(value: Any) -> Any:
    text = str(value).strip()
    return int(text) if text.lstrip("-").isdecimal() and len(text) < 8 else value


Rows = list[dict[str, Any]]


class NewQueueForm(Form):
    key: Key
    name: Name


class QueueForm(Form):
    """All settings of a queue. Seconds, unless the name says otherwise."""

    seen: Annotated[str, StringConstraints(max_length=64)] | None = None
    """What the page was drawn from."""
    name: Name
    active: bool = True
    method: Method = Method.LONGEST_IDLE
    skill_rule: SkillRule = SkillRule.ALL
    ring_s: Annotated[int, Field(ge=5, le=120)] = 20
    ring_group_n: Annotated[int, Field(ge=1, le=50)] = 1
    retry_cooldown_s: Annotated[int, Field(ge=0, le=3600)] = 30
    rest_s: Annotated[int, Field(ge=0, le=3600)] = 0
    sticky_s: Annotated[int, Field(ge=0, le=3600)] = 0
    sticky_days: Annotated[int, Field(ge=1, le=365)] = 7
    voice_reserve_s: Annotated[int, Field(ge=0, le=3600)] = 20
    weight: Annotated[int, Field(ge=0, le=DAY_S)] = 0
    value_rules: Annotated[Rows, BeforeValidator(_value_rules)] = Field(default_factory=list)
    rings: Annotated[Rows, BeforeValidator(_rings)] = Field(default_factory=list)
    max_wait_s: Annotated[int, Field(ge=10, le=DAY_S)] = 1200
    max_length: Annotated[int, Field(ge=1, le=10_000)] = 200
    overflow: Annotated[Rows, BeforeValidator(_steps)] = Field(default_factory=list)
    hours: Annotated[Key | None, Empty] = None
    """The key of shared hours; None: always open; `own` keeps times of the queue's own."""
    at_close: AtClose = AtClose.DRAIN
    zone: Annotated[str, StringConstraints(max_length=60)] = "UTC"
    tell_position: bool = True
    tell_position_to: Annotated[int, Field(ge=1, le=50)] = 5
    tell_wait: bool = True
    tell_every_s: Annotated[int, Field(ge=15, le=900)] = 90
    wrap_up_mode: WrapUpMode = WrapUpMode.TIMED
    wrap_up_s: Annotated[int, Field(ge=0, le=3600)] = 60
    park_s: Annotated[int, Field(ge=10, le=3600)] = 600
    service_level_s: Annotated[int, Field(ge=1, le=DAY_S)] = 20
    service_level_target: Annotated[int, Field(ge=1, le=100)] = 80
    short_abandon_s: Annotated[int, Field(ge=0, le=600)] = 5
    default_aht_s: Annotated[int, Field(ge=1, le=DAY_S)] = 240
    alert_waiting: Annotated[Annotated[int, Field(ge=1, le=100_000)] | None, Empty] = None
    alert_oldest_wait_s: Annotated[Annotated[int, Field(ge=1, le=DAY_S)] | None, Empty] = None
    alert_service_level: Annotated[Annotated[int, Field(ge=1, le=100)] | None, Empty] = None
    alert_staffed: Annotated[Annotated[int, Field(ge=1, le=10_000)] | None, Empty] = None

    @model_validator(mode="before")
    @classmethod
    def _rows(cls, sent: Any) -> Any:
        """Gather the rows of a form; one whose first choice is empty was not filled in."""
        if not isinstance(sent, dict):
            return sent
        rows: dict[str, dict[int, dict[str, Any]]] = {}
        for name, value in sent.items():
            if match := ROW.match(str(name)):
                rows.setdefault(match[1], {}).setdefault(int(match[2]), {})[match[3]] = value
        lists = {name: [row for _, row in sorted(found.items()) if _is_filled(row)] for name, found in rows.items()}
        return sent | lists

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        return known_zone(zone)


def _is_filled(row: dict[str, Any]) -> bool:
    first = next((row[name] for name in ("when", "stay_s", "words") if name in row), None)
    return bool(str(first or "").strip())


class MemberForm(Form):
    user_id: Id
    level: Annotated[int, Field(ge=1, le=9)] = 1
    delay_s: Annotated[int, Field(ge=0, le=9999)] = 0


def bounds(form: type[BaseModel]) -> dict[str, tuple[int, int]]:
    """The least and most of every number of a form, for the page's inputs."""
    found = {}
    for name, field in form.model_fields.items():
        least = _limit(field.annotation, field.metadata, "ge")
        most = _limit(field.annotation, field.metadata, "le")
        if least is not None and most is not None:
            found[name] = (least, most)
    return found


def _limit(annotation: Any, metadata: list[Any], name: str) -> int | None:
    own = next((getattr(each, name) for each in metadata if hasattr(each, name)), None)
    if own is not None:
        return int(own)
    for part in getattr(annotation, "__args__", ()):
        for each in getattr(part, "__metadata__", ()):
            for rule in (each, *getattr(each, "metadata", ())):
                if hasattr(rule, name):
                    return int(getattr(rule, name))
    return None

"""How a queue calls back: its hours, tries and limits. What nobody set is the house's way."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import phonenumbers
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.callbacks.models import CallbackPolicy, CallbackSetting
from app.routing.models import OpeningHours as SharedHours
from app.routing.models import Queue
from ivr_flows.nodes.hours import OpeningHours, Spans, known_zone, read_spans

MOST_ATTEMPTS = 8
"""Tries that a person asked for themselves ("later") come on top of the queue's own, up to this."""
MOST_MACHINE_TEXT = 300
HOUSE = "rules"
"""The setting that holds the rules of all queues."""
OWN_ALWAYS = ("zone", "hours")
"""What every queue has of its own: the house has no say in it."""

Days = Literal["mon-sun", "mon-sat", "mon-fri"]
WEEKDAYS: dict[str, int] = {"mon-sun": 7, "mon-sat": 6, "mon-fri": 5}
"""How many days of the week from Monday on."""


class PolicyRefused(ValueError):
    """A rule cannot be used; the message says what can, `field` which one it is."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


def _calling_spans(value: Any) -> Spans:
    spans = read_spans(value)
    if not spans:
        raise ValueError("say when people may be called, such as 08:00-21:00")
    return spans


CallingSpans = Annotated[Spans, BeforeValidator(_calling_spans)]


class CallingTimes(BaseModel):
    """When people with a number of one country may be called, on their own clock."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: CallingSpans
    days: Days = "mon-sun"


def _known_country(code: str) -> str:
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"'{code[:10]}' is no country; use two letters such as DE, GB or US")
    return code


Country = Annotated[str, AfterValidator(_known_country)]


class Policy(BaseModel):
    """One queue's rules. Times of day are spans such as 08:00-21:00."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: Annotated[str, AfterValidator(known_zone)] = "UTC"
    """The queue's zone: of its calendar, and of numbers that say nothing about theirs."""
    hours: OpeningHours | None = None
    """When somebody calls back; None: always."""
    quiet: CallingSpans = ((8 * 60, 21 * 60),)
    """When a person may be called, on their own clock…"""
    quiet_days: Days = "mon-sun"
    """…and on which days, where their country has no times of its own…"""
    countries: dict[Country, CallingTimes] = Field(default_factory=dict, max_length=60)
    """…here: {"FR": {"hours": ["10:00-13:00", "14:00-20:00"], "days": "mon-fri"}}, by the country of the number."""
    max_attempts: int = Field(default=3, ge=1, le=MOST_ATTEMPTS)
    gaps_s: tuple[Annotated[int, Field(ge=1, le=259_200)], ...] = Field(default=(600, 3600), min_length=1, max_length=8)
    """Pauses before the second and the later tries."""
    ring_s: int = Field(default=25, ge=5, le=60)
    life_s: int = Field(default=86_400, ge=600, le=30 * 86_400)
    """How long "as soon as somebody is free" lasts."""
    snooze_min: int = Field(default=30, ge=5, le=480)
    mode: Literal["auto", "agent_first", "customer_first"] = "auto"
    detect_machines: bool = True
    """Whether the carrier listens for answering machines."""
    machine: Literal["message", "hang_up"] = "message"
    """What a machine gets. The try counts either way."""
    machine_text: Annotated[str, StringConstraints(max_length=MOST_MACHINE_TEXT)] = ""
    """What is said to a machine; "": the house's own words, in the customer's language."""
    offer_over_s: int | None = Field(default=None, ge=0, le=14_400)
    """Callers in line are offered a call back when their wait is estimated longer than this…"""
    offer_over_waiting: int | None = Field(default=None, ge=0, le=1000)
    """…or when more than so many wait; with neither, always."""
    offer_share: int = Field(default=100, ge=0, le=100)
    """Per cent of the callers who are offered one: every yes bends the estimate for those behind."""
    stop_before_close_min: int = Field(default=2, ge=0, le=120)
    """No more offers in the line when the opening hours end so soon."""
    slot_min: int = Field(default=30, ge=10, le=240)
    per_slot: int | None = Field(default=None, ge=0, le=1000)
    """Callbacks that a slot of the calendar takes; None: what half of the queue's people can do in it."""
    ahead_days: int = Field(default=14, ge=1, le=30)
    texts: bool = True
    """Confirm with a link and remind, where the number can be texted."""
    remind_min: int = Field(default=10, ge=0, le=1440)
    web: bool = False
    """Whether the public page takes requests for this queue."""
    abandon_recovery: bool = False
    """Whether somebody who gave up waiting is called back without having asked."""
    own_for_s: int = Field(default=3600, ge=0, le=30 * 86_400)
    """How long an agent's own callback waits for them before everybody may make it."""
    follow_up_min: int = Field(default=60, ge=1, le=7 * 1440)
    """When somebody must have looked after an unanswered contact."""
    follow_up_text: bool = False
    """Whether an unanswered contact is answered by a text with a link for a callback."""

    def calling_times(self, number: str) -> CallingTimes:
        """When this number (E.164) may be called, on the clock of whoever answers it."""
        own = self.countries.get(country_of(number)) if self.countries else None
        return own or CallingTimes.model_construct(hours=self.quiet, days=self.quiet_days)


def country_of(number: str) -> str:
    """The country of a number (E.164), two letters; the main one where several share a prefix, "" for none."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ""
    found = phonenumbers.region_code_for_number(parsed)
    return str(found or phonenumbers.region_code_for_country_code(parsed.country_code or 0))


def policy_of(session: Session, queue_id: int | None) -> Policy:
    """The queue's rules, where it has none the house's; its zone and opening hours are those of its calls.

    None: of a contact that was in no queue.
    """
    rules = own_rules(session, None)
    if queue_id is None:
        return Policy.model_validate(rules)
    rules |= own_rules(session, queue_id)
    queue = session.get_one(Queue, queue_id)
    rules.setdefault("zone", queue.zone)
    rules["hours"] = _hours(session, rules.get("hours", queue.hours))
    return Policy.model_validate(rules)


def own_rules(session: Session, queue_id: int | None) -> dict[str, Any]:
    """The rules that somebody set for a queue; None: for the house."""
    if queue_id is None:
        setting = session.get(CallbackSetting, HOUSE)
        return dict(setting.value) if setting else {}
    row = session.get(CallbackPolicy, queue_id)
    return dict(row.rules) if row else {}


def set_policy(session: Session, queue_id: int | None, **rules: Any) -> Policy:
    """Keep rules of a queue (None: of the house) beside those it has. Raises PolicyRefused."""
    return keep_rules(session, queue_id, own_rules(session, queue_id) | rules)


def keep_rules(session: Session, queue_id: int | None, rules: dict[str, Any]) -> Policy:
    """Keep these rules and no others. Raises PolicyRefused."""
    read_rules({name: _hours(session, value) if name == "hours" else value for name, value in rules.items()})
    if queue_id is None:
        of_house = insert(CallbackSetting).values(key=HOUSE, value=rules)
        session.execute(of_house.on_conflict_do_update(index_elements=["key"], set_={"value": rules}))
        session.get_one(CallbackSetting, HOUSE, populate_existing=True)
    else:
        of_queue = insert(CallbackPolicy).values(queue_id=queue_id, rules=rules)
        session.execute(of_queue.on_conflict_do_update(index_elements=["queue_id"], set_={"rules": rules}))
        session.get_one(CallbackPolicy, queue_id, populate_existing=True)
    return policy_of(session, queue_id)


def read_rules(rules: dict[str, Any]) -> Policy:
    """The policy that these rules make, with the usual ones for the others. Raises PolicyRefused."""
    try:
        return Policy.model_validate(rules)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        message = str(first["msg"]).removeprefix("Value error, ")[:300]
        raise PolicyRefused(str(first["loc"][0]) if first["loc"] else "rules", message) from wrong


def lock_rules(session: Session) -> None:
    """Whoever changes rules takes turns until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("callback-rules", 0))))


def _hours(session: Session, hours: dict[str, Any] | None) -> dict[str, Any] | None:
    """The times that are meant: as they are written, or those that are shared."""
    if not isinstance(hours, dict) or "use" not in hours:
        return hours
    shared = session.get(SharedHours, str(hours["use"]))
    return dict(shared.rules) if shared else None

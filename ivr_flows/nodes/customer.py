from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from ivr_flows.facts import CustomerChanged, CustomerChecked, Fact
from ivr_flows.instructions import ChangeCustomer, Instruction
from ivr_flows.nodes.base import Call, Go, Node, Outcome, Part, Way
from ivr_flows.patterns import VariableName
from ivr_flows.said import wrong
from ivr_flows.texts import LANGUAGE, Target, Template

_SOURCE = re.compile(r"(name|language|is_known|last_interaction_at|fields\.[a-z][a-z0-9_]{0,39})\Z")


def _source(value: Any) -> str:
    if not isinstance(value, str) or not _SOURCE.match(value):
        raise wrong("must be name, language, is_known, last_interaction_at, or a field such as fields.plan")
    return value


Source = Annotated[str, BeforeValidator(_source)]
MAX_VALUE_CHARS = 500
OWN = ("name", "language")


class Lately(Part):
    """{hours: 48, to: follow_up}: where a caller goes whose last contact is at most this long ago."""

    hours: int | None = Field(default=None, ge=1, le=24 * 366)
    """At most so many hours ago."""
    minutes: int | None = Field(default=None, ge=1, le=60 * 24)
    """At most so many minutes ago."""
    to: Target
    """Where such a caller goes."""

    @model_validator(mode="after")
    def _has_one_length(self) -> Lately:
        if (self.hours is None) == (self.minutes is None):
            raise wrong("needs exactly one of: hours, minutes")
        return self

    @property
    def length(self) -> timedelta:
        return timedelta(hours=self.hours or 0, minutes=self.minutes or 0)


class CustomerNode(Node):
    """Read the caller's record, write into it, and go on by what is known.

        greet:
          kind: customer
          read: {plan: fields.plan, their_name: name}
          last_interaction_within: {hours: 24, to: support}
          known: main_menu
          next: sales
        keep_plan: {kind: customer, set: {plan: "{{ vars.plan }}", language: es}, next: goodbye}

    `read` puts name, language, is_known, last_interaction_at or fields.<name> into variables, "" for what is not
    there. `set` writes name, language or a field of the company's own, at most 500 characters each; an empty text
    changes nothing. Then the first that is so: the last contact is recent, the caller is known (has a name), else
    `next`. Never waits. Conditions elsewhere see the same as customer.name, customer.fields.plan and so on.
    """

    kind: Literal["customer"] = "customer"
    """Read the caller's record, write into it, and go on by what is known."""
    on_path: ClassVar[bool] = False
    read: dict[VariableName, Source] = Field(default_factory=dict, max_length=30)
    """Variables and what of the record they get: name, language, fields.plan."""
    set: dict[VariableName, Template] = Field(default_factory=dict, max_length=30)
    """What to write into the record: name, language, or a field of the company's own."""
    last_interaction_within: Lately | None = None
    """Where a caller goes who was in touch a short while ago."""
    known: Target | None = None
    """Where a caller goes whose name is known."""
    next: Target
    """The node that comes after, for everybody else."""

    @model_validator(mode="after")
    def _does_something(self) -> CustomerNode:
        if not (self.read or self.set or self.known or self.last_interaction_within):
            raise wrong("does nothing: give it read, set, known or last_interaction_within")
        return self

    def enter(self, call: Call) -> Outcome:
        customer = call.context.customer
        to, found = self._way(call)
        given = {name: call.fill(value)[:MAX_VALUE_CHARS] for name, value in self.set.items()}
        given = {name: value for name, value in given.items() if value and _fits(name, value)}
        facts: tuple[Fact, ...] = (CustomerChecked(self.id, found),) if found else ()
        if given:
            facts = (*facts, CustomerChanged(self.id, tuple(given)))
        return Go(
            to,
            self._change(given),
            facts,
            variables={name: _plain(customer, source) for name, source in self.read.items()},
            customer=_after(customer, given) if given else {},
        )

    def ways(self) -> Iterator[Way]:
        if self.last_interaction_within:
            yield Way("was here lately", self.last_interaction_within.to, ("last_interaction_within", "to"))
        if self.known:
            yield Way("known", self.known, ("known",))
        yield Way("then", self.next, ("next",))

    def sets(self) -> Iterator[str]:
        yield from self.read

    def _way(self, call: Call) -> tuple[Target, str]:
        """Where to go, and what was found out when that was asked."""
        customer, lately = call.context.customer, self.last_interaction_within
        last = _time(customer.get("last_interaction_at"))
        if lately and last is not None and timedelta() <= call.context.now - last <= lately.length:
            return lately.to, "known from a contact a short while ago"
        if self.known:
            is_known = bool(customer.get("is_known"))
            return (self.known, "known") if is_known else (self.next, "not known")
        return self.next, "not known from a contact a short while ago" if lately else ""

    def _change(self, given: Mapping[str, str]) -> tuple[Instruction, ...]:
        own = {name: value for name, value in given.items() if name in OWN}
        fields = {name: value for name, value in given.items() if name not in OWN}
        return (ChangeCustomer(own, fields),) if given else ()


def _fits(name: str, value: str) -> bool:
    return name != "language" or LANGUAGE.match(value) is not None


def _plain(customer: Mapping[str, Any], source: str) -> Any:
    fields = customer.get("fields") or {}
    value = fields.get(source.removeprefix("fields.")) if source.startswith("fields.") else customer.get(source)
    return value if isinstance(value, str | bool | int | float) else ""


def _after(customer: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    own = {name: value for name, value in given.items() if name in OWN}
    fields = {**(customer.get("fields") or {}), **{name: given[name] for name in given if name not in OWN}}
    return {**own, **({"is_known": True} if "name" in own else {}), "fields": fields}


def _time(text: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) and text else None
    except ValueError:
        return None
    return at if at is None or at.tzinfo else None

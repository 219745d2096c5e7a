"""The match itself, over plain data: which waiting contact for which agent (DOMAIN 2.2).

Contacts are taken most urgent first over all queues; each gets the agents that its queue's method puts first among
those who could take it. It asks no database and reads no clock: the dispatch gives it rows, a simulated day gives it
its own people, and both get the same answer.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.routing.capacity import has_room
from app.routing.plain import Agent, Contact, Rules
from app.routing.skills import last_needs, missing, required_now
from app.routing.strategies import place_of


@dataclass(frozen=True, slots=True)
class Match:
    """A contact and whom it is offered to: one agent, or a ring group's few."""

    contact: Contact
    agents: tuple[Agent, ...]


class Line:
    """Contacts of one queue, one channel and the same needs, most urgent first. They are read as they are asked for."""

    __slots__ = ("_rest", "head")

    def __init__(self, contacts: Iterable[Contact]) -> None:
        self._rest: Iterator[Contact] = iter(contacts)
        self.head: Contact | None = next(self._rest, None)

    def step(self) -> None:
        self.head = next(self._rest, None)


def match(
    lines: Iterable[Line],
    agents: Iterable[Agent],
    queues: Mapping[int, Rules],
    now: float,
    most: int,
    until: tuple[Any, ...] | None = None,
) -> list[Match]:
    """At most `most` matches. The agents' open work grows with each; a line that nobody here could serve is left.

    With `until` no contact is taken that is less urgent: one in a line that is not among these comes first.
    """
    rules, people = dict(queues), _by_queue(agents)
    waiting = [line for line in lines if line.head is not None]
    heap = [_entry(number, waiting[number].head, rules) for number in range(len(waiting))]
    heapq.heapify(heap)
    found: list[Match] = []
    while heap and len(found) < most:
        urgency, number, contact = heap[0]
        if until is not None and urgency > until:
            break
        line, its_rules, members = waiting[number], rules[contact.queue_id], people.get(contact.queue_id, [])
        calls = reserved_calls(contact, waiting, rules, now)
        chosen = choose(contact, its_rules, members, now, calls)
        if chosen:
            found.append(Match(contact, tuple(chosen)))
            for agent in chosen:
                agent.open_work[contact.kind] = agent.open_work.get(contact.kind, 0) + 1
            rules[contact.queue_id] = replace(its_rules, last_offered=chosen[-1].user_id)
        is_over = not chosen and not any(could_ever(contact, its_rules, agent, calls) for agent in members)
        if not is_over:  # a line that is left keeps its head: a call there is still one that waits
            line.step()
        if is_over or line.head is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, _entry(number, line.head, rules))
    return found


def _by_queue(agents: Iterable[Agent]) -> dict[int, list[Agent]]:
    people: dict[int, list[Agent]] = {}
    for agent in agents:
        for queue_id in agent.members if agent.away is None else ():
            people.setdefault(queue_id, []).append(agent)
    return people


def _entry(number: int, head: Contact | None, rules: Mapping[int, Rules]) -> tuple[tuple[Any, ...], int, Contact]:
    assert head is not None  # a line that ended is not asked for its place
    return head.urgency(rules[head.queue_id].weight_s), number, head


def choose(
    contact: Contact, rules: Rules, agents: Iterable[Agent], now: float, calls: Sequence[Contact] = ()
) -> list[Agent]:
    """Whom this contact is offered to now, in the order of asking; as many as its queue rings at once.

    `calls` have waited so long that who could take one of them gets no digital work until it is taken.
    """
    able = [agent for agent in agents if hindrance(contact, rules, agent, now) is None]
    if calls:
        able = [agent for agent in able if not any(is_wanted_for(call, agent) for call in calls)]
    if len(able) <= 1 or rules.ring_group_n == 1:
        return [min(able, key=lambda agent: place_of(rules, contact, agent))] if able else []
    return heapq.nsmallest(rules.ring_group_n, able, key=lambda agent: place_of(rules, contact, agent))


def hindrance(contact: Contact, rules: Rules, agent: Agent, now: float) -> str | None:
    """Why this agent is not offered this contact now, in a word; None when they could take it.

    Besides the agent's own `away`: `not_member`, `no_phone`, `at_capacity`, `kept_for:<id>`, `skill:french<2`,
    `delay:<s>`, `declined_recently`.
    """
    if agent.away is not None:
        return agent.away
    member = agent.members.get(contact.queue_id)
    if member is None:
        return "not_member"
    if contact.kind == "voice" and not agent.can_ring:
        return "no_phone"
    if not has_room(agent.capacity, agent.open_work, contact.kind):
        return "at_capacity"
    if is_kept(contact, rules, now) and contact.preferred != agent.user_id:
        return f"kept_for:{contact.preferred}"
    age_s = now - contact.virtual_start
    if contact.needs and rules.skill_rule == "all":
        lacking = missing(_needs(contact, rules, age_s), agent.skills)
        if lacking:
            return f"skill:{lacking}"
    if age_s < member.delay_s:
        return f"delay:{member.delay_s:g}"
    return "declined_recently" if agent.user_id in contact.tried else None


def is_kept(contact: Contact, rules: Rules, now: float) -> bool:
    """Whether the contact still waits for its preferred agent alone; who turned it down has had their turn."""
    if contact.preferred is None or contact.preferred in contact.tried:
        return False
    return now - contact.queued_at < rules.sticky_s


def could_ever(contact: Contact, rules: Rules, agent: Agent, calls: Sequence[Contact] = ()) -> bool:
    """Whether the agent, as busy as they are, could serve this line however long its people wait, calls beside it."""
    return (
        contact.queue_id in agent.members
        and has_room(agent.capacity, agent.open_work, contact.kind)
        and (contact.kind != "voice" or agent.can_ring)
        and (rules.skill_rule != "all" or missing(_needs(contact, rules, None), agent.skills) is None)
        and not any(is_wanted_for(call, agent) for call in calls)
    )


def _needs(contact: Contact, rules: Rules, age_s: float | None) -> Mapping[str, int]:
    if rules.method != "bullseye" or not rules.rings:
        return contact.needs
    return last_needs(contact.needs, rules.rings) if age_s is None else required_now(contact.needs, rules.rings, age_s)


def reserved_calls(contact: Contact, lines: Iterable[Line], rules: Mapping[int, Rules], now: float) -> list[Contact]:
    """The calls that go before this digital contact: those at the head of a line who waited over its queue's limit."""
    if contact.kind == "voice":
        return []
    heads = [line.head for line in lines if line.head is not None and line.head.kind == "voice"]
    return [call for call in heads if _wait_s(call, now) > rules[call.queue_id].voice_reserve_s]


def _wait_s(contact: Contact, now: float) -> float:
    return now - contact.virtual_start + 60 * contact.priority_min


def is_wanted_for(call: Contact, agent: Agent) -> bool:
    """Whether digital work now would keep this agent from that call."""
    return (
        call.queue_id in agent.members
        and agent.can_ring
        and agent.capacity.most.get("voice", 0) > agent.open_work.get("voice", 0)
        and "voice" not in agent.capacity.interruptible_by.get("chat", ())
        and missing(call.needs, agent.skills) is None
    )

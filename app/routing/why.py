"""Why a contact is, or was, offered to whom: one line for each member of its queue.

What held when an offer was made is kept with the offer, so that a past decision is explained as it was.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.db import database_now
from app.interactions.models import Interaction, State
from app.routing.lines import lines_of, one_contact, open_lines
from app.routing.match import Match, hindrance, is_wanted_for, reserved_calls
from app.routing.models import Offer, Queue
from app.routing.people import load_queues, members, not_free, read_rules, these_agents
from app.routing.plain import Agent, Contact, Rules
from app.words import N_

MOST_LINES = 100
"""Members of whom a decision keeps a line; in larger queues those who could have taken it come first."""

WORDS = {
    "eligible": N_("could take it"),
    "chosen": N_("was asked"),
    "barred": N_("may not sign in"),
    "offline": N_("offline"),
    "on_break": N_("on a break"),
    "not_responding": N_("missed a call and has not come back"),
    "leaving": N_("goes when the work at hand ends"),
    "no_session": N_("no desktop is connected"),
    "resting": N_("pauses after the last work"),
    "supervising": N_("is in a colleague's call"),
    "not_member": N_("does not work in this queue"),
    "no_phone": N_("the phone is not ready"),
    "at_capacity": N_("has as much work as fits"),
    "kept_for": N_("kept a while for somebody the customer knows"),
    "skill": N_("lacks a skill: %(what)s"),
    "delay": N_("sees this queue only after %(what)s s"),
    "declined_recently": N_("turned it down a moment ago"),
    "voice_reserve": N_("kept free for a call that waits"),
}
"""What a code means, for people; `%(what)s` is what stands behind the code's colon."""


@dataclass(frozen=True, slots=True)
class MemberLine:
    """One member: `code` is `chosen`, `eligible` or the hindrance; `what` its detail (`french<2`)."""

    user_id: int
    name: str
    code: str
    what: str
    words: str


@dataclass(frozen=True, slots=True)
class Decision:
    """An offer as it came about: when, to whom, by which method, what was needed, and everybody's line."""

    offer_id: int
    at: datetime
    user_id: int
    state: str
    method: str
    waited_s: float
    needs: dict[str, int]
    lines: list[MemberLine]


@dataclass(frozen=True, slots=True)
class Why:
    """`now` are the members' lines of a contact that waits at this moment (else empty); `decisions`, oldest first."""

    interaction_id: uuid.UUID
    queue: str | None
    state: str
    now: list[MemberLine]
    decisions: list[Decision]


def explain(session: Session, interaction_id: uuid.UUID) -> Why | None:
    """Why this contact waits, and why each of its offers went where it went; None for an unknown one."""
    interaction = session.get(Interaction, interaction_id)
    if interaction is None:
        return None
    queue = session.get(Queue, interaction.queue_id) if interaction.queue_id else None
    now = _lines_now(session, interaction, queue) if queue and interaction.state == State.QUEUED else {}
    offers = session.scalars(select(Offer).where(Offer.interaction_id == interaction_id).order_by(Offer.id)).all()
    people = {user_id for lines in [now, *(_kept_lines(offer) for offer in offers)] for user_id in lines}
    names = _names(session, people | {offer.user_id for offer in offers})
    return Why(
        interaction.id,
        queue.name if queue else None,
        interaction.state,
        _spelt(now, names),
        [_decision(offer, names) for offer in offers],
    )


def decisions(
    session: Session, found: Sequence[Match], agents: Mapping[int, Agent], rules: Mapping[int, Rules], now: float
) -> dict[Any, dict[str, Any]]:
    """What is kept with the offers of these matches, by contact: of the agents who were looked at, and of who is away
    or at work. The agents' work already counts the matches.
    """
    others = not_free(session, {each.contact.queue_id for each in found}, MOST_LINES)
    people: dict[int, list[Agent]] = {}
    for agent in agents.values():
        for queue_id in agent.members:
            people.setdefault(queue_id, []).append(agent)
    for each in found:
        _give(each, -1)
    kept = {}
    for each in found:
        contact, its_rules = each.contact, rules[each.contact.queue_id]
        lines = others[contact.queue_id] | codes(contact, its_rules, people[contact.queue_id], now)
        kept[contact.id] = _kept(contact, its_rules, lines | {agent.user_id: "chosen" for agent in each.agents}, now)
        _give(each, 1)  # who was just given work has less room for the next
    return kept


def _give(each: Match, pieces: int) -> None:
    for agent in each.agents:
        agent.open_work[each.contact.kind] = agent.open_work.get(each.contact.kind, 0) + pieces


def codes(contact: Contact, rules: Rules, people: Iterable[Agent], now: float) -> dict[int, str]:
    """Each member's hindrance, or `eligible`."""
    return {agent.user_id: hindrance(contact, rules, agent, now) or "eligible" for agent in people}


def _kept(contact: Contact, rules: Rules, lines: dict[int, str], now: float) -> dict[str, Any]:
    first = sorted(lines.items(), key=lambda line: (line[1] != "chosen", line[1] != "eligible", line[0]))
    return {
        "method": rules.method,
        "waited_s": round(now - contact.virtual_start, 1),
        "needs": dict(contact.needs),
        "lines": {str(user_id): code for user_id, code in first[:MOST_LINES]},
    }


def _lines_now(session: Session, interaction: Interaction, queue: Queue) -> dict[int, str]:
    contact = one_contact(session, interaction.id)
    rules = read_rules(session, [queue])[queue.id]
    people = members(session, queue.id)
    now = database_now(session).timestamp()
    found = codes(contact, rules, people, now)
    reserved = _kept_for_calls(session, contact, people, now)
    kept = {user_id for user_id, code in found.items() if code == "eligible" and user_id in reserved}
    return found | dict.fromkeys(kept, "voice_reserve")


def _kept_for_calls(session: Session, contact: Contact, people: Iterable[Agent], now: float) -> set[int]:
    """Who gets no texts now, because a call that they could take has waited too long."""
    if contact.kind == "voice":
        return set()
    everywhere = these_agents(session, [agent.user_id for agent in people])  # with the calls' queues as well
    served = {queue_id for agent in everywhere.values() for queue_id in agent.members}
    keys = [key for key in lines_of(session, served) if key.channel == "voice"]
    queues = load_queues(session, {key.queue_id for key in keys})
    heads = open_lines(session, keys, queues, page=1)
    calls = reserved_calls(contact, heads, read_rules(session, queues.values()), now)
    return {id for id, agent in everywhere.items() if any(is_wanted_for(call, agent) for call in calls)}


def _kept_lines(offer: Offer) -> dict[int, str]:
    return {int(user_id): code for user_id, code in ((offer.decision or {}).get("lines") or {}).items()}


def _decision(offer: Offer, names: Mapping[int, str]) -> Decision:
    kept = offer.decision or {}
    return Decision(
        offer.id,
        offer.created_at,
        offer.user_id,
        offer.state,
        kept.get("method", ""),
        kept.get("waited_s", 0.0),
        kept.get("needs", {}),
        _spelt(_kept_lines(offer), names),
    )


def _spelt(lines: Mapping[int, str], names: Mapping[int, str]) -> list[MemberLine]:
    return [_line(user_id, names.get(user_id, ""), code, names) for user_id, code in lines.items()]


def _line(user_id: int, name: str, full_code: str, names: Mapping[int, str]) -> MemberLine:
    code, _, what = full_code.partition(":")
    if code == "kept_for":
        what = names.get(int(what), what)
    return MemberLine(user_id, name, code, what, WORDS[code])


def _names(session: Session, user_ids: Iterable[int]) -> dict[int, str]:
    rows = session.execute(select(User.id, User.name).where(User.id.in_(set(user_ids))))
    return dict(rows.tuples().all())

"""In which order free agents are asked: one small function per method, over plain data (DOMAIN 2.3).

A method gives an agent's place among those who could take the contact: the lowest is asked first. Times are seconds of
any one clock, so that the same functions serve the database and a simulated day.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import blake2b

from app.routing.capacity import load_percent
from app.routing.plain import Agent, Contact, Rules
from app.routing.skills import held, mastery, ring_of

Key = tuple[float, ...]
Order = Callable[[Rules, Contact, Agent], Key]


def longest_idle(rules: Rules, contact: Contact, agent: Agent) -> Key:
    """Who has been idle longest."""
    return (agent.idle_since,)


def round_robin(rules: Rules, contact: Contact, agent: Agent) -> Key:
    """Who comes next after the last one who was asked, by id, and round again."""
    return (agent.user_id <= rules.last_offered, agent.user_id)


def least_occupied(rules: Rules, contact: Contact, agent: Agent) -> Key:
    """Who has the least at hand, then who has been idle longest."""
    return (load_percent(agent.capacity, agent.open_work), agent.idle_since)


def fewest_today(rules: Rules, contact: Contact, agent: Agent) -> Key:
    """Who had the fewest contacts since midnight, then who has been idle longest."""
    return (rules.handled.get(agent.user_id, 0), agent.idle_since)


def most_skilled(rules: Rules, contact: Contact, agent: Agent) -> Key:
    """Who is best at what is needed, then who has been idle longest."""
    return (-mastery(contact.needs, agent.skills), agent.idle_since)


def bullseye(rules: Rules, contact: Contact, agent: Agent) -> Key:
    """Who belongs to the innermost ring, then who has been idle longest."""
    return (ring_of(contact.needs, rules.rings, agent.skills), agent.idle_since)


def linear(rules: Rules, contact: Contact, agent: Agent) -> Key:
    """Always the same order."""
    return (agent.user_id,)


def random(rules: Rules, contact: Contact, agent: Agent) -> Key:
    """By lot: the contact draws it, so that the same question has the same answer."""
    drawn = blake2b(f"{contact.id}:{agent.user_id}".encode(), digest_size=8).digest()
    return (int.from_bytes(drawn, "big"),)


METHODS: dict[str, Order] = {
    "longest_idle": longest_idle,
    "round_robin": round_robin,
    "least_occupied": least_occupied,
    "fewest_today": fewest_today,
    "skills": most_skilled,
    "bullseye": bullseye,
    "linear": linear,
    "random": random,
}


def place_of(rules: Rules, contact: Contact, agent: Agent) -> Key:
    """Where an agent stands for this contact: by level in the queue, by the skill rule, by method, then by id."""
    best = -held(contact.needs, agent.skills) if rules.skill_rule == "best" else 0
    level = agent.members[contact.queue_id].level
    return (level, best, *METHODS[rules.method](rules, contact, agent), agent.user_id)


def idle_since_after_break(idle_since: datetime, left_at: datetime, back_at: datetime) -> datetime:
    """Where an agent who was away from `left_at` to `back_at` re-enters: with the idle time they left with, not more.

    A break therefore never betters the place, and does not throw it away either.
    """
    return back_at - max(left_at - idle_since, timedelta(0))


def parking_would_cascade(staffed: int, already_parked: int) -> bool:
    """Whether parking one more agent who did not answer would feed a cascade (DOMAIN 2.5).

    Each parked agent makes the others' phones ring more often. From half of the agents on who were there ten minutes
    ago, the missing answer is more likely ours than theirs, so parking stops.
    """
    return already_parked * 2 >= staffed > 1 and already_parked > 0

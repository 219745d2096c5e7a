"""One whole call, in the steps that fault tests interrupt, and what must be true after it whatever happened."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

from sqlalchemy import select

from app.db import unit_of_work
from app.events import Event
from app.interactions.models import TERMINAL, Interaction, Segment
from app.routing.models import Offer
from recordings.models import Recording
from telephony.models import Leg
from tests.support.house import LINE, Agent, House
from tests.telephony.local_carrier.phone import ScriptedPhone, tone

CALLER = "+15551230001"
CALLER_HZ, AGENT_HZ = 900, 440
LONGEST_WORD_S = 30.0


def ring_in(house: House, number: str = CALLER) -> ScriptedPhone:
    """A caller dials the line and chooses sales."""
    caller = house.phone(number)
    caller.dial(LINE)
    caller.wait_for("answered")
    house.until(lambda: len(caller.heard) > 8000, "the caller hears something")
    caller.press("1")
    return caller


def talk(caller: ScriptedPhone, agent: Agent) -> None:
    """Each hears what the other says."""
    caller.say(tone(CALLER_HZ, LONGEST_WORD_S), wait=False)
    agent.phone.wait_to_hear(CALLER_HZ, timeout_s=LONGEST_WORD_S)
    agent.phone.say(tone(AGENT_HZ, LONGEST_WORD_S), wait=False)
    caller.wait_to_hear(AGENT_HZ, timeout_s=LONGEST_WORD_S)
    for phone in (caller, agent.phone):
        phone.fall_silent()
    caller.say(tone(CALLER_HZ, 0.8))


def wrap_up(house: House, agent: Agent) -> None:
    """The agent finishes the call's paperwork."""
    interaction = house.until(lambda: _wrapping(agent), "the agent is in wrap-up")
    agent.wrap_up(interaction)
    house.until(lambda: agent.state()["call"] is None, "the agent is free")


def _wrapping(agent: Agent) -> str | None:
    call = agent.state()["call"]
    return call["interaction_id"] if call and call["state"] == "wrapping" else None


def read(query: Any) -> list[Any]:
    with unit_of_work() as session:
        return list(session.scalars(query))


def interactions() -> list[Interaction]:
    return read(select(Interaction).order_by(Interaction.created_at))


def recordings_home(house: House) -> list[Recording]:
    """Wait until every recording is stored here and deleted at the carrier."""

    def all_home() -> bool:
        found = read(select(Recording))
        return bool(found) and all(each.state in ("provider_deleted", "absent") for each in found)

    house.until(all_home, "every recording is home", 90)
    return read(select(Recording))


def assert_nothing_is_lost(
    house: House, *, state: str = "completed", most_offers: int = 1, most_acceptances: int = 1
) -> Interaction:
    """The invariants after any fault: one interaction, its segments without gaps, one acceptance, all legs ended."""
    (interaction,) = interactions()
    assert interaction.state == state
    _assert_segments_meet(interaction)
    found = read(select(Offer).where(Offer.interaction_id == interaction.id))
    assert sum(each.state in ("accepted", "wrapping", "completed") for each in found) <= most_acceptances
    assert len(found) <= most_offers, [(each.state, each.reason) for each in found]
    legs = house.until(_all_ended, "every leg has ended", 60)
    assert max(Counter(leg.call_sid for leg in legs if leg.call_sid).values()) == 1
    opened = read(select(Event).where(Event.kind == "interaction.opened"))
    assert len(opened) == 1, "exactly one interaction is told"
    return interaction


def _all_ended() -> list[Leg]:
    legs = read(select(Leg))
    return legs if all(leg.state == "ended" for leg in legs) else []


def _assert_segments_meet(interaction: Interaction) -> None:
    segments = read(select(Segment).where(Segment.interaction_id == interaction.id).order_by(Segment.id))
    assert segments[0].started_at == interaction.created_at
    for before, after in itertools.pairwise(segments):
        assert before.ended_at == after.started_at, "segments neither overlap nor leave gaps"
    if interaction.state in TERMINAL:
        assert segments[-1].ended_at == interaction.ended_at

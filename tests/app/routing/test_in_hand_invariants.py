"""Calls handed through many hands, in any order and at once: one whole story each, nobody lost, nobody held twice.

HYPOTHESIS_EXAMPLES sets how many stories are tried.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app.db import unit_of_work
from app.forms import Refusal
from app.interactions.models import TERMINAL, Interaction, Segment, State
from app.interactions.move import lock_interaction
from app.interactions.wrap_up import choose_outcome, finish_wrap_up, force_complete
from app.routing import consults, expire, parking, supervision, transfers
from app.routing.consults import open_consult
from app.routing.dispatch import dispatch
from app.routing.in_hand import OPEN_CONSULT, Consult, ConsultState, Supervision, SupervisionMode
from app.routing.models import OPEN_OFFER, Offer, OfferState
from app.routing.offers import accept_offer, reject_offer, time_out_offer
from app.routing.presence import set_presence
from app.routing.release import agent_gone, agent_rejoined, caller_gone
from tests import factories as make
from tests.conftest import EMPTY_DATABASE
from tests.support.acd import assert_calls_at_hand_noted, at_once, reach_deadline
from tests.support.stories import noted, play

OUTSIDE = "+15559990000"
TALKING = (State.ACTIVE, State.HELD)
HOLDS = {
    State.OFFERED: OfferState.PENDING,
    State.ACTIVE: OfferState.ACCEPTED,
    State.HELD: OfferState.ACCEPTED,
    State.AGENT_LOST: OfferState.ACCEPTED,
    State.WRAPPING: OfferState.WRAPPING,
}
"""Which primary offer a call in each state hangs on; in every other state it has none (A-4)."""
NEEDS_A_DEADLINE = (State.QUEUED, State.AGENT_LOST, State.WRAPPING, State.PARKED)
seeds = st.integers(0, 2**64 - 1)

Deed = Callable[[Session], Any]


class Hands(RuleBasedStateMachine):
    """Two queues, three agents, a supervisor, callers; whoever may do something does it, maybe two at once."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    @initialize()
    @noted
    def open_the_floor(self) -> None:
        with unit_of_work() as session:
            session.execute(text(EMPTY_DATABASE))
        with unit_of_work() as session:
            self.queues = [make.queue(session, "sales", retry_cooldown_s=0), make.queue(session, "support")]
            people = [make.agent(session, name, self.queues) for name in ("Ana", "Ben", "Cho")]
            self.agents = [person.id for person in people]
            self.supervisor = make.agent(session, "Sam").id
            make.disposition(session, "SALE")
            self.calls = [make.waiting_call(session, queue).id for queue in self.queues]
        self.work_begins()

    def work_begins(self) -> None:
        with unit_of_work() as session:
            offers = dispatch(session)
        for offer in offers:
            with unit_of_work() as session:
                accept_offer(session, offer.id)

    @rule(seed=seeds)
    @noted
    def somebody_acts(self, seed: int) -> None:
        self.steps += 1
        chance = Random(f"{seed}:{self.steps}")
        _do(self.a_deed(chance))

    @rule(seed=seeds)
    @noted
    def two_act_at_once(self, seed: int) -> None:
        self.steps += 1
        chance = Random(f"{seed}:{self.steps}")
        at_once(*[partial(_unless_refused, self.a_deed(chance)) for _ in range(2)])

    @rule(seed=seeds)
    @noted
    def the_clock_strikes(self, seed: int) -> None:
        self.steps += 1
        call = Random(f"{seed}:{self.steps}").choice(self.calls)
        with unit_of_work() as session:
            interaction = session.get_one(Interaction, call)
            if interaction.wake_at is not None:
                reach_deadline(session, interaction)
            parts = update(Offer).where(Offer.interaction_id == call, Offer.role == "handed_on")
            session.execute(parts.values(wrap_until=func.clock_timestamp()))
        for ask in (expire.expire_waits, expire.expire_lost_agents, expire.expire_parking, expire.expire_wrap_up_times):
            with unit_of_work() as session:
                ask(session)
        for agent in self.agents:
            with unit_of_work() as session:
                set_presence(session, agent, "available")
        self.work_begins()

    @rule(seed=seeds)
    @noted
    def a_caller_comes(self, seed: int) -> None:
        self.steps += 1
        with unit_of_work() as session:
            if session.query(Interaction).filter(Interaction.state == State.QUEUED).count() < 2:
                queue = Random(f"{seed}:{self.steps}").choice(self.queues)
                self.calls.append(make.waiting_call(session, queue).id)
        self.work_begins()

    def a_deed(self, chance: Random) -> Deed:
        """Something that somebody tries with a call that is going on, allowed or not."""
        with unit_of_work() as session:
            going = [call for call in self.calls if session.get_one(Interaction, call).state not in TERMINAL]
            call = chance.choice(going or self.calls)
            agent = session.get_one(Interaction, call).agent_id or chance.choice(self.agents)
        other = chance.choice(self.agents)
        mode = chance.choice(list(SupervisionMode))
        deeds: list[Deed] = [
            lambda s: transfers.to_queue(s, call, agent, chance.choice(["sales", "support"])),
            lambda s: transfers.to_agent(s, call, agent, other),
            lambda s: transfers.to_flow(s, call, agent, "main"),
            lambda s: transfers.to_number(s, call, agent, OUTSIDE),
            lambda s: transfers.ask_agent(s, call, agent, other, third=chance.random() < 0.3),
            lambda s: transfers.ask_agent(s, call, agent, other, third=False),
            lambda s: transfers.ask_queue(s, call, agent, chance.choice(["sales", "support"])),
            lambda s: transfers.ask_number(s, call, agent, OUTSIDE, third=chance.random() < 0.3),
            lambda s: transfers.join_all(s, call, agent),
            lambda s: transfers.finish(s, call, agent),
            lambda s: transfers.finish(s, call, agent),
            lambda s: transfers.back_out(s, call, chance.choice([agent, other])),
            lambda s: parking.park(s, call, agent),
            lambda s: parking.unpark(s, call, other),
            lambda s: supervision.join(s, call, self.supervisor, mode, "always"),
            lambda s: _supervisor_answers(s, call),
            lambda s: supervision.leave(s, call, self.supervisor),
            lambda s: _answer(s, call, chance.choice([accept_offer, accept_offer, reject_offer, time_out_offer])),
            lambda s: _answer(s, call, accept_offer),
            lambda s: _third(s, call, answers=chance.random() < 0.6),
            lambda s: agent_gone(s, call, agent),
            lambda s: agent_rejoined(s, call, agent),
            lambda s: caller_gone(s, call),
            lambda s: finish_wrap_up(s, call, agent, "SALE"),
            lambda s: finish_wrap_up(s, call, other, "SALE"),
            lambda s: choose_outcome(s, call, agent, "SALE"),
            lambda s: force_complete(s, call, self.supervisor),
            lambda s: force_complete(s, call, self.supervisor, agent_id=other),
        ]
        return chance.choice(deeds)

    @invariant()
    @noted
    def every_call_is_whole(self) -> None:
        with unit_of_work() as session:
            assert_calls_at_hand_noted(session)
            offers = list(session.scalars(select(Offer)))
            asked = list(session.scalars(select(Consult)))
            there = list(session.scalars(select(Supervision).where(Supervision.ended_at.is_(None))))
            segments = list(session.scalars(select(Segment).order_by(Segment.id)))
            calls = list(session.scalars(select(Interaction)))
        for call in calls:
            _assert_story(call, [each for each in segments if each.interaction_id == call.id])
            _assert_place(call, [each for each in offers if each.interaction_id == call.id])
            _assert_asked(call, [each for each in asked if each.interaction_id == call.id], offers)
        for offer in offers:
            _assert_part(offer)
        for agent in {offer.user_id for offer in offers}:
            own = [offer for offer in offers if offer.user_id == agent and offer.state in OPEN_OFFER]
            assert len(own) <= 1, "A-2: two calls in one pair of hands"
        for one in there:
            call = next(each for each in calls if each.id == one.interaction_id)
            assert call.agent_id != one.user_id, "nobody supervises their own call"


def _do(deed: Deed) -> None:
    with suppress(Refusal, ValueError, LookupError), unit_of_work() as session:
        deed(session)


def _unless_refused(deed: Deed, session: Session) -> None:
    with suppress(Refusal, ValueError, LookupError), session.begin_nested():
        deed(session)


def _answer(session: Session, call: uuid.UUID, deed: Callable[[Session, int], Any]) -> None:
    pending = select(Offer.id).where(Offer.interaction_id == call, Offer.state == OfferState.PENDING)
    offer = session.scalars(pending.limit(1)).first()
    if offer is not None:
        deed(session, offer)


def _third(session: Session, call: uuid.UUID, *, answers: bool) -> None:
    """The outside number picks up, or is not (any more) there."""
    interaction = lock_interaction(session, call)
    consult = open_consult(session, call)
    if interaction is None or consult is None or consult.number is None:
        return
    if answers and consult.state == ConsultState.RINGING:
        consults.answered(session, interaction, consult)
    else:
        consults.left(session, interaction, consult, "left")


def _supervisor_answers(session: Session, call: uuid.UUID) -> None:
    ringing = select(Supervision.id).where(Supervision.interaction_id == call, Supervision.ended_at.is_(None))
    there = session.scalars(ringing).first()
    if there is not None:
        supervision.is_in(session, there)


def _assert_story(call: Interaction, segments: list[Segment]) -> None:
    """A-13: neither overlap nor gap; the parts are the whole. A-12: no end without an outcome."""
    assert segments[0].started_at == call.created_at
    assert all(one.ended_at == other.started_at for one, other in pairwise(segments)), "A-13"
    assert segments[-1].ended_at == call.ended_at, "A-13"
    assert (call.ended_at is not None) == (call.state in TERMINAL)
    if call.ended_at is not None:
        seconds = sum((each.ended_at - each.started_at).total_seconds() for each in segments if each.ended_at)
        assert abs(seconds - (call.ended_at - call.created_at).total_seconds()) < 1e-3, "A-13"
    if call.state == State.COMPLETED:
        assert call.disposition_code, "A-12"


def _assert_place(call: Interaction, offers: list[Offer]) -> None:
    """A-1 and A-4: at most one open primary offer, the one that the state says; A-5: nobody waits for ever."""
    held = [OfferState(each.state) for each in offers if each.role == "primary" and each.state in OPEN_OFFER]
    wanted = HOLDS.get(State(call.state))
    assert held == ([wanted] if wanted else []), f"A-4: {call.state} with {held}"
    assert (call.agent_id is not None) == (wanted is not None) or call.state in TERMINAL
    if call.state in NEEDS_A_DEADLINE:
        assert call.wake_at is not None, "A-5"


def _assert_part(offer: Offer) -> None:
    """Whoever handed a call on wraps up with a limit, and ends with an outcome: A-5 and A-12 of their own part."""
    if offer.role != "handed_on":
        return
    assert offer.state in (OfferState.WRAPPING, OfferState.COMPLETED)
    assert offer.wrapping_at is not None
    if offer.state == OfferState.WRAPPING:
        assert offer.wrap_until is not None, "A-5"
    else:
        assert offer.ended_at is not None
        assert offer.disposition_code, "A-12"


def _assert_asked(call: Interaction, asked: list[Consult], offers: list[Offer]) -> None:
    """Whoever is asked in has a call that is there, and an offer only as long as they are asked."""
    opened = [each for each in asked if each.state in OPEN_CONSULT]
    assert len(opened) <= 1
    if opened:
        assert call.state in (*TALKING, State.AGENT_LOST, State.OUTSIDE), f"{call.state} with somebody asked in"
    else:
        assert call.state != State.OUTSIDE, "the customer is outside with nobody"
    for each in asked:
        offer = next((offer for offer in offers if offer.id == each.offer_id), None)
        if offer is not None and offer.role == "consult":
            assert (offer.state in OPEN_OFFER) == (each in opened), "a colleague is held by a consult that is over"


def test_calls_stay_whole_through_any_hands(database: str) -> None:
    play(Hands, examples=5, steps=30)

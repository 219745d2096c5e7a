"""The ACD's invariants (DOMAIN 2.7) under any order of events, on the real database, races included.

HYPOTHESIS_EXAMPLES sets how many stories are tried.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.db import database_now, unit_of_work
from app.interactions.models import TERMINAL, Interaction, Segment, State
from app.interactions.wrap_up import finish_wrap_up
from app.routing import expire
from app.routing.dispatch import dispatch
from app.routing.lines import RETRY_PAUSE_S
from app.routing.models import OPEN_OFFER, AgentSession, AgentState, Offer, OfferState, Queue, QueueMember
from app.routing.offers import accept_offer, reject_offer, rescind_offer, time_out_offer
from app.routing.presence import close_session, heartbeat, set_presence
from app.routing.release import agent_gone, agent_rejoined, caller_gone, request_hang_up
from tests import factories as make
from tests.conftest import EMPTY_DATABASE
from tests.support.acd import assert_calls_at_hand_noted, at_once, lose_tabs, reach_deadline, ring_out
from tests.support.stories import noted, play

ENDINGS: list[Callable[[Session, int], Any]] = [accept_offer, reject_offer, time_out_offer, rescind_offer]
HOLDS = {
    State.OFFERED: OfferState.PENDING,
    State.ACTIVE: OfferState.ACCEPTED,
    State.HELD: OfferState.ACCEPTED,
    State.AGENT_LOST: OfferState.ACCEPTED,
    State.WRAPPING: OfferState.WRAPPING,
}
"""Which offer an interaction in each state hangs on; in every other state it has none (A-4)."""
ENDED = tuple(set(OfferState) - set(OPEN_OFFER))
MOST_WAITING = 3
STILL_THERE = (State.QUEUED, State.OFFERED, State.ACTIVE, State.AGENT_LOST)
NEEDS_A_DEADLINE = (State.QUEUED, State.OFFERED, State.AGENT_LOST, State.WRAPPING)


TICKS = [
    expire.expire_offers,
    expire.expire_sessions,
    expire.expire_waits,
    expire.expire_lost_agents,
    expire.expire_wrap_up_times,
    expire.look_for_matches,
]


seeds = st.integers(0, 2**64 - 1)
"""Each step's luck is drawn beforehand: what it is used for depends on who won a race, which no seed repeats."""


class Floor(RuleBasedStateMachine):
    """Two queues, three agents, callers who come and go, and a clock that may strike at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.began: dict[uuid.UUID, datetime] = {}
        self.final: dict[int, tuple[str, datetime | None]] = {}
        self.left: set[uuid.UUID] = set()
        self.steps = 0
        self.offers: list[Offer] = []
        self.calls: list[Interaction] = []

    @initialize()
    @noted
    def open_the_floor(self) -> None:
        with unit_of_work() as session:
            session.execute(text(EMPTY_DATABASE))
        with unit_of_work() as session:
            sales, support = make.queue(session, "sales", retry_cooldown_s=0), make.queue(session, "support")
            people = [
                make.agent(session, "Ana", [sales]),
                make.agent(session, "Ben", [sales, support]),
                make.agent(session, "Cho", [support]),
            ]
            make.disposition(session, "SALE")
            self.queues = [sales, support]
            self.agents = [person.id for person in people]
            for queue in self.queues:
                make.waiting_call(session, queue, waited_s=900)
                make.waiting_call(session, queue, waited_s=600)
                make.waiting_call(session, queue, priority_min=10)
        self.callers_and_agents_are_matched()

    # What may happen: the work itself most of the time, trouble often enough

    @rule(seed=seeds)
    @noted
    def the_work_goes_on(self, seed: int) -> None:
        self.one_of(
            seed,
            self.a_caller_queues,
            self.an_offer_ends,
            self.an_agent_is_back,
            self.a_talk_ends,
            self.a_wrap_up_ends,
        )

    @rule(seed=seeds)
    @noted
    def something_gets_in_the_way(self, seed: int) -> None:
        self.one_of(
            seed,
            self.a_race,
            self.an_agent_is_lost,
            self.a_caller_hangs_up,
            self.a_late_word_comes,
            self.time_passes,
            self.an_agent_chooses,
            self.a_page_closes_or_opens,
        )

    def one_of(self, seed: int, *deeds: Callable[[Random], bool]) -> None:
        """The drawn deed, or the next one for which there is an occasion. The same seed means another at every step."""
        self.steps += 1
        chance = Random(f"{seed}:{self.steps}")
        first = chance.randrange(len(deeds))
        any(deed(chance) for deed in (*deeds[first:], *deeds[:first]))

    def a_caller_queues(self, chance: Random) -> bool:
        if sum(call.state == State.QUEUED for call in self.calls) >= MOST_WAITING:
            return self.callers_and_agents_are_matched()
        queue, priority_min = chance.choice(self.queues), chance.choice([0, 10])
        with unit_of_work() as session:
            make.waiting_call(session, queue, priority_min=priority_min, waited_s=chance.choice([0, 900]))
        return self.callers_and_agents_are_matched()

    def callers_and_agents_are_matched(self) -> bool:
        with unit_of_work() as session:
            might_ring, now = _who_might_ring(session), database_now(session)
            for offer in dispatch(session):
                assert offer.user_id in might_ring, "A-3: offered to somebody who could not ring"
                assert offer.interaction_id not in self.left, "A-15: offered after the caller left"
                _assert_first_in_line(session, offer, now)
            _assert_nobody_waits_beside_a_free_agent(session, now)
        return True

    def an_offer_ends(self, chance: Random) -> bool:
        offer = self.an_offer(chance, OfferState.PENDING)
        if offer:
            deed, late = chance.choice([accept_offer, accept_offer, *ENDINGS]), chance.random() < 0.2
            with unit_of_work() as session:
                if late:
                    ring_out(session, offer)
                outcome = deed(session, offer.id)
            taken_late = late and outcome.offer.state == OfferState.ACCEPTED
            assert not taken_late, "A-10: taken after its deadline by the database's clock"
        return offer is not None

    def a_race(self, chance: Random) -> bool:
        offer = self.an_offer(chance, OfferState.PENDING)
        if offer is None:
            return False
        deeds = chance.choices(ENDINGS, k=chance.choice([2, 3]))
        racing: list[Callable[[Session], Any]] = [partial(_apply, deed, offer.id) for deed in deeds]
        if chance.random() < 0.3:
            racing.append(lambda own: caller_gone(own, offer.interaction_id))
            self.left.add(offer.interaction_id)
        outcomes = at_once(*racing)[: len(deeds)]
        assert sum(outcome.won for outcome in outcomes) <= 1, "A-9: two winners"
        with unit_of_work() as session:
            assert session.get_one(Offer, offer.id).state != OfferState.PENDING, "A-9: no winner"
        return True

    def a_talk_ends(self, chance: Random) -> bool:
        call = self.a_call(chance, State.ACTIVE)
        if call:
            with unit_of_work() as session:
                assert request_hang_up(session, call.id, call.agent_id or 0)
                agent_gone(session, call.id, call.agent_id)
        return call is not None

    def a_wrap_up_ends(self, chance: Random) -> bool:
        call = self.a_call(chance, State.WRAPPING)
        if call:
            with unit_of_work() as session:
                finish_wrap_up(session, call.id, call.agent_id or 0, "SALE")
        return call is not None

    def a_caller_hangs_up(self, chance: Random) -> bool:
        call = self.a_call(chance, *STILL_THERE)
        if call:
            with unit_of_work() as session:
                caller_gone(session, call.id)
            self.left.add(call.id)
        return call is not None

    def an_agent_is_lost(self, chance: Random) -> bool:
        call = self.a_call(chance, State.ACTIVE)
        if call:
            with unit_of_work() as session:
                agent_gone(session, call.id, call.agent_id)
        return call is not None

    def an_agent_is_back(self, chance: Random) -> bool:
        call = self.a_call(chance, State.AGENT_LOST)
        if call:
            with unit_of_work() as session:
                assert agent_rejoined(session, call.id, call.agent_id or 0)
        return call is not None

    def a_late_word_comes(self, chance: Random) -> bool:
        offer = self.an_offer(chance, *ENDED)
        if offer:
            deed = chance.choice(ENDINGS)
            with unit_of_work() as session:
                assert not deed(session, offer.id).won, "A-10: ended twice"
        return offer is not None

    def time_passes(self, chance: Random) -> bool:
        """A deadline or none is reached; the clock ticks, maybe twice."""
        call = self.a_call(chance, *NEEDS_A_DEADLINE)
        if call:
            with unit_of_work() as session:
                reach_deadline(session, session.get_one(Interaction, call.id))
        for ask in TICKS * chance.choice([1, 2]):
            with unit_of_work() as session:
                ask(session)
        return True

    def an_agent_chooses(self, chance: Random) -> bool:
        who, presence = chance.choice(self.agents), chance.choice(["available", "available", "break", "offline"])
        with unit_of_work() as session:
            set_presence(session, who, presence)
        return True

    def a_page_closes_or_opens(self, chance: Random) -> bool:
        who = chance.choice(self.agents)
        deed = chance.choice(["open", "open", "open without a microphone", "close", "die"])
        with unit_of_work() as session:
            tabs = session.scalars(select(AgentSession.id).where(AgentSession.user_id == who)).all()
            if deed == "die":
                lose_tabs(session, who)
            elif deed == "close":
                for tab in tabs:
                    close_session(session, who, tab)
            else:
                ready = deed == "open"
                heartbeat(session, who, uuid.uuid4(), ready, None if ready else "microphone_blocked")
        return True

    # What the rules choose from

    def a_call(self, chance: Random, *states: State) -> Interaction | None:
        """One in the state that is drawn, so that the rare states have their share."""
        there = [state for state in states if any(call.state == state for call in self.calls)]
        state = chance.choice(there) if there else None
        fitting = [call for call in self.calls if call.state == state]
        return chance.choice(fitting) if fitting else None

    def an_offer(self, chance: Random, *states: OfferState) -> Offer | None:
        fitting = [offer for offer in self.offers if offer.state in states]
        return chance.choice(fitting) if fitting else None

    # What must hold whatever happened

    @invariant()
    @noted
    def everything_is_in_its_place(self) -> None:
        with unit_of_work() as session:
            assert_calls_at_hand_noted(session)
            offers = self.offers = list(session.scalars(select(Offer).order_by(Offer.id)))
            calls = self.calls = list(session.scalars(select(Interaction).order_by(Interaction.created_at)))
            segments = session.scalars(select(Segment).order_by(Segment.id)).all()
        _assert_one_open_offer_each(offers)
        self._assert_final_offers_stay(offers)
        for call in calls:
            _assert_one_place(call, [offer for offer in offers if offer.interaction_id == call.id])
            self._assert_place_in_line_kept(call)
            self._assert_gone_callers_stay_gone(call)
            _assert_no_gaps(call, [segment for segment in segments if segment.interaction_id == call.id])

    def _assert_final_offers_stay(self, offers: Any) -> None:
        for offer in offers:
            if offer.state not in OPEN_OFFER:
                assert self.final.setdefault(offer.id, (offer.state, offer.ended_at)) == (
                    offer.state,
                    offer.ended_at,
                ), "A-10: a final state was written twice"

    def _assert_place_in_line_kept(self, call: Interaction) -> None:
        assert call.virtual_start is not None
        assert self.began.setdefault(call.id, call.virtual_start) == call.virtual_start, "A-6"

    def _assert_gone_callers_stay_gone(self, call: Interaction) -> None:
        if call.id in self.left:
            assert call.state in TERMINAL or call.state == State.WRAPPING, "A-15: a caller who left is served again"


def _apply(deed: Callable[[Session, int], Any], offer_id: int, session: Session) -> Any:
    return deed(session, offer_id)


def _who_might_ring(session: Session) -> set[int]:
    """By hand, from the rows: available, staying, answering, with a live phone and empty hands."""
    now = database_now(session)
    live = {tab.user_id for tab in session.scalars(select(AgentSession)) if tab.phone_ready and tab.expires_at > now}
    busy = {offer.user_id for offer in session.scalars(select(Offer)) if offer.state in OPEN_OFFER}
    return {
        state.user_id
        for state in session.scalars(select(AgentState).execution_options(populate_existing=True))
        if state.presence == "available" and state.next_presence is None and not state.not_responding
    } & live - busy


def _assert_first_in_line(session: Session, offer: Offer, now: datetime) -> None:
    """A-11: nobody who came earlier with the same priority was passed over, unless this agent had turned them down.

    A-7: nor anybody who came earlier by more than the minutes of priority that the other has more.
    """
    turned_down = {interaction_id for interaction_id, user_id in _turned_down(session, now) if user_id == offer.user_id}
    served = session.get_one(Interaction, offer.interaction_id)
    queues = set(session.scalars(select(QueueMember.queue_id).where(QueueMember.user_id == offer.user_id)))
    for other in session.scalars(select(Interaction).where(Interaction.state == State.QUEUED)):
        if other.queue_id == served.queue_id and other.queue_id in queues and other.id not in turned_down:
            assert other.virtual_start is not None
            assert served.virtual_start is not None
            if other.priority_min == served.priority_min:
                assert other.virtual_start >= served.virtual_start, "A-11: overtaken"
            else:
                lead = other.virtual_start - served.virtual_start
                more = timedelta(minutes=other.priority_min - served.priority_min)
                assert lead >= more, "A-7: overtaken by more than the priority"


def _assert_nobody_waits_beside_a_free_agent(session: Session, now: datetime) -> None:
    """A-7: every free agent of the queue had turned down who is left waiting, not longer ago than their cool-down."""
    waiting = session.scalars(select(Interaction).where(Interaction.state == State.QUEUED)).all()
    asked = _turned_down(session, now)
    members = {(queue_id, id) for queue_id, id in session.execute(select(QueueMember.queue_id, QueueMember.user_id))}
    for user_id in _who_might_ring(session):
        for call in waiting:
            if (call.queue_id, user_id) in members:
                assert (call.id, user_id) in asked, "A-7: agent idle and caller waiting"


def _turned_down(session: Session, now: datetime) -> set[tuple[uuid.UUID, int]]:
    """Which contacts whom need not be asked for again: by the queue's cool-down, or a moment after a missed ring."""
    cool_down_s = dict(session.execute(select(Queue.id, Queue.retry_cooldown_s)).tuples().all())
    turned_down = set()
    for offer in session.scalars(select(Offer)):
        pause_s = {"rejected": cool_down_s[offer.queue_id or 0], "timeout": RETRY_PAUSE_S}.get(offer.state, 0)
        if offer.ended_at and offer.ended_at + timedelta(seconds=pause_s) > now:
            turned_down.add((offer.interaction_id, offer.user_id))
    return turned_down


def _assert_one_open_offer_each(offers: Any) -> None:
    opened = [offer for offer in offers if offer.state in OPEN_OFFER]
    by_call = Counter((offer.interaction_id, offer.role) for offer in opened if offer.role != "handed_on")
    by_agent = Counter(offer.user_id for offer in opened)
    assert all(count == 1 for count in by_call.values()), "A-1: two open offers for one interaction"
    assert all(count == 1 for count in by_agent.values()), "A-2: two open offers for one agent"


def _assert_one_place(call: Interaction, offers: list[Offer]) -> None:
    state = State(call.state)
    primary = [offer for offer in offers if offer.role == "primary"]
    opened = [(offer.state, offer.user_id) for offer in primary if offer.state in OPEN_OFFER]
    held = [(HOLDS[state].value, call.agent_id)] if state in HOLDS else []
    assert opened == held, f"A-4: {state} with {opened}"
    if state is State.QUEUED:
        assert call.queue_id is not None
        assert call.agent_id is None
    if state in NEEDS_A_DEADLINE:
        assert call.wake_at is not None, f"A-5: {state} could wait for ever"
    if state is State.COMPLETED:
        assert call.disposition_code is not None, "A-12: completed without an outcome"


def _assert_no_gaps(call: Interaction, segments: list[Segment]) -> None:
    """A-13: one segment ends where the next begins, the first with the call's start, the last with its end."""
    assert segments[0].started_at == call.created_at, "A-13: begins late"
    for earlier, later in pairwise(segments):
        assert earlier.ended_at == later.started_at, "A-13: a gap, or two at once"
    assert segments[-1].ended_at == call.ended_at, "A-13: ends at another time"
    assert (call.state in TERMINAL) == (call.ended_at is not None)


def test_the_acds_invariants_hold_whatever_happens_in_whatever_order(database: str) -> None:
    play(Floor, examples=8, steps=40)

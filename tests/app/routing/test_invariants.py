"""The ACD's invariants (DOMAIN 2.7) under any order of events, on the real database, races included.

HYPOTHESIS_EXAMPLES sets how many stories are tried.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.db import database_now, unit_of_work
from app.interactions.models import TERMINAL, Interaction, Segment, State
from app.interactions.wrap_up import WrapUpRefused, finish_wrap_up
from app.routing import expire
from app.routing.dispatch import dispatch
from app.routing.models import OPEN_OFFER, AgentSession, AgentState, Offer, OfferState, QueueMember
from app.routing.offers import accept_offer, reject_offer, rescind_offer, time_out_offer
from app.routing.presence import close_session, heartbeat, set_presence
from app.routing.release import agent_gone, agent_rejoined, caller_gone, request_hang_up
from tests import factories as make
from tests.conftest import EMPTY_DATABASE
from tests.support.acd import at_once, lose_tabs, reach_deadline, ring_out

ENDINGS: list[Callable[[Session, int], Any]] = [accept_offer, reject_offer, time_out_offer, rescind_offer]
HOLDS = {
    State.OFFERED: OfferState.PENDING,
    State.ACTIVE: OfferState.ACCEPTED,
    State.HELD: OfferState.ACCEPTED,
    State.AGENT_LOST: OfferState.ACCEPTED,
    State.WRAPPING: OfferState.WRAPPING,
}
"""Which offer an interaction in each state hangs on; in every other state it has none (A-4)."""
NEEDS_A_DEADLINE = (State.QUEUED, State.OFFERED, State.AGENT_LOST, State.WRAPPING)


class Floor(RuleBasedStateMachine):
    """Two queues, three agents, callers who come and go, and a clock that may strike at any moment."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.began: dict[uuid.UUID, datetime] = {}
        self.final: dict[int, tuple[str, datetime | None]] = {}
        self.left: set[uuid.UUID] = set()

    @initialize()
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

    # What may happen

    @rule(target=calls, queue=st.sampled_from([0, 1]), priority_min=st.sampled_from([0, 0, 10]))
    def a_caller_queues(self, queue: int, priority_min: int) -> uuid.UUID:
        with unit_of_work() as session:
            return make.waiting_call(session, self.queues[queue], priority_min=priority_min).id

    @rule()
    def callers_and_agents_are_matched(self) -> None:
        self.match()

    @rule(target=calls, queue=st.sampled_from([0, 1]))
    def a_caller_finds_an_agent_at_once(self, queue: int) -> uuid.UUID:
        with unit_of_work() as session:
            call = make.waiting_call(session, self.queues[queue]).id
        self.match()
        return call

    def match(self) -> None:
        with unit_of_work() as session:
            might_ring = _who_might_ring(session)
            for offer in dispatch(session):
                assert offer.user_id in might_ring, "A-3: offered to somebody who could not ring"
                assert offer.interaction_id not in self.left, "A-15: offered after the caller left"
                _assert_first_in_line(session, offer)

    @rule(which=st.integers(0, 9), deed=st.sampled_from([*ENDINGS, accept_offer, accept_offer]))
    def an_offer_ends(self, which: int, deed: Callable[[Session, int], Any]) -> None:
        with unit_of_work() as session:
            offer = _an_offer(session, which)
            if offer:
                deed(session, offer.id)

    @rule(
        which=st.integers(0, 9), deeds=st.lists(st.sampled_from(ENDINGS), min_size=2, max_size=3), hang_up=st.booleans()
    )
    def an_offer_ends_in_several_ways_at_once(
        self, which: int, deeds: list[Callable[[Session, int], Any]], hang_up: bool
    ) -> None:
        with unit_of_work() as session:
            offer = _an_offer(session, which)
        if offer is None:
            return
        racing: list[Callable[[Session], Any]] = [partial(_apply, deed, offer.id) for deed in deeds]
        if hang_up:
            racing.append(lambda own: caller_gone(own, offer.interaction_id))
            self.left.add(offer.interaction_id)
        outcomes = at_once(*racing)[: len(deeds)]
        assert sum(outcome.won for outcome in outcomes) <= 1, "A-9: two winners"
        with unit_of_work() as session:
            assert session.get_one(Offer, offer.id).state != OfferState.PENDING, "A-9: no winner"

    @rule(which=st.integers(0, 9))
    def a_ring_runs_out(self, which: int) -> None:
        with unit_of_work() as session:
            offer = _an_offer(session, which)
            if offer:
                ring_out(session, offer)

    @rule(call=calls)
    def a_caller_hangs_up(self, call: uuid.UUID) -> None:
        with unit_of_work() as session:
            caller_gone(session, call)
        self.left.add(call)

    @rule(call=calls)
    def an_agents_leg_ends(self, call: uuid.UUID) -> None:
        with unit_of_work() as session:
            agent_gone(session, call)

    @rule(call=calls)
    def an_agent_hangs_up(self, call: uuid.UUID) -> None:
        with unit_of_work() as session:
            interaction = session.get_one(Interaction, call)
            if interaction.agent_id is not None:
                request_hang_up(session, call, interaction.agent_id)

    @rule(call=calls)
    def a_lost_agents_new_leg_is_up(self, call: uuid.UUID) -> None:
        with unit_of_work() as session:
            interaction = session.get_one(Interaction, call)
            if interaction.agent_id is not None:
                agent_rejoined(session, call, interaction.agent_id)

    @rule(call=calls)
    def a_wrap_up_is_finished(self, call: uuid.UUID) -> None:
        with unit_of_work() as session:
            interaction = session.get_one(Interaction, call)
            try:
                finish_wrap_up(session, call, interaction.agent_id or 0, "SALE")
            except WrapUpRefused:
                assert interaction.state != State.WRAPPING

    @rule(call=calls)
    def a_deadline_passes(self, call: uuid.UUID) -> None:
        with unit_of_work() as session:
            interaction = session.get_one(Interaction, call)
            if interaction.wake_at is not None:
                reach_deadline(session, interaction)

    @rule(twice=st.booleans())
    def the_clock_ticks(self, twice: bool) -> None:
        for _ in range(1 + twice):
            for ask in (
                expire.expire_offers,
                expire.expire_sessions,
                expire.expire_waits,
                expire.expire_lost_agents,
                expire.expire_wrap_up_times,
                expire.look_for_matches,
            ):
                with unit_of_work() as session:
                    ask(session)

    @rule(who=st.integers(0, 2), presence=st.sampled_from(["available", "available", "break", "offline"]))
    def an_agent_chooses(self, who: int, presence: str) -> None:
        with unit_of_work() as session:
            set_presence(session, self.agents[who], presence)

    @rule(who=st.integers(0, 2))
    def a_browser_dies(self, who: int) -> None:
        with unit_of_work() as session:
            lose_tabs(session, self.agents[who])

    @rule(who=st.integers(0, 2))
    def a_tab_is_closed(self, who: int) -> None:
        with unit_of_work() as session:
            for tab in session.scalars(select(AgentSession.id).where(AgentSession.user_id == self.agents[who])).all():
                close_session(session, self.agents[who], tab)

    @rule(who=st.integers(0, 2), ready=st.booleans())
    def a_page_is_opened(self, who: int, ready: bool) -> None:
        with unit_of_work() as session:
            heartbeat(session, self.agents[who], uuid.uuid4(), ready, None if ready else "microphone_blocked")

    # What must hold whatever happened

    @invariant()
    def everything_is_in_its_place(self) -> None:
        with unit_of_work() as session:
            offers = session.scalars(select(Offer)).all()
            calls = session.scalars(select(Interaction)).all()
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


def _an_offer(session: Session, which: int) -> Offer | None:
    """One of the ringing offers; one time in ten the newest of all, however it ended."""
    ringing = session.scalars(select(Offer).where(Offer.state == OfferState.PENDING).order_by(Offer.id)).all()
    if which == 9:
        return session.scalars(select(Offer).order_by(Offer.id.desc()).limit(1)).first()
    return ringing[which % len(ringing)] if ringing else None


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


def _assert_first_in_line(session: Session, offer: Offer) -> None:
    """A-11: nobody who came earlier with the same priority was passed over, unless this agent had turned them down."""
    served = session.get_one(Interaction, offer.interaction_id)
    queues = set(session.scalars(select(QueueMember.queue_id).where(QueueMember.user_id == offer.user_id)))
    turned_down = set(session.scalars(select(Offer.interaction_id).where(Offer.user_id == offer.user_id)))
    for other in session.scalars(select(Interaction).where(Interaction.state == State.QUEUED)):
        if other.queue_id == served.queue_id and other.queue_id in queues and other.id not in turned_down:
            assert other.virtual_start is not None
            assert served.virtual_start is not None
            if other.priority_min == served.priority_min:
                assert other.virtual_start >= served.virtual_start, "A-11: overtaken"


def _assert_one_open_offer_each(offers: Any) -> None:
    opened = [offer for offer in offers if offer.state in OPEN_OFFER]
    by_call = Counter((offer.interaction_id, offer.role) for offer in opened)
    by_agent = Counter(offer.user_id for offer in opened)
    assert all(count == 1 for count in by_call.values()), "A-1: two open offers for one interaction"
    assert all(count == 1 for count in by_agent.values()), "A-2: two open offers for one agent"


def _assert_one_place(call: Interaction, offers: list[Offer]) -> None:
    state = State(call.state)
    opened = [(offer.state, offer.user_id) for offer in offers if offer.state in OPEN_OFFER]
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
    assert segments[0].started_at == call.created_at
    for earlier, later in pairwise(segments):
        assert earlier.ended_at == later.started_at
    assert segments[-1].ended_at == call.ended_at
    assert (call.state in TERMINAL) == (call.ended_at is not None)


def test_the_acds_invariants_hold_whatever_happens_in_whatever_order(database: str) -> None:
    run_state_machine_as_test(
        Floor,
        settings=settings(
            max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "12")),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )

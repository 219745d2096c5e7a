"""The ACD's invariants (DOMAIN 2.7) while several workers act at the same instant, on the real database.

Where test_invariants tells a story deed by deed, here two to four deeds happen at once in every step, each on a
connection of its own: among them several dispatches, for calls and texts, skills, ring groups and queues that flow over
into each other. HYPOTHESIS_EXAMPLES sets how many stories are tried.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.db import unit_of_work
from app.interactions.models import TERMINAL, Interaction, Segment, State
from app.interactions.wrap_up import WrapUpRefused, finish_wrap_up
from app.routing.dispatch import dispatch
from app.routing.models import OPEN_OFFER, AgentSession, AgentState, Offer, OfferState, PresenceSpell, QueueMember
from app.routing.offers import accept_offer, reject_offer, rescind_offer, time_out_offer
from app.routing.presence import set_presence
from app.routing.release import agent_gone, agent_rejoined, caller_gone, request_hang_up
from tests import factories as make
from tests.app.routing.test_invariants import TICKS, _assert_no_gaps, seeds
from tests.conftest import EMPTY_DATABASE
from tests.support.acd import assert_calls_at_hand_noted, at_once

OVER_TO_SUPPORT = [{"after_s": 30, "action": "queue", "target": "support"}]
OVER_TO_SALES = [{"after_s": 30, "action": "queue", "target": "sales"}]
MOST = {"voice": 1, "sms": 3}
NEEDS_A_DEADLINE = (State.QUEUED, State.OFFERED, State.AGENT_LOST, State.WRAPPING)
MOST_CONTACTS = 14
Deed = Callable[[Session], Any]


class Crowd(RuleBasedStateMachine):
    """Three queues of different ways, five agents of different skills, and everything at once."""

    def __init__(self) -> None:
        super().__init__()
        self.began: dict[uuid.UUID, datetime] = {}
        self.limit: dict[uuid.UUID, tuple[int, datetime]] = {}
        self.final: dict[int, tuple[str, datetime | None]] = {}
        self.left: set[uuid.UUID] = set()
        self.offers: list[Offer] = []
        self.calls: list[Interaction] = []
        self.steps = 0

    @initialize(seed=seeds)
    def open_the_floor(self, seed: int) -> None:
        chance = Random(seed)
        with unit_of_work() as session:
            session.execute(text(EMPTY_DATABASE))
        with unit_of_work() as session:
            methods = chance.sample(["longest_idle", "round_robin", "least_occupied", "fewest_today", "random"], 3)
            sales = make.queue(session, "sales", method=methods[0], overflow=OVER_TO_SUPPORT, retry_cooldown_s=600)
            support = make.queue(session, "support", method=methods[1], overflow=OVER_TO_SALES, retry_cooldown_s=600)
            group = make.queue(session, "group", method=methods[2], ring_group_n=2, retry_cooldown_s=600)
            people = [
                make.agent(session, "Ana", [sales, support, group], skills={"french": 3}),
                make.agent(session, "Ben", [sales, group], skills={"french": 1}),
                make.agent(session, "Cho", [support, sales]),
                make.agent(session, "Dov", [group, support]),
                make.agent(session, "Eve", [sales, support, group], level=2),
            ]
            session.add_all(PresenceSpell(user_id=each.id, presence="available") for each in people)
            make.disposition(session, "SALE")
            self.queues, self.agents = [sales, support, group], [each.id for each in people]

    @rule(seed=seeds)
    def several_things_happen_at_once(self, seed: int) -> None:
        self.steps += 1
        chance = Random(f"{seed}:{self.steps}")
        deeds = [self.a_deed(chance) for _ in range(chance.choice([2, 3, 4]))]
        won = at_once(*deeds)
        ended = Counter(outcome.offer.id for outcome in won if getattr(outcome, "won", False))
        assert all(times == 1 for times in ended.values()), "A-9: two winners"
        self.everybody_is_matched()

    def a_deed(self, chance: Random) -> Deed:
        """What may happen now; the drawn one, or a dispatch when there is no occasion for it."""
        draw = chance.choice(
            [
                self.a_contact_comes,
                self.a_contact_comes,
                self.an_offer_is_answered,
                self.an_offer_is_answered,
                self.an_offer_ends_otherwise,
                self.a_talk_ends,
                self.a_talk_ends,
                self.a_wrap_up_ends,
                self.a_caller_leaves,
                self.an_agent_is_lost,
                self.an_agent_chooses,
                self.time_passes,
                lambda _: None,
            ]
        )
        return draw(chance) or dispatch

    def a_contact_comes(self, chance: Random) -> Deed | None:
        if sum(call.state in (State.QUEUED, State.OFFERED) for call in self.calls) >= MOST_CONTACTS // 2:
            return None
        queue = chance.choice(self.queues)
        facts: dict[str, Any] = {
            "channel": "voice" if queue.key == "group" else chance.choice(["voice", "voice", "sms"]),
            "skills": chance.choice([None, None, {"french": 1}, {"french": 2}]),
            "priority_min": chance.choice([0, 0, 5]),
        }
        return lambda session: make.waiting_call(session, queue, **facts)

    def an_offer_is_answered(self, chance: Random) -> Deed | None:
        offer = self.an_offer(chance)
        return offer and (lambda session: accept_offer(session, offer.id))

    def an_offer_ends_otherwise(self, chance: Random) -> Deed | None:
        offer, deed = self.an_offer(chance), chance.choice([reject_offer, time_out_offer, rescind_offer])
        return offer and (lambda session: deed(session, offer.id))

    def a_talk_ends(self, chance: Random) -> Deed | None:
        call = self.a_call(chance, State.ACTIVE)

        def end(session: Session) -> None:
            if call and request_hang_up(session, call.id, call.agent_id or 0):
                agent_gone(session, call.id, call.agent_id)

        return end if call else None

    def a_wrap_up_ends(self, chance: Random) -> Deed | None:
        call = self.a_call(chance, State.WRAPPING)

        def end(session: Session) -> None:
            with suppress(WrapUpRefused):  # the other one of two was faster
                finish_wrap_up(session, call.id, call.agent_id or 0, "SALE") if call else None

        return end if call else None

    def a_caller_leaves(self, chance: Random) -> Deed | None:
        call = self.a_call(chance, State.QUEUED, State.OFFERED, State.ACTIVE)
        if call is None:
            return None
        self.left.add(call.id)
        return lambda session: caller_gone(session, call.id)

    def an_agent_is_lost(self, chance: Random) -> Deed | None:
        call = self.a_call(chance, State.ACTIVE, State.AGENT_LOST)
        if call is None:
            return None
        deed = agent_gone if call.state == State.ACTIVE else agent_rejoined
        return lambda session: deed(session, call.id, call.agent_id or 0)

    def an_agent_chooses(self, chance: Random) -> Deed | None:
        who, presence = chance.choice(self.agents), chance.choice(["available", "available", "break"])
        return lambda session: set_presence(session, who, presence)

    def time_passes(self, chance: Random) -> Deed | None:
        call, tick = self.a_call(chance, State.QUEUED, State.WRAPPING, State.AGENT_LOST), chance.choice(TICKS)
        past = timedelta(seconds=chance.choice([40, 1300]))

        def strike(session: Session) -> None:
            held = session.get(Interaction, call.id, with_for_update={"skip_locked": True}) if call else None
            if held is not None and held.wake_at is not None and held.state not in TERMINAL:
                held.wake_at -= past
                held.queued_at = held.queued_at and held.queued_at - past
                held.wait_until = held.wait_until and held.wait_until - past
                session.flush()
            tick(session)

        return strike

    def a_call(self, chance: Random, *states: State) -> Interaction | None:
        fitting = [call for call in self.calls if call.state in states]
        return chance.choice(fitting) if fitting else None

    def an_offer(self, chance: Random) -> Offer | None:
        ringing = [offer for offer in self.offers if offer.state == OfferState.PENDING]
        return chance.choice(ringing) if ringing else None

    def everybody_is_matched(self) -> None:
        while True:
            with unit_of_work() as session:
                if not dispatch(session):
                    break
        with unit_of_work() as session:
            _assert_nobody_waits_beside_an_idle_agent(session)

    # What must hold whatever happened

    @invariant()
    def everything_is_in_its_place(self) -> None:
        with unit_of_work() as session:
            assert_calls_at_hand_noted(session)
            self.offers = list(session.scalars(select(Offer).order_by(Offer.id)))
            self.calls = list(session.scalars(select(Interaction).order_by(Interaction.created_at)))
            segments = list(session.scalars(select(Segment).order_by(Segment.id)))
            spells = list(session.scalars(select(PresenceSpell)))
        _assert_capacity(self.offers)
        _assert_offered_to_people_who_were_there(self.offers, spells)
        groups = {queue.id: queue.ring_group_n for queue in self.queues}
        for offer in self.offers:
            if offer.state not in OPEN_OFFER:
                end = (offer.state, offer.ended_at)
                assert self.final.setdefault(offer.id, end) == end, "A-10: a final state was written twice"
        for call in self.calls:
            own = [offer for offer in self.offers if offer.interaction_id == call.id and offer.state in OPEN_OFFER]
            _assert_one_place(call, own, groups.get(call.queue_id or 0, 1))
            _assert_no_gaps(call, [segment for segment in segments if segment.interaction_id == call.id])
            self._assert_the_wait_is_kept(call, segments)
            if call.id in self.left:
                assert call.state in TERMINAL or call.state == State.WRAPPING, "A-15: a caller who left is served"

    def _assert_the_wait_is_kept(self, call: Interaction, segments: list[Segment]) -> None:
        assert call.virtual_start is not None
        assert self.began.setdefault(call.id, call.virtual_start) == call.virtual_start, "A-6"
        assert len(call.visited_queues) == len(set(call.visited_queues)), "A-14: back to a queue it had left"
        assert call.queue_id not in call.visited_queues, "A-14: in a queue it had left"
        assert call.wait_until is not None
        lost = sum(each.interaction_id == call.id and each.reason == "agent_lost" for each in segments)
        before = self.limit.get(call.id)
        if before is not None and before[0] == lost:  # after a talk the wait begins anew
            assert call.wait_until <= before[1], "A-14: a step gave it longer to wait"
        self.limit[call.id] = (lost, call.wait_until)


def _assert_capacity(offers: list[Offer]) -> None:
    """A-2: one call or three texts, what rings included."""
    at_hand: dict[int, Counter[str]] = {}
    for offer in offers:
        if offer.state in OPEN_OFFER:
            at_hand.setdefault(offer.user_id, Counter())[offer.channel] += 1
    for work in at_hand.values():
        assert all(pieces <= MOST[channel] for channel, pieces in work.items()), f"A-2: {work}"
        assert len(work) == 1, f"A-2: calls beside texts: {work}"


def _assert_offered_to_people_who_were_there(offers: list[Offer], spells: list[PresenceSpell]) -> None:
    """A-3, by the log of presence: `available` began before the offer was made."""
    for offer in offers:
        assert any(
            spell.user_id == offer.user_id
            and spell.presence == "available"
            and spell.started_at <= offer.created_at
            and (spell.ended_at is None or spell.ended_at >= offer.created_at)
            for spell in spells
        ), "A-3: offered to somebody who was not there"


def _assert_one_place(call: Interaction, opened: list[Offer], group: int) -> None:
    """A-1, A-4, A-5, A-12."""
    state, by_state = State(call.state), Counter(offer.state for offer in opened)
    match state:
        case State.OFFERED:
            assert 1 <= by_state[OfferState.PENDING] == len(opened) <= group, f"A-4: {state} with {by_state}"
        case State.ACTIVE | State.HELD | State.AGENT_LOST | State.WRAPPING:
            held = OfferState.WRAPPING if state is State.WRAPPING else OfferState.ACCEPTED
            assert by_state == {held: 1}, f"A-1: {state} with {by_state}"
            assert opened[0].user_id == call.agent_id, "A-4: with somebody else"
        case _:
            assert not opened, f"A-4: {state} with {by_state}"
    if state in NEEDS_A_DEADLINE:
        assert call.wake_at is not None, f"A-5: {state} could wait for ever"
    if state is State.COMPLETED:
        assert call.disposition_code is not None, "A-12: completed without an outcome"


def _assert_nobody_waits_beside_an_idle_agent(session: Session) -> None:
    """A-7, by hand from the rows: idle people, what they hold, and whom they were asked for."""
    busy = set(session.scalars(select(Offer.user_id).where(Offer.state.in_(OPEN_OFFER))))
    live = set(session.scalars(select(AgentSession.user_id).where(AgentSession.phone_ready)))
    there = AgentState.presence == "available", AgentState.next_presence.is_(None), ~AgentState.not_responding
    idle = set(session.scalars(select(AgentState.user_id).where(*there))) & live - busy
    members = set(session.execute(select(QueueMember.queue_id, QueueMember.user_id)).tuples())
    asked = set(session.execute(select(Offer.interaction_id, Offer.user_id)).tuples())
    french = dict(
        session.execute(text("SELECT user_id, level FROM agent_skill")).tuples().all()  # one skill, by its level
    )
    for call in session.scalars(select(Interaction).where(Interaction.state == State.QUEUED)):
        for user_id in idle:
            could = (call.queue_id, user_id) in members and (call.id, user_id) not in asked
            if could and french.get(user_id, 0) >= call.required_skills.get("french", 0):
                raise AssertionError("A-7: agent idle and contact waiting")


def test_the_acds_invariants_hold_when_everything_happens_at_once(database: str) -> None:
    run_state_machine_as_test(
        Crowd,
        settings=settings(
            max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "4")),
            stateful_step_count=20,
            deadline=None,
            phases=[Phase.generate],  # which deed wins a race is not repeatable, so there is nothing to shrink
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )

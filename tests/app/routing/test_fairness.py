"""The ACD's invariants (DOMAIN 2.7) while several workers act at the same instant, on the real database.

Where test_invariants tells a story deed by deed, here two to four deeds happen at once in every step, each on a
connection of its own: among them several dispatches, for calls and texts, skills that are relaxed as real time passes,
ring groups and queues that flow over into each other. Each dispatch dawdles between reading and locking, so that others
come between; what an offer found when it was written, the database notes (tests/support/witness.py). When a story is
over nobody does anything any more, and the clock alone must bring everything to its end.

HYPOTHESIS_EXAMPLES sets how many stories are tried. script/mutants shows that each invariant is looked at.
"""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app.db import database_now, unit_of_work
from app.interactions.models import TERMINAL, Interaction, Segment, State
from app.interactions.wrap_up import WrapUpRefused, finish_wrap_up
from app.routing import dispatch as dispatching
from app.routing.dispatch import dispatch
from app.routing.expire import expire_waits
from app.routing.lines import RETRY_PAUSE_S, one_contact
from app.routing.match import hindrance
from app.routing.models import OPEN_OFFER, AgentSession, AgentState, Offer, OfferState, Queue, QueueMember
from app.routing.offers import accept_offer, reject_offer, rescind_offer, time_out_offer
from app.routing.people import members, read_rules
from app.routing.presence import close_session, heartbeat, set_presence
from app.routing.release import agent_gone, agent_rejoined, caller_gone, request_hang_up
from tests import factories as make
from tests.app.routing.test_invariants import TICKS, _assert_no_gaps, seeds
from tests.conftest import EMPTY_DATABASE
from tests.support.acd import assert_calls_at_hand_noted, at_once, jobs_named
from tests.support.stories import noted, play
from tests.support.witness import Seen, seen, witness

OVER_TO_SUPPORT = [{"after_s": 30, "action": "queue", "target": "support"}]
OVER_TO_SALES = [{"after_s": 30, "action": "queue", "target": "sales"}]
RINGS = [{"stay_s": 0.4, "drop": ["french"]}, {"stay_s": 0.6, "drop": ["billing"]}]
COOL_DOWN_S = 600
MOST = {"voice": 1, "sms": 3}
NEEDS_A_DEADLINE = (State.QUEUED, State.OFFERED, State.AGENT_LOST, State.WRAPPING)
MOST_WAITING = 7
AT_ONCE_S = 2
"""How soon phones stop after the caller left (A-15)."""
Deed = Callable[[Session], Any]


class Crowd(RuleBasedStateMachine):
    """Four queues of different ways, agents of different skills, one without a phone, and everything at once."""

    def __init__(self) -> None:
        super().__init__()
        self.began: dict[uuid.UUID, datetime] = {}
        self.limit: dict[uuid.UUID, tuple[int, datetime]] = {}
        self.final: dict[int, tuple[str, datetime | None]] = {}
        self.able: dict[uuid.UUID, set[int]] = {}
        self.left: dict[uuid.UUID, datetime] = {}
        """Callers who hung up, and when."""
        self.last_offer: dict[uuid.UUID, int] = {}
        self.offers: list[Offer] = []
        self.calls: list[Interaction] = []
        self.waited: dict[uuid.UUID, Interaction] = {}
        self.phones: set[int] = set()
        self.touched: set[uuid.UUID] = set()
        self.steps = 0
        self.is_whole = False

    @initialize(seed=seeds)
    @noted
    def open_the_floor(self, seed: int) -> None:
        chance = Random(seed)
        dispatching.FEW = chance.choice([1, 50])  # looked at from the side of the agents, or of the lines
        with unit_of_work() as session:
            session.execute(text(EMPTY_DATABASE))
        with unit_of_work() as session:
            methods = chance.sample(["longest_idle", "round_robin", "least_occupied", "fewest_today", "random"], 3)
            ways: dict[str, Any] = {"retry_cooldown_s": COOL_DOWN_S}
            sales = make.queue(session, "sales", method=methods[0], overflow=OVER_TO_SUPPORT, **ways)
            support = make.queue(session, "support", method=methods[1], overflow=OVER_TO_SALES, **ways)
            group = make.queue(session, "group", method=methods[2], ring_group_n=2, **ways)
            rings = make.queue(session, "rings", method="bullseye", rings=RINGS, **ways)
            people = [
                make.agent(session, "Ana", [sales, support, group, rings], skills={"french": 3, "billing": 1}),
                make.agent(session, "Ben", [sales, group, rings], skills={"french": 1}),
                make.agent(session, "Cho", [support, sales, rings], skills={"billing": 2}),
                make.agent(session, "Dov", [group, support, rings]),
                make.agent(session, "Eve", [sales, support, group], level=2),
            ]
            without_phone = make.agent(session, "Fay", [sales, support, group], phone_ready=False)
            session.execute(update(AgentSession).values(expires_at=func.clock_timestamp() + timedelta(hours=1)))
            make.disposition(session, "SALE")
            self.queues = {each.id: each for each in (sales, support, group, rings)}
            self.agents, self.without_phone = [each.id for each in people], without_phone.id
            self.rings = rings.id
            self.skills = {each: _skills_of(session, each) for each in (*self.agents, self.without_phone)}

    @rule(seed=seeds)
    @noted
    def several_things_happen_at_once(self, seed: int) -> None:
        self.steps += 1
        self.is_whole = False
        self.touched, self.is_timeless = set(), True
        chance = Random(f"{seed}:{self.steps}")
        self.some_are_there_before(chance)
        deeds = [self.a_deed(chance) for _ in range(chance.choice([2, 3, 4]))]
        won = at_once(dispatch, *deeds)
        ended = Counter(outcome.offer.id for outcome in won if getattr(outcome, "won", False))
        assert all(times == 1 for times in ended.values()), "A-9: two winners"
        self.everybody_is_matched()
        with unit_of_work() as session:
            self.phones |= _phones(session)

    def some_are_there_before(self, chance: Random) -> None:
        """Contacts that the dispatches of this step find; who waits before it, and whose phone could ring."""
        with unit_of_work() as session:
            for _ in range(chance.choice([0, 1, 2])):
                come = self.a_contact_comes(chance)
                if come:
                    come(session)
            self.calls = list(session.scalars(select(Interaction).order_by(Interaction.created_at)))
            self.waited = {call.id: call for call in self.calls if call.state == State.QUEUED}
            self.phones = _phones(session)

    def a_deed(self, chance: Random) -> Deed:
        """The first of what is drawn for which there is an occasion; else a dispatch."""
        draw: dict[Callable[[Random], Deed | None], int] = {
            self.an_offer_is_answered: 4,
            self.an_offer_ends_otherwise: 2,
            self.a_talk_ends: 2,
            self.a_wrap_up_ends: 2,
            self.a_caller_leaves: 2,
            self.a_waiting_caller_leaves: 3,
            self.an_agent_is_lost: 1,
            self.an_agent_chooses: 3,
            self.a_page_closes_or_opens: 2,
            self.a_contact_comes: 2,
            self.time_passes: 2,
        }
        for one in chance.choices(list(draw), list(draw.values()), k=4):
            deed = one(chance)
            if deed:
                return deed
        return dispatch

    def a_contact_comes(self, chance: Random) -> Deed | None:
        if sum(call.state in (State.QUEUED, State.OFFERED) for call in self.calls) >= MOST_WAITING:
            return None
        queue = chance.choice(list(self.queues.values()))
        facts: dict[str, Any] = {
            "channel": "voice" if queue.key == "group" else chance.choice(["voice", "sms"]),
            "skills": chance.choice([None, None, None, {"french": 1}, {"french": 2}]),
            "priority_min": chance.choice([0, 5]),
            "waited_s": chance.choice([0, 600]),
        }
        if queue.id == self.rings:
            facts |= {"skills": {"french": 2, "billing": 1}, "waited_s": 0}
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
        return self.leaving(self.a_call(chance, State.QUEUED, State.OFFERED, State.ACTIVE))

    def a_waiting_caller_leaves(self, chance: Random) -> Deed | None:
        """While the dispatches of this step decide who has them."""
        return self.leaving(self.a_call(chance, State.QUEUED))

    def leaving(self, call: Interaction | None) -> Deed | None:
        if call is None:
            return None
        left = call.id

        def leave(session: Session) -> None:
            self.left.setdefault(left, database_now(session))
            caller_gone(session, left)

        return leave

    def an_agent_is_lost(self, chance: Random) -> Deed | None:
        call = self.a_call(chance, State.ACTIVE, State.AGENT_LOST)
        if call is None:
            return None
        deed = agent_gone if call.state == State.ACTIVE else agent_rejoined
        return lambda session: deed(session, call.id, call.agent_id or 0)

    def an_agent_chooses(self, chance: Random) -> Deed | None:
        busy = [offer.user_id for offer in self.offers if offer.state in OPEN_OFFER]
        who, presence = chance.choice(self.agents + busy), chance.choice(["available", "break"])
        return lambda session: set_presence(session, who, presence)

    def a_page_closes_or_opens(self, chance: Random) -> Deed:
        who, opens = chance.choice(self.agents), chance.random() < 0.6

        def deed(session: Session) -> None:
            if opens:
                heartbeat(session, who, uuid.uuid4(), True)
                self.phones.add(who)
                return
            for tab in session.scalars(select(AgentSession.id).where(AgentSession.user_id == who)).all():
                close_session(session, who, tab)

        return deed

    def time_passes(self, chance: Random) -> Deed | None:
        call, tick = self.a_call(chance, State.QUEUED, State.WRAPPING, State.AGENT_LOST), chance.choice(TICKS)
        tick = expire_waits if call and call.state == State.QUEUED else tick
        past = timedelta(seconds=chance.choice([40, 1300]))
        self.is_timeless = False

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
        drawn = chance.choice(fitting) if fitting else None
        self.touched |= {drawn.id} if drawn else set()
        return drawn

    def an_offer(self, chance: Random) -> Offer | None:
        ringing = [offer for offer in self.offers if offer.state == OfferState.PENDING]
        return chance.choice(ringing) if ringing else None

    def everybody_is_matched(self) -> None:
        while True:
            with unit_of_work() as session:
                since = database_now(session)
                if not dispatch(session):
                    break
        with unit_of_work() as session:
            self._assert_nobody_waits_beside_a_free_agent(session, since)

    # What must hold whatever happened

    @invariant()
    @noted
    def everything_is_in_its_place(self) -> None:
        known = {offer.id for offer in self.offers}
        with unit_of_work() as session:
            self.offers = list(session.scalars(select(Offer).order_by(Offer.id)))
            self.calls = list(session.scalars(select(Interaction).order_by(Interaction.created_at)))
            segments = list(session.scalars(select(Segment).order_by(Segment.id)))
            stopped = {job["offer_id"] for job in jobs_named(session, "voice.stop_ringing")}
            made = seen(session, [offer.id for offer in self.offers if offer.id not in known])
            self._assert_relaxing_widens(session)
        self._assert_who_left_is_left_alone(stopped)
        _assert_capacity(self.offers)
        for offer in self.offers:
            if offer.id in made:
                self._assert_well_made(offer, made[offer.id])
                self._assert_in_its_turn(offer)
            if offer.state not in OPEN_OFFER:
                end = (offer.state, offer.ended_at)
                assert self.final.setdefault(offer.id, end) == end, "A-10: a final state was written twice"
        primary = [offer for offer in self.offers if offer.role == "primary"]
        for call in self.calls:
            own = [offer for offer in primary if offer.interaction_id == call.id and offer.state in OPEN_OFFER]
            queue = self.queues.get(call.queue_id or 0)
            _assert_one_place(call, own, queue.ring_group_n if queue else 1)
            _assert_no_gaps(call, [segment for segment in segments if segment.interaction_id == call.id])
            self._assert_the_wait_is_kept(call, segments)
        with unit_of_work() as session:
            assert_calls_at_hand_noted(session)
        self.is_whole = True

    def _assert_who_left_is_left_alone(self, stopped: set[int]) -> None:
        """A-15: at once no phone rings for them, and none ever will."""
        for call in self.calls:
            if call.id not in self.left:
                continue
            assert call.state in TERMINAL or call.state == State.WRAPPING, "A-15: a caller who left is served"
            own = [offer for offer in self.offers if offer.interaction_id == call.id and offer.role == "primary"]
            last = max((offer.id for offer in own), default=0)
            assert self.last_offer.setdefault(call.id, last) == last, "A-15: offered after the caller left"
            for offer in own:
                is_over = offer.state not in OPEN_OFFER or call.state == State.WRAPPING
                assert is_over, f"A-15: {offer.state} for a caller who left"
                if offer.state == OfferState.CANCELED and offer.ended_at is not None:
                    late_s = (offer.ended_at - self.left[call.id]).total_seconds()
                    assert late_s < AT_ONCE_S, f"A-15: it rang {late_s:.1f} s after the caller left"
                    assert offer.channel != "voice" or offer.id in stopped, "A-15: nobody told the phone to stop"

    def _assert_well_made(self, offer: Offer, then: Seen) -> None:
        """What the database saw as the offer was written: A-3, and A-15 of the same instant; the needs of its ring."""
        assert then.presence == "available", f"A-3: offered to somebody who was on {then.presence}"
        assert then.next_presence is None, "A-3: offered to somebody who was leaving"
        assert not then.not_responding, "A-3: offered to somebody who did not answer before"
        has_phone = offer.channel != "voice" or offer.user_id in self.phones
        assert has_phone, "A-3: offered to somebody without a phone"
        assert then.call_state == State.QUEUED, f"A-15: offered when it was {then.call_state}"
        needs = self._needs(offer.queue_id, then.needs, then.virtual_start, offer.created_at)
        assert self._has(offer.user_id, needs), f"A-8: offered to somebody without {needs}"

    def _assert_in_its_turn(self, offer: Offer) -> None:
        """A-11, and A-7's bound: who waited before them in the same line was not passed over.

        Those count who waited through the whole step and of whom nobody but the dispatches decided anything.
        """
        served = next(call for call in self.calls if call.id == offer.interaction_id)
        turned_down = {each.interaction_id for each in self.offers if each.user_id == offer.user_id}
        for other in self.calls:
            stayed = other.id in self.waited and other.version == self.waited[other.id].version
            if not stayed or not self.is_timeless or other.id in self.touched or other.id in turned_down:
                continue
            same = (other.queue_id, other.channel, other.required_skills)
            if same == (offer.queue_id, served.channel, served.required_skills) and served.id in self.waited:
                assert other.virtual_start is not None
                assert served.virtual_start is not None
                if other.priority_min == served.priority_min:
                    assert other.virtual_start >= served.virtual_start, "A-11: overtaken by an equal"
                elif offer.queue_id != self.rings:
                    assert _counted_from(other) >= _counted_from(served), "A-7: overtaken by more than the priority"

    def _assert_relaxing_widens(self, session: Session) -> None:
        """A-8: whoever could be asked before can be asked now, by the product's own eyes on the rows as they are."""
        rules = read_rules(session, [session.get_one(Queue, self.rings)])[self.rings]
        people = [replace(agent, away=None, open_work={}, can_ring=True) for agent in members(session, self.rings)]
        for call in self.calls:
            if call.state == State.QUEUED and call.queue_id == self.rings:
                contact = replace(one_contact(session, call.id), tried=frozenset())
                now = database_now(session).timestamp()
                able = {agent.user_id for agent in people if hindrance(contact, rules, agent, now) is None}
                assert self.able.setdefault(call.id, able) <= able, "A-8: fewer can be asked than before"
                self.able[call.id] = able

    def _assert_nobody_waits_beside_a_free_agent(self, session: Session, since: datetime) -> None:
        """A-7, by hand from the rows: what people have at hand, whom they turned down, what is needed by now (A-8)."""
        session.expire_all()
        at_hand: dict[int, Counter[str]] = {}
        cooling = set()
        for offer in session.scalars(select(Offer)):
            pause_s = {"rejected": COOL_DOWN_S, "timeout": RETRY_PAUSE_S}.get(offer.state, 0)
            if offer.state in OPEN_OFFER:
                at_hand.setdefault(offer.user_id, Counter())[offer.channel] += 1
            elif offer.ended_at and offer.ended_at + timedelta(seconds=pause_s) > since:
                cooling.add((offer.interaction_id, offer.user_id))
        there = AgentState.presence == "available", AgentState.next_presence.is_(None), ~AgentState.not_responding
        people = set(session.scalars(select(AgentState.user_id).where(*there))) & _phones(session)
        belongs = set(session.execute(select(QueueMember.queue_id, QueueMember.user_id)).tuples())
        waiting = session.scalars(select(Interaction).where(Interaction.state == State.QUEUED)).all()
        calls_wait = any(call.channel == "voice" for call in waiting)
        for call in waiting:
            if call.channel == "sms" and calls_wait:
                continue  # who could take a call that has waited too long gets no texts, though they turned it down
            needs = self._needs(call.queue_id, call.required_skills, call.virtual_start, since)
            for user_id in people:
                work = at_hand.get(user_id, Counter())
                beside = call.channel == "sms" and not work["voice"] and work["sms"] < MOST["sms"]
                asked = (call.id, user_id) in cooling or (call.queue_id, user_id) not in belongs
                if (beside or not work) and not asked and self._has(user_id, needs):
                    which = "A-7, A-8" if call.queue_id == self.rings else "A-7"
                    raise AssertionError(f"{which}: agent idle and contact waiting")

    def _needs(
        self, queue_id: int | None, needs: dict[str, int], since: datetime | None, at: datetime
    ) -> dict[str, int]:
        """By hand: what is needed of an agent after such a wait."""
        if queue_id != self.rings or since is None:
            return needs
        age_s = (at - since).total_seconds()
        return needs if age_s < 0.4 else {"billing": 1} if age_s < 1.0 else {}

    def _has(self, user_id: int, needs: dict[str, int]) -> bool:
        return all(self.skills[user_id].get(skill, 0) >= level for skill, level in needs.items())

    @noted
    def teardown(self) -> None:
        """A-5: everybody goes home, nobody does anything any more, and the clock alone ends every wait."""
        if not self.is_whole:  # what failed has been told
            return
        with unit_of_work() as session:
            for agent in (*self.agents, self.without_phone):
                set_presence(session, agent, "offline")
            for call in self.calls[::2]:
                if call.state == State.ACTIVE:
                    agent_gone(session, call.id)
        for _ in range(6):
            with unit_of_work() as session:
                _end_of_all(session)
            at_once(*TICKS)
        with unit_of_work() as session:
            for call in session.scalars(select(Interaction).where(Interaction.state.not_in(TERMINAL))):
                has_a_leg = call.state in (State.ACTIVE, State.IN_FLOW)
                is_a_text = call.state == State.QUEUED and call.channel != "voice"
                assert has_a_leg or is_a_text, f"A-5: {call.state} for ever"
            parts = select(Offer).where(Offer.role == "handed_on", Offer.state == OfferState.WRAPPING)
            assert not session.scalars(parts).all(), "A-5: a part handed on is wrapped up for ever"

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


def _assert_one_place(call: Interaction, opened: list[Offer], group: int) -> None:
    """A-1, A-4, A-5, A-12."""
    state, by_state = State(call.state), Counter(offer.state for offer in opened)
    assert len(opened) <= group, f"A-1: {state} with {by_state}"
    match state:
        case State.OFFERED:
            assert by_state[OfferState.PENDING] == len(opened) >= 1, f"A-4: {state} with {by_state}"
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


def _counted_from(call: Interaction) -> datetime:
    """When the wait would have begun if the priority's minutes had been waited."""
    assert call.virtual_start is not None
    return call.virtual_start - timedelta(minutes=call.priority_min)


def _phones(session: Session) -> set[int]:
    ready = AgentSession.phone_ready, AgentSession.expires_at > func.clock_timestamp()
    return set(session.scalars(select(AgentSession.user_id).where(*ready)))


def _skills_of(session: Session, user_id: int) -> dict[str, int]:
    query = text("SELECT s.key, a.level FROM agent_skill a JOIN skill s ON s.id = a.skill_id WHERE a.user_id = :id")
    return dict(session.execute(query, {"id": user_id}).tuples().all())


def _end_of_all(session: Session) -> None:
    """Every deadline there is has passed."""
    past = timedelta(hours=1)
    deadlines = {"expires_at": Offer.expires_at - past, "wrap_until": Offer.wrap_until - past}
    session.execute(update(Offer).where(Offer.state.in_(OPEN_OFFER)).values(deadlines))
    session.execute(
        update(Interaction)
        .where(Interaction.state.not_in(TERMINAL))
        .values(wake_at=Interaction.wake_at - past, wait_until=Interaction.wait_until - past)
    )


def _dawdling(look: Callable[..., Any]) -> Callable[..., Any]:
    """The same, a little later: what was read is old when it is acted upon."""

    def later(*facts: Any) -> Any:
        found = look(*facts)
        time.sleep(random.choice([0, 0.005, 0.02, 0.04]))
        return found

    return later


@pytest.mark.timeout(300)  # many connections at once: on a busy machine they take turns
def test_the_acds_invariants_hold_when_everything_happens_at_once(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatching, "match", _dawdling(dispatching.match))
    monkeypatch.setattr(dispatching, "FEW", dispatching.FEW)  # stories choose, and it is put back
    with witness():
        play(Crowd, examples=4, steps=16)

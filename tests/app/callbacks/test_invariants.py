"""C-1 to C-9 of DOMAIN 3 under any order of events, on the real database, with workers that race.

HYPOTHESIS_EXAMPLES sets how many stories are tried.
"""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.callbacks.change import cancel_callback, join_line, move_callback, wait_in_its_place
from app.callbacks.expire import find_lost, look_at_due
from app.callbacks.models import OPEN, Callback, CallbackAttempt, CallbackState, Kind
from app.callbacks.no_calls import forbid
from app.callbacks.policy import set_policy
from app.callbacks.request import CallbackRefused, Window, wants_no_calls
from app.callbacks.rows import hold, open_for
from app.callbacks.tries import accept, begin_try, line_ended, nobody_spoke, picked_up, refuse, snooze
from app.db import database_now, unit_of_work
from app.events import Event
from app.interactions.models import TERMINAL, Interaction, Segment, State
from app.interactions.move import lock_interaction
from app.interactions.wrap_up import expire_wrap_ups
from app.routing.dispatch import dispatch
from app.routing.enqueue import enqueue_interaction
from app.routing.models import OPEN_OFFER, Offer, OfferState, Queue
from app.routing.offers import accept_offer, reject_offer
from app.routing.release import caller_gone
from tests import factories as make
from tests.app.callbacks.conftest import a_callback
from tests.conftest import EMPTY_DATABASE
from tests.support.acd import at_once

NUMBERS = ("+15550142030", "+15550142031", "+15550142032", "+15550142033")
UNWILLING = NUMBERS[3]
"""Never asks for anything, and does not want to be called."""
MOST_TRIES = 2
TALKING = (State.ACTIVE, State.HELD, State.AGENT_LOST)
OPEN_HOURS = {"zone": "UTC", "weekly": "24/7"}
CLOSED_HOURS = {"zone": "UTC", "weekly": {"mon-sun": "closed"}}
ENDS = [f"callback.{state}" for state in CallbackState if state not in OPEN]
Deed = Callable[[Session], Any]
seeds = st.integers(0, 2**64 - 1)


class Promises(RuleBasedStateMachine):
    """Two queues, two agents, four numbers; people ask, cancel, move and call; agents dial; the clock may strike."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.is_open = True
        self.seen_tries: set[int] = set()
        self.over: dict[uuid.UUID, tuple[str, int]] = {}
        self.forbidden: dict[str, datetime] = {}

    @initialize()
    def open_the_house(self) -> None:
        with unit_of_work() as session:
            session.execute(text(EMPTY_DATABASE))
        with unit_of_work() as session:
            queues = [make.queue(session, key, retry_cooldown_s=0) for key in ("sales", "support")]
            for queue in queues:
                rules = {"quiet": "00:00-24:00", "max_attempts": MOST_TRIES, "gaps_s": [60], "per_slot": 3}
                set_policy(session, queue.id, **rules, hours=OPEN_HOURS, snooze_min=5)
            for name in ("Ana", "Ben"):
                make.agent(session, name, queues)
            for number in NUMBERS:
                person = make.customer(session, number)
                if number == UNWILLING:
                    person.contact_points[0].no_calls_at = database_now(session)
            self.queues = [queue.id for queue in queues]

    @rule(seed=seeds)
    def people_ask(self, seed: int) -> None:
        self.one_of(seed, self.somebody_asks, self.somebody_calls_again, self.somebody_gives_up)

    @rule(seed=seeds)
    def agents_work(self, seed: int) -> None:
        self.one_of(seed, self.an_agent_dials, self.a_line_moves_on, self.an_agent_is_matched)

    @rule(seed=seeds)
    def minds_change(self, seed: int) -> None:
        deeds = (self.somebody_cancels_or_moves, self.a_race, self.time_passes, self.doors_open_or_close)
        self.one_of(seed, *deeds, self.somebody_forbids_calls)

    def one_of(self, seed: int, *deeds: Callable[[Random], bool]) -> None:
        """The drawn deed, or the next for which there is an occasion."""
        self.steps += 1
        chance = Random(f"{seed}:{self.steps}")
        first = chance.randrange(len(deeds))
        any(deed(chance) for deed in (*deeds[first:], *deeds[:first]))

    def somebody_asks(self, chance: Random) -> bool:
        number, queue_id = chance.choice(NUMBERS[:3]), chance.choice(self.queues)
        ahead, ago = chance.choice([None, None, 45]), timedelta(minutes=chance.randrange(10))

        def ask(session: Session) -> None:
            queue = session.get_one(Queue, queue_id)
            start = database_now(session) - ago
            self.try_to(lambda: a_callback(session, queue, number, in_min=ahead, virtual_start=start))

        at_once(*[ask] * chance.choice([1, 1, 2]))
        return True

    def somebody_gives_up(self, chance: Random) -> bool:
        """Somebody who did not ask: only who does not mind is called."""
        number, queue_id = chance.choice(NUMBERS), chance.choice(self.queues)
        with unit_of_work() as session:
            queue = session.get_one(Queue, queue_id)
            unwilling = wants_no_calls(session, number)
            made = self.try_to(lambda: a_callback(session, queue, number, kind=Kind.ABANDON))
            assert not (made and unwilling), "C-9: called without having asked"
        return True

    def somebody_calls_again(self, chance: Random) -> bool:
        number, queue_id, waits_now = chance.choice(NUMBERS[:3]), chance.choice(self.queues), chance.random() < 0.5
        with unit_of_work() as session:
            call = make.call_in_flow(session, make.customer(session, number))
            known = open_for(session, number) if waits_now else None
            callback = hold(session, known.id) if known else None
            if callback is None or not wait_in_its_place(session, callback, call):
                join_line(session, call, queue_id)
                enqueue_interaction(session, call, session.get_one(Queue, queue_id))
            if chance.random() < 0.5:
                caller_gone(session, call.id)
        return True

    def an_agent_is_matched(self, chance: Random) -> bool:
        with unit_of_work() as session:
            offers = dispatch(session)
            served = [session.get_one(Interaction, offer.interaction_id) for offer in offers]
            waiting = session.scalars(select(Interaction).where(Interaction.state == State.QUEUED)).all()
            for one in served:
                for other in waiting:
                    if other.queue_id == one.queue_id:
                        assert _place(one) <= _place(other), "C-4: a later one was served first"
        return bool(offers)

    def an_agent_dials(self, chance: Random) -> bool:
        """A ringing agent answers, and the customer's number is dialled, by two workers at once."""
        pending = self.find(select(Offer.id).where(Offer.state == OfferState.PENDING), chance)
        if pending is None:
            return False
        if chance.random() < 0.15:
            at_once(lambda session: reject_offer(session, pending))
            return True
        at_once(lambda session: accept_offer(session, pending))
        with unit_of_work() as session:
            interaction = session.get_one(Interaction, session.get_one(Offer, pending).interaction_id)
        if interaction.callback_id is not None and interaction.state in TALKING:
            at_once(*[lambda session: self.dial(session, interaction.id)] * 2)
        return True

    def dial(self, session: Session, interaction_id: uuid.UUID) -> bool:
        interaction = lock_interaction(session, interaction_id)
        assert interaction is not None
        return interaction.state in TALKING and begin_try(session, interaction, "agent_first")

    def a_line_moves_on(self, chance: Random) -> bool:
        trying = select(CallbackAttempt.interaction_id).where(CallbackAttempt.ended_at.is_(None))
        interaction_id = self.find(trying, chance)
        if interaction_id is None:
            return self.a_call_ends(chance)
        keys: list[Callable[[Session, Interaction], Any]] = [accept, snooze, refuse, nobody_spoke]
        ending = chance.choice(["no-answer", "busy", "failed", "canceled"])
        key = chance.choice([*keys, accept])

        def go_on(session: Session) -> None:
            interaction = lock_interaction(session, interaction_id)
            assert interaction is not None
            if chance.random() < 0.35:
                line_ended(session, interaction, ending)
            elif picked_up(session, interaction):
                key(session, interaction)
                if key is not accept:
                    line_ended(session, interaction, "completed")

        at_once(*[go_on] * chance.choice([1, 2]))
        return True

    def a_call_ends(self, chance: Random) -> bool:
        talk = self.find(select(Interaction.id).where(Interaction.state.in_(TALKING)), chance)
        if talk is None:
            return False
        with unit_of_work() as session:
            interaction = lock_interaction(session, talk)
            assert interaction is not None
            if interaction.callback_id is not None:
                line_ended(session, interaction, "completed")
            else:
                caller_gone(session, talk)
        return True

    def somebody_cancels_or_moves(self, chance: Random) -> bool:
        callback_id = self.find(select(Callback.id).where(Callback.state.in_(OPEN)), chance)
        if callback_id is None:
            return False
        at_once(self.changed(callback_id, chance))
        return True

    def somebody_forbids_calls(self, chance: Random) -> bool:
        """Somebody says "do not call me", while the clock strikes and an agent is about to dial them (C-9)."""
        number = chance.choice(NUMBERS[:3])
        theirs = select(Interaction.id).where(Interaction.remote_address == number, Interaction.state.in_(TALKING))
        talk = self.find(theirs.where(Interaction.callback_id.is_not(None)), chance)
        deeds: list[Deed] = [lambda session: forbid(session, number, "Said so", actor="user:1"), look_at_due]
        if talk is not None:
            deeds += [lambda session: self.dial(session, talk)] * 2
        at_once(*deeds)
        with unit_of_work() as session:
            self.forbidden[number] = database_now(session)
        return True

    def changed(self, callback_id: uuid.UUID, chance: Random) -> Deed:
        """Cancel, as soon as possible, or another time."""
        choice, minutes = chance.randrange(3), chance.choice([20, 90])

        def change(session: Session) -> None:
            callback = hold(session, callback_id)
            assert callback is not None
            window = Window(database_now(session) + timedelta(minutes=minutes), 30, "UTC") if choice == 2 else None
            if choice == 0:
                cancel_callback(session, callback, actor="customer")
            else:
                self.try_to(lambda: move_callback(session, callback, window, actor="customer"))

        return change

    def a_race(self, chance: Random) -> bool:
        """A cancel, the clock and the dial, all about the same callback in the same instant."""
        callback_id = self.find(select(Callback.id).where(Callback.state.in_(OPEN)), chance)
        if callback_id is None:
            return False
        with unit_of_work() as session:
            place = session.scalars(
                select(Interaction.id).where(Interaction.callback_id == callback_id, Interaction.state.in_(TALKING))
            ).first()
        deeds: list[Deed] = [self.changed(callback_id, chance), look_at_due, find_lost]
        if place is not None:
            deeds += [lambda session: self.dial(session, place)] * 2
        chance.shuffle(deeds)
        at_once(*deeds)
        return True

    def time_passes(self, chance: Random) -> bool:
        self.shift(timedelta(minutes=chance.choice([1, 5, 40, 120])))
        at_once(look_at_due, look_at_due, find_lost)
        return True

    def shift(self, by: timedelta) -> None:
        """Everything that is planned comes so much nearer, as if nobody had looked at it meanwhile (C-8)."""
        names = ("virtual_start", "window_start", "window_end", "due_at", "expires_at")
        with unit_of_work() as session:
            session.execute(update(Callback).values({name: getattr(Callback, name) - by for name in names}))
            session.execute(
                update(Interaction).values(
                    virtual_start=Interaction.virtual_start - by, wake_at=Interaction.wake_at - by
                )
            )
            session.execute(update(Segment).where(Segment.ended_at.is_(None)).values(started_at=Segment.started_at))
            expire_wrap_ups(session)

    def doors_open_or_close(self, chance: Random) -> bool:
        self.is_open = not self.is_open
        self.set_doors()
        with unit_of_work() as session:
            session.execute(update(Callback).values(due_at=Callback.created_at))
            look_at_due(session)
        return True

    def set_doors(self) -> None:
        with unit_of_work() as session:
            for queue_id in self.queues:
                set_policy(session, queue_id, hours=OPEN_HOURS if self.is_open else CLOSED_HOURS)

    def try_to(self, deed: Callable[[], Any]) -> Any:
        try:
            return deed()
        except CallbackRefused:
            return None

    def find(self, query: Any, chance: Random) -> Any:
        with unit_of_work() as session:
            found = sorted(session.scalars(query).all(), key=str)
        return chance.choice(found) if found else None

    @invariant()
    def promises_hold(self) -> None:
        with unit_of_work() as session:
            callbacks = session.scalars(select(Callback)).all()
            tries = session.scalars(select(CallbackAttempt).order_by(CallbackAttempt.n)).all()
            places = session.scalars(select(Interaction).where(Interaction.state.not_in(TERMINAL))).all()
            ends = session.execute(
                select(Event.data["callback_id"].astext, Event.kind).where(Event.kind.in_(ENDS))
            ).all()
            self.nobody_has_two(callbacks)
            self.tries_are_counted(callbacks, tries)
            self.places_are_single(callbacks, places)
            self.ends_are_final(callbacks, tries, [callback_id for callback_id, _ in ends])
            assert not any(each.number == UNWILLING for each in callbacks), "C-9"
            before_a_talk = [each for each in callbacks if each.state in OPEN and each.state != "connected"]
            for each in before_a_talk:
                assert each.created_at >= self.forbidden.get(each.number, each.created_at), "C-9: promised after a no"
            _assert_no_more_dials_than_agents(session, tries)

    def nobody_has_two(self, callbacks: Any) -> None:
        open_ones = [(each.number, each.queue_id) for each in callbacks if each.state in OPEN]
        assert len(open_ones) == len(set(open_ones)), "C-1: two open callbacks of one number in one queue"

    def tries_are_counted(self, callbacks: Any, tries: Any) -> None:
        for callback in callbacks:
            mine = [each for each in tries if each.callback_id == callback.id]
            assert [each.n for each in mine] == list(range(1, len(mine) + 1)) and len(mine) == callback.attempts
            assert len(mine) <= callback.max_attempts, "C-3: more tries than allowed"
            for earlier, later in itertools.pairwise(mine):
                assert earlier.ended_at is not None and earlier.ended_at <= later.started_at, "C-3: two dials at once"
        for new in [each for each in tries if each.id not in self.seen_tries]:
            assert self.is_open, "C-2: dialled outside the opening hours"
            [callback] = [each for each in callbacks if each.id == new.callback_id]
            said_no = self.forbidden.get(callback.number)
            assert not (said_no and callback.created_at < said_no < new.started_at), "C-9: dialled after a no"
            self.seen_tries.add(new.id)

    def places_are_single(self, callbacks: Any, places: Any) -> None:
        by_id = {each.id: each for each in callbacks}
        before_a_talk = [state for state in OPEN if state != CallbackState.CONNECTED]
        waiting = {(each.number, each.queue_id) for each in callbacks if each.state in before_a_talk}
        for place in places:
            if place.callback_id is None and place.state in (State.QUEUED, State.OFFERED):
                assert (place.remote_address, place.queue_id) not in waiting, "C-6: waits twice for the same"
            if place.callback_id is not None and place.state == State.QUEUED:
                assert by_id[place.callback_id].state == CallbackState.DUE, "a place of nobody"
        placed = {place.callback_id for place in places}
        for callback in callbacks:
            if callback.state == CallbackState.DUE:
                assert callback.id in placed, "C-5: due, and nobody would call"

    def ends_are_final(self, callbacks: Any, tries: Any, ends: list[str]) -> None:
        assert len(ends) == len(set(ends)), "C-5: ended twice"
        for callback in callbacks:
            count = sum(each.callback_id == callback.id for each in tries)
            if callback.state not in OPEN:
                assert str(callback.id) in ends
                known = self.over.setdefault(callback.id, (callback.state, count))
                assert known == (callback.state, count), "C-7: dialled or changed after its end"

    def teardown(self) -> None:
        """C-5: when all their time is over, every callback has ended."""
        if not hasattr(self, "queues"):
            return
        self.is_open = True
        self.set_doors()
        self.shift(timedelta(days=40))
        with unit_of_work() as session:
            talks = session.scalars(select(Interaction.id).where(Interaction.callback_id.is_not(None))).all()
        for talk in talks:
            with unit_of_work() as session:
                interaction = lock_interaction(session, talk)
                assert interaction is not None
                if interaction.state in TALKING:
                    line_ended(session, interaction, "no-answer")
        for _ in range(2):
            at_once(find_lost, look_at_due)
        with unit_of_work() as session:
            look_at_due(session)
            assert session.scalars(select(Callback.state).where(Callback.state.in_(OPEN))).all() == [], "C-5"


def _place(interaction: Interaction) -> tuple[Any, ...]:
    assert interaction.virtual_start is not None
    counted = interaction.virtual_start - timedelta(minutes=interaction.priority_min)
    return (counted, interaction.virtual_start, interaction.id)


def _assert_no_more_dials_than_agents(session: Session, tries: Any) -> None:
    held = session.scalars(select(Offer.interaction_id).where(Offer.state.in_(OPEN_OFFER))).all()
    assert all(each.interaction_id in held for each in tries if each.ended_at is None), "a dial without an agent"


def test_the_promises_invariants_hold_whatever_happens_in_whatever_order(database: str) -> None:
    run_state_machine_as_test(
        Promises,
        settings=settings(
            max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "6")),
            stateful_step_count=40,
            deadline=None,
            phases=[Phase.generate],  # shrinking replays hundreds of stories, longer than anybody waits for a test
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )

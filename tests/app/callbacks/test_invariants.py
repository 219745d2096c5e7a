"""C-1 to C-9 of DOMAIN 3 under any order of events, on the real database, with workers that race.

In each step two to four deeds happen in the same instant, each on a connection of its own: people ask, leave the line,
call again, cancel and move; agents answer and dial; lines are picked up and end; the clock's questions are asked by
several workers. HYPOTHESIS_EXAMPLES sets how many stories are tried.
"""

from __future__ import annotations

import itertools
import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.callbacks import texts
from app.callbacks.change import cancel_callback, confirm_callback, join_line, move_callback, wait_in_its_place
from app.callbacks.expire import NOT_CONFIRMED, find_lost, look_at_due
from app.callbacks.models import OPEN, TRYING, WAITING_FOR_A_DIAL, Callback, CallbackAttempt, CallbackState, Kind
from app.callbacks.no_calls import forbid
from app.callbacks.notices import remind, tell_ends
from app.callbacks.policy import set_policy
from app.callbacks.request import CallbackRefused, Window
from app.callbacks.rows import hold, hold_in_turn, one_at_a_time, open_for
from app.callbacks.tries import accept, begin_try, line_ended, machine_answered, nobody_spoke, picked_up, refuse, snooze
from app.db import database_now, unit_of_work
from app.events import Event
from app.follow_ups.close import close_reached
from app.follow_ups.models import FollowUp
from app.follow_ups.open import open_follow_ups
from app.interactions.models import TERMINAL, Interaction, Message, State
from app.interactions.move import lock_interaction, move
from app.interactions.wrap_up import expire_wrap_ups
from app.routing.dispatch import dispatch
from app.routing.enqueue import enqueue_interaction
from app.routing.models import OPEN_OFFER, Offer, OfferState, Queue
from app.routing.offers import accept_offer, reject_offer
from app.routing.release import caller_gone
from digital_channels.base import InboundMessage
from digital_channels.inbox import take
from tests import factories as make
from tests.app.callbacks.conftest import a_callback
from tests.conftest import EMPTY_DATABASE
from tests.support.acd import at_once

MIRA, NOOR, OLA, ABROAD, TEXTLESS, UNWILLING = NUMBERS = tuple(f"+1555014203{n}" for n in range(6))
"""ABROAD lives in Tokyo, TEXTLESS opted out of texts, UNWILLING asks for nothing and does not want to be called."""
WILLING = NUMBERS[:-1]
TOKYO = "Asia/Tokyo"
MOST_TRIES = 2
TALKING = (State.ACTIVE, State.HELD, State.AGENT_LOST)
OPEN_HOURS = {"zone": "UTC", "weekly": "24/7"}
CLOSED_HOURS = {"zone": "UTC", "weekly": {"mon-sun": "closed"}}
DAY_AND_NIGHT = "00:00-24:00"
ENDS = [f"callback.{state}" for state in CallbackState if state not in OPEN]
CANCELED = [state for state in CallbackState if state.startswith("canceled")]
BEFORE_A_TALK = [state for state in OPEN if state != CallbackState.CONNECTED]
TICKS = (look_at_due, find_lost, open_follow_ups, close_reached, tell_ends, remind)
TIMES = ("virtual_start", "window_start", "window_end", "due_at", "expires_at")
Deed = Callable[[Session], Any]
seeds = st.integers(0, 2**64 - 1)


@dataclass(frozen=True)
class Promised:
    """Somebody was promised a call: their place counts from `since`. `again`: they may have had it before."""

    callback_id: uuid.UUID
    since: datetime
    again: bool = False
    confirmed: bool = True


@dataclass(frozen=True)
class Moved:
    callback_id: uuid.UUID


@dataclass(frozen=True)
class Confirmed:
    """The number's owner said yes."""

    callback_id: uuid.UUID


@dataclass(frozen=True)
class TookUp:
    """A call stands where this callback stood."""

    callback_id: uuid.UUID
    interaction_id: uuid.UUID


@dataclass(frozen=True)
class Canceled:
    """What a cancel said, what it found, and how many dials there had been."""

    callback_id: uuid.UUID
    won: bool
    found: str
    tries: int


@dataclass(frozen=True)
class Accepted:
    """Somebody pressed 1 and was put through."""

    callback_id: uuid.UUID


class Promises(RuleBasedStateMachine):
    """Two queues, three agents, six numbers, and everything at once."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.is_open, self.is_night = True, False
        self.since: dict[uuid.UUID, datetime | None] = {}
        """The place of each callback and of each call that stands in for one; None where it was moved."""
        self.seen_tries: set[int] = set()
        self.over: dict[uuid.UUID, tuple[str, int]] = {}
        self.canceled: dict[uuid.UUID, int] = {}
        self.accepted: set[uuid.UUID] = set()
        self.forbidden: dict[str, tuple[datetime, datetime]] = {}
        """Who said no, between which two moments: what is asked for in between may be before it or after."""
        self.unconfirmed: set[uuid.UUID] = set()

    @initialize()
    def open_the_house(self) -> None:
        with unit_of_work() as session:
            session.execute(text(EMPTY_DATABASE))
        with unit_of_work() as session:
            make.our_number(session)
            queues = [make.queue(session, key, retry_cooldown_s=0, wrap_up_s=1) for key in ("sales", "support")]
            for queue, mode in zip(queues, ("agent_first", "customer_first"), strict=True):
                rules = {"max_attempts": MOST_TRIES, "gaps_s": [60], "per_slot": 6, "snooze_min": 5, "mode": mode}
                set_policy(session, queue.id, **rules, abandon_recovery=True, follow_up_text=True)
            self.agents = [make.agent(session, name, queues).id for name in ("Ana", "Ben", "Cho")]
            for number in NUMBERS:
                [point] = make.customer(session, number).contact_points
                point.no_calls_at = database_now(session) if number == UNWILLING else None
                point.sms_opted_out_at = database_now(session) if number == TEXTLESS else None
            self.queues = [queue.id for queue in queues]
            for number in (TEXTLESS, UNWILLING):  # they gave up waiting, which nobody has looked at yet
                caller_gone(session, make.waiting_call(session, queues[0], make.customer(session, number)).id)
        self.set_times()

    # -- what happens

    @rule(seed=seeds)
    def something_happens(self, seed: int) -> None:
        """One rule for all: of several, Hypothesis leaves some out in each story, and few deeds would ever meet."""
        self.steps += 1
        with unit_of_work() as session:
            self.began_at = database_now(session)
        chance = Random(f"{seed}:{self.steps}")
        kinds = [self.several_things_happen_at_once] * 4 + [self.everybody_wants_the_same_callback] * 4
        kinds += [self.an_agent_is_matched] * 4 + [self.time_passes] * 2 + [self.the_house_goes_dark]
        chance.choice(kinds)(chance)

    def several_things_happen_at_once(self, chance: Random) -> None:
        draws = [*[self.somebody_asks, self.an_agent_moves] * 4, *[self.a_line_moves] * 3]
        draws += [self.somebody_calls, self.somebody_changes_their_mind, self.somebody_texts, self.a_worker_asks]
        draws += [self.somebody_forbids] if chance.random() < 0.3 else []
        deeds = [chance.choice(draws)(chance) or self.somebody_asks(chance) for _ in range(chance.choice([3, 4]))]
        self.note(at_once(*deeds))

    def everybody_wants_the_same_callback(self, chance: Random) -> None:
        """Its customer, its agent, its line and the clock reach for one callback in the same instant."""
        wanted = select(Callback).where(Callback.state.in_(OPEN))
        waits = (CallbackState.REQUESTED, CallbackState.WAITING)
        under_way = self.find(wanted.where(Callback.state.not_in(waits)), chance)
        callback = (under_way if chance.random() < 0.8 else None) or self.find(wanted, chance)
        if callback is None:
            self.note(at_once(self.asks(MIRA, self.queues[0], None), self.calls_again(MIRA, self.queues[0], False)))
            return
        place = self.find(_open_places().where(Interaction.callback_id == callback.id), chance)
        deeds = [self.changes(callback.id, choice, 30) for choice in chance.sample(["cancel", "move", "at once"], 1)]
        if chance.random() < 0.3:
            deeds += [self.calls_again(callback.number, callback.queue_id, chance.random() < 0.5)] * 3
        asked = (callback.number, callback.queue_id)
        deeds += [self.asks(*asked, 45), self.asks(*asked, None, confirmed=False), look_at_due, find_lost]
        if place is not None:
            lines = ("1", "1", "1", "1", "2", "3", "", "machine", "busy")
            deeds += [self.dials(place.id)] * 3 + [self.line(place.id, how) for how in chance.sample(lines, 4)]
            ringing = self.find(_pending().where(Offer.interaction_id == place.id), chance)
            deeds += [self.answers(ringing.id)] * 2 if ringing is not None else []
        if chance.random() < 0.15:
            deeds += [self.forbids(callback.number)] * 3
        self.note(at_once(*chance.sample(deeds, 4)))

    def an_agent_is_matched(self, chance: Random) -> None:
        """Nothing else happens meanwhile, so it can be said who should have been first (C-4)."""
        with unit_of_work() as session:
            expire_wrap_ups(session)
            offers = dispatch(session)
            served = [session.get_one(Interaction, offer.interaction_id) for offer in offers]
            waiting = session.scalars(select(Interaction).where(Interaction.state == State.QUEUED)).all()
            for one, other in itertools.product(served, waiting):
                if other.queue_id == one.queue_id:
                    assert self.place(one) <= self.place(other), "C-4: a later one was served first"
        self.note(at_once(*[self.takes(offer.id) for offer in offers] or [look_at_due]))

    def time_passes(self, chance: Random) -> None:
        """By day, by night, in the opening hours or not; agents may have taken a callback before and dial it after."""
        taken = self.agents_get_ready() if chance.random() < 0.6 else []
        self.shift(timedelta(minutes=chance.choice([1, 5, 40, 120])))
        if chance.random() < 0.5:
            self.is_open, self.is_night = chance.random() < 0.7, chance.random() < 0.4
            self.set_times()
        if taken:
            at_once(*[self.dials(place_id) for place_id in taken[:4]])
        if chance.random() < 0.7:
            self.the_clock_strikes()

    def agents_get_ready(self) -> list[uuid.UUID]:
        """They take what waits and have not dialled yet: the places that they hold."""
        with unit_of_work() as session:
            dispatch(session)
            for offer in session.scalars(_pending()).all():
                if session.get_one(Interaction, offer.interaction_id).queue_id == self.queues[0]:
                    accept_offer(session, offer.id)
        with unit_of_work() as session:
            return list(session.scalars(_open_places().with_only_columns(Interaction.id)))

    def the_house_goes_dark(self, chance: Random) -> None:
        """No worker runs for a while; then all of them start at once and look at what came due meanwhile (C-8)."""
        self.every_talk_ends()
        self.is_open, self.is_night = True, chance.random() < 0.3
        self.set_times()
        agreed = (Callback.state == CallbackState.WAITING) & Callback.local_start.is_not(None)
        with unit_of_work() as session:
            before = {each.id: each.attempts for each in session.scalars(select(Callback).where(agreed))}
        self.shift(timedelta(minutes=chance.choice([20, 50, 80, 200])))
        at_once(look_at_due, look_at_due, find_lost, dispatch)
        self.the_clock_strikes()
        with unit_of_work() as session:
            now = database_now(session)
            found = {each.id: each for each in session.scalars(select(Callback).where(Callback.id.in_(before)))}
            assert found.keys() == before.keys(), "C-8: one vanished"
            in_time = [each.id for each in found.values() if self.may_be_called(each, now)]
            for each in found.values():
                if each.window_end <= now:
                    assert each.state == CallbackState.EXPIRED, "C-8: its window is over, and it is not expired"
                elif each.id not in in_time:
                    assert each.state == CallbackState.WAITING, "C-8: neither waiting for its time nor ended"
        self.everybody_due_is_called()
        with unit_of_work() as session:
            for each in session.scalars(select(Callback).where(Callback.id.in_(in_time))):
                assert each.attempts > before[each.id], "C-8: in its window after the restart, and not dialled"

    # -- single deeds, or None where there is no occasion

    def somebody_asks(self, chance: Random) -> Deed:
        number, queue_id = chance.choice(WILLING), chance.choice(self.queues)
        leaving = self.leaves_the_line(chance) if chance.random() < 0.3 else None
        return leaving or self.asks(number, queue_id, chance.choice([None, None, 20, 45]), chance.random() < 0.85)

    def asks(self, number: str, queue_id: int, in_min: float | None, confirmed: bool = True) -> Deed:
        def ask(session: Session) -> Promised | None:
            queue, now = session.get_one(Queue, queue_id), database_now(session)
            kind = Kind.VIRTUAL_HOLD if confirmed else Kind.WEB
            since = now - timedelta(minutes=self.steps % 10)
            zone = TOKYO if number == ABROAD else "UTC"
            mine = uuid.uuid4().hex
            about: dict[str, Any] = {"zone": zone, "confirmed": confirmed, "virtual_start": since, "note": mine}
            callback = _unless_refused(lambda: a_callback(session, queue, number, kind=kind, in_min=in_min, **about))
            if callback is None:
                return None
            if callback.note != mine:
                return Promised(callback.id, since, again=True, confirmed=confirmed)
            texts.confirm(session, callback)
            return Promised(callback.id, since if in_min is None else callback.window_start, confirmed=confirmed)

        return ask

    def leaves_the_line(self, chance: Random) -> Deed | None:
        """As the flow does it: the call ends as `callback`, and the place goes on (DOMAIN 3, virtual hold)."""
        waits = (Interaction.state == State.QUEUED) & (Interaction.direction == "inbound")
        call = self.find(select(Interaction).where(waits, Interaction.remote_address != UNWILLING), chance)
        return call and (lambda session: self.leave_line(session, call.id))

    def leave_line(self, session: Session, call_id: uuid.UUID) -> Promised | None:
        call = lock_interaction(session, call_id)
        if call is None or call.state != State.QUEUED or call.virtual_start is None or call.queue_id is None:
            return None
        move(session, call, State.CALLBACK, actor="caller", reason="callback", queue_id=call.queue_id)
        queue, number, since = session.get_one(Queue, call.queue_id), call.remote_address, call.virtual_start
        zone = TOKYO if number == ABROAD else "UTC"
        about: dict[str, Any] = {"virtual_start": since, "origin_id": call.id, "zone": zone}
        callback = _unless_refused(lambda: a_callback(session, queue, number, **about))
        return callback and Promised(callback.id, since, again=callback.origin_id != call.id)

    def somebody_calls(self, chance: Random) -> Deed | None:
        """Anybody calls, also who was not promised anything, and some give up waiting."""
        waits = Interaction.state.in_((State.QUEUED, State.OFFERED)) & (Interaction.direction == "inbound")
        unwilling = self.find(select(Interaction).where(waits, Interaction.remote_address == UNWILLING), chance)
        waiting = unwilling or self.find(select(Interaction).where(waits), chance)
        if waiting is not None and chance.random() < 0.5:
            return lambda session: caller_gone(session, waiting.id)
        number = chance.choice([*NUMBERS, *[UNWILLING] * 5])
        return self.calls_again(number, chance.choice(self.queues), chance.random() < 0.5, chance.random() < 0.4)

    def calls_again(self, number: str, queue_id: int, waits_now: bool, gives_up: bool = False) -> Deed:
        def call_again(session: Session) -> TookUp | None:
            call = make.call_in_flow(session, make.customer(session, number))
            if waits_now:
                known = open_for(session, number)
                callback = hold_in_turn(session, known) if known else None
                if callback is not None and wait_in_its_place(session, callback, call):
                    return TookUp(callback.id, call.id)
            one_at_a_time(session, number, queue_id)
            known = open_for(session, number, queue_id)
            took_up = join_line(session, call, queue_id) is not None
            enqueue_interaction(session, call, session.get_one(Queue, queue_id))
            if gives_up:
                caller_gone(session, call.id)
            return TookUp(known.id, call.id) if known is not None and took_up else None

        return call_again

    def somebody_changes_their_mind(self, chance: Random) -> Deed | None:
        callback = self.find(select(Callback).where(Callback.state.in_(OPEN)), chance)
        choice = chance.choice(["cancel", "move", "at once", "confirm"])
        return callback and self.changes(callback.id, choice, chance.choice([20, 90]))

    def changes(self, callback_id: uuid.UUID, choice: str, minutes: int) -> Deed:
        def change(session: Session) -> Canceled | Moved | Confirmed:
            callback = hold(session, callback_id)
            assert callback is not None
            if choice == "cancel":
                found, tries = callback.state, callback.attempts
                return Canceled(callback.id, cancel_callback(session, callback, actor="customer"), found, tries)
            if choice == "confirm":
                confirm_callback(session, callback)
                return Confirmed(callback.id)
            start = database_now(session) + timedelta(minutes=minutes)
            window = Window(start, 30, "UTC") if choice == "move" else None
            _unless_refused(lambda: move_callback(session, callback, window, actor="customer"))
            return Moved(callback.id)

        return change

    def somebody_texts(self, chance: Random) -> Deed | None:
        """A word about a callback, or for one."""
        number, word = chance.choice([MIRA, NOOR, ABROAD]), chance.choice(["LATER", "NOCALL", "PLACE", "CALL ME"])

        def write(session: Session) -> Moved | None:
            known = open_for(session, number)
            take(session, InboundMessage(uuid.uuid4().hex, number, make.OUR_NUMBER, word))
            return Moved(known.id) if known is not None and word != "PLACE" else None

        return write

    def somebody_forbids(self, chance: Random) -> Deed | None:
        return self.forbids(chance.choice(WILLING))

    def forbids(self, number: str) -> Deed:
        """Somebody says "do not call me", while an agent may be about to dial them (C-9)."""

        def say_no(session: Session) -> str:
            forbid(session, number, "Said so", actor="user:1")
            return number

        return say_no

    def an_agent_moves(self, chance: Random) -> Deed | None:
        """A ringing agent answers, or not; one who waits on the line, or is kept for it, has the customer dialled."""
        ringing, at_hand = self.find(_pending(), chance), self.find(_open_places(), chance)
        if at_hand is not None and (ringing is None or chance.random() < 0.6):
            return self.dials(at_hand.id)
        if ringing is None:
            return None
        if chance.random() < 0.1:
            return lambda session: reject_offer(session, ringing.id)
        return self.answers(ringing.id)

    def answers(self, offer_id: int) -> Deed:
        return lambda session: accept_offer(session, offer_id)

    def takes(self, offer_id: int) -> Deed:
        """The agent answers and the customer's number is dialled; customers who are called first, before that."""

        def take(session: Session) -> None:
            interaction_id = session.get_one(Offer, offer_id).interaction_id
            self.dial(session, interaction_id, ("customer_first",))
            interaction = session.get_one(Interaction, interaction_id)
            if interaction.callback_id is None or interaction.queue_id == self.queues[0]:
                accept_offer(session, offer_id)
            self.dial(session, interaction_id, ("agent_first",))

        return take

    def dials(self, interaction_id: uuid.UUID) -> Deed:
        return lambda session: self.dial(session, interaction_id)

    def dial(
        self, session: Session, interaction_id: uuid.UUID, modes: Iterable[str] = ("agent_first", "customer_first")
    ) -> None:
        """As the telephone does it, in the moment before the carrier is asked."""
        interaction = lock_interaction(session, interaction_id)
        if interaction is None or interaction.callback_id is None:
            return
        mode = "agent_first" if interaction.queue_id == self.queues[0] else "customer_first"
        ready = TALKING if mode == "agent_first" else (State.OFFERED,)
        if interaction.state in ready and mode in modes and begin_try(session, interaction, mode):
            mine = Offer.interaction_id == interaction.id, Offer.state.in_(OPEN_OFFER)
            assert session.scalars(select(Offer.id).where(*mine)).first(), "a dial without an agent"

    def a_line_moves(self, chance: Random) -> Deed | None:
        """A line that rings is picked up and keys are pressed, or it ends; a talk ends."""
        trying = select(CallbackAttempt).where(CallbackAttempt.ended_at.is_(None))
        tried = self.find(trying, chance)
        if tried is not None and chance.random() < 0.8:
            keys = ["1", "1", "1", "1", "2", "3", "", "machine", "no-answer", "busy"]
            return self.line(tried.interaction_id, chance.choice(keys))
        talk = self.find(select(Interaction).where(Interaction.state.in_(TALKING)), chance)
        return talk and self.line(talk.id, "ended")

    def line(self, interaction_id: uuid.UUID, how: str) -> Deed:
        keys = {"1": accept, "2": snooze, "3": refuse, "": nobody_spoke, "machine": machine_answered}

        def move_on(session: Session) -> Accepted | None:
            interaction = lock_interaction(session, interaction_id)
            if interaction is None or interaction.state in (*TERMINAL, State.WRAPPING):
                return None
            about = interaction.callback_id
            dialled = CallbackAttempt.interaction_id == interaction_id, CallbackAttempt.ended_at.is_(None)
            if session.scalars(select(CallbackAttempt.id).where(*dialled)).first() is None:
                caller_gone(session, interaction_id)  # a call, or an agent who gave up before anybody was dialled
            elif how not in keys:
                line_ended(session, interaction, how)
            elif picked_up(session, interaction):
                done = keys[how](session, interaction)
                if how == "1":
                    return Accepted(about) if done and about else None
                line_ended(session, interaction, "completed")
            return None

        return move_on

    def a_worker_asks(self, chance: Random) -> Deed | None:
        return chance.choice([*TICKS, look_at_due, look_at_due, find_lost])

    # -- what the story itself knows

    def note(self, results: list[Any]) -> None:
        """Remember who was promised what, who said no, and what was answered to a cancel."""
        for result in results:
            match result:
                case Promised():
                    self.since[result.callback_id] = None if result.again else result.since
                    if not result.confirmed and not result.again:
                        self.unconfirmed.add(result.callback_id)
                case Moved():
                    self.since[result.callback_id] = None
                case Accepted():
                    self.accepted.add(result.callback_id)
                case Canceled():
                    can = result.found in BEFORE_A_TALK
                    assert result.won == can, f"C-7: a cancel found {result.found} and won: {result.won}"
                    if result.won:
                        self.canceled[result.callback_id] = result.tries
                case str():
                    with unit_of_work() as session:
                        self.forbidden[result] = self.began_at, database_now(session)
        for each in results:
            if isinstance(each, TookUp):
                self.since[each.interaction_id] = self.since.get(each.callback_id)
            if isinstance(each, Moved | Confirmed) or (isinstance(each, Promised) and each.confirmed):
                self.unconfirmed.discard(each.callback_id)

    def place(self, interaction: Interaction) -> tuple[Any, ...]:
        """Where it belongs in the line, by what was promised; calls that never had a callback by when they came."""
        promised = self.since.get(interaction.callback_id or interaction.id)
        return (promised or interaction.virtual_start, interaction.virtual_start, interaction.id)

    def may_be_called(self, callback: Callback, now: datetime) -> bool:
        return callback.window_start <= now < callback.window_end and self.is_time_for(callback)

    def is_time_for(self, callback: Callback) -> bool:
        return self.is_open and not (self.is_night and callback.zone != "UTC")

    def was_forbidden_after(self, callback: Callback) -> bool:
        """Whether its person said "do not call me" later than they asked for it."""
        return callback.number in self.forbidden and callback.created_at < self.forbidden[callback.number][0]

    def is_after_a_no(self, number: str, moment: datetime) -> bool:
        return number in self.forbidden and moment > self.forbidden[number][1]

    def set_times(self) -> None:
        """The doors open or close, and it becomes night everywhere but where people live by UTC, or day again."""
        with unit_of_work() as session:
            hour = database_now(session).hour
            quiet = f"{hour:02d}:00-{(hour + 2) % 24:02d}:00" if self.is_night else DAY_AND_NIGHT
            for queue_id in self.queues:
                set_policy(session, queue_id, hours=OPEN_HOURS if self.is_open else CLOSED_HOURS, quiet=quiet)
            waiting = update(Callback).where(
                Callback.state.in_(WAITING_FOR_A_DIAL), Callback.window_start <= Callback.due_at
            )
            session.execute(waiting.values(due_at=Callback.window_start))

    def shift(self, by: timedelta) -> None:
        """Everything that is planned comes so much nearer, as if nobody had looked at it meanwhile."""
        with unit_of_work() as session:
            session.execute(update(Callback).values({name: getattr(Callback, name) - by for name in TIMES}))
            session.execute(
                update(Interaction).values(
                    virtual_start=Interaction.virtual_start - by, wake_at=Interaction.wake_at - by
                )
            )
            expire_wrap_ups(session)
        self.since = {about: since and since - by for about, since in self.since.items()}

    def the_clock_strikes(self) -> None:
        """All of the clock's questions, asked by two workers, then once more in peace; what must be done by then is."""
        at_once(*TICKS, look_at_due, find_lost)
        for ask in TICKS:
            with unit_of_work() as session:
                ask(session)
        with unit_of_work() as session:
            now = database_now(session)
            places = {each.callback_id: each for each in session.scalars(_open_places())}
            callbacks = session.scalars(select(Callback)).all()
            for each in callbacks:
                if each.state in (CallbackState.DUE, *TRYING, CallbackState.CONNECTED):
                    assert each.id in places, "C-5: under way, and nobody is at it"
                if each.state in WAITING_FOR_A_DIAL and each.expires_at <= now:
                    place = places.get(each.id)
                    assert place is not None and place.state in TALKING, "C-5: its time is over, and it has not ended"
            self.those_who_waited_in_vain_are_looked_after(session, callbacks)

    def those_who_waited_in_vain_are_looked_after(self, session: Session, callbacks: Iterable[Callback]) -> None:
        """C-8: somebody of ours looks after them, and they are told, but who wants no texts is not (C-9)."""
        owed = session.scalars(select(FollowUp)).all()
        told = Counter(session.scalars(select(Message.client_id)))
        for each in callbacks:
            if each.state not in (CallbackState.EXPIRED, CallbackState.EXHAUSTED) or each.end_reason == NOT_CONFIRMED:
                continue
            if each.kind == Kind.ABANDON:
                mine = [one.owner_id for one in owed if one.interaction_id == each.origin_id]
            else:
                mine = [one.owner_id for one in owed if one.callback_id == each.id]
                is_told = told[f"callback:{each.id}:end"] == 1
                wants_none = each.number == TEXTLESS or self.was_forbidden_after(each)
                assert is_told or wants_none, "C-8: who waited in vain was not told"
            assert len(mine) == 1 and mine[0] in self.agents, "C-8: nobody of ours looks after them"

    def every_talk_ends(self) -> None:
        with unit_of_work() as session:
            talks = session.scalars(select(Interaction.id).where(Interaction.state.in_(TALKING))).all()
            trying = session.scalars(select(CallbackAttempt.interaction_id).where(CallbackAttempt.ended_at.is_(None)))
            lines = {*talks, *trying}
        for line in lines:
            with unit_of_work() as session:
                self.line(line, "no-answer")(session)
        self.shift(timedelta(seconds=1))

    def everybody_due_is_called(self) -> None:
        """Agents take whom they get, and nobody picks up, until the line is empty."""
        for _ in range(20):
            with unit_of_work() as session:
                dispatch(session)
                ringing = session.scalars(_pending()).all()
            if not ringing:
                return
            for offer in ringing:
                with unit_of_work() as session:
                    self.takes(offer.id)(session)
            self.every_talk_ends()
        raise AssertionError("the line does not get empty")

    def find(self, query: Any, chance: Random) -> Any:
        with unit_of_work() as session:
            found = sorted(session.scalars(query).all(), key=lambda row: str(row.id))
        return chance.choice(found) if found else None

    # -- what must hold whatever happened

    @invariant()
    def promises_hold(self) -> None:
        with unit_of_work() as session:
            callbacks = {each.id: each for each in session.scalars(select(Callback))}
            tries = session.scalars(select(CallbackAttempt).order_by(CallbackAttempt.n)).all()
            places = session.scalars(select(Interaction).where(Interaction.state.not_in(TERMINAL))).all()
            texts = session.scalars(select(Message).where(Message.direction == "outbound")).all()
            ends = session.scalars(select(Event.data["callback_id"].astext).where(Event.kind.in_(ENDS))).all()
            _assert_no_more_dials_than_agents(session, tries)
        _assert_one_for_each(callbacks.values())
        self.tries_are_counted(callbacks, tries)
        self.places_are_single(callbacks, places)
        self.ends_are_final(callbacks, tries, ends)
        self.wishes_are_heeded(callbacks, texts)

    def tries_are_counted(self, callbacks: dict[uuid.UUID, Callback], tries: Iterable[CallbackAttempt]) -> None:
        for callback in callbacks.values():
            mine = [each for each in tries if each.callback_id == callback.id]
            assert [each.n for each in mine] == list(range(1, callback.attempts + 1)), "C-3: a dial was not counted"
            wanted_later = sum(each.outcome == "snoozed" for each in mine)
            assert len(mine) <= MOST_TRIES + wanted_later, "C-3: more tries than allowed"
            for earlier, later in itertools.pairwise(mine):
                assert earlier.ended_at and earlier.ended_at <= later.started_at, "C-3: two dials at once"
        for new in [each for each in tries if each.id not in self.seen_tries]:
            callback = callbacks[new.callback_id]
            assert callback.window_start <= new.started_at < callback.window_end, "C-2: dialled outside the window"
            assert self.is_time_for(callback), "C-2: dialled outside the opening hours, or at night"
            is_after = self.is_after_a_no(callback.number, new.started_at)
            assert not (is_after and self.was_forbidden_after(callback)), "C-9: dialled after a no"
            self.seen_tries.add(new.id)

    def places_are_single(self, callbacks: dict[uuid.UUID, Callback], places: Iterable[Interaction]) -> None:
        waiting = {(each.number, each.queue_id) for each in callbacks.values() if each.state in BEFORE_A_TALK}
        for place in places:
            if place.callback_id is None:
                if place.state in (State.QUEUED, State.OFFERED):
                    assert (place.remote_address, place.queue_id) not in waiting, "C-6: waits twice for the same"
            elif place.state != State.WRAPPING:
                assert callbacks[place.callback_id].state in OPEN, "C-7: it is over and still has a place"
        placed = Counter(place.callback_id for place in places if place.state != State.WRAPPING)
        for callback in callbacks.values():
            assert placed[callback.id] <= 1, "C-6: two places of one callback"

    def ends_are_final(
        self, callbacks: dict[uuid.UUID, Callback], tries: Iterable[CallbackAttempt], ends: Iterable[str | None]
    ) -> None:
        promised = self.over.keys() | self.canceled.keys() | self.accepted
        assert promised <= callbacks.keys(), "C-5: one vanished"
        told, dials = Counter(ends), Counter(each.callback_id for each in tries)
        lines = {each.callback_id for each in tries if each.ended_at is None}
        for callback in callbacks.values():
            is_over = callback.state not in OPEN
            assert told[str(callback.id)] == is_over, "C-5: ended without a word, or twice"
            assert not (is_over and callback.id in lines), "C-7: a line rings for one that is over"
            if is_over:
                now = callback.state, dials[callback.id]
                assert self.over.setdefault(callback.id, now) == now, "C-7: dialled or changed after its end"
            if callback.id in self.accepted:
                assert callback.state in ("connected", "completed"), "C-7: they talked, and it ended otherwise"
            if callback.id in self.canceled:
                assert callback.state in CANCELED, "C-7: a cancel did not win"
                assert dials[callback.id] == self.canceled[callback.id], "C-7: dialled after a cancel"

    def wishes_are_heeded(self, callbacks: dict[uuid.UUID, Callback], texts: Iterable[Message]) -> None:
        assert not any(each.number == UNWILLING for each in callbacks.values()), "C-9: promised to call who must not be"
        unasked = [each for each in callbacks.values() if each.kind == Kind.ABANDON]
        assert not any(each.number == TEXTLESS for each in unasked), "C-9: calls who opted out and did not ask"
        for each in callbacks.values():
            if each.state in BEFORE_A_TALK:
                assert not self.was_forbidden_after(each), "C-9: promised after a no"
            if each.id in self.unconfirmed:
                is_asked = each.state == CallbackState.REQUESTED or each.state not in OPEN
                assert is_asked, "C-9: nobody has shown that the number is theirs"
        for written in texts:
            assert written.remote_address not in (UNWILLING, TEXTLESS), "C-9: a text to somebody who wants none"
            if self.is_after_a_no(written.remote_address, written.created_at):
                about = next((each for each in callbacks.values() if str(each.id) in (written.client_id or "")), None)
                assert about is not None and not self.was_forbidden_after(about), "C-9: a text after a no"

    def teardown(self) -> None:
        """C-5: when all their time is over, every callback has ended."""
        if not hasattr(self, "queues"):
            return
        self.is_open = True
        self.every_talk_ends()
        for days in (0, 40):  # what is owed by then is promised before
            self.shift(timedelta(days=days))
            self.the_clock_strikes()
            self.promises_hold()
        with unit_of_work() as session:
            assert session.scalars(select(Callback.state).where(Callback.state.in_(OPEN))).all() == [], (
                "C-5: still open"
            )
            kept = set(session.scalars(select(Callback.id)))
            calls = set(session.scalars(select(Interaction.id)))
        assert self.since.keys() <= kept | calls, "C-5: one vanished"


def _open_places() -> Any:
    ended = (*TERMINAL, State.WRAPPING)
    return select(Interaction).where(Interaction.callback_id.is_not(None), Interaction.state.not_in(ended))


def _pending() -> Any:
    return select(Offer).where(Offer.state == OfferState.PENDING)


def _unless_refused(deed: Callable[[], Any]) -> Any:
    try:
        return deed()
    except CallbackRefused:
        return None


def _assert_one_for_each(callbacks: Iterable[Callback]) -> None:
    counted = Counter((each.number, each.queue_id) for each in callbacks if each.state in OPEN)
    assert all(times == 1 for times in counted.values()), "C-1: two open callbacks of one number in one queue"


def _assert_no_more_dials_than_agents(session: Session, tries: Iterable[CallbackAttempt]) -> None:
    """One whom the customer waits for may decline: then the next free one is reserved for the line that rings."""
    held = set(session.scalars(select(Offer.interaction_id).where(Offer.state.in_(OPEN_OFFER))))
    ringing = [each for each in tries if each.ended_at is None and each.mode == "agent_first"]
    assert all(each.interaction_id in held for each in ringing), "a dial without an agent"


def test_the_promises_invariants_hold_whatever_happens_in_whatever_order(database: str) -> None:
    run_state_machine_as_test(
        Promises,
        settings=settings(
            max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "3")),
            stateful_step_count=30,
            deadline=None,
            phases=[Phase.generate],  # which deed wins a race is not repeatable, so there is nothing to shrink
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )

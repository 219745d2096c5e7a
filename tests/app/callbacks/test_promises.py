"""A promise is made once, kept in its time and place, moved, canceled, or ends in words that somebody acts upon."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.callbacks.change import cancel_callback, confirm_callback, move_callback, take_up
from app.callbacks.expire import find_lost, look_at_due
from app.callbacks.models import Callback, CallbackAttempt, CallbackState, Kind, Outcome
from app.callbacks.no_calls import forbid
from app.callbacks.notices import remind, tell_ends
from app.callbacks.policy import PolicyRefused, policy_of, set_policy
from app.callbacks.request import CallbackRefused, Window
from app.callbacks.rows import hold, open_place
from app.callbacks.tries import accept, begin_try, line_ended, picked_up
from app.db import database_now
from app.interactions.models import Interaction, Message, State
from app.routing.dispatch import dispatch
from app.routing.offers import accept_offer
from app.routing.release import caller_gone
from tests import factories as make
from tests.app.callbacks.conftest import MIRA, a_callback, a_queue, pass_time
from tests.support.acd import events_named, jobs_named

DUE, WAITING = CallbackState.DUE, CallbackState.WAITING


def accepted(session: Session, callback: Callback) -> Interaction:
    """Its place is offered to an agent, who accepts."""
    [offer] = dispatch(session)
    accept_offer(session, offer.id)
    interaction = open_place(session, callback)
    assert interaction is not None and interaction.state == State.ACTIVE
    return interaction


def test_who_leaves_the_line_is_served_before_who_came_later(session: Session) -> None:
    queue = a_queue(session)
    make.our_number(session)
    now = database_now(session)
    later = make.waiting_call(session, queue, waited_s=5 * 60)
    left = a_callback(session, queue, virtual_start=now - timedelta(minutes=6))
    make.agent(session, "Ana", [queue])
    [offer] = dispatch(session)
    place = open_place(session, left)
    assert place is not None and offer.interaction_id == place.id
    session.refresh(later)
    assert later.state == State.QUEUED


def test_asked_twice_it_is_one_callback(session: Session) -> None:
    queue = a_queue(session)
    first = a_callback(session, queue)
    assert a_callback(session, queue).id == first.id
    assert session.scalar(select(func.count()).select_from(Callback)) == 1
    assert a_callback(session, a_queue(session, "support")).id != first.id


def test_asked_again_with_a_time_it_moves_there(session: Session) -> None:
    queue = a_queue(session, per_slot=5)
    first = a_callback(session, queue)
    again = a_callback(session, queue, in_min=90)
    assert (again.id, again.state) == (first.id, WAITING)
    assert again.local_start is not None
    assert open_place(session, again) is None


def test_a_window_ahead_waits_for_its_time_and_is_then_placed_by_the_clock(session: Session) -> None:
    queue = a_queue(session, per_slot=5)
    callback = a_callback(session, queue, in_min=30)
    assert callback.state == WAITING
    look_at_due(session)
    assert callback.state == WAITING, "it is not time"
    pass_time(session, callback, timedelta(minutes=31))
    look_at_due(session)
    assert callback.state == DUE
    place = open_place(session, callback)
    assert place is not None and place.virtual_start == callback.window_start


def test_at_night_where_the_person_is_the_promise_waits_for_the_morning(session: Session) -> None:
    queue = a_queue(session)
    now = database_now(session)
    hour = (now + timedelta(hours=2)).hour
    set_policy(session, queue.id, quiet=f"{hour:02d}:00-{(hour + 3) % 24:02d}:00", zone="UTC")
    callback = a_callback(session, queue, zone="UTC")
    assert callback.state == WAITING
    assert callback.due_at == (now + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)


def test_a_place_that_may_not_be_dialled_any_more_leaves_the_line(session: Session) -> None:
    queue = a_queue(session)
    callback = a_callback(session, queue)
    set_policy(session, queue.id, hours={"zone": "UTC", "weekly": {"mon-sun": "closed"}})
    callback.due_at = database_now(session)
    look_at_due(session)
    assert callback.state == WAITING
    assert open_place(session, callback) is None


def test_due_while_everything_was_down_it_is_dialled_if_its_window_still_stands(session: Session) -> None:
    queue = a_queue(session, per_slot=5)
    callback = a_callback(session, queue, in_min=30)
    pass_time(session, callback, timedelta(minutes=80))
    look_at_due(session)
    assert callback.state == DUE


def test_due_while_everything_was_down_for_too_long_it_expires_and_the_person_is_told(session: Session) -> None:
    queue = a_queue(session, per_slot=5)
    make.our_number(session)
    callback = a_callback(session, queue, in_min=30)
    pass_time(session, callback, timedelta(minutes=91))
    look_at_due(session)
    assert callback.state == CallbackState.EXPIRED
    assert tell_ends(session) == 1
    assert tell_ends(session) == 0, "told once"
    [text] = session.scalars(select(Message)).all()
    assert "could not call you in the time we agreed" in text.body


def test_tries_come_after_growing_pauses_and_then_no_more(session: Session) -> None:
    queue = a_queue(session, max_attempts=3)
    make.agent(session, "Ana", [queue])
    callback = a_callback(session, queue)
    pauses = []
    for n in (1, 2, 3):
        interaction = accepted(session, callback)
        assert begin_try(session, interaction, "agent_first")
        assert begin_try(session, interaction, "agent_first"), "asked again, it is the same try"
        now = database_now(session)
        line_ended(session, interaction, "no-answer")
        if n < 3:
            assert callback.state == WAITING
            pauses.append(round((callback.due_at - now).total_seconds() / 60))
            callback.due_at = now
            look_at_due(session)
    assert pauses == [10, 60]
    assert callback.state == CallbackState.EXHAUSTED
    tried = session.scalars(select(CallbackAttempt).order_by(CallbackAttempt.n)).all()
    assert [(each.n, each.outcome) for each in tried] == [(n, Outcome.NO_ANSWER) for n in (1, 2, 3)]


def test_a_kept_promise_is_completed_with_the_talk(session: Session) -> None:
    queue = a_queue(session)
    make.agent(session, "Ana", [queue])
    callback = a_callback(session, queue)
    interaction = accepted(session, callback)
    begin_try(session, interaction, "agent_first")
    assert picked_up(session, interaction) and accept(session, interaction)
    assert interaction.answered_at is not None
    line_ended(session, interaction, "completed")
    assert (callback.state, interaction.state) == (CallbackState.COMPLETED, State.WRAPPING)


def test_a_cancel_wins_while_it_rings_and_loses_once_they_talk(session: Session) -> None:
    queue = a_queue(session)
    make.agent(session, "Ana", [queue])
    ringing = a_callback(session, queue)
    interaction = accepted(session, ringing)
    begin_try(session, interaction, "agent_first")
    assert cancel_callback(session, ringing, actor="customer")
    assert ringing.state == CallbackState.CANCELED_BY_CUSTOMER
    assert interaction.state == State.COMPLETED, "the agent is free"
    assert jobs_named(session, "voice.hang_up")
    assert not begin_try(session, interaction, "agent_first"), "no dial after a cancel"

    talking = a_callback(session, queue, "+15550142031")
    interaction = accepted(session, talking)
    begin_try(session, interaction, "agent_first")
    picked_up(session, interaction)
    accept(session, interaction)
    assert not cancel_callback(session, talking, actor="customer")
    assert talking.state == CallbackState.CONNECTED


def test_moved_it_leaves_the_line_and_as_soon_as_possible_it_has_its_older_place_again(session: Session) -> None:
    queue = a_queue(session, per_slot=5)
    since = database_now(session) - timedelta(minutes=7)
    callback = a_callback(session, queue, virtual_start=since)
    start = database_now(session) + timedelta(hours=2)
    move_callback(session, callback, Window(start, 30, "Europe/Berlin"), actor="customer")
    assert (callback.state, callback.window_start, callback.local_zone) == (WAITING, start, "Europe/Berlin")
    assert open_place(session, callback) is None
    move_callback(session, callback, None, actor="customer")
    assert callback.state == DUE


def test_a_full_slot_takes_no_more(session: Session) -> None:
    queue = a_queue(session, per_slot=1)
    a_callback(session, queue, in_min=60)
    with pytest.raises(CallbackRefused) as refused:
        a_callback(session, queue, "+15550142031", in_min=60)
    assert refused.value.code == "slot_full"
    a_callback(session, queue, "+15550142031", in_min=60, booked=True)  # promised on the phone a moment ago


@pytest.mark.parametrize(("in_min", "code"), [(-120, "past"), (60 * 24 * 20, "too_far")])
def test_a_window_must_lie_ahead_and_not_too_far(session: Session, in_min: int, code: str) -> None:
    queue = a_queue(session)
    with pytest.raises(CallbackRefused) as refused:
        a_callback(session, queue, in_min=in_min)
    assert refused.value.code == code


@pytest.mark.parametrize("number", ["anonymous", "12345", "+1", "+1555'; DROP TABLE callback", "+" + "9" * 400, ""])
def test_what_is_no_telephone_number_is_not_called(session: Session, number: str) -> None:
    queue = a_queue(session)
    person = make.customer(session)
    with pytest.raises(CallbackRefused):
        a_callback(session, queue, number, customer=person)


def test_who_wants_no_calls_is_called_when_they_ask_for_it_and_only_then(session: Session) -> None:
    queue = a_queue(session)
    person = make.customer(session, MIRA)
    person.contact_points[0].no_calls_at = database_now(session)
    session.flush()
    with pytest.raises(CallbackRefused) as refused:
        a_callback(session, queue, kind=Kind.ABANDON, customer=person)
    assert refused.value.code == "no_calls"
    assert a_callback(session, queue, customer=person).state == DUE


def test_a_request_from_the_web_is_dialled_when_its_number_said_yes(session: Session) -> None:
    queue = a_queue(session)
    callback = a_callback(session, queue, kind=Kind.WEB, confirmed=False)
    look_at_due(session)
    assert callback.state == CallbackState.REQUESTED
    assert confirm_callback(session, callback)
    assert callback.state == DUE
    assert not confirm_callback(session, callback)


def test_a_request_from_the_web_that_nobody_confirmed_ends_without_a_word(session: Session) -> None:
    queue = a_queue(session)
    callback = a_callback(session, queue, kind=Kind.WEB, confirmed=False)
    pass_time(session, callback, timedelta(minutes=31))
    look_at_due(session)
    assert (callback.state, callback.end_reason) == (CallbackState.EXPIRED, "not_confirmed")
    assert tell_ends(session) == 0


def test_what_nobody_has_confirmed_changes_nothing_of_what_was_promised(session: Session) -> None:
    queue = a_queue(session, per_slot=5)
    asked = a_callback(session, queue, kind=Kind.WEB, confirmed=False)
    for in_min in (None, 90):
        assert a_callback(session, queue, kind=Kind.WEB, confirmed=False, in_min=in_min).id == asked.id
        assert (asked.state, asked.local_start) == (CallbackState.REQUESTED, None), "asked twice is not confirmed"
    assert a_callback(session, queue, kind=Kind.ABANDON).state == CallbackState.REQUESTED
    promised = a_callback(session, queue, "+15550142031")
    a_callback(session, queue, "+15550142031", kind=Kind.WEB, confirmed=False, in_min=90)
    assert (promised.state, promised.local_start) == (DUE, None), "a stranger moves nobody's callback"


def test_who_forbade_calls_after_they_asked_is_not_told_how_it_ended(session: Session) -> None:
    queue = a_queue(session)
    make.our_number(session)
    callback = a_callback(session, queue)
    pass_time(session, callback, timedelta(days=2))
    look_at_due(session)
    assert callback.state == CallbackState.EXPIRED
    forbid(session, MIRA, "Said so", actor="user:1")
    assert tell_ends(session) == 0
    assert session.scalars(select(Message)).all() == []


def test_their_own_call_takes_the_place(session: Session) -> None:
    queue = a_queue(session)
    callback = a_callback(session, queue, virtual_start=database_now(session) - timedelta(minutes=9))
    call = make.call_in_flow(session)
    assert take_up(session, callback, call)
    assert callback.state == CallbackState.SUPERSEDED
    assert call.virtual_start == callback.virtual_start
    assert not take_up(session, callback, make.call_in_flow(session))


VALUE = [{"language": "es", "priority_min": 10}, {"tier": "gold", "priority_min": 5}]


def test_what_a_contact_is_worth_counts_once_for_its_callback(session: Session) -> None:
    queue = make.queue(session, "sales", value_rules=VALUE)
    set_policy(session, queue.id, quiet="00:00-24:00")
    origin = make.call_in_flow(session)
    origin.tier, origin.language = "gold", "es"
    callback = a_callback(session, queue, priority_min=3, language="es", origin_id=origin.id)
    assert callback.priority_min == 3 + 10 + 5
    assert placed(session, callback).priority_min == 18
    plain = a_callback(session, queue, "+15550142031", kind=Kind.SMS)
    assert placed(session, plain).priority_min == 0


def placed(session: Session, callback: Callback) -> Interaction:
    found = open_place(session, callback)
    assert found is not None
    return found


def test_the_head_start_of_a_wait_is_kept_and_not_counted_again(session: Session) -> None:
    queue = make.queue(session, "sales", value_rules=VALUE)
    set_policy(session, queue.id, quiet="00:00-24:00")
    left = a_callback(session, queue, priority_min=3, kept_min=25, language="es")
    assert (left.priority_min, placed(session, left).priority_min) == (25, 25)
    call = make.call_in_flow(session)
    assert take_up(session, left, call) and call.priority_min == 25


def test_an_agents_own_callback_waits_for_them_and_is_released_when_they_leave(session: Session) -> None:
    queue = a_queue(session)
    ana = make.agent(session, "Ana", [queue])
    make.waiting_call(session, queue)
    dispatch(session)  # Ana is busy
    callback = a_callback(session, queue, kind=Kind.AGENT, owner_id=ana.id)
    look_at_due(session)
    assert callback.state == WAITING, "it waits for Ana"
    pass_time(session, callback, timedelta(hours=2))
    callback.window_end = callback.expires_at = database_now(session) + timedelta(hours=1)
    look_at_due(session)
    assert callback.state == DUE, "anybody may make it now"


def test_an_agents_own_callback_is_offered_to_them_before_a_longer_idle_colleague(session: Session) -> None:
    queue = a_queue(session)
    make.agent(session, "Ben", [queue], idle_s=600)
    ana = make.agent(session, "Ana", [queue])
    callback = a_callback(session, queue, kind=Kind.AGENT, owner_id=ana.id)
    look_at_due(session)
    place = open_place(session, callback)
    assert place is not None and (place.state, place.agent_id) == (State.OFFERED, ana.id)


def test_a_try_whose_agent_vanished_is_made_again(session: Session) -> None:
    queue = a_queue(session)
    make.agent(session, "Ana", [queue])
    callback = a_callback(session, queue)
    interaction = accepted(session, callback)
    begin_try(session, interaction, "agent_first")
    caller_gone(session, interaction.id)
    assert find_lost(session) == 1
    assert callback.state == WAITING
    [tried] = session.scalars(select(CallbackAttempt)).all()
    assert tried.outcome == Outcome.AGENT_GONE


def test_a_reminder_goes_out_once_for_each_time(session: Session) -> None:
    queue = a_queue(session, per_slot=5)
    make.our_number(session)
    callback = a_callback(session, queue, in_min=60)
    callback.created_at -= timedelta(hours=3)
    assert remind(session) == 0
    pass_time(session, callback, timedelta(minutes=52))
    assert (remind(session), remind(session)) == (1, 0)
    assert "Reminder" in session.scalars(select(Message.body)).one()


def test_a_rule_that_makes_no_sense_is_refused(session: Session) -> None:
    queue = a_queue(session)
    for rule in ({"max_attempts": 0}, {"zone": "Mars/Olympus"}, {"quiet": "late"}, {"unknown": 1}, {"gaps_s": []}):
        with pytest.raises(PolicyRefused):
            set_policy(session, queue.id, **rule)
    assert policy_of(session, queue.id).max_attempts == 3


def test_the_story_is_told(session: Session) -> None:
    queue = a_queue(session)
    callback = a_callback(session, queue)
    held = hold(session, callback.id)
    assert held is not None
    cancel_callback(session, held, actor="customer")
    kinds = ["callback.requested", "callback.due", "callback.canceled_by_customer"]
    assert [len(events_named(session, kind)) for kind in kinds] == [1, 1, 1]

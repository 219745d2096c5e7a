"""Every contact that nobody answered has an owner, until the person is reached."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import events
from app.accounts.models import User
from app.callbacks.models import Callback
from app.callbacks.policy import set_policy
from app.customers.models import ContactPoint
from app.db import database_now, unit_of_work
from app.follow_ups.close import close_reached, finish, take
from app.follow_ups.models import FollowUp
from app.follow_ups.open import open_follow_ups
from app.interactions.messages import send_message
from app.interactions.models import Interaction, Message, State
from app.interactions.move import move
from app.routing.dispatch import dispatch
from app.routing.models import Queue
from app.routing.offers import accept_offer, time_out_offer
from app.routing.release import caller_gone
from tests import factories as make
from tests.app.callbacks.conftest import MIRA, a_callback, a_queue, pass_time
from tests.app.conftest import Browser, browser
from tests.support.acd import at_once


def only(session: Session) -> FollowUp:
    open_follow_ups(session)
    session.expire_all()
    return session.scalars(select(FollowUp)).one()


def gives_up(session: Session, queue: Queue) -> Interaction:
    call = make.waiting_call(session, queue, make.customer(session, MIRA), waited_s=60)
    caller_gone(session, call.id)
    return call


def test_who_gave_up_waiting_is_somebodys_to_call(session: Session) -> None:
    queue = a_queue(session)
    ana = make.agent(session, "Ana", [queue], presence="offline")
    call = gives_up(session, queue)
    owed = only(session)
    assert (owed.reason, owed.interaction_id, owed.owner_id, owed.number) == ("abandoned", call.id, ana.id, MIRA)
    assert 59 < (owed.due_at - owed.created_at).total_seconds() / 60 < 61
    assert open_follow_ups(session) == 0, "one each"


def test_a_call_that_rang_out_before_they_gave_up_was_missed(session: Session) -> None:
    queue = a_queue(session)
    make.agent(session, "Ana", [queue])
    call = make.waiting_call(session, queue)
    [offer] = dispatch(session)
    time_out_offer(session, offer.id)
    caller_gone(session, call.id)
    assert only(session).reason == "missed"


def test_a_message_is_owed_an_answer(session: Session) -> None:
    call = make.call_in_flow(session)
    move(session, call, State.VOICEMAIL, actor="caller")
    assert only(session).reason == "voicemail"


def test_who_called_when_we_were_closed_is_owed_an_answer_and_who_left_the_menu_is_not(session: Session) -> None:
    closed, menu = make.call_in_flow(session), make.call_in_flow(session)
    events.record(
        session, "flow.step", actor="flow", interaction_id=closed.id, kind="hours_checked", text="closed: weekly hours"
    )
    for call in (closed, menu):
        move(session, call, State.ABANDONED_IN_FLOW, actor="caller")
    owed = only(session)
    assert (owed.reason, owed.interaction_id) == ("out_of_hours", closed.id)


def test_a_callback_that_came_to_nothing_is_owed(session: Session) -> None:
    queue = a_queue(session, per_slot=3)
    callback = a_callback(session, queue, in_min=10)
    pass_time(session, callback, timedelta(hours=3))
    from app.callbacks.expire import look_at_due

    look_at_due(session)
    owed = only(session)
    assert (owed.reason, owed.callback_id) == ("callback", callback.id)


def test_a_promise_that_stands_is_no_follow_up(session: Session) -> None:
    queue = a_queue(session)
    call = make.waiting_call(session, queue)
    move(session, call, State.CALLBACK, actor="caller")
    a_callback(session, queue, origin_id=call.id)
    assert open_follow_ups(session) == 0


def test_whoever_talked_with_them_last_looks_after_them_again(session: Session) -> None:
    queue = a_queue(session)
    ana, ben = make.agent(session, "Ana", [queue]), make.agent(session, "Ben", [queue], idle_s=60)
    person = make.customer(session, MIRA)
    talk = make.waiting_call(session, queue, person)
    [offer] = dispatch(session)
    accept_offer(session, offer.id)
    assert offer.user_id == ben.id
    caller_gone(session, talk.id)
    for _ in range(2):
        gives_up(session, queue)
    open_follow_ups(session)
    assert {each.owner_id for each in session.scalars(select(FollowUp))} == {ben.id}
    assert ana.id != ben.id


def test_otherwise_the_least_burdened_of_the_queue_does(session: Session) -> None:
    queue = a_queue(session)
    people = {make.agent(session, name, [queue], presence="offline").id for name in ("Ana", "Ben")}
    for _ in range(2):
        call = make.waiting_call(session, queue)
        caller_gone(session, call.id)
    open_follow_ups(session)
    assert {each.owner_id for each in session.scalars(select(FollowUp))} == people


def test_it_ends_by_itself_when_they_are_reached_by_phone(session: Session) -> None:
    queue = a_queue(session)
    make.agent(session, "Ana", [queue])
    call = make.waiting_call(session, queue, make.customer(session, MIRA))
    caller_gone(session, call.id)
    owed = only(session)
    assert close_reached(session) == 0
    again = make.waiting_call(session, queue, make.customer(session, MIRA))
    [offer] = dispatch(session)
    accept_offer(session, offer.id)
    assert close_reached(session) == 1
    session.refresh(again)
    session.refresh(owed)
    assert owed.closed_how == "reached:voice"


def test_it_ends_when_a_person_writes_to_them_and_not_when_a_machine_does(session: Session) -> None:
    queue = a_queue(session)
    make.our_number(session)
    call = gives_up(session, queue)
    owed = only(session)
    send_message(session, None, call.customer_id, "An automatic word", "auto")
    assert close_reached(session) == 0
    send_message(session, make.user(session), call.customer_id, "How can I help?", "by-hand")
    assert close_reached(session) == 1
    session.refresh(owed)
    assert owed.closed_how == "reached:sms"


def test_an_automatic_text_with_a_link_answers_at_once_where_the_queue_wants_it(session: Session) -> None:
    queue = a_queue(session, follow_up_text=True)
    make.our_number(session)
    gives_up(session, queue)
    open_follow_ups(session)
    open_follow_ups(session)
    [text] = session.scalars(select(Message.body)).all()
    assert "/c/ask/" in text


def test_who_gave_up_is_called_back_only_where_the_queue_wants_it_and_the_person_does_not_mind(
    session: Session,
) -> None:
    quiet, eager = a_queue(session), a_queue(session, "support", abandon_recovery=True)
    gives_up(session, quiet)
    call = gives_up(session, eager)
    unwilling = make.waiting_call(session, eager, make.customer(session, "+15550142031"))
    session.scalars(select(ContactPoint).where(ContactPoint.value == "+15550142031")).one().no_calls_at = call.ended_at
    caller_gone(session, unwilling.id)
    open_follow_ups(session)
    [callback] = session.scalars(select(Callback)).all()
    assert (callback.kind, callback.number, callback.queue_id) == ("abandon", MIRA, eager.id)
    assert callback.virtual_start == call.virtual_start


def test_two_clocks_at_once_open_one(session: Session) -> None:
    queue = a_queue(session)
    gives_up(session, queue)
    session.commit()
    at_once(open_follow_ups, open_follow_ups)
    assert len(session.scalars(select(FollowUp)).all()) == 1


def test_it_is_due_in_the_opening_hours(session: Session) -> None:
    queue = a_queue(session)
    tomorrow = (database_now(session) + timedelta(days=1)).date().isoformat()
    weekly = {
        "zone": "UTC",
        "weekly": {"mon-sun": "closed"},
        "exceptions": [{"date": tomorrow, "hours": "09:00-17:00"}],
    }
    set_policy(session, queue.id, hours=weekly, zone="UTC")
    gives_up(session, queue)
    due = only(session).due_at
    assert (due.date().isoformat(), due.hour, due.minute) == (tomorrow, 9, 0)


def test_a_person_takes_it_and_says_that_it_is_done(session: Session) -> None:
    queue = a_queue(session)
    gives_up(session, queue)
    owed, ana = only(session), make.user(session)
    take(session, owed.id, ana)
    assert owed.owner_id == ana.id
    finish(session, owed.id, ana)
    finish(session, owed.id, make.user(session))
    assert (owed.closed_how, owed.closed_by) == ("done", ana.id)
    assert finish(session, 999_999, ana) is None


# The page


@pytest.fixture
def owed(app: Flask, far_side: Any, sales: int) -> int:
    with unit_of_work() as session:
        gives_up(session, session.get_one(Queue, sales))
        open_follow_ups(session)
        return session.scalars(select(FollowUp.id)).one()


def test_the_list_shows_agents_what_concerns_them(owed: int, ana: Browser, bo: Browser, app: Flask) -> None:
    assert [each["reason"] for each in ana.get("/follow-ups").get_json()["follow_ups"]] == ["abandoned"]
    assert bo.get("/follow-ups").get_json()["follow_ups"] == []
    with unit_of_work() as session:
        boss: User = make.user(session, "Sue", roles=["supervisor"])
    assert len(browser(app, boss).get("/follow-ups").get_json()["follow_ups"]) == 1
    assert "Gave up waiting" in ana.get("/follow-ups", headers={"Accept": "text/html"}).text


def test_agents_take_and_finish_their_own_and_nobody_elses(owed: int, ana: Browser, bo: Browser) -> None:
    assert bo.post(f"/follow-ups/{owed}/done").status_code == 404
    [mine] = ana.post(f"/follow-ups/{owed}/take").get_json()["follow_ups"]
    assert mine["is_mine"]
    assert ana.post(f"/follow-ups/{owed}/done").get_json()["follow_ups"] == []
    [closed] = ana.get("/follow-ups?done=1").get_json()["follow_ups"]
    assert closed["closed_how"] == "done"


def test_the_texts_link_asks_for_a_callback_without_signing_in(app: Flask, owed: int) -> None:
    from app.callbacks.links import link_to_ask

    with unit_of_work() as session:
        queue_id = session.scalars(select(FollowUp.queue_id)).one()
        make.our_number(session)
        set_policy(session, queue_id, quiet="00:00-24:00")
    stranger = browser(app, None)
    link = link_to_ask(owed).removeprefix("http://web.test")
    assert "ending in 30" in stranger.get(link, headers={"Accept": "text/html"}).text
    assert stranger.post(link, {"when": "soon"}).status_code == 303
    with unit_of_work() as session:
        assert session.scalars(select(Callback.number)).all() == [MIRA]
    assert stranger.get(f"/c/ask/{uuid.uuid4()}").status_code == 404

"""Who is let in, who flows over to where, and what happens at closing time (A-5, A-14)."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db import database_now
from app.interactions.models import Interaction
from app.routing import expire
from app.routing.dispatch import dispatch
from app.routing.enqueue import way_in
from app.routing.hours import HoursRefused, is_open, times_of
from app.routing.models import AgentState, OpeningHours, PresenceSpell, Queue
from app.routing.offers import accept_offer, reject_offer, time_out_offer
from app.routing.presence import set_presence
from app.routing.release import caller_gone
from app.routing.wait import QueueStatus, queue_status
from tests import factories as make
from tests.support.acd import events_named, jobs_named, reach_deadline, story

NEVER = {"zone": "UTC", "weekly": {"mon-sun": "closed"}}
ALWAYS = {"zone": "UTC", "weekly": "24/7"}
TO_SUPPORT = [{"after_s": 10, "action": "queue", "target": "support"}]


def tick(session: Session, call: Interaction, seconds: float = 0) -> None:
    """Let time pass for a waiting caller, then the clock strikes."""
    if seconds:
        make.wait_longer(session, call, seconds)
    session.execute(update(Interaction).where(Interaction.id == call.id).values(wake_at=database_now(session)))
    expire.expire_waits(session)
    session.refresh(call)


def test_a_step_sends_the_caller_to_another_queue_with_place_and_limit_kept(session: Session) -> None:
    sales = make.queue(session, "sales", overflow=TO_SUPPORT)
    support = make.queue(session, "support", overflow=[{"after_s": 10, "action": "callback"}])
    call = make.waiting_call(session, sales)
    began, limit = call.virtual_start, call.wait_until
    tick(session, call, 9)
    assert (call.state, call.queue_id) == ("queued", sales.id)
    assert call.wake_at is not None and call.wake_at > database_now(session), "A-5: somebody will look again"
    tick(session, call, 2)
    assert (call.state, call.queue_id, call.virtual_start) == ("queued", support.id, began)
    assert limit is not None and call.wait_until is not None and call.wait_until <= limit, "A-14"
    tick(session, call, 9)
    assert call.queue_id == support.id, "its steps count from its own entry"
    tick(session, call, 2)
    assert story(session, call)[-2:] == [("queued", "overflow"), ("in_flow", "overflow")]
    assert jobs_named(session, "voice.leave_queue")[-1]["reason"] == "callback_asked"
    assert [event.data["action"] for event in events_named(session, "queue.overflowed")] == ["queue", "callback"]


def test_queues_that_flow_over_into_each_other_end(session: Session) -> None:
    sales = make.queue(session, "sales", overflow=[{"after_s": 0, "action": "queue", "target": "support"}])
    support = make.queue(session, "support", overflow=[{"after_s": 0, "action": "queue", "target": "sales"}])
    call = make.waiting_call(session, sales)
    for _ in range(5):
        tick(session, call, 1)
    assert (call.queue_id, call.visited_queues) == (support.id, [sales.id])
    reach_deadline(session, call)
    tick(session, call)
    assert (call.state, jobs_named(session, "voice.leave_queue")[-1]["reason"]) == ("in_flow", "max_wait")


def test_a_step_to_a_queue_that_takes_nobody_in_is_passed_over(session: Session) -> None:
    make.queue(session, "support", hours=NEVER)
    sales = make.queue(session, "sales", overflow=[*TO_SUPPORT, {"after_s": 20, "action": "hang_up"}])
    call = make.waiting_call(session, sales)
    tick(session, call, 11)
    assert (call.state, call.queue_id) == ("queued", sales.id)
    tick(session, call, 10)
    assert (call.state, jobs_named(session, "voice.hang_up")) == ("canceled", [{"interaction_id": str(call.id)}])


def test_a_step_waits_for_the_end_of_a_ring_and_is_taken_then(session: Session) -> None:
    make.queue(session, "support")
    sales = make.queue(session, "sales", overflow=TO_SUPPORT)
    make.agent(session, "Ana", [sales])
    call = make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    tick(session, call, 30)
    assert call.state == "offered"
    reject_offer(session, offer.id)
    assert story(session, call)[-2:] == [("queued", "declined"), ("queued", "overflow")]


def test_two_queues_of_ten_seconds_are_through_at_twenty_with_a_ring_between(session: Session) -> None:
    sales = make.queue(session, "sales", overflow=TO_SUPPORT)
    support = make.queue(session, "support", overflow=[{"after_s": 10, "action": "voicemail"}])
    make.agent(session, "Ana", [sales])
    call = make.waiting_call(session, sales)
    make.wait_longer(session, call, 3)
    (offer,) = dispatch(session)
    make.wait_longer(session, call, 5)
    time_out_offer(session, offer.id)
    tick(session, call)
    assert (call.state, call.queue_id) == ("queued", sales.id), "rung from 3 to 8: its ten seconds are not over"
    tick(session, call, 2)
    assert call.queue_id == support.id, "at ten the ring has counted as waiting"
    tick(session, call, 9)
    assert call.state == "queued"
    tick(session, call, 1)
    assert (call.state, jobs_named(session, "voice.leave_queue")[-1]["reason"]) == ("in_flow", "voicemail")


@pytest.mark.parametrize(("staffed", "state"), [(False, "in_flow"), (True, "queued")])
def test_nobody_there_is_a_reason_to_leave(session: Session, staffed: bool, state: str) -> None:
    sales = make.queue(session, overflow=[{"no_agents": True, "action": "voicemail"}])
    ana = make.agent(session, "Ana", [sales], phone_ready=True)
    if not staffed:
        set_presence(session, ana.id, "break")
    call = make.waiting_call(session, sales)
    tick(session, call)
    assert call.state == state


def test_too_long_an_estimate_is_a_reason_to_be_called_back(session: Session) -> None:
    sales = make.queue(session, overflow=[{"ewt_over_s": 500, "action": "callback"}], default_aht_s=240)
    make.agent(session, "Ana", [sales])
    make.waiting_call(session, sales, waited_s=9)
    dispatch(session)
    calls = [make.waiting_call(session, sales) for _ in range(3)]
    for call in calls:
        tick(session, call)
    assert [call.state for call in calls] == ["queued", "queued", "in_flow"]


def test_texts_have_no_line_to_leave_and_stay(session: Session) -> None:
    call = make.waiting_call(session, make.queue(session), channel="sms")
    reach_deadline(session, call)
    expire.expire_waits(session)
    session.refresh(call)
    assert call.state == "queued"
    assert call.wake_at is not None and call.wake_at > database_now(session)


# The way in


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        pytest.param({"hours": NEVER}, "closed", id="closed"),
        pytest.param({"active": False}, "closed", id="not in use"),
        pytest.param({"max_length": 0}, "full", id="full"),
        pytest.param(
            {"hours": NEVER, "overflow": [{"closed": True, "action": "voicemail"}]}, "voicemail", id="message"
        ),
        pytest.param(
            {"hours": NEVER, "overflow": [{"always": True, "action": "callback"}]}, "callback_asked", id="call"
        ),
        pytest.param({"max_length": 0, "overflow": [{"full": True, "action": "hang_up"}]}, "full", id="goes"),
    ],
)
def test_who_is_not_let_in_is_told_why_in_the_flows_word(session: Session, settings: dict[str, Any], word: str) -> None:
    assert way_in(session, make.queue(session, **settings)) == word


def test_a_full_queue_may_lead_to_another_and_a_loop_of_them_ends(session: Session) -> None:
    def leading_to(key: str) -> list[dict[str, Any]]:
        return [{"full": True, "action": "queue", "target": key}]

    sales = make.queue(session, "sales", max_length=1, overflow=leading_to("support"))
    support = make.queue(session, "support", max_length=1, overflow=leading_to("sales"))
    assert way_in(session, sales) == sales
    make.waiting_call(session, sales)
    assert way_in(session, sales) == support
    make.waiting_call(session, support)
    assert way_in(session, sales) == "full"


# Hours


@pytest.mark.parametrize(
    ("at_close", "state"), [pytest.param("drain", "queued", id="drain"), pytest.param("close_now", "in_flow", id="now")]
)
def test_at_closing_time_those_who_wait_are_served_or_sent_on(session: Session, at_close: str, state: str) -> None:
    sales = make.queue(session, hours=ALWAYS, at_close=at_close, overflow=[{"closed": True, "action": "voicemail"}])
    call = make.waiting_call(session, sales)
    expire.close_queues(session)
    sales.hours = NEVER
    session.flush()
    expire.close_queues(session)
    expire.expire_waits(session)
    session.refresh(call)
    assert call.state == state
    if state == "queued":
        make.agent(session, "Ana", [sales])
        assert [offer.interaction_id for offer in dispatch(session)] == [call.id]


def test_shared_hours_hold_for_every_queue_that_names_them(session: Session) -> None:
    session.add(OpeningHours(key="office", name="Office", rules=NEVER))
    assert not is_open(session, make.queue(session, hours={"use": "office"}))


@pytest.mark.parametrize("hours", [{"use": "gone"}, {"zone": "Mars/Base", "weekly": "24/7"}, {"weekly": 5}])
def test_hours_that_cannot_be_read_keep_nobody_out_and_say_what_is_wrong(
    session: Session, hours: dict[str, Any]
) -> None:
    queue = make.queue(session, hours=hours)
    assert is_open(session, queue)
    with pytest.raises(HoursRefused):
        times_of(session, queue)


# The cascade


@pytest.mark.parametrize(
    ("there_before", "parked"),
    [pytest.param(4, True, id="one of four"), pytest.param(2, False, id="one of two already")],
)
def test_parking_stops_at_half_of_those_who_were_there_ten_minutes_ago(
    session: Session, there_before: int, parked: bool
) -> None:
    sales = make.queue(session)
    people = [make.agent(session, f"Agent{n}", [sales], idle_s=900 - n) for n in range(8)]
    began = database_now(session) - timedelta(minutes=20)
    for n, person in enumerate(people):
        late = timedelta(minutes=0 if n < there_before else 15)
        session.add(PresenceSpell(user_id=person.id, presence="available", started_at=began + late))
    for _ in range(2):
        make.waiting_call(session, sales)
    first, second = dispatch(session)
    time_out_offer(session, first.id)
    time_out_offer(session, second.id)
    assert session.get_one(AgentState, second.user_id).not_responding is parked
    assert len(events_named(session, "routing.cascade")) == (not parked)


def test_presence_is_logged_without_gaps(session: Session) -> None:
    ana = make.agent(session, "Ana", presence="offline")
    for presence, reason in (("available", None), ("break", "lunch"), ("available", None), ("offline", None)):
        set_presence(session, ana.id, presence, reason)
    spells = session.scalars(select(PresenceSpell).order_by(PresenceSpell.id)).all()
    assert [(each.presence, each.reason) for each in spells] == [
        ("available", None),
        ("break", "lunch"),
        ("available", None),
        ("offline", None),
    ]
    assert all(a.ended_at == b.started_at for a, b in pairwise(spells))
    assert spells[-1].ended_at is None


# What a supervisor sees


def test_a_queues_status_counts_who_waits_who_is_there_and_how_many_were_answered_in_time(session: Session) -> None:
    sales = make.queue(session, default_aht_s=120)
    assert queue_status(session, sales) == QueueStatus(0, 0.0, 0, 0, None, None, None, None)
    make.agent(session, "Ana", [sales])
    make.waiting_call(session, sales, waited_s=100)
    (offer,) = dispatch(session)
    make.waiting_call(session, sales, waited_s=40)
    seen = queue_status(session, sales)
    assert (seen.waiting, seen.staffed, seen.idle, seen.service_level) == (2, 1, 0, None)
    assert seen.oldest_wait_s == pytest.approx(100, abs=3)
    assert (seen.estimate_s, seen.low_min, seen.high_min) == (360, 6, 9)
    accept_offer(session, offer.id)
    assert queue_status(session, sales).service_level == 0.0, "after more than 20 s"
    for waited_s in (2, 30):  # a short abandon does not count, a long one does
        caller_gone(session, make.waiting_call(session, sales, waited_s=waited_s).id)
    make.agent(session, "Ben", [sales])
    make.waiting_call(session, sales, waited_s=0)
    session.flush()
    assert queue_status(session, sales).service_level == 0.0


def test_an_unknown_queue_as_target_is_passed_over(session: Session) -> None:
    sales = make.queue(session, overflow=[{"after_s": 0, "action": "queue", "target": "nowhere"}])
    call = make.waiting_call(session, sales)
    tick(session, call, 1)
    assert call.state == "queued"
    assert isinstance(way_in(session, sales), Queue)

"""Who hands a call on wraps up their own part of it, while the call goes on with others or is over already."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.customers.models import Note
from app.interactions.drafts import keep_draft
from app.interactions.models import WRAP_UP_TIMEOUT
from app.interactions.wrap_up import (
    WrapUpRefused,
    ask_for_wrap_up,
    choose_outcome,
    expire_wrap_ups,
    extend_wrap_up,
    finish_wrap_up,
    force_complete,
)
from app.routing import consults, parking, release, supervision, transfers
from app.routing.consults import open_consult
from app.routing.dispatch import dispatch
from app.routing.in_hand import SupervisionMode
from app.routing.models import AgentState, Offer
from app.routing.offers import accept_offer
from app.routing.presence import agent_state, routing_status, set_presence
from app.supervisor import steer
from tests import factories as make
from tests.app.routing.test_transfers import OUTSIDE, Scene, assert_whole
from tests.support.acd import events_named, reach_deadline


@pytest.fixture
def scene(session: Session) -> Scene:
    make.disposition(session, "SALE")
    make.disposition(session, "NO_SALE", "No sale")
    return Scene(session)


def warm(scene: Scene) -> None:
    scene.talks_with_ben()
    transfers.finish(scene.session, scene.call.id, scene.ana.id)


def warm_outside(scene: Scene) -> None:
    consults.answered(scene.session, scene.call, scene.asks_outside())
    transfers.finish(scene.session, scene.call.id, scene.ana.id)


def taken_over(scene: Scene) -> None:
    call, sam = scene.call.id, make.agent(scene.session, "Sam").id
    there = supervision.join(scene.session, call, sam, SupervisionMode.TAKE_OVER, "always")
    supervision.is_in(scene.session, there.id)


def sent_back(scene: Scene) -> None:
    steer.requeue(scene.session, scene.call.id, None, by=make.user(scene.session, "Sam").id)


WAYS: dict[str, Callable[[Scene], Any]] = {
    "queue": lambda it: transfers.to_queue(it.session, it.call.id, it.ana.id, "support"),
    "colleague": lambda it: transfers.to_agent(it.session, it.call.id, it.ana.id, it.ben.id),
    "flow": lambda it: transfers.to_flow(it.session, it.call.id, it.ana.id, "main"),
    "number": lambda it: transfers.to_number(it.session, it.call.id, it.ana.id, OUTSIDE),
    "after a word": warm,
    "a number after a word": warm_outside,
    "taken over": taken_over,
    "sent back by a supervisor": sent_back,
}


def part_of(scene: Scene) -> Offer:
    return scene.session.scalars(
        select(Offer).where(Offer.user_id == scene.ana.id).execution_options(populate_existing=True)
    ).one()


def to_support(scene: Scene) -> Offer:
    WAYS["queue"](scene)
    return part_of(scene)


def time_is_over(session: Session) -> None:
    past = func.clock_timestamp() - timedelta(seconds=1)
    session.execute(update(Offer).where(Offer.role == "handed_on").values(wrap_until=past))


@pytest.mark.parametrize("way", WAYS)
def test_whoever_handed_a_call_on_wraps_up_and_is_offered_nothing_meanwhile(
    scene: Scene, session: Session, way: str
) -> None:
    WAYS[way](scene)
    part = part_of(scene)
    assert (part.role, part.state) == ("handed_on", "wrapping")
    assert part.wrap_until is not None and part.wrapping_at is not None
    assert (part.wrap_until - part.wrapping_at).total_seconds() == pytest.approx(scene.sales.wrap_up_s, abs=1)
    assert routing_status(session, agent_state(session, scene.ana.id)) == "wrapping"
    another = make.waiting_call(session, scene.sales)
    assert scene.ana.id not in [offer.user_id for offer in dispatch(session)]
    finish_wrap_up(session, scene.call.id, scene.ana.id, "SALE")
    assert (part_of(scene).state, part_of(scene).disposition_code) == ("completed", "SALE")
    ringing = [(offer.interaction_id, offer.user_id) for offer in dispatch(session)]
    assert ringing and {user for _, user in ringing} == {scene.ana.id}, "free again, so the next one rings"
    assert another.id in {id for id, _ in ringing} or way == "sent back by a supervisor"
    assert_whole(session, scene.call)


def test_the_call_goes_on_to_its_own_outcome_whatever_the_first_agent_writes(scene: Scene, session: Session) -> None:
    warm(scene)
    finish_wrap_up(session, scene.call.id, scene.ana.id, "NO_SALE", "Sent to Ben.")
    assert scene.state() == "active"
    release.caller_gone(session, scene.call.id)
    finish_wrap_up(session, scene.call.id, scene.ben.id, "SALE", "Sold.")
    assert (scene.state(), scene.call.disposition_code) == ("completed", "SALE")
    codes = select(Offer.disposition_code).where(Offer.interaction_id == scene.call.id).order_by(Offer.id)
    assert session.scalars(codes).all() == ["NO_SALE", "SALE"]
    notes = session.execute(select(Note.author_id, Note.body, Note.interaction_id).order_by(Note.created_at)).all()
    assert [tuple(each) for each in notes] == [
        (scene.ana.id, "Sent to Ben.", scene.call.id),
        (scene.ben.id, "Sold.", scene.call.id),
    ]


def test_three_agents_may_wrap_up_one_call_at_once(scene: Scene, session: Session) -> None:
    warm(scene)
    cho = make.agent(session, "Cho")
    consult = transfers.ask_agent(session, scene.call.id, scene.ben.id, cho.id, third=False)
    accept_offer(session, consult.offer_id or 0)
    transfers.finish(session, scene.call.id, scene.ben.id)
    release.caller_gone(session, scene.call.id)
    assert [scene.offers_of(each) for each in (scene.ana, scene.ben, cho)] == [
        ["handed_on wrapping"],
        ["handed_on wrapping"],
        ["primary wrapping"],
    ]
    for each in (scene.ben, scene.ana, cho):
        finish_wrap_up(session, scene.call.id, each.id, "SALE")
    assert scene.state() == "completed"


def test_the_clock_ends_a_part_whose_time_is_over_and_keeps_what_was_begun(scene: Scene, session: Session) -> None:
    to_support(scene)
    keep_draft(session, scene.ana.id, scene.call.customer_id, "wrap", "Half a sente")
    assert expire_wrap_ups(session) == 0
    time_is_over(session)
    assert (expire_wrap_ups(session), expire_wrap_ups(session)) == (1, 0)
    assert (part_of(scene).state, part_of(scene).disposition_code) == ("completed", WRAP_UP_TIMEOUT)
    assert session.scalars(select(Note.body)).all() == ["Half a sente"]
    assert scene.state() == "queued", "the call is not touched"
    finish_wrap_up(session, scene.call.id, scene.ana.id, "SALE")
    assert part_of(scene).disposition_code == "SALE", "a late outcome replaces the timer's"


@pytest.mark.parametrize(
    ("mode", "asked", "state", "seconds"),
    [
        ("timed", False, "wrapping", 60),
        ("timed_no_exit", False, "wrapping", 60),
        ("discretionary", False, "wrapping", 3600),
        ("optional", False, "completed", 0),
        ("on_request", False, "completed", 0),
        ("on_request", True, "wrapping", 60),
    ],
)
def test_the_mode_of_the_queue_the_call_came_from_counts(
    scene: Scene, session: Session, mode: str, asked: bool, state: str, seconds: int
) -> None:
    scene.sales.wrap_up_mode, scene.support.wrap_up_mode = mode, "timed"
    ask_for_wrap_up(session, scene.call.id, scene.ana.id, wanted=asked)
    part = to_support(scene)
    assert part.state == state
    assert part.wrap_until is not None and part.wrapping_at is not None
    assert (part.wrap_until - part.wrapping_at).total_seconds() == pytest.approx(seconds, abs=1)
    assert part.disposition_code == (None if seconds else WRAP_UP_TIMEOUT)


def test_a_wish_for_time_is_the_agents_own_and_is_not_handed_on(scene: Scene, session: Session) -> None:
    scene.sales.wrap_up_mode = "on_request"
    ask_for_wrap_up(session, scene.call.id, scene.ana.id, wanted=True)
    warm(scene)
    release.caller_gone(session, scene.call.id)
    assert scene.offers_of(scene.ana) == ["handed_on wrapping"]
    session.refresh(scene.call)
    assert scene.call.wake_at is not None
    assert expire_wrap_ups(session) == 1, "Ben asked for none"


def test_a_part_without_early_exit_keeps_the_outcome_and_runs_on(scene: Scene, session: Session) -> None:
    scene.sales.wrap_up_mode = "timed_no_exit"
    to_support(scene)
    finish_wrap_up(session, scene.call.id, scene.ana.id, "SALE")
    assert (part_of(scene).state, part_of(scene).disposition_code) == ("wrapping", "SALE")
    with pytest.raises(WrapUpRefused, match="fixed"):
        extend_wrap_up(session, scene.call.id, scene.ana.id)
    time_is_over(session)
    assert expire_wrap_ups(session) == 1
    assert (part_of(scene).state, part_of(scene).disposition_code) == ("completed", "SALE")


def test_a_part_is_extended_ten_times_and_no_more(scene: Scene, session: Session) -> None:
    until = to_support(scene).wrap_until
    for _ in range(10):
        extended = extend_wrap_up(session, scene.call.id, scene.ana.id)
    assert until is not None and (extended - until).total_seconds() == 600
    with pytest.raises(WrapUpRefused, match="ten times"):
        extend_wrap_up(session, scene.call.id, scene.ana.id)


def test_a_supervisor_ends_a_part_that_is_stuck_once_and_leaves_the_call_alone(scene: Scene, session: Session) -> None:
    warm(scene)
    sam = make.user(session, "Sam", roles=["supervisor"])
    for _ in range(2):
        assert force_complete(session, scene.call.id, sam.id, agent_id=scene.ana.id).state == "completed"
    assert part_of(scene).disposition_code == WRAP_UP_TIMEOUT
    assert (scene.state(), scene.call.agent_id) == ("active", scene.ben.id)
    [told] = events_named(session, "supervisor.completed")
    assert f"user:{scene.ana.id}" in told.topics
    with pytest.raises(WrapUpRefused, match="not over yet"):
        force_complete(session, scene.call.id, sam.id)
    with pytest.raises(WrapUpRefused, match="not yours"):
        force_complete(session, scene.call.id, sam.id, agent_id=sam.id)


def test_nobody_writes_another_agents_outcome(scene: Scene, session: Session) -> None:
    to_support(scene)
    with pytest.raises(WrapUpRefused, match="not yours"):
        finish_wrap_up(session, scene.call.id, scene.ben.id, "SALE")
    with pytest.raises(WrapUpRefused, match="no such outcome"):
        finish_wrap_up(session, scene.call.id, scene.ana.id, "NONE")
    finish_wrap_up(session, scene.call.id, scene.ana.id, "SALE")
    finish_wrap_up(session, scene.call.id, scene.ana.id, "SALE")
    with pytest.raises(WrapUpRefused, match="already written"):
        finish_wrap_up(session, scene.call.id, scene.ana.id, "NO_SALE")


def test_the_presence_chosen_meanwhile_and_the_rest_wait_for_the_wrap_up(scene: Scene, session: Session) -> None:
    scene.sales.rest_s = 30
    to_support(scene)
    assert set_presence(session, scene.ana.id, "break", "lunch").next_presence == "break"
    finish_wrap_up(session, scene.call.id, scene.ana.id, "SALE")
    state = session.get_one(AgentState, scene.ana.id)
    assert (state.presence, state.reason, state.next_presence) == ("break", "lunch", None)
    assert state.rest_until is not None


def test_parking_is_no_handing_on(scene: Scene, session: Session) -> None:
    choose_outcome(session, scene.call.id, scene.ana.id, "SALE")
    parking.park(session, scene.call.id, scene.ana.id)
    assert scene.offers_of(scene.ana) == []
    parking.unpark(session, scene.call.id, scene.ana.id)
    release.agent_rejoined(session, scene.call.id, scene.ana.id)
    release.caller_gone(session, scene.call.id)
    reach_deadline(session, scene.call)
    expire_wrap_ups(session)
    assert (scene.state(), scene.call.disposition_code) == ("completed", "SALE"), "chosen before, and kept"


# -- chosen during the call


def test_an_outcome_chosen_during_the_call_counts_when_the_time_runs_out(scene: Scene, session: Session) -> None:
    choose_outcome(session, scene.call.id, scene.ana.id, "NO_SALE")
    choose_outcome(session, scene.call.id, scene.ana.id, "SALE")
    assert scene.call.disposition_code is None, "nothing is final while they talk"
    release.caller_gone(session, scene.call.id)
    session.refresh(scene.call)
    reach_deadline(session, scene.call)
    expire_wrap_ups(session)
    assert (scene.state(), scene.call.disposition_code) == ("completed", "SALE")


def test_an_outcome_chosen_before_handing_on_is_the_parts(scene: Scene, session: Session) -> None:
    choose_outcome(session, scene.call.id, scene.ana.id, "SALE")
    warm(scene)
    time_is_over(session)
    expire_wrap_ups(session)
    assert part_of(scene).disposition_code == "SALE"
    release.caller_gone(session, scene.call.id)
    session.refresh(scene.call)
    reach_deadline(session, scene.call)
    expire_wrap_ups(session)
    assert scene.call.disposition_code == WRAP_UP_TIMEOUT, "Ben chose nothing"


def test_a_choice_is_taken_back_and_another_one_replaces_it(scene: Scene, session: Session) -> None:
    choose_outcome(session, scene.call.id, scene.ana.id, "SALE")
    choose_outcome(session, scene.call.id, scene.ana.id, None)
    release.caller_gone(session, scene.call.id)
    choose_outcome(session, scene.call.id, scene.ana.id, "SALE")
    finish_wrap_up(session, scene.call.id, scene.ana.id, "NO_SALE")
    assert scene.call.disposition_code == "NO_SALE"
    assert part_of(scene).disposition_code == "NO_SALE"


def test_only_the_calls_agent_chooses_and_only_what_there_is(scene: Scene, session: Session) -> None:
    scene.talks_with_ben()
    with pytest.raises(WrapUpRefused, match="not yours"):
        choose_outcome(session, scene.call.id, scene.ben.id, "SALE")
    with pytest.raises(WrapUpRefused, match="no such outcome"):
        choose_outcome(session, scene.call.id, scene.ana.id, "x" * 60)
    with pytest.raises(LookupError):
        choose_outcome(session, uuid.uuid4(), scene.ana.id, "SALE")
    assert open_consult(session, scene.call.id) is not None

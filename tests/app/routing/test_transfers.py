"""Calls that are handed on: one interaction, a customer who always hears something, agents who are free again."""

from __future__ import annotations

import uuid
from functools import partial
from itertools import pairwise

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.db import database_now
from app.forms import BadInput, Refusal
from app.interactions.models import TRANSFERRED, Interaction, Segment
from app.interactions.wrap_up import expire_wrap_ups, finish_wrap_up
from app.routing import consults, expire, parking, release, transfers
from app.routing.consults import open_consult
from app.routing.dispatch import dispatch
from app.routing.in_hand import Consult, ConsultState
from app.routing.models import OPEN_OFFER, Offer
from app.routing.offers import accept_offer, reject_offer
from tests import factories as make
from tests.support.acd import events_named, jobs_named, lose_tabs, reach_deadline, ring_out, story

OUTSIDE = "+15559990000"


class Scene:
    """Ana talks with a caller of sales; Ben is free in support."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.sales, self.support = make.queue(session, "sales"), make.queue(session, "support")
        self.ana = make.agent(session, "Ana", [self.sales])
        self.ben = make.agent(session, "Ben", [self.support])
        self.call = make.waiting_call(session, self.sales, waited_s=100, priority_min=5)
        (offer,) = dispatch(session)
        assert accept_offer(session, offer.id).won

    def offers_of(self, user: User) -> list[str]:
        rows = select(Offer.role, Offer.state).where(Offer.user_id == user.id, Offer.state.in_(OPEN_OFFER))
        return [f"{role} {state}" for role, state in self.session.execute(rows)]

    def state(self) -> str:
        self.session.refresh(self.call)
        return self.call.state

    def asks_ben(self, *, third: bool = False) -> Offer:
        consult = transfers.ask_agent(self.session, self.call.id, self.ana.id, self.ben.id, third=third, note="VIP")
        return self.session.get_one(Offer, consult.offer_id)

    def talks_with_ben(self) -> None:
        assert accept_offer(self.session, self.asks_ben().id).won

    def asks_outside(self, *, third: bool = False) -> Consult:
        return transfers.ask_number(self.session, self.call.id, self.ana.id, OUTSIDE, third=third)


@pytest.fixture
def scene(session: Session) -> Scene:
    return Scene(session)


def voice_jobs(session: Session) -> list[str]:
    rows = session.execute(text("SELECT task_name FROM procrastinate_jobs ORDER BY id"))
    return [name.removeprefix("voice.") for (name,) in rows if name.startswith("voice.")]


def test_a_customer_sent_to_a_queue_keeps_place_and_priority(scene: Scene, session: Session) -> None:
    began = scene.call.virtual_start
    transfers.to_queue(session, scene.call.id, scene.ana.id, "support", "wants a refund")
    assert scene.state() == "queued"
    assert (scene.call.queue_id, scene.call.virtual_start, scene.call.priority_min) == (scene.support.id, began, 5)
    assert scene.offers_of(scene.ana) == ["handed_on wrapping"]
    (offer,) = dispatch(session)
    assert offer.user_id == scene.ben.id
    assert scene.call.context["handed"] == {"by": "Ana", "by_id": scene.ana.id, "note": "wants a refund"}


def test_a_colleague_rings_at_once_and_is_the_next_agent(scene: Scene, session: Session) -> None:
    transfers.to_agent(session, scene.call.id, scene.ana.id, scene.ben.id)
    assert scene.state() == "offered"
    assert scene.offers_of(scene.ben) == ["primary pending"]
    assert voice_jobs(session)[-2:] == ["back_to_queue", "ring_agent"], "music first, then the ring"
    offer = session.scalars(select(Offer).where(Offer.user_id == scene.ben.id)).one()
    assert accept_offer(session, offer.id).won
    assert (scene.state(), scene.call.agent_id) == ("active", scene.ben.id)


def test_a_colleague_who_does_not_answer_leaves_the_customer_in_the_queue(scene: Scene, session: Session) -> None:
    transfers.to_agent(session, scene.call.id, scene.ana.id, scene.ben.id)
    ring_out(session, session.scalars(select(Offer).where(Offer.user_id == scene.ben.id)).one())
    expire.expire_offers(session)
    assert (scene.state(), scene.call.queue_id) == ("queued", scene.sales.id)
    assert scene.call.wake_at is not None, "the queue's limit counts"


@pytest.mark.parametrize("third", [False, True])
def test_a_colleague_who_is_busy_is_refused_and_nothing_changes(scene: Scene, session: Session, third: bool) -> None:
    make.waiting_call(session, scene.support)
    dispatch(session)
    with pytest.raises(Refusal, match="cannot take a call now"):
        scene.asks_ben(third=third)
    assert scene.state() == "active"
    assert open_consult(session, scene.call.id) is None


def test_a_flow_is_begun_by_the_voice_room(scene: Scene, session: Session) -> None:
    transfers.to_flow(session, scene.call.id, scene.ana.id, "main")
    assert (scene.state(), scene.call.agent_id) == ("in_flow", None)
    (job,) = jobs_named(session, "voice.to_flow")
    assert (job["flow"], job["turn"]) == ("main", scene.call.version)


def test_an_outside_number_rings_while_music_plays_and_then_has_the_customer(scene: Scene, session: Session) -> None:
    transfers.to_number(session, scene.call.id, scene.ana.id, "+1 555 999 0000")
    assert scene.state() == "outside"
    assert voice_jobs(session)[-3:] == ["hold", "let_go", "ring_third"]
    consult = open_consult(session, scene.call.id)
    assert consult is not None
    assert consult.number == OUTSIDE
    assert consults.answered(session, scene.call, consult)
    assert voice_jobs(session)[-1] == "end_hold"
    consults.left(session, scene.call, consult, "left")
    assert (scene.state(), scene.call.disposition_code) == ("completed", TRANSFERRED)
    assert jobs_named(session, "voice.hang_up")


def test_an_outside_number_that_nobody_answers_gives_the_customer_back_to_the_queue(
    scene: Scene, session: Session
) -> None:
    began = scene.call.virtual_start
    transfers.to_number(session, scene.call.id, scene.ana.id, OUTSIDE)
    consult = open_consult(session, scene.call.id)
    assert consult is not None
    consults.left(session, scene.call, consult, "no_answer")
    assert (scene.state(), scene.call.queue_id, scene.call.virtual_start) == ("queued", scene.sales.id, began)


@pytest.mark.parametrize(("answered", "state"), [(False, "abandoned"), (True, "completed")])
def test_a_customer_who_hangs_up_on_an_outside_number(
    scene: Scene, session: Session, answered: bool, state: str
) -> None:
    transfers.to_number(session, scene.call.id, scene.ana.id, OUTSIDE)
    consult = open_consult(session, scene.call.id)
    assert consult is not None
    if answered:
        consults.answered(session, scene.call, consult)
    release.caller_gone(session, scene.call.id)
    assert scene.state() == state
    assert open_consult(session, scene.call.id) is None


@pytest.mark.parametrize("number", ["", "12", "not a number", "+1" + "5" * 60, "anonymous", "+15550100000"])
def test_a_number_that_takes_no_calls_is_refused(scene: Scene, session: Session, number: str) -> None:
    with pytest.raises(BadInput):
        transfers.to_number(session, scene.call.id, scene.ana.id, number)
    assert scene.state() == "active"


def test_a_consult_holds_the_customer_before_it_rings_and_shows_the_record(scene: Scene, session: Session) -> None:
    scene.asks_ben()
    assert scene.state() == "held"
    assert voice_jobs(session)[-2:] == ["hold", "ring_agent"]
    assert scene.offers_of(scene.ben) == ["consult pending"]
    assert scene.offers_of(scene.ana) == ["primary accepted"]
    made = events_named(session, "offer.made")[-1]
    assert (made.customer_id, made.data["role"]) == (scene.call.customer_id, "consult")


def test_a_finished_consult_makes_the_colleague_the_agent(scene: Scene, session: Session) -> None:
    scene.talks_with_ben()
    consult = open_consult(session, scene.call.id)
    assert consult is not None
    assert consult.state == ConsultState.TALKING
    transfers.finish(session, scene.call.id, scene.ana.id)
    assert (scene.state(), scene.call.agent_id) == ("active", scene.ben.id)
    assert scene.offers_of(scene.ben) == ["primary accepted"]
    assert scene.offers_of(scene.ana) == ["handed_on wrapping"]
    assert voice_jobs(session)[-2:] == ["end_hold", "let_go"], "the customer is taken back before anybody leaves"
    release.caller_gone(session, scene.call.id)
    assert scene.state() == "wrapping"
    assert scene.offers_of(scene.ben) == ["primary wrapping"]


def test_a_ringing_consult_cannot_be_finished(scene: Scene, session: Session) -> None:
    scene.asks_ben()
    with pytest.raises(Refusal, match="not answered yet"):
        transfers.finish(session, scene.call.id, scene.ana.id)


@pytest.mark.parametrize("answered", [False, True])
def test_the_agent_may_back_out_and_has_the_customer_again(scene: Scene, session: Session, answered: bool) -> None:
    offer = scene.asks_ben()
    if answered:
        accept_offer(session, offer.id)
    transfers.back_out(session, scene.call.id, scene.ana.id)
    assert (scene.state(), scene.call.agent_id) == ("active", scene.ana.id)
    assert scene.offers_of(scene.ben) == []
    session.refresh(offer)
    assert offer.state == ("completed" if answered else "canceled")
    assert "end_consult" in voice_jobs(session)


def test_the_colleague_may_back_out_and_the_customer_stays_on_hold(scene: Scene, session: Session) -> None:
    scene.talks_with_ben()
    transfers.back_out(session, scene.call.id, scene.ben.id)
    assert (scene.state(), scene.call.agent_id) == ("held", scene.ana.id)
    assert scene.offers_of(scene.ben) == []


def test_a_colleague_who_declines_leaves_everything_as_it_was(scene: Scene, session: Session) -> None:
    offer = scene.asks_ben()
    reject_offer(session, offer.id)
    assert (scene.state(), scene.call.agent_id) == ("held", scene.ana.id)
    assert open_consult(session, scene.call.id) is None
    ended = events_named(session, "transfer.ended")[-1]
    assert ended.data["reason"] == "declined"


def test_all_three_talk_once_the_customer_is_brought_in(scene: Scene, session: Session) -> None:
    scene.talks_with_ben()
    consult = transfers.join_all(session, scene.call.id, scene.ana.id)
    assert (scene.state(), consult.state) == ("active", "joined")
    transfers.finish(session, scene.call.id, scene.ana.id)
    assert (scene.state(), scene.call.agent_id) == ("active", scene.ben.id)


def test_a_third_joins_without_any_hold(scene: Scene, session: Session) -> None:
    offer = scene.asks_ben(third=True)
    assert scene.state() == "active"
    accept_offer(session, offer.id)
    consult = open_consult(session, scene.call.id)
    assert consult is not None
    assert (scene.state(), consult.state) == ("active", "joined")


def test_a_consulted_number_has_the_customer_once_the_agent_leaves(scene: Scene, session: Session) -> None:
    consult = scene.asks_outside()
    consults.answered(session, scene.call, consult)
    transfers.finish(session, scene.call.id, scene.ana.id)
    assert (scene.state(), scene.call.agent_id) == ("outside", None)
    assert scene.offers_of(scene.ana) == ["handed_on wrapping"]
    consults.left(session, scene.call, consult, "left")
    assert scene.state() == "completed"


def test_nobody_else_is_asked_in_during_a_consult(scene: Scene, session: Session) -> None:
    scene.asks_ben()
    with pytest.raises(Refusal, match="already asked somebody"):
        transfers.to_queue(session, scene.call.id, scene.ana.id, "support")
    with pytest.raises(Refusal, match="already asked somebody"):
        scene.asks_outside()


def test_a_customer_who_hangs_up_during_a_consult_frees_the_colleague(scene: Scene, session: Session) -> None:
    scene.talks_with_ben()
    release.caller_gone(session, scene.call.id)
    assert scene.state() == "wrapping"
    assert scene.offers_of(scene.ben) == []
    assert scene.offers_of(scene.ana) == ["primary wrapping"]


def test_an_agent_lost_during_a_consult_leaves_the_customer_with_the_colleague(scene: Scene, session: Session) -> None:
    scene.talks_with_ben()
    release.agent_gone(session, scene.call.id, scene.ana.id)
    assert scene.state() == "agent_lost"
    reach_deadline(session, scene.call)
    expire.expire_lost_agents(session)
    assert (scene.state(), scene.call.agent_id) == ("active", scene.ben.id)
    assert scene.offers_of(scene.ana) == ["handed_on wrapping"]


def test_a_parked_customer_is_taken_up_by_whoever_asks_first(scene: Scene, session: Session) -> None:
    parking.park(session, scene.call.id, scene.ana.id)
    assert (scene.state(), scene.call.agent_id) == ("parked", None)
    assert scene.offers_of(scene.ana) == []
    assert voice_jobs(session)[-2:] == ["hold", "let_go"], "the music comes first"
    parking.unpark(session, scene.call.id, scene.ben.id)
    assert (scene.state(), scene.call.agent_id) == ("held", scene.ben.id)
    with pytest.raises(Refusal, match="not parked any more"):
        parking.unpark(session, scene.call.id, scene.ana.id)
    assert release.agent_rejoined(session, scene.call.id, scene.ben.id)
    assert scene.state() == "active"


def test_a_customer_parked_too_long_rings_at_whoever_parked_them(scene: Scene, session: Session) -> None:
    parking.park(session, scene.call.id, scene.ana.id)
    reach_deadline(session, scene.call)
    assert expire.expire_parking(session) == 1
    assert (scene.state(), scene.call.agent_id) == ("offered", scene.ana.id)
    assert voice_jobs(session)[-2:] == ["back_to_queue", "ring_agent"]
    assert scene.call.wake_at is not None, "the queue's limit counts"
    ring_out(session, session.scalars(select(Offer).where(Offer.state == "pending")).one())
    expire.expire_offers(session)
    assert (scene.state(), scene.call.queue_id) == ("queued", scene.sales.id), "then anybody's, and not lost"
    assert scene.call.priority_min == release.FRONT_MIN


def test_the_queue_says_how_long_a_call_may_be_parked(scene: Scene, session: Session) -> None:
    scene.sales.park_s = 90
    parking.park(session, scene.call.id, scene.ana.id)
    session.refresh(scene.call)
    assert scene.call.wake_at is not None
    assert (scene.call.wake_at - database_now(session)).total_seconds() == pytest.approx(90, abs=2)


def test_a_parked_call_is_told_to_the_colleagues_of_its_queue_who_are_there(scene: Scene, session: Session) -> None:
    cho, far = make.agent(session, "Cho", [scene.sales]), make.agent(session, "Fay", [scene.sales])
    lose_tabs(session, far.id)
    parking.park(session, scene.call.id, scene.ana.id)
    release.caller_gone(session, scene.call.id)
    for kind in ("call.parked", "call.unparked"):
        [told] = events_named(session, kind)
        users = {topic for topic in told.topics if topic.startswith("user:")}
        assert users == {f"user:{scene.ana.id}", f"user:{cho.id}"}


def test_a_customer_parked_too_long_by_somebody_busy_goes_to_the_front(scene: Scene, session: Session) -> None:
    parking.park(session, scene.call.id, scene.ana.id)
    make.waiting_call(session, scene.sales)
    dispatch(session)
    reach_deadline(session, scene.call)
    assert expire.expire_parking(session) == 1
    assert (scene.state(), scene.call.queue_id) == ("queued", scene.sales.id)
    assert scene.call.priority_min == release.FRONT_MIN


def test_a_parked_customer_who_hangs_up_gave_up(scene: Scene, session: Session) -> None:
    parking.park(session, scene.call.id, scene.ana.id)
    release.caller_gone(session, scene.call.id)
    assert scene.state() == "abandoned"


def test_an_agent_with_a_call_takes_up_no_other(scene: Scene, session: Session) -> None:
    parking.park(session, scene.call.id, scene.ana.id)
    make.waiting_call(session, scene.sales)
    dispatch(session)
    with pytest.raises(Refusal, match="another call at hand"):
        parking.unpark(session, scene.call.id, scene.ana.id)
    assert scene.state() == "parked"


@pytest.mark.parametrize("who", ["ben", "nobody"])
def test_only_the_calls_own_agent_hands_it_on(scene: Scene, session: Session, who: str) -> None:
    call = scene.call.id if who == "ben" else uuid.uuid4()
    for act in (partial(transfers.to_queue, key="support"), parking.park, transfers.finish):
        with pytest.raises(Refusal) as refused:
            act(session, call, scene.ben.id)
        assert refused.value.status == (403 if who == "ben" else 404)


def test_a_call_handed_through_many_hands_is_one_story_without_gaps(scene: Scene, session: Session) -> None:
    scene.talks_with_ben()
    transfers.finish(session, scene.call.id, scene.ana.id)
    finish_wrap_up(session, scene.call.id, scene.ana.id, make.disposition(session).code)
    parking.park(session, scene.call.id, scene.ben.id)
    parking.unpark(session, scene.call.id, scene.ben.id)
    release.agent_rejoined(session, scene.call.id, scene.ben.id)
    transfers.to_queue(session, scene.call.id, scene.ben.id, "sales")
    (offer,) = dispatch(session)
    accept_offer(session, offer.id)
    release.caller_gone(session, scene.call.id)
    session.refresh(scene.call)
    reach_deadline(session, scene.call)
    assert expire_wrap_ups(session) == 1
    assert [state for state, _ in story(session, scene.call)] == [
        *("created", "in_flow", "queued", "offered", "active", "held", "active"),
        *("parked", "held", "active", "queued", "offered", "active", "wrapping"),
    ]
    assert_whole(session, scene.call)


def assert_whole(session: Session, call: Interaction) -> None:
    """Segments neither overlap nor leave gaps, and add up to the whole (A-13)."""
    session.refresh(call)
    found = session.scalars(select(Segment).where(Segment.interaction_id == call.id).order_by(Segment.id)).all()
    assert found[0].started_at == call.created_at
    assert all(one.ended_at == other.started_at for one, other in pairwise(found))
    end = call.ended_at or database_now(session)
    seconds = sum(((each.ended_at or end) - each.started_at).total_seconds() for each in found)
    assert seconds == pytest.approx((end - call.created_at).total_seconds())

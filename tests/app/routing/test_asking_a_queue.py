"""An agent asks a queue first: they wait for whoever of it is free, in the place that their customer has in line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.forms import Refusal
from app.interactions.models import Interaction
from app.routing import expire, parking, release, transfers
from app.routing.consults import open_consult
from app.routing.dispatch import dispatch
from app.routing.in_hand import Consult
from app.routing.models import Offer, QueueMember
from app.routing.offers import accept_offer, reject_offer, time_out_offer
from app.routing.presence import set_presence
from tests import factories as make
from tests.app.routing.test_transfers import Scene, assert_whole, voice_jobs
from tests.support.acd import events_named, jobs_named


@pytest.fixture
def scene(session: Session) -> Scene:
    return Scene(session)


def asks_support(scene: Scene) -> Consult:
    return transfers.ask_queue(scene.session, scene.call.id, scene.ana.id, "support", "VIP")


def busy(scene: Scene, who: User) -> Interaction:
    """The agent, alone in support, talks with somebody else."""
    call = make.waiting_call(scene.session, scene.support)
    [offer] = [each for each in dispatch(scene.session) if each.user_id == who.id]
    accept_offer(scene.session, offer.id)
    return call


def free_again(scene: Scene, call: Interaction) -> None:
    scene.session.refresh(call)
    release.caller_gone(scene.session, call.id)
    release.end_work(scene.session, call, actor="test")


def state_of(scene: Scene) -> str | None:
    consult = open_consult(scene.session, scene.call.id)
    return consult.state if consult else None


def test_whoever_of_the_queue_is_free_rings_at_once(scene: Scene, session: Session) -> None:
    before = len(jobs_named(session, "routing.dispatch"))
    consult = asks_support(scene)
    assert (consult.state, scene.state()) == ("waiting", "held")
    assert voice_jobs(session)[-1] == "hold", "the music comes first"
    assert len(jobs_named(session, "routing.dispatch")) == before + 1
    [offer] = dispatch(session)
    assert (offer.user_id, offer.role, offer.queue_id) == (scene.ben.id, "consult", scene.support.id)
    assert state_of(scene) == "ringing"
    assert scene.state() == "held", "the customer is with Ana still"
    assert voice_jobs(session)[-1] == "ring_agent"
    [found] = events_named(session, "transfer.found")
    assert {f"user:{scene.ana.id}", f"user:{scene.ben.id}"} <= set(found.topics)
    assert dispatch(session) == [], "asked once"


def test_it_waits_until_somebody_frees_up(scene: Scene, session: Session) -> None:
    other = busy(scene, scene.ben)
    asks_support(scene)
    assert dispatch(session) == []
    assert state_of(scene) == "waiting"
    free_again(scene, other)
    [offer] = dispatch(session)
    accept_offer(session, offer.id)
    assert state_of(scene) == "talking"
    transfers.finish(session, scene.call.id, scene.ana.id)
    assert (scene.state(), scene.call.agent_id, scene.call.queue_id) == ("active", scene.ben.id, scene.support.id)
    taken = session.scalars(select(Offer).where(Offer.id == offer.id)).one()
    assert (taken.role, taken.queue_id) == ("primary", scene.support.id)
    assert_whole(session, scene.call)


@pytest.mark.parametrize(("waited_s", "first"), [(10, "asked"), (4000, "caller")])
def test_the_customers_place_in_line_counts(scene: Scene, session: Session, waited_s: int, first: str) -> None:
    """The customer of the consult has waited 100 s and has 5 minutes of priority."""
    other = busy(scene, scene.ben)
    asks_support(scene)
    caller = make.waiting_call(session, scene.support, waited_s=waited_s)
    free_again(scene, other)
    [offer] = dispatch(session)
    assert offer.interaction_id == (scene.call.id if first == "asked" else caller.id)


@pytest.mark.parametrize("end", [reject_offer, time_out_offer])
def test_one_who_does_not_come_leaves_it_waiting_for_the_next(scene: Scene, session: Session, end) -> None:  # type: ignore[no-untyped-def]
    asks_support(scene)
    [offer] = dispatch(session)
    end(session, offer.id)
    assert state_of(scene) == "waiting"
    assert dispatch(session) == [], "who turned it down is not asked again at once"
    cho = make.agent(session, "Cho", [scene.support])
    [again] = dispatch(session)
    assert again.user_id == cho.id
    assert accept_offer(session, again.id).won
    assert state_of(scene) == "talking"


def test_the_agent_backs_out_while_waiting_and_has_the_customer_again(scene: Scene, session: Session) -> None:
    busy(scene, scene.ben)
    asks_support(scene)
    transfers.back_out(session, scene.call.id, scene.ana.id)
    assert (scene.state(), scene.call.agent_id, state_of(scene)) == ("active", scene.ana.id, None)
    assert "end_consult" not in voice_jobs(session), "nobody rang"
    assert dispatch(session) == []


def test_the_customer_may_be_left_to_wait_there_with_words_and_place_kept(scene: Scene, session: Session) -> None:
    busy(scene, scene.ben)
    asks_support(scene)
    began = scene.call.virtual_start
    transfers.finish(session, scene.call.id, scene.ana.id)
    assert (scene.state(), scene.call.queue_id, scene.call.virtual_start) == ("queued", scene.support.id, began)
    assert scene.call.context["handed"]["note"] == "VIP"
    assert scene.offers_of(scene.ana) == ["handed_on wrapping"]
    assert state_of(scene) is None


def test_a_customer_who_hangs_up_ends_the_waiting(scene: Scene, session: Session) -> None:
    asks_support(scene)
    release.caller_gone(session, scene.call.id)
    assert (scene.state(), state_of(scene)) == ("wrapping", None)
    assert dispatch(session) == []


def test_an_agent_lost_while_waiting_gives_the_customer_to_their_queue(scene: Scene, session: Session) -> None:
    busy(scene, scene.ben)
    asks_support(scene)
    release.agent_gone(session, scene.call.id, scene.ana.id)
    session.refresh(scene.call)
    release.give_up_agent(session, scene.call)
    assert (scene.state(), scene.call.queue_id, state_of(scene)) == ("queued", scene.sales.id, None)


def test_nobody_waits_longer_than_a_caller_might(scene: Scene, session: Session) -> None:
    busy(scene, scene.ben)
    consult = asks_support(scene)
    assert expire.expire_asking(session) == 0
    past = func.clock_timestamp() - timedelta(seconds=scene.support.max_wait_s)
    session.execute(update(Consult).values(created_at=past))
    assert (expire.expire_asking(session), expire.expire_asking(session)) == (1, 0)
    session.refresh(consult)
    assert (consult.state, consult.reason) == ("ended", "nobody_came")
    assert (scene.state(), scene.call.agent_id) == ("held", scene.ana.id), "the agent decides what comes next"


def test_one_is_never_asked_by_oneself(scene: Scene, session: Session) -> None:
    with pytest.raises(Refusal, match="Nobody of this queue is at work"):
        transfers.ask_queue(session, scene.call.id, scene.ana.id, "sales")
    session.add(QueueMember(queue_id=scene.support.id, user_id=scene.ana.id))
    busy(scene, scene.ben)
    asks_support(scene)
    assert dispatch(session) == []


def test_a_queue_that_nobody_works_in_or_that_is_closed_is_refused(scene: Scene, session: Session) -> None:
    set_presence(session, scene.ben.id, "break")
    with pytest.raises(Refusal, match="Nobody of this queue is at work"):
        asks_support(scene)
    set_presence(session, scene.ben.id, "available")
    scene.support.active = False
    with pytest.raises(Refusal, match="closed now"):
        asks_support(scene)
    with pytest.raises(Refusal, match="no such queue"):
        transfers.ask_queue(session, scene.call.id, scene.ana.id, "nowhere")
    assert (scene.state(), state_of(scene)) == ("active", None)


def test_a_second_question_and_a_park_meanwhile(scene: Scene, session: Session) -> None:
    busy(scene, scene.ben)
    asks_support(scene)
    with pytest.raises(Refusal, match="already asked somebody"):
        asks_support(scene)
    with pytest.raises(Refusal, match="not answered yet"):
        transfers.join_all(session, scene.call.id, scene.ana.id)
    parking.park(session, scene.call.id, scene.ana.id)
    assert (scene.state(), state_of(scene)) == ("parked", None)

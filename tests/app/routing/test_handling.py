"""The average handling time of queues: talk, hold and every wrap-up, of each queue its own part (DOMAIN 4)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, update
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.interactions.models import Interaction
from app.interactions.wrap_up import finish_wrap_up
from app.routing import transfers
from app.routing.dispatch import dispatch
from app.routing.handling import LAST_CONTACTS, handle_s, handle_s_of_all
from app.routing.models import Offer, Queue
from app.routing.offers import accept_offer
from app.routing.release import caller_gone, end_work
from app.routing.wait import waiting
from tests import factories as make
from tests.app.routing.test_transfers import Scene


@pytest.fixture
def scene(session: Session) -> Scene:
    make.disposition(session, "SALE")
    return Scene(session)


def talks(scene: Scene, seconds: float) -> None:
    make.wait_longer(scene.session, scene.call, seconds)


def wraps_up_own_part(scene: Scene, who: User, seconds: float) -> None:
    """The agent's wrap-up of a part that was handed on lasts so long."""
    past = func.clock_timestamp() - timedelta(seconds=seconds)
    mine = update(Offer).where(Offer.user_id == who.id, Offer.role == "handed_on")
    scene.session.execute(mine.values(wrapping_at=past))
    finish_wrap_up(scene.session, scene.call.id, who.id, "SALE")


def ends(scene: Scene, wrap_s: float) -> None:
    """The customer hangs up, and the last agent wraps up."""
    caller_gone(scene.session, scene.call.id)
    make.wait_longer(scene.session, scene.call, wrap_s)
    end_work(scene.session, scene.call, actor="test")


def assert_handled(scene: Scene, sales: float, support: float) -> None:
    """Both readings say so."""
    for queue, seconds in ((scene.sales, sales), (scene.support, support)):
        assert handle_s(scene.session, queue) == pytest.approx(seconds, abs=2)
    found = handle_s_of_all(scene.session)
    assert found == pytest.approx({scene.sales.id: sales, scene.support.id: support}, abs=2)


def test_each_queue_counts_its_own_talk_and_the_wrap_up_of_whoever_handed_on(scene: Scene, session: Session) -> None:
    talks(scene, 300)
    transfers.to_queue(session, scene.call.id, scene.ana.id, "support")
    wraps_up_own_part(scene, scene.ana, 60)
    talks(scene, 500)  # nobody does: they wait
    [offer] = dispatch(session)
    accept_offer(session, offer.id)
    talks(scene, 100)
    ends(scene, 20)
    assert_handled(scene, sales=360, support=120)


def test_a_consult_is_the_hold_of_whoever_asks(scene: Scene, session: Session) -> None:
    talks(scene, 100)
    consult = transfers.ask_queue(session, scene.call.id, scene.ana.id, "support")
    [offer] = dispatch(session)
    accept_offer(session, offer.id)
    session.refresh(consult)
    talks(scene, 40)
    transfers.finish(session, scene.call.id, scene.ana.id)
    wraps_up_own_part(scene, scene.ana, 30)
    talks(scene, 200)
    ends(scene, 10)
    assert_handled(scene, sales=170, support=210)


def test_a_wrap_up_that_outlasts_the_call_counts_as_far_as_it_is(scene: Scene, session: Session) -> None:
    talks(scene, 100)
    transfers.to_agent(session, scene.call.id, scene.ana.id, scene.ben.id)
    [ring] = session.query(Offer).filter_by(user_id=scene.ben.id)
    accept_offer(session, ring.id)
    talks(scene, 50)
    session.execute(update(Offer).values(wrapping_at=Offer.wrapping_at - timedelta(seconds=45)))
    ends(scene, 5)
    assert handle_s(session, scene.sales) == pytest.approx(200, abs=2)


def test_the_ring_is_no_work_and_a_running_call_is_not_counted_yet(session: Session) -> None:
    """The vector of DOMAIN 4: answered after 30 s, 880 s of talk, a minute of wrap-up."""
    sales = make.queue(session, default_aht_s=200)
    make.agent(session, "Ana", [sales])
    call = make.waiting_call(session, sales, waited_s=30)
    [offer] = dispatch(session)
    make.wait_longer(session, call, 20)
    accept_offer(session, offer.id)
    make.wait_longer(session, call, 880)
    assert (handle_s(session, sales), handle_s_of_all(session)) == (200, {})
    caller_gone(session, call.id)
    make.wait_longer(session, call, 60)
    end_work(session, call, actor="test")
    assert handle_s(session, sales) == pytest.approx(940, abs=2)


def test_the_newest_contacts_count_and_the_estimate_takes_them(session: Session) -> None:
    sales = make.queue(session)
    make.agent(session, "Ana", [sales])
    for talk_s in (900, *[60] * LAST_CONTACTS):
        handled(session, sales, talk_s)
    assert handle_s(session, sales) == handle_s_of_all(session)[sales.id] == pytest.approx(60, abs=2)
    busy = make.waiting_call(session, sales)
    [offer] = dispatch(session)
    accept_offer(session, offer.id)
    session.refresh(busy)
    assert waiting(session, make.waiting_call(session, sales)).estimate_s == pytest.approx(60, abs=2)


def handled(session: Session, queue: Queue, talk_s: float) -> Interaction:
    """A contact that is over, without a wrap-up to speak of."""
    call = make.waiting_call(session, queue)
    [offer] = dispatch(session)
    accept_offer(session, offer.id)
    make.wait_longer(session, call, talk_s)
    caller_gone(session, call.id)
    end_work(session, call, actor="test")
    return call

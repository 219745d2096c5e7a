"""Which caller gets which agent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import worker
from app.accounts.models import User
from app.db import unit_of_work
from app.interactions.models import Interaction
from app.routing import dispatch as routing
from app.routing.dispatch import dispatch
from app.routing.models import AgentState, Offer
from app.routing.presence import set_presence
from tests import factories as make
from tests.support.acd import jobs_named, lose_tabs, story


def test_a_caller_is_offered_to_the_agent_who_has_been_idle_longest(session: Session) -> None:
    sales = make.queue(session, ring_s=17)
    make.agent(session, "Ana", [sales], idle_s=30)
    ben = make.agent(session, "Ben", [sales], idle_s=90)
    call = make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    assert (offer.user_id, offer.state, call.state, call.agent_id) == (ben.id, "pending", "offered", ben.id)
    assert jobs_named(session, "voice.ring_agent") == [{"offer_id": offer.id}]
    assert (offer.expires_at - offer.created_at).total_seconds() == 17
    assert story(session, call) == [("created", None), ("in_flow", None), ("queued", None), ("offered", None)]


def test_callers_of_one_queue_are_served_first_come_first_served(session: Session) -> None:
    sales = make.queue(session)
    calls = [make.waiting_call(session, sales, waited_s=seconds) for seconds in (10, 40, 20)]
    for name in ("Ana", "Ben", "Cho"):
        make.agent(session, name, [sales])
    assert [offer.interaction_id for offer in dispatch(session)] == [calls[1].id, calls[2].id, calls[0].id]


@pytest.mark.parametrize(
    ("later_by_s", "served_first"),
    [pytest.param(599, "urgent", id="within its priority"), pytest.param(601, "patient", id="beyond its priority")],
)
def test_ten_minutes_of_priority_overtake_callers_up_to_ten_minutes_earlier(
    session: Session, later_by_s: int, served_first: str
) -> None:
    sales = make.queue(session)
    calls = {
        "patient": make.waiting_call(session, sales, waited_s=720),
        "urgent": make.waiting_call(session, sales, waited_s=720 - later_by_s, priority_min=10),
    }
    make.agent(session, "Ana", [sales])
    assert [offer.interaction_id for offer in dispatch(session)] == [calls[served_first].id]


def test_an_agent_gets_callers_of_their_own_queues_only(session: Session) -> None:
    sales, support = make.queue(session, "sales"), make.queue(session, "support")
    make.agent(session, "Ana", [support])
    make.waiting_call(session, sales, waited_s=60)
    wanted = make.waiting_call(session, support)
    assert [offer.interaction_id for offer in dispatch(session)] == [wanted.id]


def _on_break(session: Session, ana: User) -> None:
    set_presence(session, ana.id, "break", "lunch")


def _leaving(session: Session, ana: User) -> None:
    session.get_one(AgentState, ana.id).next_presence = "break"


def _parked(session: Session, ana: User) -> None:
    session.get_one(AgentState, ana.id).not_responding = True


def _without_browser(session: Session, ana: User) -> None:
    lose_tabs(session, ana.id)


def _microphone_blocked(session: Session, ana: User) -> None:
    lose_tabs(session, ana.id)
    make.tab(session, ana, phone_ready=False)


def _barred(session: Session, ana: User) -> None:
    ana.active = False


@pytest.mark.parametrize(
    "hinder", [_on_break, _leaving, _parked, _without_browser, _microphone_blocked, _barred], ids=lambda f: f.__name__
)
def test_an_agent_who_could_not_ring_is_offered_nothing(
    session: Session, hinder: Callable[[Session, User], None]
) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    call = make.waiting_call(session, sales)
    hinder(session, ana)
    session.flush()
    assert dispatch(session) == []
    assert call.state == "queued"


def test_an_agent_is_offered_one_call_at_a_time(session: Session) -> None:
    sales = make.queue(session)
    make.agent(session, "Ana", [sales])
    first = make.waiting_call(session, sales, waited_s=5)
    make.waiting_call(session, sales)
    assert [offer.interaction_id for offer in dispatch(session)] == [first.id]
    assert dispatch(session) == []


def test_a_caller_nobody_can_take_does_not_hold_up_another_queue(session: Session) -> None:
    sales, support = make.queue(session, "sales"), make.queue(session, "support")
    for _ in range(3):
        make.waiting_call(session, sales, waited_s=600)
    make.agent(session, "Ana", [support])
    call = make.waiting_call(session, support)
    assert [offer.interaction_id for offer in dispatch(session)] == [call.id]


def test_a_caller_or_agent_somebody_else_is_deciding_about_is_left_alone(session: Session) -> None:
    sales = make.queue(session)
    make.agent(session, "Ana", [sales], idle_s=60)
    held = make.waiting_call(session, sales, waited_s=60)
    free = make.waiting_call(session, sales)
    session.commit()
    with unit_of_work() as other:
        other.execute(select(Interaction.id).where(Interaction.id == held.id).with_for_update())
        with unit_of_work() as mine:
            assert [offer.interaction_id for offer in dispatch(mine)] == [free.id]
    ben = make.agent(session, "Ben", [sales])
    session.commit()
    with unit_of_work() as other:
        other.execute(select(AgentState.user_id).where(AgentState.user_id == ben.id).with_for_update())
        with unit_of_work() as mine:
            assert dispatch(mine) == []


async def test_the_dispatch_job_matches_everyone_who_can_be_matched(
    session: Session, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "AT_ONCE", 2)
    sales = make.queue(session)
    for name in ("Ana", "Ben", "Cho", "Dov", "Eve"):
        make.agent(session, name, [sales])
        make.waiting_call(session, sales)
    session.commit()
    monkeypatch.setattr(worker.jobs, "handlers", {routing.JOB: worker.jobs.handlers[routing.JOB]})
    await worker.work_off(database)
    assert len(session.scalars(select(Offer)).all()) == 5

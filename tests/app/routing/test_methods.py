"""Queues' ways on the real database: methods, skills, levels, groups, capacity, cool-downs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.db import unit_of_work
from app.interactions.models import Interaction
from app.routing.dispatch import dispatch
from app.routing.enqueue import enqueue_interaction
from app.routing.models import AgentState, Offer, Queue
from app.routing.offers import accept_offer, reject_offer
from app.routing.presence import reachability, set_presence
from app.routing.release import agent_gone, caller_gone, end_work, request_hang_up
from tests import factories as make
from tests.support.acd import at_once, events_named, jobs_named

ONE_DAY = timedelta(days=1)


def asked(session: Session) -> list[int]:
    return [offer.user_id for offer in dispatch(session)]


def talk(session: Session, queue: Queue, **facts: Any) -> Interaction:
    """A call that is offered, answered and over; its agent is free again."""
    call = make.waiting_call(session, queue, **facts)
    (offer,) = dispatch(session)
    accept_offer(session, offer.id)
    caller_gone(session, call.id)
    end_work(session, call, actor="test")
    return call


def test_round_robin_goes_on_where_it_stopped_after_every_restart(session: Session) -> None:
    sales = make.queue(session, method="round_robin")
    people = [make.agent(session, name, [sales]).id for name in ("Ana", "Ben", "Cho")]
    order = [talk(session, sales).agent_id for _ in range(4)]
    assert order == [*people, people[0]]


def test_fewest_today_counts_what_was_answered_since_midnight(session: Session) -> None:
    sales = make.queue(session, method="fewest_today", zone="Asia/Taipei")
    ana, ben = make.agent(session, "Ana", [sales], idle_s=90), make.agent(session, "Ben", [sales])
    assert talk(session, sales).agent_id == ana.id
    assert talk(session, sales).agent_id == ben.id
    session.execute(update(Offer).where(Offer.user_id == ben.id).values(created_at=Offer.created_at - 2 * ONE_DAY))
    assert talk(session, sales).agent_id == ben.id, "yesterday does not count"


def test_a_call_that_needs_a_skill_waits_for_somebody_who_has_it(session: Session) -> None:
    sales = make.queue(session)
    make.agent(session, "Ana", [sales], idle_s=90, skills={"french": 1})
    call = make.waiting_call(session, sales, skills={"french": 2})
    plain = make.waiting_call(session, sales)
    assert [offer.interaction_id for offer in dispatch(session)] == [plain.id]
    bea = make.agent(session, "Bea", [sales], skills={"french": 2})
    assert [(offer.interaction_id, offer.user_id) for offer in dispatch(session)] == [(call.id, bea.id)]


def test_a_skill_that_the_house_does_not_know_keeps_nobody_waiting(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    call = make.waiting_call(session, sales)
    make.call_in_flow(session)
    enqueue_interaction(session, call, sales, skills=["nobody-has-this"])
    assert call.required_skills == {}
    assert asked(session) == [ana.id]


def test_a_bullseye_widens_while_the_caller_waits(session: Session) -> None:
    rings = [{"stay_s": 30, "drop": ["french"]}]
    sales = make.queue(session, method="bullseye", rings=rings)
    ana = make.agent(session, "Ana", [sales])
    make.waiting_call(session, sales, skills={"french": 1}, waited_s=20)
    assert asked(session) == []
    make.waiting_call(session, sales, skills={"french": 1}, waited_s=31)
    assert asked(session) == [ana.id]


def test_members_of_a_later_level_and_with_a_delay_are_asked_later(session: Session) -> None:
    sales = make.queue(session)
    second = make.agent(session, "Sam", [sales], idle_s=900, level=2)
    first = make.agent(session, "Ana", [sales])
    late = make.agent(session, "Lea", [sales], idle_s=900, delay_s=60)
    for _ in range(3):
        make.waiting_call(session, sales, waited_s=30)
    assert asked(session) == [first.id, second.id]
    make.waiting_call(session, sales, waited_s=61)
    assert asked(session) == [late.id]


def test_a_queue_that_weighs_more_is_served_first(session: Session) -> None:
    sales, vip = make.queue(session, "sales"), make.queue(session, "vip", weight=120)
    make.agent(session, "Ana", [sales, vip])
    make.waiting_call(session, sales, waited_s=100)
    wanted = make.waiting_call(session, vip)
    assert [offer.interaction_id for offer in dispatch(session)] == [wanted.id]


def test_the_customers_worth_is_minutes_of_priority(session: Session) -> None:
    rules = [{"tier": "gold", "priority_min": 10}, {"entry_point": make.OUR_NUMBER, "priority_min": 2}]
    sales = make.queue(session, value_rules=rules)
    gold = make.call_in_flow(session)
    gold.tier = "gold"
    enqueue_interaction(session, gold, sales, priority_min=3)
    assert (gold.priority_min, make.waiting_call(session, sales).priority_min) == (15, 2)


# One whom the customer knows


def test_the_last_agent_is_asked_before_others_and_only_for_a_while(session: Session) -> None:
    sales = make.queue(session, sticky_s=30)
    mira, ana = make.customer(session), make.agent(session, "Ana", [sales])
    talk(session, sales, of=mira)
    make.agent(session, "Ben", [sales], idle_s=900)
    again = make.waiting_call(session, sales, of=mira)
    assert asked(session) == [ana.id]
    assert again.preferred_agent_id == ana.id


def test_a_caller_waits_for_a_busy_last_agent_and_then_no_longer(session: Session) -> None:
    sales = make.queue(session, sticky_s=30)
    mira, ana = make.customer(session), make.agent(session, "Ana", [sales])
    talk(session, sales, of=mira)
    make.waiting_call(session, sales)
    assert asked(session) == [ana.id]
    ben = make.agent(session, "Ben", [sales])
    again = make.waiting_call(session, sales, of=mira)
    assert asked(session) == []
    make.wait_longer(session, again, 31)
    assert asked(session) == [ben.id]


def test_a_last_agent_who_is_not_there_is_not_waited_for(session: Session) -> None:
    sales = make.queue(session, sticky_s=30)
    mira, ana = make.customer(session), make.agent(session, "Ana", [sales])
    talk(session, sales, of=mira)
    set_presence(session, ana.id, "break")
    ben = make.agent(session, "Ben", [sales])
    make.waiting_call(session, sales, of=mira)
    assert asked(session) == [ben.id]


# Ring groups (A-1: many ring, one has it)


@pytest.fixture
def group(session: Session) -> list[Offer]:
    """Two of three phones ring for one call; committed."""
    sales = make.queue(session, ring_group_n=2)
    for name in ("Ana", "Ben", "Cho"):
        make.agent(session, name, [sales])
    make.waiting_call(session, sales)
    offers = dispatch(session)
    session.commit()
    return offers


def test_a_ring_group_rings_several_and_the_first_to_answer_has_it(session: Session, group: list[Offer]) -> None:
    assert len(group) == 2
    assert len(jobs_named(session, "voice.ring_agent")) == 2
    assert accept_offer(session, group[1].id).won
    session.expire_all()
    call = session.get_one(Interaction, group[0].interaction_id)
    assert (group[0].state, group[0].reason, call.state, call.agent_id) == (
        "rescinded",
        "taken",
        "active",
        group[1].user_id,
    )
    assert jobs_named(session, "voice.stop_ringing") == [{"offer_id": group[0].id}]
    assert reachability(session, group[0].user_id).routing_status == "idle"
    assert not accept_offer(session, group[0].id).won


def test_a_ring_group_rings_on_while_one_of_it_is_left(session: Session, group: list[Offer]) -> None:
    reject_offer(session, group[0].id)
    call = session.get_one(Interaction, group[0].interaction_id)
    assert (call.state, group[1].state) == ("offered", "pending")
    reject_offer(session, group[1].id)
    session.refresh(call)
    assert (call.state, call.agent_id) == ("queued", None)


@pytest.mark.parametrize("round_", range(4))
def test_of_a_group_that_answers_at_once_exactly_one_has_the_call(
    session: Session, group: list[Offer], round_: int
) -> None:
    deeds = [lambda own, id=offer.id: accept_offer(own, id) for offer in group]
    outcomes = at_once(*deeds, *deeds)
    assert sum(outcome.won for outcome in outcomes) == 1
    session.expire_all()
    assert sorted(offer.state for offer in group) == ["accepted", "rescinded"]
    assert len(jobs_named(session, "voice.bridge")) == 1


def test_a_caller_who_hangs_up_stops_every_phone_of_the_group(session: Session, group: list[Offer]) -> None:
    caller_gone(session, group[0].interaction_id)
    session.expire_all()
    assert [offer.state for offer in group] == ["canceled", "canceled"]


# Capacity over voice and digital


def test_an_agent_gets_as_many_texts_as_fit_and_no_call_beside_them(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    for _ in range(4):
        make.waiting_call(session, sales, channel="sms")
    assert asked(session) == [ana.id] * 3
    call = make.waiting_call(session, sales)
    assert asked(session) == []
    ana.capacity = {"chat": 4, "interruptible_by": {"chat": ["voice"]}}
    session.flush()
    assert call.id in {offer.interaction_id for offer in dispatch(session)}
    assert jobs_named(session, "voice.ring_agent") != []


def test_texts_ring_no_phone_and_are_taken_without_a_bridge(session: Session) -> None:
    sales = make.queue(session)
    make.agent(session, "Ana", [sales], phone_ready=False)
    text = make.waiting_call(session, sales, channel="sms")
    make.waiting_call(session, sales, waited_s=30)
    (offer,) = dispatch(session)
    assert accept_offer(session, offer.id).won
    assert (offer.channel, offer.interaction_id, text.state) == ("sms", text.id, "active")
    assert jobs_named(session, "voice.ring_agent") == jobs_named(session, "voice.bridge") == []


@pytest.mark.parametrize("round_", range(3))
def test_dispatches_at_once_never_give_an_agent_more_than_fits(session: Session, round_: int) -> None:
    sales = make.queue(session)
    people = [make.agent(session, name, [sales]).id for name in ("Ana", "Ben")]
    for n in range(8):
        make.waiting_call(session, sales, channel="sms" if n % 3 else "voice", waited_s=n)
    session.commit()
    at_once(*[dispatch] * 4)
    with unit_of_work() as own:
        dispatch(own)
    session.expire_all()
    for user_id in people:
        channels = list(session.scalars(select(Offer.channel).where(Offer.user_id == user_id)))
        assert channels in (["voice"], ["sms"] * 3), channels


# Cool-downs, parking, alarms


def test_after_wrap_up_an_agent_rests_in_every_queue(session: Session) -> None:
    sales, support = make.queue(session, "sales", rest_s=10), make.queue(session, "support")
    ana = make.agent(session, "Ana", [sales, support])
    talk(session, sales)
    make.waiting_call(session, support)
    assert asked(session) == []
    assert reachability(session, ana.id).codes == ["resting"]
    session.execute(update(AgentState).values(rest_until=AgentState.rest_until - ONE_DAY))
    assert asked(session) == [ana.id]


def test_a_contact_turned_down_ten_times_is_told_to_the_floor_once(session: Session) -> None:
    sales = make.queue(session, retry_cooldown_s=0)
    make.agent(session, "Ana", [sales])
    make.waiting_call(session, sales)
    for times in range(12):
        (offer,) = dispatch(session)
        reject_offer(session, offer.id)
        assert len(events_named(session, "routing.nobody_takes")) == (times >= 9)


def test_a_presence_chosen_while_several_texts_are_at_hand_applies_after_the_last(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    texts = [make.waiting_call(session, sales, channel="sms") for _ in range(2)]
    for offer in dispatch(session):
        accept_offer(session, offer.id)
    set_presence(session, ana.id, "break")
    for text, presence in zip(texts, ("available", "break"), strict=True):
        assert request_hang_up(session, text.id, ana.id)
        agent_gone(session, text.id, ana.id)
        end_work(session, text, actor="test")
        assert session.get_one(AgentState, ana.id).presence == presence


def test_a_barred_or_unknown_person_is_never_asked(session: Session) -> None:
    sales = make.queue(session)
    session.get_one(User, make.agent(session, "Ana", [sales]).id).active = False
    make.waiting_call(session, sales)
    assert asked(session) == []

"""GET /desktop/state: everything a page needs to draw itself from nothing."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select

from app.db import unit_of_work
from app.interactions.models import Disposition, Interaction, Message
from app.routing import parking, transfers
from app.routing.models import Offer, Queue
from app.routing.offers import accept_offer
from app.routing.release import caller_gone, end_work
from app.supervisor.steer import pull
from tests import factories
from tests.app.desktop.scenes import caller_hangs_up, ringing, talking


def state(who):
    reply = who.get("/desktop/state")
    assert reply.status_code == 200
    return reply.json


def text_from(customer_id: uuid.UUID, body: str, *, sent_by: int | None = None) -> None:
    with unit_of_work() as session:
        call = factories.call(session, session.get_one(factories.Customer, customer_id))
        session.add(
            Message(
                customer_id=customer_id,
                interaction_id=call.id,
                channel="sms",
                direction="outbound" if sent_by else "inbound",
                our_address="+15550100100",
                remote_address=call.remote_address,
                body=body,
                status="sent" if sent_by else "received",
                sent_by=sent_by,
            )
        )


def test_with_nothing_to_do_it_says_who_i_am_and_that_i_would_ring(ana) -> None:
    found = state(ana)
    assert found["me"]["name"] == "Ana" and found["me"]["roles"] == ["agent"]
    assert found["me"]["reachability"] == {"reachable": True, "why": [], "routing_status": "idle"}
    assert (found["offer"], found["call"], found["work"]) == (None, None, {"now": [], "recent": []})


def test_a_ringing_call_says_who_why_how_long_and_until_when(ana, sales) -> None:
    call, offer_id = ringing(sales, path=["Welcome", "English", "Sales (said “a new plan”)"])
    offer = state(ana)["offer"]
    assert (offer["id"], offer["interaction_id"]) == (offer_id, str(call))
    assert (offer["customer"]["name"], offer["queue"]) == ("Mira Chen", "Sales")
    assert offer["why"] == "Sales (said “a new plan”)"
    assert (offer["ring_s"], offer["waited_s"]) == (20, 42)
    assert 15 < offer["seconds_left"] <= 20


def test_an_offer_past_its_deadline_no_longer_rings_even_before_the_clock_has_seen_it(ana, sales) -> None:
    _, offer_id = ringing(sales)
    with unit_of_work() as session:
        offer = session.get_one(Offer, offer_id)
        offer.expires_at = offer.created_at
    assert state(ana)["offer"] is None


def test_a_call_of_somebody_else_is_not_shown(ana, bo, sales) -> None:
    talking(sales)
    assert state(bo)["call"] is None and state(bo)["work"]["now"] == []


def test_the_call_at_hand_has_its_path_and_reason(ana, sales) -> None:
    call = talking(sales, path=["Welcome", "Sales"], reason="wants a new plan")
    found = state(ana)
    assert found["call"]["interaction_id"] == str(call)
    assert (found["call"]["state"], found["call"]["path"]) == ("active", ["Welcome", "Sales"])
    assert found["call"]["why"] == "wants a new plan"
    assert found["call"]["answered_at"] is not None and found["call"]["wrap_up_ends_at"] is None
    assert [work["interaction_id"] for work in found["work"]["now"]] == [str(call)]


def test_wrap_up_has_its_end(ana, sales) -> None:
    caller_hangs_up(talking(sales))
    call = state(ana)["call"]
    assert call["state"] == "wrapping" and call["wrap_up_ends_at"] > call["since"]


def test_outcomes_come_in_their_order_and_retired_ones_not(ana) -> None:
    with unit_of_work() as session:
        factories.disposition(session, "B", "Beta").position = 2
        factories.disposition(session, "A", "Alpha").position = 1
        factories.disposition(session, "OLD", "Old", active=False)
    assert state(ana)["dispositions"] == [{"code": "A", "label": "Alpha"}, {"code": "B", "label": "Beta"}]


def test_a_text_nobody_has_taken_up_is_shown_to_all(ana, bo) -> None:
    with unit_of_work() as session:
        mira = factories.customer(session, name="Mira Chen").id
    text_from(mira, "Hello? " * 50)
    for who in (ana, bo):
        (line,) = state(who)["work"]["recent"]
        assert (line["customer"]["name"], line["channel"], line["unanswered"]) == ("Mira Chen", "sms", True)
        assert line["line"].startswith("Hello?") and len(line["line"]) <= 120


def test_a_text_that_bo_answered_is_bos(ana, bo) -> None:
    with unit_of_work() as session:
        mira = factories.customer(session, name="Mira Chen").id
    text_from(mira, "Hello?")
    text_from(mira, "Hello Mira", sent_by=bo.user_id)
    assert state(ana)["work"]["recent"] == []
    (line,) = state(bo)["work"]["recent"]
    assert (line["line"], line["unanswered"]) == ("Hello Mira", False)


def test_the_event_id_is_a_place_to_follow_from_without_missing_anything(ana, sales) -> None:
    from sqlalchemy import text

    before = state(ana)["last_event_id"]
    call = talking(sales)
    xid, event_id = before.split("-")
    with unit_of_work() as session:
        missed = session.execute(
            text("SELECT count(*) FROM event WHERE interaction_id = :call AND (xid, id) > (CAST(:xid AS xid8), :id)"),
            {"call": call, "xid": xid, "id": int(event_id)},
        ).scalar_one()
        all_of_it = session.execute(
            text("SELECT count(*) FROM event WHERE interaction_id = :call"), {"call": call}
        ).scalar_one()
    assert missed == all_of_it > 0


def test_every_call_that_one_had_a_part_in_is_among_the_recent_ones(ana, bo, sales) -> None:
    """Ana hands Mira on to Bo, is asked by Bo about Joe, and parks Eve, whom Bo takes up."""
    with unit_of_work() as session:
        session.add(Disposition(code="SALE", label="Sale made"))
    mira = handed_to(bo, talking_with("Mira", ana, sales))
    assert [line["line"] for line in recent(ana)] == [], "she wraps up her part"
    assert ana.post(f"/desktop/interactions/{mira}/wrap-up", {"code": "SALE"}).status_code == 200
    assert recent(ana) == [("Mira", "Sale made")]
    assert recent(bo) == [], "he talks still"
    over(mira)
    assert recent(bo) == [("Mira", "completed")]
    joe = talking_with("Joe", bo, sales)
    with unit_of_work() as session:
        asked = transfers.ask_agent(session, joe, bo.user_id, ana.user_id, third=False)
        assert accept_offer(session, asked.offer_id).won
    assert [line["customer"]["name"] for line in state(ana)["work"]["recent"]] == ["Mira"]
    with unit_of_work() as session:
        transfers.back_out(session, joe, ana.user_id)
    assert recent(ana) == [("Joe", "asked"), ("Mira", "Sale made")]
    over(joe)
    eve = talking_with("Eve", ana, sales)
    with unit_of_work() as session:
        parking.park(session, eve, ana.user_id)
    assert recent(ana)[0] == ("Joe", "asked"), "a parked call has a row of its own"
    with unit_of_work() as session:
        parking.unpark(session, eve, bo.user_id)
    assert recent(ana)[0] == ("Eve", "handed_on")


def talking_with(name: str, who: Any, queue_id: int) -> uuid.UUID:
    """A call that this agent and nobody else takes."""
    with unit_of_work() as session:
        caller = factories.customer(session, name=name)
        call = factories.waiting_call(session, session.get_one(Queue, queue_id), caller)
        assert accept_offer(session, pull(session, call.id, who.user_id, by=who.user_id).id).won
        return call.id


def handed_to(who: Any, call: uuid.UUID) -> uuid.UUID:
    """The call's agent hands it to this one, who answers."""
    with unit_of_work() as session:
        transfers.to_agent(session, call, session.get_one(Interaction, call).agent_id or 0, who.user_id)
        [offer] = session.scalars(select(Offer).where(Offer.user_id == who.user_id, Offer.state == "pending"))
        assert accept_offer(session, offer.id).won
    return call


def over(call: uuid.UUID) -> None:
    """The customer hangs up and nobody writes an outcome."""
    with unit_of_work() as session:
        caller_gone(session, call)
        end_work(session, session.get_one(Interaction, call), actor="test")


def recent(who: Any) -> list[tuple[str, str]]:
    return [(line["customer"]["name"], line["line"]) for line in state(who)["work"]["recent"]]


def test_a_call_of_before_is_told_by_the_words_of_its_outcome(ana, sales) -> None:
    with unit_of_work() as session:
        session.add(Disposition(code="SALE", label="Sale made"))
    call = talking(sales)
    caller_hangs_up(call)
    assert ana.post(f"/desktop/interactions/{call}/wrap-up", {"code": "SALE"}).status_code == 200
    (line,) = state(ana)["work"]["recent"]
    assert line["line"] == "Sale made"

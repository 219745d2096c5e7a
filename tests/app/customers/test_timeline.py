"""The customer's timeline."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.customers.timeline import timeline
from app.interactions.messages import receive_message, send_message
from app.interactions.notes import add_note
from app.interactions.wrap_up import finish_wrap_up
from app.routing import parking, transfers
from app.routing.dispatch import dispatch
from app.routing.enqueue import enqueue_interaction
from app.routing.models import Queue
from app.routing.offers import accept_offer
from app.routing.release import caller_gone
from recordings.models import Recording
from tests import factories as make

MIRA = "+15550101234"


def receive(session: Session, body: str) -> None:
    receive_message(session, provider_id=uuid.uuid4().hex, from_address=MIRA, to_address=make.OUR_NUMBER, body=body)


@contextmanager
def counting_queries(session: Session) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def answered_call(session: Session, sales: Queue, number: str = MIRA) -> uuid.UUID:
    call = make.waiting_call(session, sales, make.customer(session, number, "Mira"))
    (offer,) = dispatch(session)
    accept_offer(session, offer.id)
    return call.id


def test_a_call_shows_who_talked_how_long_and_what_came_of_it(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    mira = make.customer(session, MIRA, "Mira")
    call = make.call_in_flow(session, mira)
    answers = [{"survey": "nps", "question": "rating", "answer": "9"}]
    call.context = {"path": ["Welcome", "English", "Sales (said “sales”)"], "verified": "passed", "survey": answers}
    enqueue_interaction(session, call, sales)
    make.wait_longer(session, call, 40)
    accept_offer(session, dispatch(session)[0].id)
    make.wait_longer(session, call, 90)
    caller_gone(session, call.id)
    finish_wrap_up(session, call.id, ana.id, make.disposition(session).code)
    recording = Recording(
        interaction_id=call.id,
        kind="call",
        provider_sid="RE1",
        provider_url="http://carrier.test/RE1",
        state="stored",
        channel_map={"0": "customer", "1": "agent"},
        duration_s=89.5,
        transcript_state="done",
    )
    session.add(recording)
    session.flush()
    session.refresh(call)
    (entry,) = timeline(session, mira.id)
    assert entry["ended_at"] is not None
    assert entry["talk_s"] == pytest.approx(90, abs=2)
    assert entry["wait_s"] == pytest.approx(40, abs=2)
    menu, waited, talked = entry.pop("hands")
    assert (menu["kind"], waited["name"], talked["kind"], talked["name"]) == ("menu", "Sales", "agent", "Ana")
    assert (waited["seconds"], talked["seconds"]) == (pytest.approx(40, abs=2), pytest.approx(90, abs=2))
    assert {name: entry[name] for name in entry if name not in ("ended_at", "talk_s", "wait_s")} == {
        "kind": "call",
        "at": call.created_at.isoformat(),
        "before": call.created_at.isoformat(),
        "interaction_id": str(call.id),
        "direction": "inbound",
        "number": MIRA,
        "state": "completed",
        "queue": "Sales",
        "agent": "Ana",
        "started_at": call.created_at.isoformat(),
        "outcome": "answered",
        "path": ["Welcome", "English", "Sales (said “sales”)"],
        "verified": "passed",
        "survey": answers,
        "recording": {
            "id": recording.id,
            "kind": "call",
            "duration_s": 89.5,
            "state": "stored",
            "transcript_state": "done",
        },
        "disposition": "Sale made",
    }


def test_a_call_names_all_the_hands_it_went_through_in_their_order(session: Session) -> None:
    sales, support = make.queue(session), make.queue(session, "support")
    ana, bo = make.agent(session, "Ana", [sales]), make.agent(session, "Bo", [support])
    cy = make.agent(session, "Cy")
    mira = make.customer(session, MIRA, "Mira")
    call = make.waiting_call(session, sales, mira)
    accept_offer(session, dispatch(session)[0].id)
    asked = transfers.ask_agent(session, call.id, ana.id, bo.id, third=False)
    accept_offer(session, asked.offer_id or 0)
    transfers.back_out(session, call.id, ana.id)
    asked = transfers.ask_agent(session, call.id, ana.id, cy.id, third=False)
    accept_offer(session, asked.offer_id or 0)
    transfers.finish(session, call.id, ana.id)
    parking.park(session, call.id, cy.id)
    caller_gone(session, call.id)
    (entry,) = timeline(session, mira.id)
    assert [(hand["kind"], hand["name"]) for hand in entry["hands"]] == [
        ("menu", None),
        ("queue", "Sales"),
        ("agent", "Ana"),
        ("consult", "Bo"),
        ("consult", "Cy"),
        ("agent", "Cy"),
        ("parked", None),
    ]


def test_an_abandoned_call_and_one_that_goes_on_say_so(session: Session) -> None:
    sales = make.queue(session)
    mira = make.customer(session, MIRA)
    caller_gone(session, make.waiting_call(session, sales, mira).id)
    make.waiting_call(session, sales, mira)
    assert [entry["outcome"] for entry in timeline(session, mira.id)] == ["in_progress", "abandoned"]


def test_texts_in_a_row_are_one_entry_that_reads_downwards(session: Session) -> None:
    make.our_number(session)
    mira, ana = make.customer(session, MIRA), make.user(session, "Ana")
    receive(session, "Is it here?")
    send_message(session, ana, mira.id, "It is on its way.", "c1")
    add_note(session, mira.id, ana.id, "Is waiting for the sofa.")
    receive(session, "Thanks")
    newest, note, older = timeline(session, mira.id)
    assert [item["body"] for item in newest["items"]] == ["Thanks"]
    assert (note["kind"], note["author"], note["body"]) == ("note", "Ana", "Is waiting for the sofa.")
    assert [(item["direction"], item["body"], item["sent_by"], item["status"]) for item in older["items"]] == [
        ("inbound", "Is it here?", None, "received"),
        ("outbound", "It is on its way.", "Ana", "queued"),
    ]


def test_older_entries_follow_without_gap_or_repetition(session: Session) -> None:
    mira, ana = make.customer(session, MIRA), make.user(session, "Ana")
    for number in range(7):
        if number % 3 == 0:
            add_note(session, mira.id, ana.id, f"{number}")
        else:
            receive(session, f"{number}")
    seen: list[str] = []
    before: datetime | None = None
    for _ in range(4):
        for entry in timeline(session, mira.id, before, limit=2):
            seen += [item["body"] for item in reversed(entry.get("items", []))] or [entry["body"]]
            before = datetime.fromisoformat(entry["before"])
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


def test_a_long_history_takes_no_more_queries_than_a_short_one(session: Session) -> None:
    sales = make.queue(session)
    make.agent(session, "Ana", [sales])
    mira = make.customer(session, MIRA)
    caller_gone(session, answered_call(session, sales))
    receive(session, "Hello")
    record = mira.id
    session.commit()
    session.expire_all()
    with counting_queries(session) as few:
        timeline(session, record)
    for _ in range(20):
        make.waiting_call(session, sales, mira)
        receive(session, "Hello again")
    session.commit()
    session.expire_all()
    with counting_queries(session) as many:
        assert len(timeline(session, record)) == 42
    assert len(many) == len(few) == 7


def test_somebody_elses_calls_and_texts_are_not_shown(session: Session) -> None:
    sales = make.queue(session)
    make.waiting_call(session, sales)
    assert timeline(session, make.customer(session, MIRA).id) == []

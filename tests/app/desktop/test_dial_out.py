"""An agent calls a customer."""

from __future__ import annotations

import threading
import uuid

import pytest

from app.db import unit_of_work
from app.interactions.models import Interaction
from app.routing.models import AgentSession, Offer
from tests import factories
from tests.app.desktop.scenes import jobs_named, ringing, talking

NUMBER = "+15551230009"


@pytest.fixture
def mira(database) -> uuid.UUID:
    with unit_of_work() as session:
        return factories.customer(session, NUMBER, "Mira Chen").id


def test_the_call_opens_as_hers_and_the_telephone_side_is_asked_to_dial(ana, mira) -> None:
    reply = ana.post("/desktop/calls", {"customer_id": str(mira), "number": "+1 (555) 123-0009"})
    assert reply.status_code == 201
    with unit_of_work() as session:
        call = session.get_one(Interaction, uuid.UUID(reply.json["interaction_id"]))
        assert (call.direction, call.remote_address, call.our_address) == ("outbound", NUMBER, "+15550100100")
        assert (call.state, call.agent_id, call.answered_at) == ("active", ana.user_id, None)
    assert jobs_named("voice.dial_out") == 1


def test_the_desktop_shows_it_as_not_answered_yet(ana, mira) -> None:
    ana.post("/desktop/calls", {"customer_id": str(mira), "number": NUMBER})
    call = ana.get("/desktop/state").json["call"]
    assert (call["direction"], call["answered_at"], call["queue"]) == ("outbound", None, None)
    assert ana.get("/desktop/state").json["me"]["reachability"]["routing_status"] == "interacting"


def test_she_calls_from_the_number_the_customer_knows(ana, app, mira, monkeypatch) -> None:
    lines = app.extensions["our_numbers"]
    others = [*lines.all(None), type(lines.all(None)[0])(2, "+15550100200", "Second", "main", "en", True)]
    monkeypatch.setattr(lines, "all", lambda session: others)
    with unit_of_work() as session:
        call = factories.call(session, session.get_one(factories.Customer, mira))
        call.our_address = "+15550100200"
    reply = ana.post("/desktop/calls", {"customer_id": str(mira), "number": NUMBER})
    with unit_of_work() as session:
        assert session.get_one(Interaction, uuid.UUID(reply.json["interaction_id"])).our_address == "+15550100200"


def test_two_clicks_at_once_make_one_call(app, ana, mira) -> None:
    statuses: list[int] = []
    body = {"customer_id": str(mira), "number": NUMBER}
    clicks = [
        threading.Thread(target=lambda: statuses.append(ana.post("/desktop/calls", body).status_code)) for _ in range(4)
    ]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join(20)
    assert sorted(statuses) == [201, 409, 409, 409]
    assert jobs_named("voice.dial_out") == 1
    with unit_of_work() as session:
        assert session.query(Interaction).count() == 1 and session.query(Offer).count() == 1


def test_an_agent_at_work_cannot_dial(ana, mira, sales) -> None:
    talking(sales)
    reply = ana.post("/desktop/calls", {"customer_id": str(mira), "number": NUMBER})
    assert reply.status_code == 409 and reply.json["error"]["code"] == "busy"


def test_an_agent_whose_phone_rings_cannot_dial(ana, mira, sales) -> None:
    ringing(sales)
    assert ana.post("/desktop/calls", {"customer_id": str(mira), "number": NUMBER}).status_code == 409


def test_without_a_phone_nobody_is_called(ana, mira) -> None:
    with unit_of_work() as session:
        session.query(AgentSession).update({"phone_ready": False})
    reply = ana.post("/desktop/calls", {"customer_id": str(mira), "number": NUMBER})
    assert reply.status_code == 409 and reply.json["error"]["code"] == "phone_not_ready"
    assert jobs_named("voice.dial_out") == 0


@pytest.mark.parametrize(
    "number",
    ["+15559999999", "112", "911", "", "anonymous", "+1", "+999999999999999999", "Robert'); DROP TABLE customer", "+"],
    ids=["not on the record", "112", "911", "empty", "withheld", "short", "long", "hostile", "plus"],
)
def test_only_numbers_on_the_record_are_called(ana, mira, number) -> None:
    reply = ana.post("/desktop/calls", {"customer_id": str(mira), "number": number})
    assert reply.status_code == 400 and reply.json["error"]["field"] == "number"
    assert jobs_named("voice.dial_out") == 0


def test_a_customer_who_does_not_exist_is_not_found(ana) -> None:
    reply = ana.post("/desktop/calls", {"customer_id": str(uuid.uuid4()), "number": NUMBER})
    assert reply.status_code == 404


def test_without_a_number_of_ours_the_agent_is_told_whom_to_ask(ana, app, mira, monkeypatch) -> None:
    monkeypatch.setattr(app.extensions["our_numbers"], "all", lambda session: [])
    reply = ana.post("/desktop/calls", {"customer_id": str(mira), "number": NUMBER})
    assert reply.status_code == 409 and "admin" in reply.json["error"]["message"]

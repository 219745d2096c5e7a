"""Drafts: what an agent began to write waits for them, wherever they sign in, and goes when it is sent."""

from __future__ import annotations

import uuid

import pytest

from app.db import unit_of_work
from app.interactions.drafts import LONGEST_DRAFT
from telephony.models import PhoneNumber
from tests import factories
from tests.app.conftest import OURS

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def mira(database) -> uuid.UUID:
    with unit_of_work() as session:
        return factories.customer(session, name="Mira Chen").id


def keep(who, customer: object, kind: str, body: object):
    return who.put(f"/desktop/customers/{customer}/drafts", {"kind": kind, "body": body})


def kept(who, customer: object) -> dict[str, str]:
    return who.get(f"/desktop/customers/{customer}/drafts").json


def test_nothing_begun_is_nothing_kept(ana, mira) -> None:
    assert kept(ana, mira) == {"text": "", "note": "", "wrap": ""}


def test_the_last_that_was_typed_stands(ana, mira) -> None:
    for body in ("Hel", "Hello Mira, ", "Hello Mira,\n "):
        assert keep(ana, mira, "text", body).status_code == 204
    assert kept(ana, mira)["text"] == "Hello Mira,\n "


def test_text_note_and_the_note_of_a_wrap_up_are_drafts_of_their_own(ana, mira) -> None:
    keep(ana, mira, "text", "to her")
    keep(ana, mira, "note", "about her")
    keep(ana, mira, "wrap", "about the call")
    assert kept(ana, mira) == {"text": "to her", "note": "about her", "wrap": "about the call"}


def test_a_draft_is_its_writers_alone(ana, bo, mira) -> None:
    keep(ana, mira, "text", "mine")
    assert kept(bo, mira)["text"] == ""


@pytest.mark.parametrize("nothing", ["", "  \n "])
def test_an_emptied_draft_is_gone(ana, mira, nothing) -> None:
    keep(ana, mira, "note", "something")
    keep(ana, mira, "note", nothing)
    assert kept(ana, mira)["note"] == ""


def test_a_note_that_is_saved_is_no_draft_any_more(ana, mira) -> None:
    keep(ana, mira, "note", "call back on Friday")
    keep(ana, mira, "text", "still writing")
    assert ana.post(f"/desktop/customers/{mira}/notes", {"body": "call back on Friday"}).status_code == 201
    assert kept(ana, mira) == {"text": "still writing", "note": "", "wrap": ""}


def test_a_text_that_is_sent_is_no_draft_any_more_and_one_that_is_refused_stays(ana, mira) -> None:
    with unit_of_work() as session:
        session.add(PhoneNumber(number=OURS, label="Demo line", flow="main"))
    keep(ana, mira, "text", "hello")
    refused = {"body": "hello", "client_id": str(uuid.uuid4()), "to": "no number"}
    assert ana.post(f"/desktop/customers/{mira}/messages", refused).status_code >= 400
    assert kept(ana, mira)["text"] == "hello"
    sent = {"body": "hello", "client_id": str(uuid.uuid4())}
    assert ana.post(f"/desktop/customers/{mira}/messages", sent).status_code == 201
    assert kept(ana, mira)["text"] == ""


def test_a_draft_longer_than_may_be_sent_is_kept_and_one_past_all_measure_refused(ana, mira) -> None:
    assert keep(ana, mira, "text", "x" * LONGEST_DRAFT).status_code == 204
    refused = keep(ana, mira, "text", "x" * (LONGEST_DRAFT + 1))
    assert (refused.status_code, refused.json["error"]["field"]) == (400, "body")
    assert len(kept(ana, mira)["text"]) == LONGEST_DRAFT


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [("email", "x", "kind"), ("text", None, "body"), ("text", 5, "body"), ("note", "a\x00b", "body")],
)
def test_what_is_no_draft_is_refused_by_field(ana, mira, kind, body, field) -> None:
    reply = keep(ana, mira, kind, body)
    assert (reply.status_code, reply.json["error"]["field"]) == (400, field)


def test_of_a_customer_who_is_not_there_nothing_is_kept(ana) -> None:
    assert keep(ana, NOBODY, "text", "x").status_code == 404
    assert ana.get(f"/desktop/customers/{NOBODY}/drafts").status_code == 404

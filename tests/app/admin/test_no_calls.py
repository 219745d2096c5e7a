"""Numbers that are not to be called: put on the list, taken off it, and heeded wherever somebody would be called."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.callbacks.models import Callback, CallbackState, Kind
from app.callbacks.policy import set_policy
from app.callbacks.request import CallbackRefused
from app.callbacks.tries import begin_try
from app.customers.models import ContactPoint
from app.db import database_now, unit_of_work
from app.interactions.models import Interaction, State
from app.interactions.move import lock_interaction
from app.routing.dispatch import dispatch
from app.routing.models import Queue
from app.routing.offers import accept_offer
from tests import factories
from tests.app.callbacks.conftest import MIRA, a_callback, a_queue
from tests.app.conftest import Browser, browser
from tests.support.acd import at_once

PAGE = "/admin/no-calls"
HTML = {"Accept": "text/html"}


@pytest.fixture
def alma(app: Any, far_side: Any) -> Browser:
    """Alma, an admin."""
    with unit_of_work() as session:
        return browser(app, factories.user(session, "Alma", ["admin"]))


def listed(alma: Browser, q: str = "") -> list[tuple[str, str]]:
    return [(each["number"], each["reason"]) for each in alma.get(f"{PAGE}?q={q}").json["numbers"]]


def test_a_number_is_listed_with_its_reason_found_and_taken_off(alma: Browser) -> None:
    assert alma.post(PAGE, {"number": "+1 555 014 2030", "reason": "Asked on the phone"}).status_code == 201
    assert alma.post(PAGE, {"number": "+15550142031", "reason": "Lawyer's letter"}).status_code == 201
    assert listed(alma) == [("+15550142031", "Lawyer's letter"), (MIRA, "Asked on the phone")]
    assert listed(alma, "lawyer") == [("+15550142031", "Lawyer's letter")]
    assert listed(alma, "142030") == [(MIRA, "Asked on the phone")]
    assert listed(alma, "%25") == [], "a sign of the database's is a sign like others"
    assert alma.post(f"{PAGE}/lift", {"number": MIRA}).status_code == 200
    assert [number for number, _ in listed(alma)] == ["+15550142031"]
    assert alma.post(f"{PAGE}/lift", {"number": MIRA}).status_code == 404


def test_the_list_has_a_history_that_can_be_taken_back(alma: Browser) -> None:
    alma.post(PAGE, {"number": MIRA, "reason": "Asked"})
    alma.post(PAGE, {"number": MIRA, "reason": "Asked twice"})
    alma.post(f"{PAGE}/lift", {"number": MIRA})
    lifted, changed, _added = alma.get(PAGE).json["history"]
    assert (lifted["how"], changed["changes"][0]["to"], lifted["who"]) == ("removed", "Asked twice", "Alma")
    assert alma.post(f"/admin/changes/{lifted['id']}/undo").status_code == 200
    assert listed(alma) == [(MIRA, "Asked twice")]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"number": "Mira", "reason": "x"}, "number"),
        ({"number": "12345", "reason": "x"}, "number"),
        ({"number": "+1555", "reason": "x"}, "number"),
        ({"number": "anonymous", "reason": "x"}, "number"),
        ({"number": "+" + "1" * 60, "reason": "x"}, "number"),
        ({"number": MIRA, "reason": ""}, "reason"),
        ({"number": MIRA, "reason": "x" * 201}, "reason"),
        ({"number": MIRA, "reason": "a\x00"}, "reason"),
        ({"number": MIRA}, "reason"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_what_is_no_number_or_has_no_reason_is_refused(alma: Browser, sent: dict[str, str], field: str) -> None:
    reply = alma.post(PAGE, sent)
    assert (reply.status_code, reply.json["error"]["field"]) == (400, field)
    assert listed(alma) == []


def test_an_agent_does_it_from_the_record_and_the_record_says_so(ana: Browser, sales: int) -> None:
    with unit_of_work() as session:
        mira = factories.customer(session, MIRA)
    dialog = ana.get(f"{PAGE}/one?number=%2B15550142030", headers=HTML)
    assert "Do not call any more" in dialog.text
    assert ana.post(PAGE, {"number": MIRA, "reason": "Said so"}).status_code == 201
    record = ana.get(f"/desktop/customers/{mira.id}", headers=HTML).text
    assert f"Not to be called at {MIRA}: Said so" in record and "data-call=" not in record
    assert "Allow calls" in ana.get(f"{PAGE}/one?number=%2B15550142030", headers=HTML).text
    assert ana.get(PAGE).status_code == 403, "the whole list is the admins'"
    assert ana.post(f"{PAGE}/lift", {"number": MIRA}).status_code == 200
    assert "data-call=" in ana.get(f"/desktop/customers/{mira.id}", headers=HTML).text


def test_nobody_dials_a_listed_number_by_hand(ana: Browser, sales: int) -> None:
    with unit_of_work() as session:
        mira = factories.customer(session, MIRA)
        factories.our_number(session)
    ana.post(PAGE, {"number": MIRA, "reason": "Said so"})
    reply = ana.post("/desktop/calls", {"customer_id": str(mira.id), "number": MIRA})
    assert (reply.status_code, reply.json["error"]["code"]) == (409, "no_calls")


def test_who_goes_on_the_list_is_not_called_back_any_more(alma: Browser, sales: int) -> None:
    with unit_of_work() as session:
        set_policy(session, sales, per_slot=1)
        a_callback(session, session.get_one(Queue, sales), in_min=60)
    alma.post(PAGE, {"number": MIRA, "reason": "Asked"})
    with unit_of_work() as session:
        callback = session.scalars(select(Callback)).one()
        assert (callback.state, callback.end_reason) == ("canceled_by_agent", "no_calls")


def test_an_agent_cannot_promise_a_call_to_a_listed_number_and_its_owner_can_ask(session: Session) -> None:
    queue = a_queue(session)
    person = factories.customer(session, MIRA)
    person.contact_points[0].no_calls_at = database_now(session)
    session.flush()
    with pytest.raises(CallbackRefused, match="take it off first"):
        a_callback(session, queue, kind=Kind.AGENT)
    with pytest.raises(CallbackRefused):
        a_callback(session, queue, kind=Kind.ABANDON)
    factories.agent(session, "Ana", [queue])
    asked = a_callback(session, queue, kind=Kind.SMS)
    assert is_dialled(session, asked), "in answer to the request itself"


@pytest.mark.parametrize("kind", list(Kind))
def test_c9_at_dial_time_who_forbade_calls_since_is_not_dialled(session: Session, kind: Kind) -> None:
    queue = a_queue(session)
    callback = a_callback(session, queue, kind=kind)
    factories.agent(session, "Ana", [queue])
    point = session.scalars(select(ContactPoint)).one()
    point.no_calls_at = database_now(session)  # as if nobody had told the callback
    assert not is_dialled(session, callback)
    assert (callback.state, callback.end_reason) == (CallbackState.CANCELED_BY_SYSTEM, "no_calls")


def is_dialled(session: Session, callback: Callback) -> bool:
    [offer] = dispatch(session)
    accept_offer(session, offer.id)
    place = session.scalars(select(Interaction).where(Interaction.callback_id == callback.id)).one()
    return begin_try(session, place, "agent_first")


def test_c9_a_dial_and_a_no_in_the_same_instant_leave_no_line_ringing(database: str) -> None:
    """Whoever comes first: in the end the callback is over and no try is open."""
    for round_ in range(4):
        number = f"+1555014300{round_}"
        with unit_of_work() as session:
            queue = a_queue(session, f"sales{round_}")
            callback = a_callback(session, queue, number)
            factories.agent(session, f"Ana{round_}", [queue])
            [offer] = dispatch(session)
            accept_offer(session, offer.id)
            place_id = offer.interaction_id
        at_once(lambda session, place=place_id: dial(session, place), lambda session, n=number: says_no(session, n))
        with unit_of_work() as session:
            ended = session.get_one(Callback, callback.id)
            assert ended.state in (CallbackState.CANCELED_BY_AGENT, CallbackState.CANCELED_BY_SYSTEM)
            assert session.get_one(Interaction, place_id).state in (State.COMPLETED, State.WRAPPING)


def dial(session: Session, place_id: uuid.UUID) -> None:
    interaction = lock_interaction(session, place_id)
    assert interaction is not None
    if interaction.state == State.ACTIVE:
        begin_try(session, interaction, "agent_first")


def says_no(session: Session, number: str) -> None:
    from app.callbacks.no_calls import forbid

    forbid(session, number, "Said no", actor="user:1")

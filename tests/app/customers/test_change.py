"""Writing into a customer's record."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.customers.change import ChangeRefused, change_customer
from app.customers.models import Customer
from app.events import Event


@pytest.fixture
def mira(session: Session) -> Customer:
    customer = Customer(name="Mira", fields={"plan": "copper"})
    session.add(customer)
    session.flush()
    return customer


def test_values_are_written_and_only_the_names_are_told(session: Session, mira: Customer) -> None:
    told = change_customer(
        session,
        mira,
        own={"name": " Mira Chen ", "language": "en"},
        fields={"plan": "fibre", "seat": "4"},
        actor="flow",
    )
    assert told == ["language", "name", "fields.plan", "fields.seat"]
    assert (mira.name, mira.language, mira.fields) == ("Mira Chen", "en", {"plan": "fibre", "seat": "4"})
    event = session.scalars(select(Event).where(Event.kind == "customer.changed")).one()
    assert event.data == {"fields": told} and event.actor == "flow"


def test_an_empty_value_empties_a_field_and_what_stays_is_not_told(session: Session, mira: Customer) -> None:
    assert change_customer(session, mira, own={"name": "Mira"}, fields={"plan": ""}, actor="flow") == ["fields.plan"]
    assert mira.fields == {}
    assert change_customer(session, mira, own={"name": "Mira"}, fields={"plan": " "}, actor="flow") == []


@pytest.mark.parametrize(
    ("own", "fields"),
    [
        ({"id": "1"}, {}),
        ({"name": "x" * 201}, {}),
        ({"name": "a\x00b"}, {}),
        ({"language": "klingon!"}, {}),
        ({}, {"Plan": "x"}),
        ({}, {"plan": "x" * 501}),
        ({}, {"a.b": "x"}),
        ({}, {f"f{number}": "x" for number in range(101)}),
    ],
)
def test_what_the_record_cannot_take_changes_nothing(
    session: Session, mira: Customer, own: dict[str, str], fields: dict[str, str]
) -> None:
    with pytest.raises(ChangeRefused):
        change_customer(session, mira, own=own, fields=fields, actor="flow")
    session.refresh(mira)
    assert (mira.name, mira.fields) == ("Mira", {"plan": "copper"})

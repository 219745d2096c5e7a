"""Who is this?"""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.customers.identify import BadAddress, identify, normalise
from app.customers.models import Customer
from tests import factories as make


def test_a_new_number_makes_a_customer_and_the_next_call_finds_it(session: Session) -> None:
    first = identify(session, "phone", "+15550101234")
    assert [(point.kind, point.value) for point in first.contact_points] == [("phone", "+15550101234")]
    assert identify(session, "phone", "+15550101234") is first


@pytest.mark.parametrize(
    ("kind", "written", "kept"),
    [
        pytest.param("phone", "+1 (555) 010-1234", "+15550101234", id="written for people"),
        pytest.param("phone", " +886 912 345 678 ", "+886912345678", id="spaces around"),
        pytest.param("phone", "72727", "72727", id="a short code"),
        pytest.param("phone", "MyBank", "MyBank", id="a sender's name"),
        pytest.param("email", " Mira@Example.COM ", "mira@example.com", id="an email address"),
    ],
)
def test_one_address_is_kept_in_one_way(kind: str, written: str, kept: str) -> None:
    assert normalise(kind, written) == kept


@pytest.mark.parametrize("withheld", ["anonymous", "Anonymous", "unknown", "", "+266696687", "Restricted", " private "])
def test_each_withheld_number_is_somebody_new_who_cannot_be_called_back(session: Session, withheld: str) -> None:
    one, other = identify(session, "phone", withheld), identify(session, "phone", withheld)
    assert one.id != other.id
    assert one.contact_points == []


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        pytest.param("phone", "sip:mira@example.com", id="a SIP address"),
        pytest.param("phone", "+1", id="too short"),
        pytest.param("phone", "+1555" + "0" * 30, id="too long"),
        pytest.param("phone", "+" + "9" * 5000, id="huge"),
        pytest.param("phone", "+1555010\x001234", id="a null inside"),
        pytest.param("phone", "'; DROP TABLE customer; --", id="hostile"),
        pytest.param("email", "mira", id="no email address"),
        pytest.param("email", "a@b", id="half an email address"),
        pytest.param("pigeon", "+15550101234", id="no such kind"),
    ],
)
def test_what_is_no_address_is_refused(session: Session, kind: str, value: str) -> None:
    with pytest.raises(BadAddress):
        identify(session, kind, value)
    assert session.execute(select(func.count()).select_from(Customer)).scalar_one() == 0


def test_the_same_text_as_another_kind_is_somebody_else(session: Session) -> None:
    make.customer(session, "+15550101234")
    assert identify(session, "email", "mira@example.com").contact_points[0].kind == "email"
    assert session.execute(select(func.count()).select_from(Customer)).scalar_one() == 2

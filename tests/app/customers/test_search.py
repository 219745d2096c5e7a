"""Finding a customer by what an agent remembers."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.customers.search import search_customers
from app.interactions.messages import receive_message
from app.interactions.models import Utterance
from app.interactions.notes import add_note
from tests import factories as make


@pytest.fixture
def people(session: Session) -> dict[str, str]:
    """Names of customers by what is to be found: a text, a note, something said."""
    mira = make.customer(session, "+15550101234", "Mira Chen")
    omar = make.customer(session, "+886912345678", "Omar 100% Díaz")
    lin = make.customer(session, "+442079460000", "林小美")
    receive_message(
        session, provider_id="SM1", from_address="+15550101234", to_address=make.OUR_NUMBER, body="My blue sofa wobbles"
    )
    add_note(session, omar.id, make.user(session).id, "Prefers to be called in the evening")
    call = make.call(session, lin)
    session.add(
        Utterance(
            interaction_id=call.id,
            speaker="customer",
            start_s=1,
            end_s=2,
            text="請問我的訂單到了嗎 invoice",
            engine="test",
        )
    )
    session.flush()
    return {str(each.id): each.name or "" for each in (mira, omar, lin)}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        pytest.param("mira", ["Mira Chen"], id="first name"),
        pytest.param("CHEN mir", ["Mira Chen"], id="both names in any order"),
        pytest.param("小美", ["林小美"], id="a name without spaces"),
        pytest.param("0101234", ["Mira Chen"], id="part of a number"),
        pytest.param("(555) 010-1234", ["Mira Chen"], id="a number written for people"),
        pytest.param("0912 345 678", ["Omar 100% Díaz"], id="a national number"),
        pytest.param("sofa", ["Mira Chen"], id="a word of a text"),
        pytest.param("wobbles BLUE", ["Mira Chen"], id="words of a text"),
        pytest.param("wobb", ["Mira Chen"], id="the beginning of a word"),
        pytest.param("evening", ["Omar 100% Díaz"], id="a word of a note"),
        pytest.param("invoice", ["林小美"], id="a word that was said"),
        pytest.param("我的訂單", ["林小美"], id="words that are not parted by spaces"),
        pytest.param("sofa evening", [], id="words of two people"),
        pytest.param("zebra", [], id="nobody"),
        pytest.param("", [], id="nothing"),
        pytest.param("%", [], id="a wildcard is a character"),
        pytest.param("_____", [], id="a wildcard of one character too"),
        pytest.param("100%", ["Omar 100% Díaz"], id="a percent sign in a name"),
        pytest.param("' & !:*|(", [], id="the search language's own signs"),
        pytest.param("it's", [], id="an apostrophe"),
        pytest.param("sofa\x00", ["Mira Chen"], id="a null"),
        pytest.param("x" * 100_000, [], id="huge"),
    ],
)
def test_customers_are_found_by_name_number_and_words(
    session: Session, people: dict[str, str], words: str, found: list[str]
) -> None:
    assert [people[str(each.id)] for each in search_customers(session, words)] == found


def test_names_come_before_words_and_the_limit_holds(session: Session) -> None:
    writer = make.customer(session, name="Zoe")
    add_note(session, writer.id, make.user(session).id, "Asked for Adam")
    for name in ("Adam B", "Adam A"):
        make.customer(session, name=name)
    assert [each.name for each in search_customers(session, "adam")] == ["Adam A", "Adam B", "Zoe"]
    assert [each.name for each in search_customers(session, "adam", limit=2)] == ["Adam A", "Adam B"]

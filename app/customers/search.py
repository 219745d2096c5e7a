"""Find a customer by name, number, or words that were written or said."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Select, desc, func, literal_column, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.customers.models import ContactPoint, Customer, Note
from app.interactions.models import Interaction, Message, Utterance

LONGEST_QUERY = 200
FEWEST_DIGITS = 3
SIMPLE: ColumnElement[str] = literal_column("'simple'")
"""No stemming and no stop words: our customers write in many languages."""
WITHOUT_SPACES = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\u0e00-\u0e7f\uac00-\ud7af]")
"""Chinese, Japanese, Thai, Korean: words there are not parted by spaces, so the text is searched as it stands."""


def search_customers(session: Session, words: str, limit: int = 20) -> list[Customer]:
    """Customers that match all the words: by name first, then number or email, then what was written or said.

    At most `limit` (1 to 100). An empty search finds nobody; only the first 200 characters count.
    """
    text = words.replace("\x00", "").strip()[:LONGEST_QUERY]
    limit = max(1, min(limit, 100))
    found: dict[uuid.UUID, None] = {}
    for query in _queries(text):
        if len(found) < limit:
            found |= dict.fromkeys(session.scalars(query.limit(limit)))
    ids = list(found)[:limit]
    by_id = {customer.id: customer for customer in session.scalars(select(Customer).where(Customer.id.in_(ids)))}
    return [by_id[id] for id in ids if id in by_id]


def _queries(text: str) -> Iterator[Select[uuid.UUID]]:
    """The places to look, the most telling first. Each query gives customer ids."""
    terms = re.findall(r"\w+", text)
    if not terms:
        return
    yield select(Customer.id).where(*(_contains(Customer.name, term) for term in terms)).order_by(Customer.name)
    yield from _addresses(text)
    for owner, newest, body in (
        (Message.customer_id, Message.id, Message.body),
        (Note.customer_id, Note.id, Note.body),
    ):
        yield select(owner).where(_says(body, text, terms)).group_by(owner).order_by(desc(func.max(newest)))
    spoken = select(Interaction.customer_id).join(Utterance, Utterance.interaction_id == Interaction.id)
    by_customer = spoken.where(_says(Utterance.text, text, terms)).group_by(Interaction.customer_id)
    yield by_customer.order_by(desc(func.max(Utterance.id)))


def _addresses(text: str) -> Iterator[Select[uuid.UUID]]:
    owner = select(ContactPoint.customer_id).distinct()
    digits = re.sub(r"\D", "", text).lstrip("0")  # a national 0 in front is no part of the international number
    if len(digits) >= FEWEST_DIGITS and not re.search(r"[^\d\s()+./-]", text):
        yield owner.where(_contains(ContactPoint.value, digits), ContactPoint.kind == "phone")
    if "@" in text:
        yield owner.where(_contains(ContactPoint.value, text), ContactPoint.kind == "email")


def _contains(column: InstrumentedAttribute[Any], term: str) -> ColumnElement[bool]:
    return column.icontains(term, autoescape=True)


def _says(body: InstrumentedAttribute[str], text: str, terms: list[str]) -> ColumnElement[bool]:
    """All the words are in the body; the last letters of each may still be missing."""
    if WITHOUT_SPACES.search(text):
        return _contains(body, text)
    beginnings = " & ".join(f"'{term}':*" for term in terms)
    return func.to_tsvector(SIMPLE, body).op("@@")(func.to_tsquery(SIMPLE, beginnings))

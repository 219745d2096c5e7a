"""Who is this? The customer behind an address, found or made."""

from __future__ import annotations

import re

import phonenumbers
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.customers.models import ContactPoint, Customer

WITHHELD = frozenset(
    {
        "",
        "anonymous",
        "blocked",
        "private",
        "restricted",
        "unavailable",
        "unknown",
        # The digits a carrier sends in their place: the words above on a telephone keypad.
        # Source: https://help.twilio.com/articles/223179988
        "+266696687",
        "+7378742833",
        "+2562533",
        "+8656696",
        "+86282452253",
    }
)
LONGEST_ADDRESS = 254
SHORT_CODE = re.compile(r"[0-9]{3,8}")
SENDER_NAME = re.compile(r"[A-Za-z0-9 ]{1,11}")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class BadAddress(ValueError):
    """The value is no address of its kind. The message says what would be."""


def identify(session: Session, kind: str, value: str) -> Customer:
    """Find or make the customer who has this address; two callers at once get the same customer.

    `kind` is `phone` or `email`. A withheld number belongs to nobody we know, so each one gets a customer of its own
    without a contact point. Raises BadAddress.
    """
    address = normalise(kind, value)
    if address is None:
        return _new_customer(session)
    return find(session, kind, address) or _claim(session, kind, address)


def find(session: Session, kind: str, address: str) -> Customer | None:
    """The customer who has this (normalised) address."""
    return session.scalars(
        select(Customer).join(ContactPoint).where(ContactPoint.kind == kind, ContactPoint.value == address)
    ).one_or_none()


def normalise(kind: str, value: str) -> str | None:
    """An address as it stands in the database; None for a withheld number. Raises BadAddress."""
    text = value.strip()
    if len(text) > LONGEST_ADDRESS or not text.isprintable():
        raise BadAddress(f"A {kind} address has at most {LONGEST_ADDRESS} printable characters.")
    if kind == "phone":
        return _phone(text)
    if kind == "email":
        return _email(text)
    raise BadAddress(f"There is no kind of address called {kind[:20]!r}: give phone or email.")


def _phone(text: str) -> str | None:
    """E.164; a short code or a sender's name (they text, nobody can call them) stays as it is."""
    if text.lower() in WITHHELD:
        return None
    if SHORT_CODE.fullmatch(text) or (SENDER_NAME.fullmatch(text) and not text.isdigit()):
        return text
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        raise BadAddress("That is no phone number: write it with + and the country code, like +15550100123.") from None
    if not phonenumbers.is_possible_number(number):
        raise BadAddress("No phone number has that length in its country: check the digits.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _email(text: str) -> str:
    if not EMAIL.fullmatch(text):
        raise BadAddress("That is no email address: write it like mira@example.com.")
    return text.lower()


def _new_customer(session: Session) -> Customer:
    customer = Customer()
    session.add(customer)
    session.flush()
    return customer


def _claim(session: Session, kind: str, address: str) -> Customer:
    """Make a customer with this address, or take the one somebody else made at this very moment."""
    customer = _new_customer(session)
    claim = insert(ContactPoint).values(customer_id=customer.id, kind=kind, value=address)
    won = session.execute(claim.on_conflict_do_nothing().returning(ContactPoint.id)).first()
    if won:
        session.refresh(customer)
        return customer
    session.delete(customer)
    session.flush()
    other = find(session, kind, address)
    assert other is not None  # the insert waited until the other one was committed
    return other

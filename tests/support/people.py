"""Customers, interactions and people of the house, written straight into the database."""

from __future__ import annotations

import uuid

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts.models import ROLES, Role, User
from app.customers.models import ContactPoint, Customer
from app.db import unit_of_work
from app.interactions.models import Interaction, State

CALLER = "+15551230001"
OURS = "+15550100100"


def a_customer(session: Session, number: str = CALLER, name: str = "Mira Chen") -> Customer:
    customer = Customer(name=name, contact_points=[ContactPoint(kind="phone", value=number)])
    session.add(customer)
    session.flush()
    return customer


def an_interaction(session: Session, customer: Customer, channel: str = "voice", **values: object) -> Interaction:
    given = {"direction": "inbound", "remote_address": CALLER, "our_address": OURS, "state": State.WRAPPING, **values}
    interaction = Interaction(customer_id=customer.id, channel=channel, **given)
    session.add(interaction)
    session.flush()
    return interaction


def a_person(*roles: str, name: str = "Ana Souza") -> User:
    """A person with these roles, committed."""
    with unit_of_work() as session:
        held = [
            session.query(Role).filter_by(name=role).first() or Role(name=role, description=ROLES[role])
            for role in roles
        ]
        user = User(email=f"{uuid.uuid4().hex}@example.com", name=name, fs_uniquifier=uuid.uuid4().hex, roles=held)
        session.add(user)
        session.flush()
    return user


def signed_in(app: Flask, user: User) -> FlaskClient:
    """A browser where this person has signed in."""
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"] = user.fs_uniquifier, True
    return client

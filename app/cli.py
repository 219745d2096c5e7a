"""`flask --app app …`: bring the database up to date, seed the demo company, add people, queues and outcomes."""

from __future__ import annotations

import re
import sys

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app import migrate
from app.accounts.models import ROLES, User
from app.accounts.people import PersonRefused, add_person, new_password
from app.accounts.sign_in import DEMO_PEOPLE, DemoPerson
from app.callbacks.models import CallbackPolicy
from app.callbacks.policy import set_policy
from app.config import Settings
from app.db import unit_of_work
from app.interactions.models import Disposition
from app.routing.members import set_member
from app.routing.models import Queue
from app.words import N_
from ivr_flows.patterns import NODE_ID_PATTERN

SEEDER = "system"

QUEUES = (
    {"key": "sales", "name": "Sales", "ring_s": 20, "wrap_up_s": 60},
    {"key": "support", "name": "Support", "ring_s": 20, "wrap_up_s": 90},
    {"key": "billing", "name": "Billing", "ring_s": 20, "wrap_up_s": 60},
)
DISPOSITIONS = (
    ("SOLVED", N_("Question answered")),
    ("SALE", N_("Sale made")),
    ("NO_SALE", N_("No sale")),
    ("FOLLOW_UP", N_("Follow-up promised")),
    ("COMPLAINT", N_("Complaint taken")),
    ("BILLING_FIXED", N_("Bill corrected")),
    ("WRONG_NUMBER", N_("Wrong number")),
    ("NO_ANSWER", N_("Nobody answered")),
    ("DROPPED", N_("Line dropped")),
)
NUMBERS = (
    {"number": "+15550100100", "label": "Demo line", "flow": "main", "language": "en"},
    {"number": "+15550100200", "label": "Línea en español", "flow": "main", "language": "es"},
    {"number": "+15550100300", "label": "Business support", "flow": "support", "language": "en"},
)
"""Fictional numbers (555-01xx). The flows are files of FLOWS_DIR."""


def init(app: Flask) -> None:
    """Add the commands."""
    commands: tuple[click.Command, ...] = (migrate_command, seed_demo, add_person_command, add_queue, add_outcome)
    for command in commands:
        app.cli.add_command(command)


@click.command("migrate")
@with_appcontext
def migrate_command() -> None:
    """Bring the database's schema up to date."""
    migrate.upgrade(current_app.config["DATABASE_URL"])
    click.echo("The database is up to date.")


@click.command("seed-demo")
@with_appcontext
def seed_demo() -> None:
    """People, queues, outcomes and numbers of the demo company; what is there already stays as it is."""
    settings: Settings = current_app.config["SETTINGS"]
    if not settings.demo:
        raise click.ClickException("This is no demo (DEMO=0): its people have passwords that everybody knows.")
    with unit_of_work() as session:
        queues = seed_queues(session)
        seed_callback_rules(session, queues)
        for person in DEMO_PEOPLE:
            seed_person(session, person, queues)
        seed_dispositions(session)
        seed_numbers(session, settings)
    click.echo(f"The demo is seeded: {len(DEMO_PEOPLE)} people, {len(QUEUES)} queues, {len(NUMBERS)} numbers.")


@click.command("add-person")
@click.argument("email")
@click.option("--name", required=True, help="How colleagues know them.")
@click.option("--role", "roles", multiple=True, type=click.Choice(list(ROLES)), default=("agent",), show_default=True)
@click.option("--queue", "queues", multiple=True, help="Key of a queue they work in; may be given several times.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else one is made.")
@with_appcontext
def add_person_command(
    email: str, name: str, roles: tuple[str, ...], queues: tuple[str, ...], password_stdin: bool
) -> None:
    """Add a person who may sign in as EMAIL."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else new_password()
    try:
        with unit_of_work() as session:
            user = add_person(session, email=email, name=name, password=password, roles=roles, actor=SEEDER)
            join_queues(session, user, queues, _queues_by_key(session))
    except PersonRefused as refused:
        raise click.ClickException(str(refused)) from refused
    click.echo(f"{user.email} may sign in" + ("." if password_stdin else f" with the password {password}"))


@click.command("add-queue")
@click.argument("key")
@click.option("--name", required=True, help="What people read: Sales.")
@click.option("--ring-s", type=click.IntRange(5, 120), default=20, show_default=True, help="How long a phone rings.")
@click.option("--wrap-up-s", type=click.IntRange(0, 3600), default=60, show_default=True, help="Time after a call.")
@click.option("--max-wait-s", type=click.IntRange(10, 86_400), default=1200, show_default=True, help="Longest wait.")
@with_appcontext
def add_queue(key: str, name: str, ring_s: int, wrap_up_s: int, max_wait_s: int) -> None:
    """Add a queue that flows call KEY (sales, support, …)."""
    if not re.fullmatch(NODE_ID_PATTERN, key):
        raise click.ClickException("A queue's key is made of small letters, digits, _ and -, as flow files write it.")
    values = {"key": key, "name": name.strip() or key, "ring_s": ring_s, "wrap_up_s": wrap_up_s}
    with unit_of_work() as session:
        row = insert(Queue).values(**values, max_wait_s=max_wait_s)
        made = session.execute(row.on_conflict_do_nothing(index_elements=[Queue.key]).returning(Queue.id)).first()
    if made is None:
        raise click.ClickException(f"There is a queue {key} already.")
    click.echo(f"Callers may wait in {key}. Add people: flask --app app add-person … --queue {key}")


@click.command("add-outcome")
@click.argument("code")
@click.argument("label")
@with_appcontext
def add_outcome(code: str, label: str) -> None:
    """Add an outcome that agents choose after a call: CODE for reports, LABEL for people."""
    if not re.fullmatch(r"[A-Z][A-Z0-9_]{0,39}", code):
        raise click.ClickException("A code is made of capital letters, digits and _: SALE, NO_SALE.")
    with unit_of_work() as session:
        row = insert(Disposition).values(code=code, label=label.strip() or code)
        made = session.execute(
            row.on_conflict_do_nothing(index_elements=[Disposition.code]).returning(Disposition.code)
        ).first()
    if made is None:
        raise click.ClickException(f"There is an outcome {code} already.")
    click.echo(f"Agents may choose “{label}” after a call.")


def seed_queues(session: Session) -> dict[str, Queue]:
    """The demo's queues by key."""
    session.execute(insert(Queue).values(list(QUEUES)).on_conflict_do_nothing(index_elements=[Queue.key]))
    return _queues_by_key(session)


def seed_callback_rules(session: Session, queues: dict[str, Queue]) -> None:
    """The demo calls back at any hour, since its numbers are nowhere; rules that somebody set stay."""
    for queue in queues.values():
        if session.get(CallbackPolicy, queue.id) is None:
            set_policy(session, queue.id, quiet="00:00-24:00", web=True)


def seed_person(session: Session, person: DemoPerson, queues: dict[str, Queue]) -> User:
    """One of the demo's people with their queues; somebody who is there already is left alone."""
    found = session.scalars(select(User).where(User.email == person.email)).one_or_none()
    if found:
        return found
    made = add_person(
        session,
        email=person.email,
        name=person.name,
        password=person.password,
        roles=person.roles,
        actor=SEEDER,
    )
    join_queues(session, made, person.queues, queues)
    return made


def join_queues(session: Session, user: User, keys: tuple[str, ...], queues: dict[str, Queue]) -> None:
    """Make a person a member of queues. Raises PersonRefused for a key that is none."""
    for key in keys:
        if key not in queues:
            raise PersonRefused("queue", f"There is no queue {key[:40]!r}: give {', '.join(queues) or 'none yet'}.")
        set_member(session, queues[key], user, True, actor=SEEDER)


def seed_dispositions(session: Session) -> None:
    """The demo's outcomes, in this order."""
    rows = [{"code": code, "label": label, "position": place} for place, (code, label) in enumerate(DISPOSITIONS)]
    session.execute(insert(Disposition).values([{**row, "active": True} for row in rows]).on_conflict_do_nothing())


def seed_numbers(session: Session, settings: Settings) -> None:
    """The demo's numbers. The embedded carrier is told of every number again at each start, since its data may be new
    or our address another; the worker does it as soon as the carrier answers.
    """
    from telephony.models import PhoneNumber

    session.execute(
        insert(PhoneNumber).values([{**number, "priority_min": 0} for number in NUMBERS]).on_conflict_do_nothing()
    )
    if settings.is_local:
        session.query(PhoneNumber).update({"provider_sid": None})


def _queues_by_key(session: Session) -> dict[str, Queue]:
    return {queue.key: queue for queue in session.scalars(select(Queue).order_by(Queue.id))}

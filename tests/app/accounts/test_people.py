"""People are added, given roles, let go and taken back; the house never loses its last admin."""

from __future__ import annotations

import threading

import pytest

from app.accounts.models import User
from app.accounts.people import PersonRefused, add_person, new_password, set_active, set_roles
from app.db import unit_of_work
from app.events import Event
from tests import factories

GOOD = {"email": "ana@example.com", "name": "Ana", "password": "long enough words", "roles": ["agent"]}


@pytest.fixture(autouse=True)
def in_the_app(app):
    with app.app_context():
        yield


def add(**changes) -> User:
    with unit_of_work() as session:
        return add_person(session, actor="user:1", **(GOOD | changes))


def test_a_person_is_added_and_the_log_says_by_whom_without_the_password(session) -> None:
    ana = add(roles=["agent", "supervisor"])
    (event,) = session.query(Event).all()
    assert (event.kind, event.actor) == ("person.added", "user:1")
    assert event.data == {"user_id": ana.id, "roles": ["agent", "supervisor"]}
    assert ana.password.startswith("$argon2") and "long enough" not in ana.password


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no address"),
        ("email", ""),
        ("email", "a@b@c"),
        ("email", "x" * 300 + "@example.com"),
        ("name", " "),
        ("name", "x" * 101),
        ("password", "short"),
        ("password", "x" * 129),
        ("roles", []),
        ("roles", ["king"]),
    ],
)
def test_what_does_not_make_a_person_is_refused_by_field(session, field, value) -> None:
    with pytest.raises(PersonRefused) as refused:
        add(**{field: value})
    assert refused.value.field == field
    assert session.query(User).count() == 0


def test_an_address_is_used_once_whatever_its_capitals() -> None:
    add()
    with pytest.raises(PersonRefused) as refused:
        add(email="ANA@Example.com")
    assert refused.value.field == "email"


def test_the_last_admin_stays_one() -> None:
    alma = add(email="alma@example.com", roles=["admin"])
    for change in (lambda s, u: set_roles(s, u, ["agent"], actor="x"), lambda s, u: set_active(s, u, False, actor="x")):
        with pytest.raises(PersonRefused), unit_of_work() as session:
            change(session, session.get_one(User, alma.id))


def test_two_admins_who_remove_each_other_at_once_do_not_both_win(app) -> None:
    first, second = add(email="a1@example.com", roles=["admin"]), add(email="a2@example.com", roles=["admin"])
    both = threading.Barrier(2, timeout=10)
    refused: list[str] = []

    def let_go(user_id: int) -> None:
        with app.app_context():
            try:
                with unit_of_work() as session:
                    user = session.get_one(User, user_id)
                    both.wait()
                    set_active(session, user, False, actor="x")
            except PersonRefused as error:
                refused.append(error.field)

    tries = [threading.Thread(target=let_go, args=(user.id,)) for user in (first, second)]
    for each in tries:
        each.start()
    for each in tries:
        each.join(20)
    assert refused == ["active"]
    with unit_of_work() as session:
        assert session.query(User).filter_by(active=True).count() == 1


def test_an_admin_among_others_may_go(session) -> None:
    add(email="a1@example.com", roles=["admin"])
    second = add(email="a2@example.com", roles=["admin"])
    with unit_of_work() as transaction:
        set_active(transaction, transaction.get_one(User, second.id), False, actor="x")
    assert session.get_one(User, second.id).active is False


def test_an_agent_who_is_let_go_is_not_offered_calls() -> None:
    from app.routing.dispatch import dispatch

    with unit_of_work() as session:
        sales = factories.queue(session)
        ana = factories.agent(session, "Ana", [sales])
        factories.waiting_call(session, sales)
        set_active(session, ana, False, actor="x")
        assert dispatch(session) == []


def test_a_made_password_is_long_and_never_twice_the_same() -> None:
    made = {new_password() for _ in range(100)}
    assert len(made) == 100 and {len(each) for each in made} == {20}

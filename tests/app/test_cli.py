"""The commands: the database, the demo, people."""

from __future__ import annotations

import dataclasses

import pytest

from app import create_app
from app.accounts.models import User
from app.db import unit_of_work
from app.events import Event
from app.interactions.models import Disposition
from app.routing.models import Queue, QueueMember
from telephony.models import PhoneNumber


@pytest.fixture
def run(app, database):
    return app.test_cli_runner().invoke


def test_the_demo_is_there_after_seeding_and_the_same_after_seeding_again(run) -> None:
    counts = []
    for _ in range(2):
        done = run(args=["seed-demo"])
        assert done.exit_code == 0, done.output
        with unit_of_work() as session:
            counts.append(
                [session.query(kind).count() for kind in (User, Queue, QueueMember, Disposition, PhoneNumber)]
            )
    assert counts == [[4, 3, 4, 9, 3]] * 2


def test_the_demos_people_may_do_what_they_are_called(run) -> None:
    run(args=["seed-demo"])
    with unit_of_work() as session:
        roles = {user.name.split()[0]: [role.name for role in user.roles] for user in session.query(User)}
    assert roles == {"Ana": ["agent"], "Bo": ["agent"], "Sam": ["supervisor"], "Alma": ["admin"]}


def test_seeding_again_keeps_what_people_changed(run) -> None:
    run(args=["seed-demo"])
    with unit_of_work() as session:
        session.query(PhoneNumber).filter_by(number="+15550100100").one().label = "Our line"
        session.query(Queue).filter_by(key="sales").one().ring_s = 33
        session.query(User).filter(User.name == "Bo Lindqvist").one().name = "Bo L."
    run(args=["seed-demo"])
    with unit_of_work() as session:
        assert session.query(PhoneNumber).filter_by(number="+15550100100").one().label == "Our line"
        assert session.query(Queue).filter_by(key="sales").one().ring_s == 33
        assert session.query(User).filter(User.name == "Bo L.").count() == 1


def test_the_flows_of_the_demos_numbers_and_the_queues_of_its_flows_are_there(run, settings) -> None:
    from ivr_flows.store import FlowStore, FolderArchive

    run(args=["seed-demo"])
    with unit_of_work() as session:
        flows = {row.flow: row.language for row in session.query(PhoneNumber)}
        queues = {queue.key for queue in session.query(Queue)}
    store = FlowStore(settings.flows_dir, FolderArchive(settings.var_dir / "flows"), queues=lambda: queues)
    assert set(flows) <= set(store.names()) and store.problems() == {}


def test_each_start_tells_the_embedded_carrier_of_the_numbers_again(run) -> None:
    run(args=["seed-demo"])
    with unit_of_work() as session:
        session.query(PhoneNumber).update({"provider_sid": "PN" + "0" * 32})
    run(args=["seed-demo"])
    with unit_of_work() as session:
        assert {row.provider_sid for row in session.query(PhoneNumber)} == {None}


def test_a_real_house_is_not_given_people_whose_passwords_everybody_knows(settings, database) -> None:
    real = create_app(dataclasses.replace(settings, demo=False))
    done = real.test_cli_runner().invoke(args=["seed-demo"])
    assert done.exit_code == 1 and "DEMO=0" in done.output


def test_a_person_is_added_with_roles_queues_and_a_made_password(run) -> None:
    run(args=["seed-demo"])
    done = run(args=["add-person", "mo@example.com", "--name", "Mo", "--role", "agent", "--queue", "sales"])
    assert done.exit_code == 0 and "mo@example.com may sign in with the password" in done.output
    with unit_of_work() as session:
        mo = session.query(User).filter_by(email="mo@example.com").one()
        assert session.query(QueueMember).filter_by(user_id=mo.id).count() == 1
        assert "password" not in str([event.data for event in session.query(Event).filter_by(kind="person.added")])


def test_a_password_from_standard_input_is_not_shown(run) -> None:
    done = run(args=["add-person", "mo@example.com", "--name", "Mo", "--password-stdin"], input="my own long words\n")
    assert done.exit_code == 0 and "my own long words" not in done.output


@pytest.mark.parametrize(
    "options",
    [["--role", "king"], ["--queue", "nowhere"], ["--password-stdin"]],
    ids=["no such role", "no such queue", "no password"],
)
def test_what_makes_no_person_is_said_and_nothing_is_left_behind(run, options) -> None:
    done = run(args=["add-person", "mo@example.com", "--name", "Mo", *options], input="")
    assert done.exit_code != 0
    with unit_of_work() as session:
        assert session.query(User).count() == 0


def test_migrating_an_up_to_date_database_changes_nothing(run) -> None:
    assert "up to date" in run(args=["migrate"]).output


class TestQueuesAndOutcomes:
    def test_a_house_without_the_demo_gets_its_queues_and_outcomes(self, run) -> None:
        assert run(args=["add-queue", "sales", "--name", "Sales", "--max-wait-s", "300"]).exit_code == 0
        assert run(args=["add-outcome", "SALE", "Sale made"]).exit_code == 0
        with unit_of_work() as session:
            queue = session.query(Queue).one()
            assert (queue.key, queue.name, queue.max_wait_s) == ("sales", "Sales", 300)
            assert session.query(Disposition).one().label == "Sale made"

    def test_adding_the_same_again_is_refused_and_changes_nothing(self, run) -> None:
        for _ in range(2):
            queue = run(args=["add-queue", "sales", "--name", "Sales"])
            outcome = run(args=["add-outcome", "SALE", "Sale made"])
        assert queue.exit_code == outcome.exit_code == 1
        assert "already" in queue.output
        assert "already" in outcome.output
        with unit_of_work() as session:
            assert session.query(Queue).count() == session.query(Disposition).count() == 1

    @pytest.mark.parametrize("key", ["Sales", "a b", "'; DROP TABLE queue; --", "x" * 500, ""])
    def test_a_key_that_no_flow_could_name_is_refused(self, run, key) -> None:
        done = run(args=["add-queue", key, "--name", "Sales"])
        assert done.exit_code == 1
        assert "small letters" in done.output

    @pytest.mark.parametrize("code", ["sale", "A B", "X" * 200, ""])
    def test_a_code_that_is_none_is_refused(self, run, code) -> None:
        assert "capital letters" in run(args=["add-outcome", code, "Sale made"]).output

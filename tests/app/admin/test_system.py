"""The system page: how the house stands, and the few things an admin changes there."""

from __future__ import annotations

import pytest

from app.accounts.models import User
from app.admin.system import system_report
from app.db import unit_of_work
from app.events import Event
from app.routing.models import Queue, QueueMember
from telephony.models import PhoneNumber
from tests import factories
from tests.app.conftest import Browser, browser

HTML = {"Accept": "text/html"}


@pytest.fixture
def alma(app) -> Browser:
    """An admin."""
    with unit_of_work() as session:
        user = factories.user(session, "Alma", ["admin"])
    return browser(app, user)


@pytest.fixture
def report(app, session):
    def make() -> dict:
        with app.test_request_context():
            return system_report(session)

    return make


def part(report: dict, name: str) -> dict:
    return next(each for each in report["processes"] if each["name"] == name)


def last_event(kind: str) -> Event:
    with unit_of_work() as session:
        return session.query(Event).filter_by(kind=kind).one()


class TestReport:
    def test_the_page_is_drawn(self, alma, sales) -> None:
        page = alma.get("/admin", headers=HTML)
        assert page.status_code == 200
        for words in ("Sales", "Alma", "PUBLIC_BASE_URL", "English"):
            assert words in page.text

    def test_without_a_worker_it_says_what_does_not_happen_and_how_to_mend_it(self, report) -> None:
        worker = part(report(), "worker")
        assert worker["state"] == "down" and "python -m app.worker" in worker["detail"]
        assert part(report(), "clock")["state"] == "down"

    def test_a_worker_that_was_heard_of_is_well_and_a_silent_one_is_not(self, report, session) -> None:
        from sqlalchemy import text

        session.execute(text("DELETE FROM procrastinate_workers"))
        session.execute(text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '29 s')"))
        assert part(report(), "worker")["state"] == "ok"
        session.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '31 s'"))
        assert part(report(), "worker")["state"] == "down"

    def test_work_that_waits_too_long_is_noticed(self, report, session) -> None:
        from datetime import UTC, datetime, timedelta

        from app.jobs import enqueue

        assert part(report(), "jobs")["detail"] == "all done"
        enqueue(session, "voice.hang_up", run_at=datetime.now(UTC) + timedelta(hours=1))
        assert part(report(), "jobs")["detail"] == "all done", "what is not due does not wait"
        enqueue(session, "voice.hang_up", run_at=datetime.now(UTC) - timedelta(seconds=29))
        assert part(report(), "jobs")["state"] == "ok"
        enqueue(session, "voice.hang_up", run_at=datetime.now(UTC) - timedelta(seconds=40))
        late = part(report(), "jobs")
        assert late["state"] == "warn" and late["detail"].startswith("2 wait")

    def test_a_carrier_that_is_away_is_down(self, report) -> None:
        assert part(report(), "carrier")["state"] == "down"

    def test_queues_count_their_people_and_their_waiting_callers(self, report, session, ana, sales) -> None:
        factories.waiting_call(session, session.get_one(Queue, sales))
        (queue,) = report()["queues"]
        assert (queue["name"], queue["members"], queue["waiting"]) == ("Sales", 1, 1)

    def test_every_setting_is_there_with_its_meaning_and_no_secret_is(self, report, settings) -> None:
        rows = {row["name"]: row for row in report()["settings"]}
        assert rows["CARRIER"]["value"] == "local" and "carrier" in rows["CARRIER"]["meaning"]
        assert set(rows) == {name.upper() for name in settings.__dataclass_fields__}
        shown = str(rows)
        for secret in ("test-secret", settings.twilio_auth_token, settings.twilio_api_key_secret):
            assert secret not in shown

    def test_a_databases_password_is_not_shown(self) -> None:
        from app.admin.system import _shown

        assert "hunter2" not in _shown("database_url", "postgresql+psycopg://me:hunter2@db/tl")


class TestPeople:
    def test_a_new_person_gets_a_password_that_is_shown_once(self, app, alma, sales) -> None:
        page = alma.client.post(
            "/admin/people",
            data={
                "csrf_token": alma.csrf,
                "email": "mo@example.com",
                "name": "Mo",
                "roles": ["agent", "supervisor"],
                "queues": [str(sales)],
            },
            headers=HTML,
        )
        assert page.status_code == 201 and page.headers["Cache-Control"] == "no-store"
        with unit_of_work() as session:
            mo = session.query(User).filter_by(email="mo@example.com").one()
            assert {role.name for role in mo.roles} == {"agent", "supervisor"}
            assert session.query(QueueMember).filter_by(user_id=mo.id).count() == 1
        assert "mo@example.com may sign in" in page.text
        assert "may sign in with" not in alma.get("/admin", headers=HTML).text
        assert last_event("person.added").actor == f"user:{alma.user_id}"

    def test_the_password_opens_the_door(self, app, alma, far_side) -> None:
        made = alma.post("/admin/people", {"email": "mo@example.com", "name": "Mo", "roles": ["agent"]}).json["made"]
        door = app.test_client()
        import re

        csrf = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', door.get("/login", headers=HTML).text)[1]
        reply = door.post("/login", data={**made, "csrf_token": csrf}, headers=HTML)
        assert reply.status_code == 302

    @pytest.mark.parametrize(
        ("field", "value"), [("email", "x"), ("name", ""), ("roles", []), ("roles", ["king"]), ("name", "a\x00")]
    )
    def test_what_makes_no_person_is_refused_by_field(self, alma, field, value) -> None:
        sent = {"email": "mo@example.com", "name": "Mo", "roles": ["agent"]} | {field: value}
        reply = alma.post("/admin/people", sent)
        assert reply.status_code == 400 and reply.json["error"]["field"] == field
        with unit_of_work() as session:
            assert session.query(User).count() == 1

    def test_a_person_who_used_the_form_sees_why_it_was_refused(self, alma) -> None:
        sent = {"csrf_token": alma.csrf, "email": "x", "name": "Mo", "roles": ["agent"]}
        page = alma.client.post("/admin/people", data=sent, headers=HTML, follow_redirects=True)
        assert "no email address" in page.text

    def test_a_new_password_is_made_and_the_old_one_is_worth_nothing(self, app, alma, ana) -> None:
        with unit_of_work() as session:
            before = session.get_one(User, ana.user_id).fs_uniquifier
        reply = alma.post(f"/admin/people/{ana.user_id}/password")
        assert len(reply.json["made"]["password"]) == 20
        with unit_of_work() as session:
            assert session.get_one(User, ana.user_id).fs_uniquifier != before
        assert ana.get("/desktop/state").status_code == 401
        assert last_event("person.password_set").data == {"user_id": ana.user_id}

    def test_who_is_let_go_is_out_and_may_be_taken_back(self, alma, ana) -> None:
        assert alma.post(f"/admin/people/{ana.user_id}/active", {"active": False}).status_code == 200
        assert ana.get("/desktop/state").status_code == 401
        alma.post(f"/admin/people/{ana.user_id}/active", {"active": True})
        with unit_of_work() as session:
            assert session.get_one(User, ana.user_id).active is True

    def test_the_last_admin_cannot_let_herself_go(self, alma) -> None:
        for path, body in (("active", {"active": False}), ("roles", {"roles": ["agent"]})):
            reply = alma.post(f"/admin/people/{alma.user_id}/{path}", body)
            assert reply.status_code == 400 and "last admin" in reply.json["error"]["message"]

    def test_roles_are_exactly_those_ticked(self, alma, ana) -> None:
        alma.post(f"/admin/people/{ana.user_id}/roles", {"roles": ["supervisor"]})
        with unit_of_work() as session:
            assert [role.name for role in session.get_one(User, ana.user_id).roles] == ["supervisor"]

    @pytest.mark.parametrize("user_id", [0, 999, 2**63, 10**30])
    @pytest.mark.parametrize("path", ["password", "active", "roles"])
    def test_somebody_who_is_not_there_is_not_found(self, alma, path, user_id) -> None:
        body = {"active": True, "roles": ["agent"]}
        assert alma.post(f"/admin/people/{user_id}/{path}", body).status_code == 404


class TestQueuesAndNumbers:
    def test_a_person_goes_into_a_queue_and_out_again_each_told_once(self, alma, bo, sales) -> None:
        path, inside = f"/admin/queues/{sales}/members", {"user_id": bo.user_id, "member": True}
        for _ in range(2):
            assert alma.post(path, inside).status_code == 200
        assert last_event("queue.member_added").data == {"user_id": bo.user_id, "queue": "Sales"}
        alma.post(path, inside | {"member": False})
        assert last_event("queue.member_removed").actor == f"user:{alma.user_id}"
        with unit_of_work() as session:
            assert session.query(QueueMember).filter_by(user_id=bo.user_id).count() == 0

    def test_who_joins_a_queue_with_waiting_callers_is_asked_at_once(self, alma, bo, sales) -> None:
        from tests.app.desktop.scenes import jobs_named

        alma.post(f"/admin/queues/{sales}/members", {"user_id": bo.user_id, "member": True})
        assert jobs_named("routing.dispatch") == 1

    def test_queues_and_people_who_are_not_there_are_not_found(self, alma, sales) -> None:
        assert alma.post("/admin/queues/999/members", {"user_id": alma.user_id, "member": True}).status_code == 404
        assert alma.post(f"/admin/queues/{sales}/members", {"user_id": 999, "member": True}).status_code == 404

    @pytest.fixture
    def line(self, database) -> int:
        with unit_of_work() as session:
            number = PhoneNumber(number="+15550100100", label="Demo line", flow="main", language="en")
            session.add(number)
            for key in ("sales", "support", "billing"):
                if not session.query(Queue).filter_by(key=key).count():
                    factories.queue(session, key)
            session.flush()
            return number.id

    def test_a_number_gets_another_name_flow_and_language(self, alma, line) -> None:
        reply = alma.post(f"/admin/numbers/{line}", {"label": "Our line", "flow": "support", "language": "es"})
        assert reply.status_code == 200
        with unit_of_work() as session:
            row = session.get_one(PhoneNumber, line)
            assert (row.label, row.flow, row.language) == ("Our line", "support", "es")
        assert last_event("number.changed").data["flow"] == "support"

    @pytest.mark.parametrize(("field", "value"), [("label", " "), ("flow", "no_such_flow"), ("language", "klingon")])
    def test_a_number_is_not_led_nowhere(self, alma, line, field, value) -> None:
        sent = {"label": "Our line", "flow": "main", "language": "en"} | {field: value}
        reply = alma.post(f"/admin/numbers/{line}", sent)
        assert reply.status_code == 400 and reply.json["error"]["field"] == field

    def test_a_number_that_is_not_ours_is_not_found(self, alma) -> None:
        sent = {"label": "Our line", "flow": "main", "language": "en"}
        assert alma.post("/admin/numbers/999", sent).status_code == 404
        assert alma.post(f"/admin/numbers/{10**30}", sent).status_code == 404

"""The why page: what the router kept, in words."""

from __future__ import annotations

import uuid
from typing import Any

from app.db import unit_of_work
from app.routing.dispatch import dispatch
from app.routing.models import AgentSkill, Queue, Skill
from app.routing.why import MemberLine
from app.supervisor.reasons import in_order
from tests import factories
from tests.app.conftest import Browser

HTML = {"Accept": "text/html"}


def test_a_decision_is_explained_by_everybodys_line(sam: Browser, ana: Browser, sales: int) -> None:
    with unit_of_work() as session:
        queue = session.get_one(Queue, sales)
        french = Skill(key="french", name="French")
        session.add(french)
        session.flush()
        session.add(AgentSkill(user_id=ana.user_id, skill_id=french.id, level=3))
        factories.agent(session, "Bo", [queue], presence="break")
        factories.agent(session, "Cy", [queue])
        call = factories.waiting_call(session, queue, factories.customer(session, name="Mira Chen"))
        call.required_skills = {"french": 2}
        session.flush()
        assert len(dispatch(session)) == 1
    found = sam.get(f"/supervisor/why/{call.id}").json
    [decision] = found["decisions"]
    assert (found["customer"], decision["name"], decision["needs"]) == ("Mira Chen", "Ana", {"french": 2})
    told = {line["name"]: line["words"] for line in decision["lines"]}
    assert told == {"Ana": "was asked", "Bo": "on a break", "Cy": "lacks a skill: french<2"}
    page = sam.get(f"/supervisor/why/{call.id}", headers=HTML)
    assert page.status_code == 200 and "lacks a skill: french&lt;2" in page.text


def test_who_waits_in_vain_learns_why(sam: Browser, sales: int) -> None:
    with unit_of_work() as session:
        queue = session.get_one(Queue, sales)
        factories.agent(session, "Bo", [queue], phone_ready=False)
        call = factories.waiting_call(session, queue)
    found = sam.get(f"/supervisor/why/{call.id}").json
    assert [(line["name"], line["code"]) for line in found["now"]] == [("Bo", "no_phone")]
    assert found["decisions"] == []
    assert "Nobody can take it" in sam.get(f"/supervisor/why/{call.id}", headers=HTML).text


def test_what_a_person_chose_is_said_so(sam: Browser, bo: Browser, sales: int) -> None:
    with unit_of_work() as session:
        call = factories.waiting_call(session, session.get_one(Queue, sales))
    sam.post(f"/supervisor/interactions/{call.id}/pull", {"agent_id": bo.user_id})
    assert sam.get(f"/supervisor/why/{call.id}").json["decisions"][0]["name"] == "Bo"
    assert "Chosen by a person" in sam.get(f"/supervisor/why/{call.id}", headers=HTML).text


def test_who_was_asked_stands_first() -> None:
    codes = [("Zoe", "chosen"), ("Ann", "offline"), ("Bea", "eligible"), ("Al", "on_break")]
    lines = [MemberLine(place, name, code, "", code) for place, (name, code) in enumerate(codes)]
    assert [line.name for line in in_order(lines)] == ["Zoe", "Bea", "Al", "Ann"]


def test_a_contact_that_is_none_has_no_reasons(sam: Browser, ana: Browser) -> None:
    assert sam.get(f"/supervisor/why/{uuid.uuid4()}").status_code == 404
    assert sam.get("/supervisor/why/nonsense").status_code == 404
    assert ana.get(f"/supervisor/why/{uuid.uuid4()}").status_code == 403


def test_hostile_names_are_text(sam: Browser, sales: int) -> None:
    with unit_of_work() as session:
        mira = factories.customer(session, name="<script>alert(1)</script>")
        call: Any = factories.waiting_call(session, session.get_one(Queue, sales), mira)
    for path in (f"/supervisor/why/{call.id}", "/supervisor"):
        assert "<script>alert(1)" not in sam.get(path, headers=HTML).text

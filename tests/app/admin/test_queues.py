"""Queues, skills, hours and breaks on their pages: added, changed, removed, taken back; wrong things refused."""

from __future__ import annotations

from typing import Any

import pytest

from app.db import unit_of_work
from app.events import Event
from app.routing.break_reasons import break_reasons
from app.routing.models import AgentSkill, Queue, QueueMember
from tests import factories
from tests.app.conftest import Browser, browser
from tests.support.acd import events_named

HTML = {"Accept": "text/html"}


@pytest.fixture
def alma(app: Any, far_side: Any) -> Browser:
    """Alma, an admin."""
    with unit_of_work() as session:
        return browser(app, factories.user(session, "Alma", ["admin"]))


def queue_of(id_: int) -> Queue:
    with unit_of_work() as session:
        return session.get_one(Queue, id_)


def undo_newest(alma: Browser, page: str) -> Any:
    return alma.post(f"/admin/changes/{alma.get(page).json['history'][0]['id']}/undo")


# -- queues


def test_a_queue_is_added_with_the_usual_settings_and_taken_back(alma: Browser) -> None:
    reply = alma.post("/admin/queues", {"key": "sales", "name": "Sales"})
    assert reply.status_code == 201
    [listed] = alma.get("/admin/queues").json["queues"]
    assert (listed["key"], listed["method"], listed["members"]) == ("sales", "longest_idle", 0)
    assert undo_newest(alma, "/admin/queues").status_code == 200
    assert alma.get("/admin/queues").json["queues"] == []
    assert undo_newest(alma, "/admin/queues").status_code == 200, "and that too"
    assert queue_of(reply.json["queue_id"]).name == "Sales"


SETTINGS = {
    "name": "Sales and more",
    "method": "bullseye",
    "ring_s": 25,
    "ring_group_n": 3,
    "rings": [{"stay_s": 30, "drop": ["french"]}],
    "value_rules": [{"tier": "gold", "priority_min": 10}],
    "overflow": [
        {"after_s": 60, "action": "queue", "target": "support"},
        {"ewt_over_s": 600, "action": "callback"},
        {"always": True, "action": "voicemail"},
    ],
    "max_wait_s": 900,
    "zone": "Europe/Berlin",
    "wrap_up_mode": "discretionary",
    "alert_waiting": 5,
    "alert_service_level": "",
}


def test_every_setting_is_kept_told_and_can_be_taken_back(alma: Browser, sales: int) -> None:
    with unit_of_work() as session:
        factories.queue(session, "support")
    before = alma.get(f"/admin/queues/{sales}").json["queue"]
    assert alma.post(f"/admin/queues/{sales}", SETTINGS).status_code == 200
    kept = queue_of(sales)
    assert (kept.name, kept.method, kept.ring_s, kept.zone) == ("Sales and more", "bullseye", 25, "Europe/Berlin")
    assert kept.overflow == SETTINGS["overflow"] and kept.alerts == {"waiting": 5}
    [line] = alma.get(f"/admin/queues/{sales}").json["history"]
    assert {"name", "method", "overflow", "alerts"} <= {each["field"] for each in line["changes"]}
    assert line["who"] == "Alma" and not line["undone"]
    with unit_of_work() as session:
        [told] = events_named(session, "queue.changed")
        assert "floor" in told.topics
    assert undo_newest(alma, f"/admin/queues/{sales}").status_code == 200
    assert alma.get(f"/admin/queues/{sales}").json["queue"] == before
    assert [each["is_undo"] for each in alma.get(f"/admin/queues/{sales}").json["history"]] == [True, False]


def test_a_form_of_the_page_says_the_same_as_json(alma: Browser, sales: int) -> None:
    with unit_of_work() as session:
        factories.queue(session, "support")
    form = {
        "csrf_token": alma.csrf,
        "name": "Sales",
        "overflow-0-when": "after_s",
        "overflow-0-seconds": "60",
        "overflow-0-action": "queue",
        "overflow-0-target": "support",
        "overflow-1-when": "always",
        "overflow-1-seconds": "",
        "overflow-1-action": "voicemail",
        "overflow-1-target": "support",
        "overflow-2-when": "",
        "overflow-2-action": "queue",
        "rings-0-stay_s": "30",
        "rings-0-drop": "french, fibre",
        "rings-1-stay_s": "",
        "value_rules-0-words": "tier=gold, language=fr",
        "value_rules-0-priority_min": "10",
        "value_rules-1-words": " ",
        "hours": "",
        "alert_waiting": "",
    }
    sent = alma.client.post(f"/admin/queues/{sales}", data=form, headers=HTML)
    assert sent.status_code == 303 and sent.location.endswith(f"/admin/queues/{sales}")
    kept = queue_of(sales)
    assert kept.overflow == [
        {"after_s": 60, "action": "queue", "target": "support"},
        {"always": True, "action": "voicemail"},
    ]
    assert kept.rings == [{"stay_s": 30, "drop": ["french", "fibre"]}]
    assert kept.value_rules == [{"tier": "gold", "language": "fr", "priority_min": 10}]
    page = alma.get(f"/admin/queues/{sales}", headers=HTML).text
    assert "tier=gold, language=fr" in page and "french, fibre" in page


WRONG: list[tuple[str, Any]] = [
    ("name", ""),
    ("name", "x" * 61),
    ("name", "a\nb"),
    ("name", "a\x00b"),
    ("name", {"a": 1}),
    ("method", "psychic"),
    ("skill_rule", "some"),
    ("ring_s", 4),
    ("ring_s", 121),
    ("ring_s", "soon"),
    ("ring_s", 10**30),
    ("ring_group_n", 51),
    ("max_wait_s", 9),
    ("max_length", 0),
    ("weight", -1),
    ("zone", "Mars/Olympus"),
    ("zone", "../../etc/passwd"),
    ("wrap_up_mode", "never"),
    ("at_close", "explode"),
    ("service_level_target", 101),
    ("hours", "nowhere"),
    ("hours", "own"),
    ("alert_service_level", 101),
    ("alert_waiting", 0),
    ("overflow", [{"after_s": 60, "action": "queue", "target": "nowhere"}]),
    ("overflow", [{"after_s": 60, "action": "queue"}]),
    ("overflow", [{"always": True, "action": "hang_up"}, {"after_s": 1, "action": "hang_up"}]),
    ("overflow", [{"always": True, "action": "queue", "target": "sales"}]),
    ("overflow", [{"after_s": -1, "action": "hang_up"}]),
    ("overflow", [{"after_s": "x", "action": "hang_up"}]),
    ("overflow", [{"when": "after_s", "seconds": "x" * 10_000, "action": "hang_up"}]),
    ("overflow", [{"when": "after_s", "action": "hang_up"}]),
    ("overflow", [{"when": "sometime", "action": "hang_up"}]),
    ("overflow", [{}]),
    ("overflow", ["x"]),
    ("overflow", "x"),
    ("overflow", [{"always": True, "action": "hang_up"}] * 11),
    ("rings", [{"stay_s": 0, "drop": []}]),
    ("rings", [{"stay_s": 30, "drop": [1]}]),
    ("rings", [{"stay_s": 30, "drop": []}] * 7),
    ("rings", {"a": 1}),
    ("value_rules", [{"priority_min": 5}]),
    ("value_rules", [{"moon": "full", "priority_min": 5}]),
    ("value_rules", [{"tier": "gold", "priority_min": 10**9}]),
    ("value_rules", [{"words": "gold", "priority_min": "5"}]),
    ("value_rules", [{"words": "tier=gold", "priority_min": "soon"}]),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_setting_that_cannot_be_is_refused_by_field(alma: Browser, sales: int, field: str, value: Any) -> None:
    before = alma.get(f"/admin/queues/{sales}").json
    reply = alma.post(f"/admin/queues/{sales}", {"name": "Sales"} | {field: value})
    assert reply.status_code == 400 and reply.json["error"]["field"].startswith(field), reply.json
    assert alma.get(f"/admin/queues/{sales}").json == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", ""),
        ("key", "Sales"),
        ("key", "1st"),
        ("key", "a b"),
        ("key", "x" * 61),
        ("key", "{{ 7 * 7 }}"),
        ("key", "sales"),
        ("name", " "),
        ("name", None),
    ],
)
def test_a_new_queue_that_cannot_be_is_refused(alma: Browser, sales: int, field: str, value: Any) -> None:
    reply = alma.post("/admin/queues", {"key": "more", "name": "More"} | {field: value})
    assert reply.status_code == 400 and reply.json["error"]["field"] == field


@pytest.mark.parametrize("body", [None, [], "x", 7])
@pytest.mark.parametrize("path", ["queues", "queues/1", "skills", "hours", "breaks"])
def test_a_body_that_is_no_form_is_refused(alma: Browser, sales: int, path: str, body: Any) -> None:
    assert alma.post(f"/admin/{path}", body).status_code == 400


def test_who_saves_what_somebody_else_changed_meanwhile_is_told(alma: Browser, sales: int) -> None:
    seen = alma.get(f"/admin/queues/{sales}").json["queue"]["seen"]
    assert alma.post(f"/admin/queues/{sales}", {"name": "Sales", "ring_s": 30, "seen": seen}).status_code == 200
    late = alma.post(f"/admin/queues/{sales}", {"name": "Sales", "ring_s": 40, "seen": seen})
    assert (late.status_code, late.json["error"]["code"]) == (409, "changed_since")
    assert queue_of(sales).ring_s == 30


def test_a_change_is_not_taken_back_over_a_newer_one(alma: Browser, sales: int) -> None:
    alma.post(f"/admin/queues/{sales}", {"name": "Sales", "ring_s": 30})
    first = alma.get("/admin/queues").json["history"][0]["id"]
    alma.post(f"/admin/queues/{sales}", {"name": "Sales", "ring_s": 40})
    reply = alma.post(f"/admin/changes/{first}/undo")
    assert (reply.status_code, reply.json["error"]["code"]) == (409, "changed_since")
    assert queue_of(sales).ring_s == 40


def test_the_same_again_is_no_change(alma: Browser, sales: int) -> None:
    for _ in range(2):
        alma.post(f"/admin/queues/{sales}", {"name": "Sales", "ring_s": 33})
    assert len(alma.get("/admin/queues").json["history"]) == 1


def test_a_queue_with_people_or_a_past_stays(alma: Browser, sales: int) -> None:
    with unit_of_work() as session:
        factories.waiting_call(session, session.get_one(Queue, sales))
    reply = alma.post(f"/admin/queues/{sales}/remove")
    assert (reply.status_code, reply.json["error"]["code"]) == (409, "in_use")
    with unit_of_work() as session:
        empty = factories.queue(session, "empty").id
    assert alma.post(f"/admin/queues/{empty}/remove").status_code == 200
    assert alma.post(f"/admin/queues/{empty}/remove").status_code == 404


# -- people of a queue


def test_a_person_is_put_in_changed_taken_out_and_each_is_taken_back(alma: Browser, bo: Browser, sales: int) -> None:
    path = f"/admin/queues/{sales}"
    assert alma.post(f"{path}/people", {"user_id": bo.user_id, "level": 2, "delay_s": 30}).status_code == 200
    assert alma.get(path).json["members"] == [
        {"id": bo.user_id, "name": "Bo", "active": True, "level": 2, "delay_s": 30}
    ]
    alma.post(f"{path}/people", {"user_id": bo.user_id, "level": 1, "delay_s": 0})
    alma.post(f"{path}/people/{bo.user_id}/remove")
    assert alma.get(path).json["members"] == []
    assert undo_newest(alma, path).status_code == 200
    assert alma.get(path).json["members"][0]["level"] == 1
    assert [each["how"] for each in alma.get(path).json["history"]] == ["added", "removed", "changed", "added"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user_id": "bo"},
        {"user_id": 10**30},
        {"user_id": 1, "level": 0},
        {"user_id": 1, "level": 10},
        {"user_id": 1, "delay_s": 10_000},
        {"user_id": 1, "delay_s": -1},
    ],
)
def test_a_membership_that_cannot_be_is_refused(alma: Browser, sales: int, body: Any) -> None:
    assert alma.post(f"/admin/queues/{sales}/people", body).status_code == 400


def test_nobody_is_nowhere(alma: Browser, bo: Browser, sales: int) -> None:
    assert alma.post("/admin/queues/999/people", {"user_id": bo.user_id}).status_code == 404
    assert alma.post(f"/admin/queues/{sales}/people", {"user_id": 999}).status_code == 404
    assert alma.post(f"/admin/queues/{sales}/people/{bo.user_id}/remove").status_code == 404
    assert alma.get("/admin/queues/999").status_code == 404
    assert alma.get(f"/admin/queues/{10**30}").status_code == 404


def test_the_system_page_puts_people_in_as_before(alma: Browser, bo: Browser, sales: int) -> None:
    reply = alma.post(f"/admin/queues/{sales}/members", {"user_id": bo.user_id, "member": True})
    assert reply.status_code == 200
    with unit_of_work() as session:
        assert session.get_one(QueueMember, (sales, bo.user_id)).level == 1


# -- skills


def test_skills_are_added_given_renamed_and_taken_back(alma: Browser, bo: Browser) -> None:
    assert alma.post("/admin/skills", {"key": "french", "name": "French"}).status_code == 201
    [skill] = alma.get("/admin/skills").json["skills"]
    give = f"/admin/skills/agents/{bo.user_id}"
    assert alma.post(give, {"levels": {str(skill["id"]): 4}}).status_code == 200
    assert alma.get(give).json["skills"][0]["level"] == 4
    assert alma.post(f"/admin/skills/{skill['id']}/remove").status_code == 409, "an agent has it"
    assert alma.post(f"/admin/skills/{skill['id']}", {"name": "Français"}).status_code == 200
    assert undo_newest(alma, "/admin/skills").status_code == 200
    assert alma.get("/admin/skills").json["skills"][0]["name"] == "French"
    form = {f"level-{skill['id']}": "0", "csrf_token": alma.csrf}
    assert alma.client.post(give, data=form, headers=HTML).status_code == 303
    with unit_of_work() as session:
        assert session.get(AgentSkill, (bo.user_id, skill["id"])) is None
    assert undo_newest(alma, "/admin/skills").status_code == 200
    assert alma.get(give).json["skills"][0]["level"] == 4


@pytest.mark.parametrize(
    "levels", [{"1": 6}, {"1": -1}, {"x": 1}, {"0": 1}, {"1": "best"}, {str(10**30): 1}, [], "x", None]
)
def test_levels_that_cannot_be_are_refused(alma: Browser, bo: Browser, levels: Any) -> None:
    assert alma.post(f"/admin/skills/agents/{bo.user_id}", {"levels": levels}).status_code == 400


def test_a_skill_that_is_none_is_given_to_nobody(alma: Browser, bo: Browser) -> None:
    assert alma.post(f"/admin/skills/agents/{bo.user_id}", {"levels": {"999": 3}}).status_code == 404
    assert alma.post("/admin/skills/agents/999", {"levels": {}}).status_code == 404
    assert alma.post("/admin/skills/999", {"name": "X"}).status_code == 404
    assert alma.post("/admin/skills/999/remove").status_code == 404


def test_two_skills_never_have_the_same_name_for_flows(alma: Browser) -> None:
    replies = [alma.post("/admin/skills", {"key": "french", "name": "French"}).status_code for _ in range(2)]
    assert replies == [201, 400]


def test_agents_are_found_by_name_a_page_at_a_time(alma: Browser) -> None:
    with unit_of_work() as session:
        for place in range(60):
            factories.user(session, f"Person {place:02d}")
    first = alma.get("/admin/skills").json
    assert len(first["agents"]) == 50 and first["pages"] == 2
    found = alma.get("/admin/skills?q=person 07").json["agents"]
    assert [each["name"] for each in found] == ["Person 07"]
    assert alma.get("/admin/skills?q=%25").json["agents"] == [], "no wild cards"
    assert alma.get("/admin/skills?page=0").status_code == 400


# -- hours

OFFICE = {
    "key": "office",
    "name": "Office hours",
    "zone": "Europe/Berlin",
    "weekly": {"mon-fri": "08:00-18:00", "sat": ["09:00-12:00", "13:00-16:00"]},
    "exceptions": [{"date": "12-24", "hours": "closed", "name": "Christmas Eve"}],
    "country": "DE",
}


def test_hours_are_added_used_changed_and_taken_back(alma: Browser, sales: int) -> None:
    assert alma.post("/admin/hours", OFFICE).status_code == 201
    [hours] = alma.get("/admin/hours").json["hours"]
    assert hours["week"]["sat"] == "09:00-12:00, 13:00-16:00" and hours["rules"]["holidays"] == {"country": "DE"}
    assert alma.post(f"/admin/queues/{sales}", {"name": "Sales", "hours": "office"}).status_code == 200
    assert queue_of(sales).hours == {"use": "office"}
    assert alma.post("/admin/hours/office/remove").status_code == 409, "a queue uses them"
    form = {"csrf_token": alma.csrf, "name": "Office", "zone": "UTC", "mon": "9:00-12:00, 13:00–17:30", "tue": ""}
    form |= {"exceptions-0-date": "2026-12-24", "exceptions-0-hours": "", "exceptions-1-date": " "}
    assert alma.client.post("/admin/hours/office", data=form, headers=HTML).status_code == 303
    [hours] = alma.get("/admin/hours").json["hours"]
    assert hours["week"]["mon"] == "09:00-12:00, 13:00-17:30" and hours["week"]["tue"] == ""
    assert hours["rules"]["exceptions"] == [{"date": "2026-12-24", "hours": "closed"}]
    assert undo_newest(alma, "/admin/hours").status_code == 200
    assert alma.get("/admin/hours").json["hours"][0]["name"] == "Office hours"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "office hours"),
        ("key", "../x"),
        ("name", ""),
        ("zone", "Mars/Olympus"),
        ("zone", ""),
        ("weekly", {}),
        ("weekly", "often"),
        ("weekly", {"someday": "08:00-18:00"}),
        ("weekly", {"mon": "8 to 6"}),
        ("weekly", {"mon": "25:00-26:00"}),
        ("weekly", {"mon": "08:00-08:00"}),
        ("exceptions", [{"date": "2026-02-30"}]),
        ("exceptions", [{"date": "12-24", "hours": "noon"}]),
        ("exceptions", [{"date": "12-24"}] * 401),
        ("exceptions", "x"),
        ("country", "XX"),
        ("part", "ZZ"),
    ],
)
def test_hours_that_cannot_be_are_refused(alma: Browser, field: str, value: Any) -> None:
    reply = alma.post("/admin/hours", OFFICE | {field: value})
    assert reply.status_code == 400, reply.json
    assert alma.get("/admin/hours").json["hours"] == []


@pytest.mark.parametrize(
    "path", ["hours/none", "hours/none/remove", "breaks/none", "breaks/none/remove", f"hours/{'x' * 200}"]
)
def test_what_is_none_is_not_found(alma: Browser, path: str) -> None:
    body = OFFICE | {"name": "X"}
    assert alma.post(f"/admin/{path}", body).status_code == 404


# -- breaks


def test_reasons_of_breaks_are_the_houses_own(alma: Browser) -> None:
    with unit_of_work() as session:
        assert [each["key"] for each in break_reasons(session)] == ["lunch", "pause", "meeting", "training"]
    assert alma.post("/admin/breaks", {"key": "yoga", "name": "Yoga", "position": 1}).status_code == 201
    assert alma.post("/admin/breaks", {"key": "lunch", "name": "Lunch", "shrinkage_class": "lunch"}).status_code == 201
    with unit_of_work() as session:
        assert [each["key"] for each in break_reasons(session)] == ["lunch", "yoga"]
    assert alma.post("/admin/breaks/yoga", {"name": "Yoga", "active": False}).status_code == 200
    with unit_of_work() as session:
        assert [each["key"] for each in break_reasons(session)] == ["lunch"]
    assert undo_newest(alma, "/admin/breaks").status_code == 200
    assert alma.post("/admin/breaks/yoga/remove").status_code == 200
    assert undo_newest(alma, "/admin/breaks").status_code == 200
    assert [each["key"] for each in alma.get("/admin/breaks").json["breaks"]] == ["lunch", "yoga"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "Lunch time"),
        ("key", "taken"),
        ("name", ""),
        ("name", "x" * 61),
        ("shrinkage_class", "holiday"),
        ("position", 1000),
        ("position", "first"),
        ("productive", "maybe"),
        ("active", 7),
    ],
)
def test_a_reason_that_cannot_be_is_refused(alma: Browser, field: str, value: Any) -> None:
    alma.post("/admin/breaks", {"key": "taken", "name": "Taken"})
    reply = alma.post("/admin/breaks", {"key": "yoga", "name": "Yoga"} | {field: value})
    assert reply.status_code == 400 and reply.json["error"]["field"] == field


# -- who may, and the pages


@pytest.mark.parametrize("path", ["queues", "queues/1", "skills", "hours", "breaks"])
def test_only_admins_may(alma: Browser, ana: Browser, sales: int, path: str) -> None:
    assert ana.get(f"/admin/{path}").status_code == 403
    assert ana.post(f"/admin/{path}", {"name": "X"}).status_code == 403
    assert ana.post("/admin/changes/1/undo").status_code == 403
    assert alma.client.post(f"/admin/{path}", json={"name": "X"}).status_code == 400, "without the page's token"


def test_the_pages_are_drawn_and_hostile_words_are_text(alma: Browser, bo: Browser, sales: int) -> None:
    evil = "<script>alert(1)</script>"
    alma.post("/admin/hours", OFFICE | {"name": evil})
    alma.post("/admin/breaks", {"key": "evil", "name": evil})
    alma.post("/admin/skills", {"key": "evil", "name": evil})
    alma.post(f"/admin/queues/{sales}", {"name": evil})
    for path in ("queues", f"queues/{sales}", "skills", f"skills/agents/{bo.user_id}", "hours", "breaks"):
        page = alma.get(f"/admin/{path}", headers=HTML)
        assert page.status_code == 200 and "<script>alert(1)" not in page.text, path


def test_a_refusal_is_said_on_the_page_it_came_from(alma: Browser, sales: int) -> None:
    form = {"csrf_token": alma.csrf, "name": "Sales", "ring_s": "1"}
    headers = HTML | {"Referer": f"http://localhost/admin/queues/{sales}"}
    reply = alma.client.post(f"/admin/queues/{sales}", data=form, headers=headers)
    assert reply.status_code == 303 and reply.location == f"/admin/queues/{sales}"
    elsewhere = HTML | {"Referer": "https://evil.example/admin/queues"}
    assert alma.client.post(f"/admin/queues/{sales}", data=form, headers=elsewhere).location == "/admin/queues"
    assert "at least 5" in alma.get(f"/admin/queues/{sales}", headers=HTML).text


@pytest.mark.parametrize("event_id", [0, 999_999, 10**30])
def test_a_change_that_is_none_is_not_taken_back(alma: Browser, event_id: int) -> None:
    assert alma.post(f"/admin/changes/{event_id}/undo").status_code == 404


def test_only_changes_of_settings_can_be_taken_back(alma: Browser) -> None:
    with unit_of_work() as session:
        others = [
            Event(kind="person.added", actor="system", topics=[], data={"key": "1", "before": None, "after": {}}),
            Event(kind="queue.changed", actor="system", topics=[], data={"key": "1"}),
        ]
        session.add_all(others)
        session.flush()
        ids = [each.id for each in others]
    for id_ in ids:
        assert alma.post(f"/admin/changes/{id_}/undo").status_code == 404

"""Entry points on the admin page: added, changed, removed, taken back, and beside them the file."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.db import unit_of_work
from app.events import Event
from ivr_flows.entry_points import load_entry_points
from telephony.flows import entry_point
from telephony.models import PhoneNumber
from telephony.numbers import seed
from telephony.room import room_of
from tests import factories
from tests.app.conftest import Browser, browser

HTML = {"Accept": "text/html"}
NEW = {"number": "+1 (500) 555-0042", "label": "Sales line", "flow": "main", "language": "es", "priority_min": 5}
PAGE = "/admin/entry-points"


@pytest.fixture
def alma(app: Any) -> Browser:
    """An admin of a house with the demo's flows, whose numbers follow the file."""
    with unit_of_work() as session:
        for key in ("sales", "support", "billing"):
            factories.queue(session, key)
        user = factories.user(session, "Alma", ["admin"])
    room_of(app).flows.refresh()
    with unit_of_work() as session:
        seed(session, room_of(app))
    return browser(app, user)


def listed(alma: Browser) -> dict[str, dict[str, Any]]:
    return {each["number"]: each for each in alma.get(PAGE).json["numbers"]}


def history(alma: Browser) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = alma.get(PAGE).json["history"]
    return lines


def leads_to(app: Any, number: str) -> tuple[str, str | None, int] | None:
    """Where a call to this number begins."""
    with unit_of_work() as session:
        point = entry_point(session, room_of(app).flows, number)
        return (point.flow, point.language, point.priority_min) if point else None


def test_a_number_is_added_in_the_form_that_carriers_use(app: Any, alma: Browser) -> None:
    assert alma.post(PAGE, NEW).status_code == 201
    added = listed(alma)["+15005550042"]
    assert (added["label"], added["priority_min"], added["source"]) == ("Sales line", 5, "page")
    assert leads_to(app, "+15005550042") == ("main", "es", 5)
    [line] = history(alma)
    assert (line["how"], line["who"], line["undone"]) == ("added", "Alma", False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", ""),
        ("number", "5005550042"),
        ("number", "+1"),
        ("number", "+1500555004200000000"),
        ("number", "12345"),
        ("number", "anonymous"),
        ("number", "Meridian"),
        ("number", "+1 500 555 0042; DROP TABLE"),
        ("number", "+1500555\x000042"),
        ("number", "9" * 100_000),
        ("number", "+15005550006"),
        ("label", " "),
        ("label", "x" * 61),
        ("label", "a\nb"),
        ("flow", "nowhere"),
        ("flow", "../../etc/passwd"),
        ("flow", "{{ 7 * 7 }}"),
        ("language", "klingon"),
        ("priority_min", 121),
        ("priority_min", -61),
        ("priority_min", 10**30),
        ("priority_min", "soon"),
    ],
)
def test_what_cannot_be_is_refused_by_field(alma: Browser, field: str, value: Any) -> None:
    before = listed(alma)
    reply = alma.post(PAGE, NEW | {field: value})
    assert reply.status_code == 400 and reply.json["error"]["field"] == field
    assert listed(alma) == before and history(alma) == []


@pytest.mark.parametrize("body", [None, [], "x", {"number": {"a": 1}}, {"flow": ["main"]}])
def test_a_body_that_is_no_form_is_refused(alma: Browser, body: Any) -> None:
    assert alma.post(PAGE, body).status_code == 400


def test_who_is_no_admin_may_not(app: Any, alma: Browser) -> None:
    with unit_of_work() as session:
        ana = browser(app, factories.user(session, "Ana", ["agent"]))
    assert ana.get(PAGE).status_code == 403
    assert ana.post(PAGE, NEW).status_code == 403
    assert ana.post(f"{PAGE}/1/remove").status_code == 403


def test_without_the_pages_token_nothing_is_changed(alma: Browser) -> None:
    assert alma.client.post(PAGE, json=NEW).status_code == 400
    assert history(alma) == []


def test_a_number_that_is_changed_here_no_longer_follows_the_file(app: Any, alma: Browser) -> None:
    main = listed(alma)["+15005550006"]
    assert main["source"] == "file"
    change = {"label": "Front door", "flow": "support", "language": "", "priority_min": 10}
    assert alma.post(f"{PAGE}/{main['id']}", change).status_code == 200
    changed = listed(alma)["+15005550006"]
    assert (changed["flow"], changed["source"], changed["in_file"]["flow"]) == ("support", "page", "main")
    assert leads_to(app, "+15005550006") == ("support", None, 10)
    assert [each["field"] for each in history(alma)[0]["changes"]] == ["label", "flow", "priority_min", "source"]
    assert alma.post(f"{PAGE}/{main['id']}/follow-file").status_code == 200
    assert listed(alma)["+15005550006"] == main


def test_a_change_that_changes_nothing_is_not_told(alma: Browser) -> None:
    alma.post(PAGE, NEW)
    added = listed(alma)["+15005550042"]
    alma.post(f"{PAGE}/{added['id']}", NEW)
    assert len(history(alma)) == 1


def test_a_removed_number_is_not_in_use_and_can_come_back(app: Any, alma: Browser) -> None:
    id_ = listed(alma)["+15005550006"]["id"]
    assert alma.post(f"{PAGE}/{id_}/remove").status_code == 200
    assert alma.post(f"{PAGE}/{id_}/remove").status_code == 404
    assert alma.post(f"{PAGE}/{id_}", NEW).status_code == 404
    assert "+15005550006" not in listed(alma)
    assert leads_to(app, "+15005550006") is None, "not even the default answers"
    with unit_of_work() as session:
        seed(session, room_of(app))
    assert leads_to(app, "+15005550006") is None, "nor does the file bring it back"
    assert alma.post(f"{PAGE}/undo/{history(alma)[0]['id']}").status_code == 200
    assert leads_to(app, "+15005550006") == ("main", None, 0)
    assert listed(alma)["+15005550006"]["source"] == "file"


def test_a_removed_number_may_be_added_again(app: Any, alma: Browser) -> None:
    alma.post(f"{PAGE}/{listed(alma)['+15005550006']['id']}/remove")
    assert alma.post(PAGE, NEW | {"number": "+15005550006"}).status_code == 201
    assert leads_to(app, "+15005550006") == ("main", "es", 5)


def test_each_change_can_be_taken_back_and_that_too(app: Any, alma: Browser) -> None:
    alma.post(PAGE, NEW)
    id_ = listed(alma)["+15005550042"]["id"]
    alma.post(f"{PAGE}/{id_}", NEW | {"flow": "support"})
    changed = history(alma)[0]["id"]
    assert alma.post(f"{PAGE}/undo/{changed}").status_code == 200
    assert leads_to(app, "+15005550042") == ("main", "es", 5)
    assert [(line["is_undo"], line["undone"]) for line in history(alma)] == [
        (True, False),
        (False, True),
        (False, False),
    ]
    assert alma.post(f"{PAGE}/undo/{history(alma)[0]['id']}").status_code == 200
    assert leads_to(app, "+15005550042") == ("support", "es", 5)


def test_an_older_change_is_not_taken_back_over_a_newer_one(app: Any, alma: Browser) -> None:
    alma.post(PAGE, NEW)
    added = history(alma)[0]["id"]
    id_ = listed(alma)["+15005550042"]["id"]
    alma.post(f"{PAGE}/{id_}", NEW | {"flow": "support"})
    reply = alma.post(f"{PAGE}/undo/{added}")
    assert reply.status_code == 409 and reply.json["error"]["code"] == "changed_since"
    assert leads_to(app, "+15005550042") == ("support", "es", 5)


def test_only_changes_of_numbers_can_be_taken_back(alma: Browser) -> None:
    with unit_of_work() as session:
        other = Event(kind="person.added", actor="system", topics=[], data={"after": {}})
        old = Event(kind="number.changed", actor="system", topics=[], data={"number_id": 1})
        session.add_all([other, old])
        session.flush()
        ids = [other.id, old.id]
    for id_ in (*ids, 10**30, 0):
        assert alma.post(f"{PAGE}/undo/{id_}").status_code == 404


@pytest.mark.parametrize("path", ["999", "999/remove", "999/follow-file", f"{10**30}", f"{10**30}/remove"])
def test_a_number_that_is_not_ours_is_not_found(alma: Browser, path: str) -> None:
    assert alma.post(f"{PAGE}/{path}", NEW).status_code == 404


def test_what_stands_can_be_saved_as_the_file(alma: Browser) -> None:
    alma.post(PAGE, NEW)
    alma.post(f"{PAGE}/{listed(alma)['+15005550008']['id']}/remove")
    reply = alma.get(f"{PAGE}/entry_points.yaml")
    assert reply.mimetype == "text/yaml" and "attachment" in reply.headers["Content-Disposition"]
    points = load_entry_points(reply.text, flows={"main", "support"})
    assert sorted(points.numbers) == ["+15005550006", "+15005550007", "+15005550042"]
    assert points.numbers["+15005550042"].priority_min == 5 and points.default is not None


def test_the_page_is_drawn_and_works_without_a_script(alma: Browser) -> None:
    page = alma.get(PAGE, headers=HTML)
    assert page.status_code == 200 and "entry_points.yaml" in page.text
    sent = alma.client.post(PAGE, data=NEW | {"csrf_token": alma.csrf}, headers=HTML)
    assert sent.status_code == 303 and sent.location.endswith(PAGE)
    wrong = alma.client.post(PAGE, data=NEW | {"csrf_token": alma.csrf}, headers=HTML, follow_redirects=True)
    assert "That number is ours already" in wrong.text
    evil = NEW | {"number": "+15005550043", "label": "<script>alert(1)</script>"}
    alma.post(PAGE, evil)
    assert "<script>alert(1)" not in alma.get(PAGE, headers=HTML).text


def test_two_admins_who_add_the_same_number_get_one_row(alma: Browser) -> None:
    assert [alma.post(PAGE, NEW).status_code for _ in range(2)] == [201, 400]
    with unit_of_work() as session:
        rows = session.scalars(select(PhoneNumber).where(PhoneNumber.number == "+15005550042")).all()
        assert len(rows) == 1

"""The rules of callbacks on their pages: of the house and of a queue, checked, told, taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.callbacks.judge import may_dial
from app.callbacks.policy import Policy, policy_of, set_policy
from app.callbacks.request import terms_of
from app.db import unit_of_work
from app.routing.models import OpeningHours, Queue
from tests import factories
from tests.app.callbacks.conftest import a_callback
from tests.app.conftest import Browser, browser

HTML = {"Accept": "text/html"}
HOUSE = "/admin/callbacks/house"
FORM = {
    "quiet": "08:00-21:00",
    "quiet_days": "mon-sun",
    "offer_over_s": "",
    "offer_over_waiting": "",
    "offer_share": 100,
    "stop_before_close_min": 2,
    "mode": "auto",
    "max_attempts": 3,
    "gaps_min": "10, 60",
    "ring_s": 25,
    "snooze_min": 30,
    "life_h": 24,
    "own_for_min": 60,
    "detect_machines": "true",
    "machine": "message",
    "machine_text": "",
    "slot_min": 30,
    "per_slot": "",
    "ahead_days": 14,
    "web": "false",
    "texts": "true",
    "remind_min": 10,
    "abandon_recovery": "false",
    "follow_up_min": 60,
    "follow_up_text": "false",
}
"""The form as a house without rules of its own shows it."""


@pytest.fixture
def alma(app: Any, far_side: Any) -> Browser:
    """Alma, an admin."""
    with unit_of_work() as session:
        return browser(app, factories.user(session, "Alma", ["admin"]))


def of_queue(queue_id: int) -> str:
    return f"/admin/callbacks/{queue_id}"


def holds(queue_id: int | None) -> Policy:
    with unit_of_work() as session:
        return policy_of(session, queue_id)


def test_the_usual_form_changes_nothing(alma: Browser, sales: int) -> None:
    assert alma.post(HOUSE, FORM).status_code == 200
    assert alma.post(of_queue(sales), FORM | {"hours": "@queue"}).status_code == 200
    shown = alma.get(of_queue(sales)).json
    assert shown["own"] == [] and shown["history"] == []
    assert alma.get("/admin/callbacks").json["house_rules"] == []


def test_the_page_shows_each_rule_as_it_is_sent(alma: Browser, sales: int) -> None:
    sent = {
        "quiet": "9:00-12:00, 13:00-20:00",
        "quiet_days": "mon-sat",
        "offer_over_s": 180,
        "offer_over_waiting": 4,
        "offer_share": 50,
        "stop_before_close_min": 10,
        "mode": "customer_first",
        "max_attempts": 5,
        "gaps_min": "5,30, 120",
        "ring_s": 40,
        "snooze_min": 45,
        "life_h": 48,
        "own_for_min": 120,
        "detect_machines": "false",
        "machine": "hang_up",
        "machine_text": "We will call again.",
        "slot_min": 15,
        "per_slot": 7,
        "ahead_days": 5,
        "web": "true",
        "texts": "false",
        "remind_min": 0,
        "abandon_recovery": "true",
        "follow_up_min": 30,
        "follow_up_text": "true",
        "countries": [{"country": "fr", "hours": "10:00-13:00, 14:00-20:00", "days": "mon-fri"}],
    }
    assert alma.post(of_queue(sales), sent).status_code == 200
    rules = alma.get(of_queue(sales)).json["rules"]
    shown = {name: str(rules[name]).lower() for name in sent}
    assert shown["quiet"] == "09:00-12:00, 13:00-20:00" and shown["gaps_min"] == "5, 30, 120"
    same = set(sent) - {"quiet", "gaps_min", "countries"}
    assert {name: shown[name] for name in same} == {name: str(sent[name]).lower() for name in same}
    assert rules["countries"] == [{"country": "FR", "hours": "10:00-13:00, 14:00-20:00", "days": "mon-fri"}]
    policy = holds(sales)
    assert (policy.gaps_s, policy.life_s, policy.own_for_s) == ((300, 1800, 7200), 172_800, 7200)


def test_a_queue_follows_the_house_but_where_it_has_its_own(alma: Browser, sales: int) -> None:
    assert alma.post(of_queue(sales), FORM | {"ring_s": 40}).status_code == 200
    assert alma.get(of_queue(sales)).json["own"] == ["ring_s"]
    assert alma.post(HOUSE, FORM | {"ring_s": 15, "max_attempts": 4}).status_code == 200
    assert (holds(sales).ring_s, holds(sales).max_attempts) == (40, 4)
    assert holds(None).ring_s == 15, "contacts without a queue, too"
    assert alma.post(f"{of_queue(sales)}/like-the-house").status_code == 200
    assert holds(sales).ring_s == 15


def test_a_change_is_told_and_taken_back_and_not_over_a_later_one(alma: Browser, sales: int) -> None:
    page = of_queue(sales)
    seen = alma.get(page).json["seen"]
    assert alma.post(page, FORM | {"max_attempts": 5, "seen": seen}).status_code == 200
    late = alma.post(page, FORM | {"max_attempts": 6, "seen": seen})
    assert (late.status_code, late.json["error"]["code"]) == (409, "changed_since")
    [line] = alma.get(page).json["history"]
    assert line["changes"] == [{"field": "max_attempts", "from": "–", "to": "5"}]
    assert (line["who"], line["label"]) == ("Alma", "Sales")
    assert alma.post(f"/admin/changes/{line['id']}/undo").status_code == 200
    assert holds(sales).max_attempts == 3
    assert alma.post(f"/admin/changes/{line['id']}/undo").status_code == 409


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"quiet": "morning"}, "quiet"),
        ({"quiet": ""}, "quiet"),
        ({"quiet_days": "sun"}, "quiet_days"),
        ({"gaps_min": "soon"}, "gaps_min"),
        ({"gaps_min": ""}, "gaps_min"),
        ({"gaps_min": ",".join(["1"] * 9)}, "gaps_min"),
        ({"gaps_min": "0"}, "gaps_min"),
        ({"max_attempts": 9}, "max_attempts"),
        ({"ring_s": 4}, "ring_s"),
        ({"offer_share": 101}, "offer_share"),
        ({"offer_over_s": -1}, "offer_over_s"),
        ({"life_h": 0}, "life_h"),
        ({"life_h": 10**9}, "life_h"),
        ({"machine_text": "x" * 301}, "machine_text"),
        ({"machine_text": "a\x00b"}, "machine_text"),
        ({"countries": [{"country": "XX", "hours": "10:00-12:00"}]}, "countries"),
        ({"countries": [{"country": "FR", "hours": "closed"}]}, "countries"),
        ({"hours": "gone"}, "hours"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_a_rule_that_makes_no_sense_is_refused_by_field_and_changes_nothing(
    alma: Browser, sales: int, wrong: dict[str, Any], field: str
) -> None:
    reply = alma.post(of_queue(sales), FORM | {"ring_s": 30} | wrong)
    assert reply.status_code == 400
    assert reply.json["error"]["field"].split(".")[0] == field
    assert holds(sales).ring_s == 25


def test_countries_come_as_rows_of_the_page_and_an_empty_one_is_left_out(alma: Browser, sales: int) -> None:
    rows = {
        "countries-0-country": "",
        "countries-0-hours": "10:00-11:00",
        "countries-3-country": "de",
        "countries-3-hours": "9:00-20:00",
        "countries-3-days": "mon-sat",
    }
    assert alma.post(of_queue(sales), FORM | rows).status_code == 200
    [(country, times)] = holds(sales).countries.items()
    assert (country, times.hours, times.days) == ("DE", ((540, 1200),), "mon-sat")


def test_hours_are_the_queues_shared_ones_or_always(alma: Browser, sales: int) -> None:
    nights = {"zone": "UTC", "weekly": {"mon-sun": "20:00-06:00"}}
    with unit_of_work() as session:
        session.add(OpeningHours(key="nights", name="Nights", rules=nights))
        session.get_one(Queue, sales).hours = {"zone": "UTC", "weekly": {"mon-fri": "09:00-17:00"}}
    assert alma.get(of_queue(sales)).json["rules"]["hours"] == "@queue"
    assert alma.post(of_queue(sales), FORM | {"hours": "nights"}).status_code == 200
    assert holds(sales).hours is not None and holds(sales).hours.weekly["sat"] == ((1200, 360),)
    kept = alma.post("/admin/hours/nights/remove")
    assert kept.status_code == 409, "the callbacks of a queue use them"
    assert alma.post(of_queue(sales), FORM | {"hours": "@always"}).status_code == 200
    assert holds(sales).hours is None and alma.get(of_queue(sales)).json["rules"]["hours"] == "@always"
    assert alma.post(of_queue(sales), FORM | {"hours": "@queue"}).status_code == 200
    assert holds(sales).hours is not None and "sat" not in holds(sales).hours.weekly


def test_a_country_has_its_own_times_and_days(database: str) -> None:
    paris = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)  # a Monday, 13:00 there
    with unit_of_work() as session:
        queue = factories.queue(session)
        countries = {"FR": {"hours": ["10:00-13:00", "14:00-20:00"], "days": "mon-fri"}}
        policy = set_policy(session, queue.id, countries=countries, quiet="00:00-24:00")
        french, german = (a_callback(session, queue, number) for number in ("+33142685300", "+4930202020"))
        for callback in (french, german):
            callback.window_start, callback.window_end = paris - timedelta(days=1), paris + timedelta(days=9)
        may = {
            moment: (may_dial(moment, terms_of(french, policy)), may_dial(moment, terms_of(german, policy)))
            for moment in (paris, paris + timedelta(hours=1), paris + timedelta(days=5))
        }
    assert list(may.values()) == [(False, True), (True, True), (False, True)]


def test_the_pages_are_drawn_and_are_the_admins_alone(alma: Browser, ana: Browser, sales: int) -> None:
    for path in ("/admin/callbacks", HOUSE, of_queue(sales)):
        page = alma.get(path, headers=HTML)
        assert page.status_code == 200 and "Callbacks" in page.text
        assert ana.get(path).status_code == 403
    assert alma.get(of_queue(99_999)).status_code == 404
    assert alma.post(of_queue(10**18), FORM).status_code == 404
    assert ana.post(HOUSE, FORM).status_code == 403


def test_a_person_who_is_refused_reads_why_on_the_page(alma: Browser, sales: int) -> None:
    headers = {"X-CSRFToken": alma.csrf} | HTML
    sent = alma.client.post(of_queue(sales), data=FORM | {"quiet": "never"}, headers=headers)
    assert sent.status_code == 303
    assert "is not a time span" in alma.get("/admin/callbacks", headers=HTML).text

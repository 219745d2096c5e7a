"""The flow pages' other routes: the diff, trials, the simulator, test calls made of it, and a telephone that rings."""

from __future__ import annotations

import pytest

from app.db import unit_of_work
from ivr_flows.faults import Fault, FlowError
from ivr_flows.loader import version_of
from tests import factories
from tests.app.conftest import browser
from tests.app.flows.conftest import BROKEN, MAIN, draft_of, publish, save, told, worded

SHORTER = worded("Press 1.")


def test_the_draft_is_compared_with_what_is_live(alma) -> None:
    save(alma, SHORTER.replace("to: desk", "to: message"))
    answer = alma.get("/admin/flows/main/diff").json
    assert answer["changes"] == [
        {"node": "menu", "how": "changed", "words": "menu menu: prompt (en) changed"},
        {"node": "menu", "how": "changed", "words": "menu menu: key 1 now goes to message"},
    ]
    assert answer["text"].startswith("--- live\n+++ draft\n")


def test_any_two_versions_are_compared(alma) -> None:
    publish(alma, SHORTER)
    first = version_of(MAIN)
    assert len(alma.get(f"/admin/flows/main/diff?from={first}&to=live").json["changes"]) == 1
    assert alma.get("/admin/flows/main/diff?from=live&to=live").json == {"changes": [], "text": ""}
    assert alma.get("/admin/flows/main/diff?from=nothing").status_code == 404


def test_of_a_flow_that_never_was_live_everything_is_new(alma) -> None:
    alma.post("/admin/flows", {"name": "night"})
    changes = alma.get("/admin/flows/night/diff").json["changes"]
    assert {change["how"] for change in changes if change["node"]} == {"added"}


def test_a_trial_is_begun_changed_and_stopped(alma) -> None:
    assert alma.get("/admin/flows/main/canary").json["running"] is False
    save(alma, SHORTER)
    report = alma.post("/admin/flows/main/canary", {"percent": 10, "numbers": ["+15550100007"]}).json
    assert (report["running"], report["percent"], report["version"]) == (True, 10, version_of(SHORTER))
    assert report["live"]["version"] == version_of(MAIN) and report["live"]["calls"] == 0
    lines = alma.get("/admin/flows/main/versions").json["versions"]
    assert [(line["source"], line["canary"], line["live"]) for line in lines] == [
        ("canary", True, False),
        ("file", False, True),
    ]
    assert alma.post("/admin/flows/main/canary", {"percent": 50}).json["percent"] == 50
    assert alma.get("/admin/flows").json["flows"][0]["canary"]["percent"] == 50
    stopped = alma.post("/admin/flows/main/canary/stop").json
    assert (stopped["running"], stopped["ended"]) == (False, "stopped")
    assert [event["numbers"] for event in told("flow.canary_started")] == [1]
    assert len(told("flow.canary_changed")) == len(told("flow.canary_stopped")) == 1


def test_a_newer_draft_takes_the_place_of_the_one_on_trial(alma) -> None:
    save(alma, SHORTER)
    alma.post("/admin/flows/main/canary", {"percent": 10})
    rev = save(alma, worded("One!"))
    report = alma.post("/admin/flows/main/canary", {"percent": 10, "rev": rev}).json
    assert report["version"] == version_of(worded("One!"))


def test_promoting_publishes_the_draft_that_was_on_trial(alma) -> None:
    save(alma, SHORTER)
    alma.post("/admin/flows/main/canary", {"percent": 10})
    assert alma.post("/admin/flows/main/canary/promote").json == {"version": version_of(SHORTER)}
    state = draft_of(alma)
    assert state["live_version"] == version_of(SHORTER) and not state["is_draft"]
    newest = alma.get("/admin/flows/main/versions").json["versions"][0]
    assert (newest["source"], newest["live"], newest["author"]) == ("canary", True, "Alma")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"percent": -1},
        {"percent": 101},
        {"percent": "NaN"},
        {"percent": 1, "numbers": ["12"]},
        {"percent": 1, "numbers": "x"},
        {"percent": 1, "numbers": ["+15550100007"] * 101},
    ],
)
def test_a_share_that_is_none_is_refused(alma, body) -> None:
    save(alma, SHORTER)
    assert alma.post("/admin/flows/main/canary", body).status_code == 400


def test_no_trial_no_promotion(alma) -> None:
    for act in ("promote", "stop"):
        assert alma.post(f"/admin/flows/main/canary/{act}").json["error"]["code"] == "no_trial"


def test_a_broken_draft_is_not_tried_out(alma) -> None:
    save(alma, BROKEN)
    answer = alma.post("/admin/flows/main/canary", {"percent": 10})
    assert answer.status_code == 422 and answer.json["faults"]


GIVEN = {"caller": "+15550200001", "queues": {"sales": {"open": True}}}


def test_a_call_is_played_on_any_text(alma) -> None:
    body = {"text": SHORTER, "given": GIVEN, "acts": [{"press": "1"}]}
    answer = alma.post("/admin/flows/main/simulate", body).json
    assert answer["waiting_for"] == "queue" and answer["node"] == "desk"
    assert "Press 1." in str(answer["steps"][0]["heard"])


@pytest.mark.parametrize("acts", [[{"press": 1, "say": "x"}], [{"fly": True}], ["1"], [{"press": "1"}] * 5000])
def test_acts_that_are_none_are_refused(alma, acts) -> None:
    answer = alma.post("/admin/flows/main/simulate", {"given": GIVEN, "acts": acts})
    assert answer.status_code == 400 and answer.json["error"]["message"]


def test_a_played_call_becomes_a_test_call(alma, folder) -> None:
    body = {"name": "Sales again", "given": GIVEN, "acts": [{"press": "1"}]}
    answer = alma.post("/admin/flows/main/scenarios", body)
    assert answer.status_code == 200 and answer.json["scenario"]["ends"]["queue"] == "sales"
    text = answer.json["text"]
    assert text.startswith(MAIN) and "Sales again" in text
    assert [path.name for path in folder.iterdir()] == ["main.yaml"], "what is only asked for is written nowhere"
    assert alma.post("/admin/flows/main/test", {"text": text}).json["passed"] == 2
    again = alma.post("/admin/flows/main/scenarios", {**body, "text": text})
    assert again.status_code == 422 and "Sales again" in again.json["faults"][0]["message"]


class Calls:
    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.asked = error, []

    def __call__(self, to: str, flow: str, text: str) -> str:
        self.asked.append((to, flow, text))
        if self.error:
            raise self.error
        return "CA1"


def ring(app, alma, error: Exception | None = None, to: str = "+15550100007"):
    app.extensions["draft_calls"] = calls = Calls(error)
    return alma.post("/admin/flows/main/call", {"to": to}), calls


def test_a_telephone_rings_with_the_draft(app, alma) -> None:
    save(alma, SHORTER)
    answer, calls = ring(app, alma)
    assert answer.status_code == 202 and calls.asked == [("+15550100007", "main", SHORTER)]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ValueError("not to be rung"), 409, "not_to_be_rung"),
        (FlowError([Fault("no")]), 422, "unusable"),
        (ConnectionError("away"), 503, "carrier_away"),
    ],
)
def test_a_call_that_cannot_be_made_says_why(app, alma, error, status, code) -> None:
    answer, _ = ring(app, alma, error)
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)


@pytest.mark.parametrize("to", ["", "911", "client:", "sip:a@b", "client:a b", "+1555" * 9])
def test_what_is_no_telephone_is_not_rung(app, alma, to) -> None:
    answer, calls = ring(app, alma, to=to)
    assert answer.status_code == 400 and calls.asked == []


def test_the_schema_is_for_code_editors(alma) -> None:
    assert alma.get("/admin/flows/schema.json").json["properties"]["nodes"]


@pytest.mark.parametrize("address", ["/admin/flows", "/admin/flows/main"])
def test_the_pages_are_drawn_for_people(alma, address) -> None:
    page = alma.get(address, headers={"Accept": "text/html"})
    assert page.status_code == 200, page.text
    assert "main" in page.text


@pytest.mark.parametrize("address", ["/admin/flows", "/admin/flows/main", "/admin/flows/main/draft"])
def test_only_admins_may_look(app, house_of_flows, address) -> None:
    with unit_of_work() as session:
        agent = factories.user(session, "Ana", ["agent", "supervisor"])
    assert browser(app, agent).get(address).status_code == 403

"""Real calls on trials, and what is counted and replayed of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from app import create_app
from app.db import unit_of_work
from app.flows.canary import is_drawn, promote, start_trial, stop, trial_report
from app.flows.drafts import save_draft
from app.flows.models import Trace
from app.flows.publish import House as FlowHouse
from app.flows.publish import publish_draft, roll_back
from app.flows.replay import replay
from app.flows.traffic import Period, traffic
from app.forms import Refusal
from ivr_flows.loader import version_of
from tests import factories
from tests.telephony.voice.conftest import FLOWS, Caller, House

MAIN = (FLOWS / "main.yaml").read_text()
TRIED = MAIN.replace("title:", "# tried\ntitle:", 1)
TESTER, STRANGER = "+15550100007", "+15550100008"


@pytest.fixture
def house(database, settings, edge, tmp_path: Path) -> House:
    """The house on flow files that may be changed."""
    folder = tmp_path / "flows"
    shutil.copytree(FLOWS, folder)
    local = replace(settings, twilio_api_base=edge.base, flows_dir=folder)
    app = create_app(local)
    return House(app, app.test_client(), local, edge, database)


@pytest.fixture
def flows(house, sales) -> FlowHouse:
    made: FlowHouse = house.app.extensions["flow_house"]
    made.store.refresh()
    return made


@pytest.fixture
def alma(flows) -> int:
    with unit_of_work() as session:
        return factories.user(session, "Alma", ["admin"]).id


def write(house, flows, alma, words: str) -> int:
    from app.accounts.models import User

    with house.app.test_request_context(), unit_of_work() as session:
        from app.flows.models import Draft

        draft = session.get(Draft, "main")
        return save_draft(session, flows.files, "main", session.get_one(User, alma), words, draft.rev if draft else 0)


def on_trial(house, flows, alma, percent: float = 0, numbers: tuple[str, ...] = (TESTER,)) -> None:
    write(house, flows, alma, TRIED)
    start_trial(flows, alma, "main", None, percent, numbers)


def entered(house) -> list[str]:
    """The versions that calls began on, in order."""
    return [event["version"] for event in house.events("flow.entered")]


def test_named_numbers_get_the_draft_and_others_what_is_live(house, flows, alma) -> None:
    on_trial(house, flows, alma)
    house.dial(TESTER)
    house.dial(STRANGER)
    assert entered(house) == [version_of(TRIED), version_of(MAIN)]


def test_a_share_of_the_calls_gets_the_draft(house, flows, alma) -> None:
    on_trial(house, flows, alma, percent=100, numbers=())
    house.dial(STRANGER)
    start_trial(flows, alma, "main", None, 0, [TESTER])
    house.dial(STRANGER)
    assert entered(house) == [version_of(TRIED), version_of(MAIN)]


def test_the_share_is_about_what_was_asked_and_the_same_for_the_same_call() -> None:
    drawn = [is_drawn(7, f"CA{number:032x}", 20) for number in range(5000)]
    assert 0.17 < sum(drawn) / len(drawn) < 0.23
    assert drawn == [is_drawn(7, f"CA{number:032x}", 20) for number in range(5000)]
    assert drawn != [is_drawn(8, f"CA{number:032x}", 20) for number in range(5000)]
    assert not any(is_drawn(7, f"CA{n}", 0) for n in range(999)) and all(is_drawn(7, f"CA{n}", 100) for n in range(999))


def test_calls_finish_on_the_version_they_began_on(house, flows, alma) -> None:
    on_trial(house, flows, alma)
    caller = house.dial(TESTER)
    stop(flows, alma, "main")
    caller.press("1")
    assert house.events("flow.step")[-1]["version"] == version_of(TRIED)
    house.dial(TESTER)
    assert entered(house)[-1] == version_of(MAIN)


def test_promoting_makes_it_live_for_everybody_and_is_history(house, flows, alma) -> None:
    on_trial(house, flows, alma)
    assert promote(flows, alma, "main") == version_of(TRIED)
    house.dial(STRANGER)
    assert entered(house) == [version_of(TRIED)]
    assert (house.settings.flows_dir / "main.yaml").read_text() == TRIED
    with unit_of_work() as session:
        report = trial_report(session, flows, "main")
    assert (report["running"], report["ended"]) == (False, "promoted")
    with pytest.raises(Refusal):
        promote(flows, alma, "main")


def test_publishing_or_rolling_back_ends_the_trial(house, flows, alma) -> None:
    on_trial(house, flows, alma)
    rev = write(house, flows, alma, TRIED + "# more\n")
    publish_draft(flows, alma, "main", "", rev)
    with unit_of_work() as session:
        assert trial_report(session, flows, "main")["ended"] == "replaced"
    roll_back(flows, alma, "main", version_of(MAIN), "")
    house.dial(TESTER)
    assert entered(house) == [version_of(MAIN)]


def test_a_draft_that_may_not_go_live_may_not_be_tried(house, flows, alma) -> None:
    write(house, flows, alma, MAIN.replace("start:", "start: nowhere #", 1))
    with pytest.raises(Refusal) as refused:
        start_trial(flows, alma, "main", None, 10, [])
    assert refused.value.status == 422


def test_both_sides_outcomes_stand_side_by_side(house, flows, alma) -> None:
    on_trial(house, flows, alma)
    house.dial(TESTER).hang_up()
    house.dial(STRANGER).press("1")
    with unit_of_work() as session:
        report = trial_report(session, flows, "main")
    assert report["running"] and report["since"]
    assert (report["canary"]["calls"], report["live"]["calls"]) == (1, 1)
    assert report["canary"]["outcomes"]["hung_up"] == 1 and report["live"]["outcomes"]["hung_up"] == 0
    assert report["canary"]["abandon_rate"] == 1.0 and report["live"]["no_match_rate"] == 0.0


def a_call(house) -> Caller:
    caller = house.dial(STRANGER)
    caller.press("9")
    caller.say("mumble mumble", "0.05")
    caller.press("1")
    return caller


def test_a_call_is_counted_where_it_went(house, flows, alma) -> None:
    a_call(house)
    with unit_of_work() as session:
        call = house.interaction()
        period = Period(call.created_at, call.created_at.replace(year=call.created_at.year + 1))
        counted = traffic(session, "main", period)
        assert session.query(Trace).filter_by(what="began").count() == 1
    asked = next(node for node in counted["nodes"] if node["no_match"])
    assert (asked["no_match"], asked["answers"]) == (2, 1)
    assert counted["edges"][0]["from"] == "" and counted["calls"] == 1


TWO_WAYS = """
title: Two ways to one step
start: menu
fallback: bye
nodes:
  menu:
    kind: menu
    prompt: Press 1 or 2.
    tries: 1
    choices: [{key: 1, words: {en: [bread]}, to: bye}, {key: 2, to: bye}]
    no_match: bye
  bye: {kind: voicemail, mailbox: sales, prompt: Speak.}
"""


def test_two_ways_between_the_same_steps_are_counted_and_replayed_apart(house, flows, alma) -> None:
    (house.settings.flows_dir / "main.yaml").write_text(TWO_WAYS)
    flows.store.refresh()
    for press in ("2", "2", "9"):
        house.dial(STRANGER).press(press)
    house.dial(STRANGER).say("bread")
    with unit_of_work() as session:
        call = house.interaction()
        counted = traffic(
            session, "main", Period(call.created_at.replace(year=2000), call.created_at.replace(year=2999))
        )
        told = replay(session, call.id)
    assert counted["edges"] == [
        {"from": "", "to": "menu", "field": "", "count": 4},
        {"from": "menu", "to": "bye", "field": "choices[0].to", "count": 1},
        {"from": "menu", "to": "bye", "field": "choices[1].to", "count": 2},
        {"from": "menu", "to": "bye", "field": "no_match", "count": 1},
    ]
    assert next(node for node in counted["nodes"] if node["id"] == "menu")["left"] == 0
    assert told["steps"][-1]["way"] in [edge["field"] for edge in told["graph"]["edges"]]


def test_a_repeated_webhook_is_counted_once(house, flows, alma) -> None:
    caller = house.dial(STRANGER)
    url = caller.verb("Gather").attrib["action"]
    for _ in range(3):
        caller.follow(url, Digits="1")
    with unit_of_work() as session:
        rows = [(row.what, row.node) for row in session.query(Trace)]
    assert len([row for row in rows if row[0] == "answer"]) == 1
    assert len(rows) == len(set(rows))


def test_a_call_is_replayed_step_by_step_on_its_own_version(house, flows, alma) -> None:
    a_call(house)
    roll = write(house, flows, alma, TRIED)
    publish_draft(flows, alma, "main", "", roll)
    with unit_of_work() as session:
        told = replay(session, house.interaction().id)
    assert (told["flow"], told["version"]) == ("main", version_of(MAIN))
    assert {node["id"] for node in told["graph"]["nodes"]} >= {step["node"] for step in told["steps"]}
    inputs = [(step["input"], step["confidence"]) for step in told["steps"] if step["input"] is not None]
    assert inputs == [("9", None), ("mumble mumble", 0.05), ("1", None)]
    assert all(step["heard"] for step in told["steps"] if step["input"] is not None), "what was heard before it"
    assert [told["steps"][0]["node"], told["steps"][0]["heard"]] == ["welcome", ["Welcome."]], "heard where it was said"
    assert told["steps"][1]["heard"][0].startswith("For sales press 1.")
    assert told["steps"][0]["edge"] is None and told["steps"][-1]["edge"] is not None
    times = [step["at"] for step in told["steps"]]
    assert times == sorted(times)
    assert told["recording_id"] is None and told["remote"] == STRANGER


def test_a_call_that_was_in_no_flow_has_no_replay(house, flows) -> None:
    with unit_of_work() as session:
        other = factories.call(session).id
    with unit_of_work() as session, pytest.raises(Refusal):
        replay(session, other)

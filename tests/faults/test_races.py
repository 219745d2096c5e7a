"""Duplicates, reorderings and races between people (F11, F12, F14, F19, F20, F21)."""

from __future__ import annotations

import os
import signal
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from app.interactions.models import Message
from app.routing.models import Offer
from tests.faults.calls import CALLER, assert_nothing_is_lost, interactions, read, ring_in, talk, wrap_up
from tests.support.house import LINE, House

pytestmark = pytest.mark.timeout(300)  # processes are started again and again, on a machine that may be busy
HOUSE = {"webs": 2, "webhook_limit_s": 4.0}


def call_form(**changes: str) -> dict[str, str]:
    return {
        "CallSid": "CA" + uuid.uuid4().hex,
        "AccountSid": "AC" + "0" * 32,
        "From": CALLER,
        "To": LINE,
        "CallStatus": "ringing",
        "Direction": "inbound",
        "ApiVersion": "2010-04-01",
        **changes,
    }


def at_once(*doings: Callable[[], Any]) -> list[Any]:
    """Do all of these in the same instant; their results in order."""
    together = threading.Barrier(len(doings))

    def do(doing: Callable[[], Any]) -> Any:
        together.wait(10)
        return doing()

    with ThreadPoolExecutor(len(doings)) as pool:
        return [each.result(60) for each in [pool.submit(do, doing) for doing in doings]]


def test_the_same_call_told_to_two_webs_at_once_begins_once(house: House) -> None:
    form = call_form()
    answers = at_once(*(lambda web=web: house.webhook("/voice/incoming", form, to=web) for web in ("web", "web2") * 2))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1, "whoever asks again gets the same step"
    assert len(interactions()) == 1


def test_the_same_text_told_to_two_webs_at_once_is_kept_once(house: House) -> None:
    form = {"MessageSid": "SM" + "7e" * 16, "From": CALLER, "To": LINE, "Body": "Hello", "NumMedia": "0"}
    answers = at_once(*(lambda web=web: house.webhook("/sms/incoming", form, to=web) for web in ("web", "web2") * 2))
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, answers[0].text)}
    assert len(read(select(Message))) == 1


def test_an_end_told_before_the_answer_stays_an_end(house: House) -> None:
    form = call_form()
    house.webhook("/voice/incoming", form)
    ended = form | {"CallStatus": "completed", "SequenceNumber": "3", "CallDuration": "5"}
    answered = form | {"CallStatus": "in-progress", "SequenceNumber": "1"}
    for news in (ended, answered, ended, answered):
        assert house.webhook("/voice/status", news).status_code == 204
    assert_nothing_is_lost(house, state="abandoned_in_flow", most_offers=0)


def test_a_web_that_stalls_past_the_carriers_patience_changes_nothing_when_it_wakes(house: House) -> None:
    ana = house.agent("Ana")
    stalled = house.processes["web"]
    house.front.backends.remove(house.port("web"))
    house.front.backends.insert(0, house.port("web"))
    taken_before = house.front.taken[house.port("web")]
    os.kill(stalled.pid, signal.SIGSTOP)
    try:
        caller = house.phone(CALLER)
        caller.dial(LINE)
        house.until(lambda: house.front.taken[house.port("web")] > taken_before, "the stalled web has the call")
        house.front.backends.remove(house.port("web"))  # the balancer notices
        caller.wait_for("answered")
    finally:
        os.kill(stalled.pid, signal.SIGCONT)
        house.front.backends.append(house.port("web"))
    house.until(lambda: len(caller.heard) > 8000, "the caller hears something")
    caller.press("1")
    ana.phone.answer()
    talk(caller, ana)
    caller.hang_up()
    wrap_up(house, ana)
    assert_nothing_is_lost(house)


def test_two_tabs_that_answer_at_once_take_the_call_once(house: House) -> None:
    ana = house.agent("Ana")
    tabs = [ana.phone, house.softphone(ana.token())]
    caller = ring_in(house)
    rings = [tab.wait_for_ring()["callSid"] for tab in tabs]
    at_once(
        *(
            lambda tab=tab, sid=sid: tab.send({"event": "answer", "callSid": sid})
            for tab, sid in zip(tabs, rings, strict=True)
        )
    )
    for tab in tabs:
        tab.wait_for("answered", "canceled", "error")
    assert sum(tab.has_seen("answered") for tab in tabs) == 1
    ana.phone = next(tab for tab in tabs if tab.has_seen("answered"))
    talk(caller, ana)
    caller.hang_up()
    wrap_up(house, ana)
    assert_nothing_is_lost(house)


def test_an_acceptance_told_twice_at_once_is_one(house: House) -> None:
    ana = house.agent("Ana")
    caller = ring_in(house)
    call_sid = ana.phone.wait_for_ring()["callSid"]
    (offer,) = read(select(Offer))
    form = call_form(CallSid=call_sid, CallStatus="in-progress", Direction="outbound-api")
    twice = at_once(
        *(lambda web=web: house.webhook(f"/voice/agent/{offer.id}", form, to=web) for web in ("web", "web2"))
    )
    assert twice[0].status_code == twice[1].status_code == 200
    assert twice[0].text == twice[1].text
    ana.phone.pick_up(call_sid)
    talk(caller, ana)
    caller.hang_up()
    wrap_up(house, ana)
    assert_nothing_is_lost(house)


def test_a_caller_rings_one_agent_of_two(house: House) -> None:
    ana, ben = house.agent("Ana"), house.agent("Ben")
    caller = ring_in(house)
    house.until(lambda: ana.phone.has_seen("incoming") or ben.phone.has_seen("incoming"), "somebody's phone rings")
    called = ana if ana.phone.has_seen("incoming") else ben
    called.phone.answer()
    talk(caller, called)
    assert not (ana.phone.has_seen("incoming") and ben.phone.has_seen("incoming"))
    caller.hang_up()
    wrap_up(house, called)
    assert_nothing_is_lost(house)


def test_a_call_survives_its_agents_browser(house: House) -> None:
    ana = house.agent("Ana")
    caller = ring_in(house)
    ana.phone.answer()
    talk(caller, ana)
    ana.phone.vanish()
    house.until(lambda: interactions()[0].state == "agent_lost", "the loss is noticed")
    ana.new_phone().answer()
    house.until(lambda: interactions()[0].state == "active", "they are together again")
    talk(caller, ana)
    caller.hang_up()
    wrap_up(house, ana)
    assert_nothing_is_lost(house)


def test_a_call_whose_agent_stays_away_goes_to_another(house: House) -> None:
    ana = house.agent("Ana")
    caller = ring_in(house)
    ana.phone.answer()
    talk(caller, ana)
    ana.go()
    ana.phone.vanish()
    ben = house.agent("Ben")
    ben.phone.answer(60)
    talk(caller, ben)
    caller.hang_up()
    wrap_up(house, ben)
    assert_nothing_is_lost(house, most_offers=2, most_acceptances=2)


@pytest.mark.parametrize("head_start", ["caller", "agent"])
def test_a_caller_who_hangs_up_as_the_agent_answers_leaves_the_agent_free(house: House, head_start: str) -> None:
    ana = house.agent("Ana")
    caller = ring_in(house)
    call_sid = ana.phone.wait_for_ring()["callSid"]
    doings = [
        lambda: caller.send({"event": "hangup", "callSid": caller.call_sid}),
        lambda: ana.phone.send({"event": "answer", "callSid": call_sid}),
    ]
    at_once(*(doings if head_start == "caller" else doings[::-1]))
    caller.wait_for("ended")
    ana.phone.wait_for("ended", "canceled")
    over = house.until(_end_of_talk, "an end, within two seconds", 2)
    if over == "wrapping":
        wrap_up(house, ana)
    assert_nothing_is_lost(house, state="completed" if over == "wrapping" else "abandoned")
    house.until(lambda: ana.state()["me"]["reachability"]["routing_status"] == "idle", "the agent is free")
    second = ring_in(house, "+15551230002")
    ana.phone.answer()
    talk(second, ana)


def _end_of_talk() -> str | None:
    state = interactions()[0].state
    return state if state in ("abandoned", "wrapping") else None

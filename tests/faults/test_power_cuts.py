"""kill -9 at every named point of a call's path, then everything starts again: nothing is lost (F1 to F5, G1 to G4).

Web and worker are cut in the same call, each at a point of its own; a second web stands behind the same address.
"""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select

from app.interactions.models import Message
from recordings.models import Recording
from tests.faults.calls import (
    CALLER,
    assert_nothing_is_lost,
    interactions,
    read,
    recordings_home,
    ring_in,
    talk,
    wrap_up,
)
from tests.support.house import LINE, House

pytestmark = pytest.mark.timeout(300)  # processes are started again and again, on a machine that may be busy
HOUSE = {"webs": 2}
SLOW_RING_S = 60


@pytest.mark.parametrize(
    ("web", "worker"),
    [
        pytest.param("W1", "O1", id="call verified, offer committed"),
        pytest.param("W2", "O2", id="call written, ring sent"),
        pytest.param("W3", "O3", id="call committed, ring's id stored"),
        pytest.param("W4", "O5", id="answer half written, bridge sent"),
        pytest.param("O4", "G2", id="acceptance committed, recording half written"),
        pytest.param("O6", "G3", id="bridge noted, recording checked"),
        pytest.param("E2", "G4", id="end noted, carrier's copy deleted"),
        pytest.param("G1", "O1", id="recording announced, offer committed"),
        pytest.param("G0", "O3", id="recording's callback lost, ring's id stored"),
    ],
)
def test_a_power_cut_on_the_path_of_a_call_loses_nothing(house: House, web: str, worker: str) -> None:
    house.arm(web=web, worker=worker)
    with house.supervised() as crashed:
        ana = house.agent("Ana")
        caller = ring_in(house)
        ana.phone.answer(SLOW_RING_S)
        talk(caller, ana)
        house.until(lambda: read(select(Recording)), "the call is being recorded", SLOW_RING_S)
        talk(caller, ana)
        caller.hang_up()
        wrap_up(house, ana)
        (recording,) = recordings_home(house)
    assert sorted(crashed) == ["web", "worker"]
    assert_nothing_is_lost(house, most_offers=2)
    assert recording.duration_s > 0


def test_web_and_worker_may_die_while_people_talk(house: House) -> None:
    ana = house.agent("Ana")
    caller = ring_in(house)
    ana.phone.answer()
    talk(caller, ana)
    for name in ("web", "web2", "worker"):
        house.kill(name)
    talk(caller, ana)
    for name in ("web", "worker"):
        house.start(name)
    assert ana.state()["call"]["state"] == "active", "the desktop shows the call again"
    talk(caller, ana)
    ana.hang_up()
    caller.wait_for("ended")
    wrap_up(house, ana)
    interaction = assert_nothing_is_lost(house)
    (recording,) = recordings_home(house)
    assert recording.interaction_id == interaction.id


def test_a_hang_up_cut_off_half_way_still_ends_the_call(house: House) -> None:
    house.arm(worker="E1")
    with house.supervised() as crashed:
        ana = house.agent("Ana")
        caller = ring_in(house)
        ana.phone.answer()
        talk(caller, ana)
        ana.hang_up()
        caller.wait_for("ended", timeout_s=60)
        wrap_up(house, ana)
    assert crashed == ["worker"]
    assert_nothing_is_lost(house)


def test_a_caller_who_gives_up_while_the_house_is_dark_is_not_offered_afterwards(house: House) -> None:
    caller = ring_in(house)
    house.until(lambda: interactions()[0].state == "queued", "the caller waits")
    for name in ("web", "web2", "worker"):
        house.kill(name)
    caller.hang_up()
    for name in ("web", "web2", "worker"):
        house.start(name, wait=False)
    for name in ("web", "web2", "worker"):
        house.wait_until_ready(name)
    house.until(lambda: interactions()[0].state == "abandoned", "the reconciler learns that the caller has gone", 90)
    ana = house.agent("Ana")
    house.drain()
    assert not ana.phone.has_seen("incoming")
    assert_nothing_is_lost(house, state="abandoned", most_offers=0)


def test_a_power_cut_while_a_text_is_sent_and_told_of_sends_it_once(house: House) -> None:
    house.arm(worker="S2", web="S5")
    with house.supervised() as crashed:
        phone = house.phone(CALLER)
        phone.text(LINE, "Is my table ready?")
        (question,) = house.until(lambda: read(select(Message)), "the text is here")
        ana = house.agent("Ana")
        written = {"body": "Yes, come in.", "client_id": str(uuid.uuid4())}
        ana.browser.post(f"/desktop/customers/{question.customer_id}/messages", json=written).raise_for_status()
        assert phone.wait_for("message", timeout_s=60)["body"] == "Yes, come in."
        house.until(lambda: answers_status() == ["delivered"], "the answer is delivered", 150)  # asked for after 60 s
        house.until(lambda: len(crashed) == 2, "both were cut", 60)
    house.drain()
    assert sum(event["event"] == "message" for event in phone.events) == 1
    assert len(house.carrier().messages.list(to=CALLER)) == 1


def answers_status() -> list[str]:
    return read(select(Message.status).where(Message.direction == "outbound"))

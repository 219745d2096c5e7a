"""kill -9 while a call is handed on or wrapped up, then everything starts again: nobody is lost, nobody in silence."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from app.db import unit_of_work
from app.interactions.models import WRAP_UP_TIMEOUT, Interaction
from app.routing.in_hand import Consult
from tests.faults.calls import assert_nothing_is_lost, interactions, read, talk, wrap_up
from tests.support.house import House
from tests.support.in_hand import does, in_conversation

pytestmark = pytest.mark.timeout(300)  # processes are started again and again, on a machine that may be busy
PATIENT_S = 60


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param("T1", id="the customer hears music, the colleague does not ring yet"),
        pytest.param("O2", id="the colleague rings, nobody knows the call's id"),
        pytest.param("T2", id="handed over, the customer is back from the music, the agent still in the call"),
    ],
)
def test_a_warm_transfer_survives_a_power_cut_of_the_worker(house: House, cut: str) -> None:
    ana, caller = in_conversation(house, PATIENT_S)
    ben = house.agent("Ben")
    house.arm(worker=cut)
    with house.supervised() as crashed:
        does(ana, "transfer", to={"agent": ben.user.id}, warm=True)
        ben.phone.answer(PATIENT_S)
        house.until(lambda: read(select(Consult))[0].state == "talking", "they talk", PATIENT_S)
        does(ana, "consult/finish")
        ana.phone.wait_for("ended", timeout_s=PATIENT_S)
        house.until(lambda: (ben.state()["call"] or {}).get("role") == "agent", "the colleague has the call")
        talk(caller, ben)
        caller.hang_up()
        wrap_up(house, ben)
    assert crashed == ["worker"]
    assert_nothing_is_lost(house, most_offers=2, most_acceptances=2)


def test_a_customer_sent_to_a_flow_arrives_there_after_a_power_cut(house: House) -> None:
    ana, caller = in_conversation(house, PATIENT_S)
    house.arm(worker="T3")
    with house.supervised() as crashed:
        does(ana, "transfer", to={"flow": "main"})
        ana.phone.wait_for("ended", timeout_s=PATIENT_S)
        caller.forget_heard()
        house.until(lambda: len(caller.heard) > 16_000, "the flow speaks", PATIENT_S)
        wrap_up(house, ana)
        caller.press("1")
        ana.phone.answer(PATIENT_S)
        talk(caller, ana)
        caller.hang_up()
        wrap_up(house, ana)
    assert crashed == ["worker"]
    assert_nothing_is_lost(house, most_offers=2, most_acceptances=2)


def test_a_wrap_up_whose_processes_died_ends_when_they_are_back(house: House) -> None:
    ana, caller = in_conversation(house, PATIENT_S)
    caller.hang_up()
    house.until(lambda: interactions()[0].state == "wrapping", "the agent wraps up")
    house.kill("worker")
    house.kill("web")
    with unit_of_work() as session:  # the limit passes while it is dark
        session.execute(update(Interaction).values(wake_at=Interaction.created_at))
    house.start("web")
    house.start("worker")
    house.until(lambda: interactions()[0].state == "completed", "the clock ends it late", PATIENT_S)
    assert interactions()[0].disposition_code == WRAP_UP_TIMEOUT
    ana.wrap_up(interactions()[0].id)
    assert interactions()[0].disposition_code == "DONE", "the agent's word still counts"
    house.until(lambda: ana.state()["me"]["reachability"]["routing_status"] == "idle", "the agent is free")

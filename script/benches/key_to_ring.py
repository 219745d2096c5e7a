"""From pressing the key to the softphone ringing with the record at hand, beside a bare ring through the carrier.

Real processes, the phone protocol. "With the record": the desktop's state names the caller. Goal: p95 under 1 s.
The first call meets processes that have never offered one and is told apart, as is the ring without the record.
"""

from __future__ import annotations

import time

from _common import database, folder, machine, percentile, show

from tests.support.house import LINE, House

CALLS = 30
"""Enough for a tail that is not the one call that finds fresh processes."""


def key_to_ring(house: House) -> tuple[list[float], list[float]]:
    """Of each call: until it rang, and until the record was there as well."""
    ana = house.agent("Ana")
    rang, took = [], []
    for number in range(CALLS):
        caller = house.phone(f"+1555014{2000 + number}")
        caller.dial(LINE)
        caller.wait_for("answered")
        until_asked(house, caller)
        started = time.perf_counter()
        caller.press("1")
        ring = ana.phone.wait_for_ring(20)
        rang.append(time.perf_counter() - started)
        offer = ana.state()["offer"]
        took.append(time.perf_counter() - started)
        assert offer["customer"]["number"] == f"+1555014{2000 + number}"
        caller.hang_up()
        ana.phone.wait_for("canceled", callSid=ring["callSid"])
        house.until(lambda: ana.state()["offer"] is None, "the offer is over")
    return rang, took


def until_asked(house: House, caller: object) -> None:
    """The menu listens once the flow has nothing left to say; the bench's flow asks at once."""
    time.sleep(1.5)


def bare_ring(house: House) -> list[float]:
    """The carrier's own time: REST request to ring, without any of us."""
    ben = house.agent("Ben")
    took = []
    for _ in range(CALLS):
        started = time.perf_counter()
        call = house.carrier().calls.create(
            to=f"client:agent_{ben.user.id}", from_=LINE, twiml="<Response><Hangup/></Response>"
        )
        ring = ben.phone.wait_for_ring(20)
        took.append(time.perf_counter() - started)
        house.carrier().calls(call.sid).update(status="canceled")
        ben.phone.wait_for("canceled", callSid=ring["callSid"])
    ben.be("offline")
    return took


def main() -> None:
    machine()
    with database() as url, folder() as here:
        house = House(url, here)
        house.furnish()
        try:
            house.open()
            bare = bare_ring(house)
            rang, took = key_to_ring(house)
        finally:
            house.close()
    show("bare ring through the carrier, p95", percentile(bare, 95) * 1000, "ms")
    show("the first call of fresh processes, with the record", took.pop(0) * 1000, "ms")
    rang.pop(0)
    show("key pressed to ringing, p50", percentile(rang, 50) * 1000, "ms")
    show("key pressed to ringing, p95", percentile(rang, 95) * 1000, "ms")
    show("key pressed to ringing with the record, p50", percentile(took, 50) * 1000, "ms")
    show("key pressed to ringing with the record, p95", percentile(took, 95) * 1000, "ms", "goal < 1000")
    show("beside the bare ring (p95)", percentile(took, 95) / percentile(bare, 95), "ratio")


if __name__ == "__main__":
    main()

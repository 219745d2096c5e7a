"""The path of a call without any fault: what the fault tests compare with."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from recordings.models import Recording
from tests.faults.calls import assert_nothing_is_lost, read, recordings_home, ring_in, talk, wrap_up
from tests.support.house import House

pytestmark = pytest.mark.timeout(300)  # processes are started again and again, on a machine that may be busy


def test_a_call_goes_from_ring_to_record(house: House) -> None:
    ana = house.agent("Ana")
    caller = ring_in(house)
    ana.phone.answer()
    house.until(lambda: read(select(Recording)), "the call is being recorded")
    talk(caller, ana)
    caller.hang_up()
    wrap_up(house, ana)
    assert_nothing_is_lost(house)
    (recording,) = recordings_home(house)
    assert recording.duration_s >= 0.8, "what the caller said last is in it"

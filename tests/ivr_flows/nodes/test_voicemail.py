from __future__ import annotations

from tests.ivr_flows.nodes.voicemail_cases import CASES


def test_a_message_that_is_reported_twice_is_told_once():
    caller = CASES[0].call().hangs_up().leaves_message(9).leaves_message(9)
    assert caller.told.count("left a message of 9 s for sales") == 1

from __future__ import annotations

from tests.ivr_flows.nodes.collect_cases import CASES


def test_a_sensitive_value_is_not_shown_to_the_agent():
    caller = next(case for case in CASES if case.name == "masks a sensitive value in other variables and texts").call()
    assert caller.waits_for == "desk"
    assert caller.last.facts == {}

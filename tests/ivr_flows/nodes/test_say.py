from __future__ import annotations

from ivr_flows.instructions import Say
from tests.ivr_flows.nodes.say_cases import CASES


def test_a_part_with_a_language_is_said_in_that_language():
    case = CASES[-1]
    assert [one.language for one in case.call().step.instructions if isinstance(one, Say)] == ["en", "es"]

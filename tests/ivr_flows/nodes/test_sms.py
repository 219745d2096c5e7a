from __future__ import annotations

import pytest

from ivr_flows.instructions import Hangup, SendSms
from tests.ivr_flows.nodes.case import Case
from tests.ivr_flows.nodes.sms_cases import LINK


@pytest.mark.parametrize(("language", "text"), [("en", "Pay Ana: https://example.com/pay"), ("es", "Pague aquí")])
def test_the_text_is_in_the_callers_language(language, text):
    step = Case("", LINK, customer={"name": "Ana"}, speaks=language).call().step
    assert step.instructions == (SendSms(text), Hangup())


def test_a_repeated_step_does_not_send_again():
    assert Case("", LINK).call().state.instructions == (Hangup(),)

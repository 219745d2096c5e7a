import pytest

from ivr_flows.instructions import Hangup, SendSms
from tests.ivr_flows.nodes.case import Case

LINK = '{kind: sms, text: {en: "Pay {{ customer.name }}: https://example.com/pay", es: "Pague aquí"}, next: after, no_number: other}'

CASES = [
    Case("sends and goes on", LINK, at="after", told=("was sent a text",)),
    Case("goes elsewhere without a number", LINK, number="anonymous", at="other", not_told=("was sent a text",)),
    Case("goes elsewhere when a browser calls", LINK, number="client:ana", at="other"),
    Case(
        "goes on without a number and without another way",
        "{kind: sms, text: {en: A, es: B}, next: after}",
        number="",
        at="after",
    ),
]


@pytest.mark.parametrize(("language", "text"), [("en", "Pay Ana: https://example.com/pay"), ("es", "Pague aquí")])
def test_the_text_is_in_the_callers_language(language, text):
    step = Case("", LINK, customer={"name": "Ana"}, speaks=language).call().step
    assert step.instructions == (SendSms(text), Hangup())


def test_a_repeated_step_does_not_send_again():
    assert Case("", LINK).call().state.instructions == (Hangup(),)

from datetime import timedelta

from ivr_flows.instructions import Listen, Say
from tests.ivr_flows.callers import TUESDAY_NOON
from tests.ivr_flows.nodes.case import Case

PIN = """
it:
  kind: verify
  prompt: {en: PIN?, es: ¿PIN?}
  retry_prompt: {en: Again., es: Otra vez.}
  against: "{{ customer.pin }}"
  length: 4
  next: after
  failed: other
"""
WAYS = PIN + "  unknown: third\n  tries: 1\n  no_input: third\n  no_match: after\n"
PERSON = PIN.replace("next: after", "next: desk") + "  person: third\n"
SPOKEN = PIN + "  by_speech: true\n"
TOWN = PIN.replace("customer.pin", "customer.town").replace("length: 4", "expect: words")
ROUND = PIN.replace("failed: other", "failed: it2") + (
    "it2: {kind: menu, prompt: {en: Stuck., es: Nada.}, choices: [{key: 1, to: it}]}\n"
)
AGAIN = PIN.replace("next: after", "next: again") + "again: {kind: goto, to: it}\n"
TWICE = PIN.replace("next: after", "next: it2") + PIN.replace("it:", "it2:").lstrip("\n")
ANA = {"pin": "9182", "town": "San José"}


def wrong(*minutes_ago: float) -> dict[str, object]:
    at = [(TUESDAY_NOON - timedelta(minutes=minutes)).isoformat() for minutes in minutes_ago]
    return {**ANA, "wrong_verifications": at}


CASES = [
    Case(
        "asks, and marks the question",
        PIN,
        customer=ANA,
        last=Listen(
            prompts=(Say("PIN?", "en"),),
            inputs=("digits",),
            language="en",
            max_digits=4,
            finish_key="#",
            sensitive=True,
        ),
    ),
    Case(
        "lets through who knows it",
        PIN,
        lambda c: c.presses("9182"),
        customer=ANA,
        at="after",
        variables={"verified": True},
        told=("was verified",),
        not_told=("9182",),
    ),
    Case(
        "asks again after a wrong one, and tells nobody what it was",
        PIN,
        lambda c: c.presses("1234"),
        customer=ANA,
        at="it",
        hears="Again. PIN?",
        variables={"verified": False, "verified_attempts": 1},
        told=("was not verified, 2 attempts left",),
        not_told=("1234", "9182"),
    ),
    Case(
        "lets through at the last attempt",
        PIN,
        lambda c: c.presses("1").presses("2").presses("9182"),
        customer=ANA,
        at="after",
    ),
    Case(
        "locks out after the last wrong one",
        PIN,
        lambda c: c.presses("1111").presses("2222").presses("3333"),
        customer=ANA,
        at="other",
        variables={"verified": False, "verified_attempts": 3},
        told=(
            "was not verified, 1 attempt left",
            "was not verified, 0 attempts left",
            "is locked out after too many wrong attempts",
        ),
    ),
    Case(
        "stays locked for a caller who comes back to it",
        ROUND,
        lambda c: c.presses("1111").presses("2222").presses("3333").presses("1"),
        customer=ANA,
        at="it2",
    ),
    Case("counts wrong attempts of earlier calls", PIN, lambda c: c.presses("1234"), customer=wrong(5, 29), at="other"),
    Case(
        "is locked from the start after enough of them",
        PIN,
        customer=wrong(1, 2, 3),
        at="other",
        told=("is locked out after too many wrong attempts",),
    ),
    Case("forgets attempts older than the lock", PIN, customer=wrong(31, 32, 33), at="it"),
    Case(
        "counts an attempt whose time cannot be read",
        PIN,
        customer={**ANA, "wrong_verifications": ["x", None, 7]},
        at="other",
    ),
    Case(
        "does not ask twice in a call",
        AGAIN,
        lambda c: c.presses("9182"),
        customer=ANA,
        at="desk",
        told=("was verified",),
    ),
    Case("goes on at once at a second check", TWICE, lambda c: c.presses("9182"), customer=ANA, at="after"),
    Case("goes elsewhere when the record has nothing", WAYS, customer={}, at="third"),
    Case("fails when the record has nothing and there is no other way", PIN, customer={"pin": ""}, at="other"),
    Case(
        "does not take an empty answer for an empty record",
        PIN,
        lambda c: c.presses(""),
        customer={"pin": " "},
        at="other",
    ),
    Case("does not take part of it", PIN, lambda c: c.presses("918"), customer=ANA, at="it"),
    Case("does not take more than it", PIN, lambda c: c.presses("91822"), customer=ANA, at="it"),
    Case(
        "reads a record that is written in groups",
        PIN,
        lambda c: c.presses("9182"),
        customer={"pin": "91-82"},
        at="after",
    ),
    Case("reads a record that is a number", PIN, lambda c: c.presses("9182"), customer={"pin": 9182}, at="after"),
    Case(
        "asks again on silence, which is no attempt",
        PIN,
        lambda c: c.stays_silent(),
        customer=ANA,
        at="it",
        told=("gave no answer",),
        not_told=("attempt",),
    ),
    Case("goes elsewhere on silence where the flow says", WAYS, lambda c: c.stays_silent(), customer=ANA, at="third"),
    Case(
        "does not take speech where keys are asked for",
        PIN,
        lambda c: c.says("nine one eight two"),
        customer=ANA,
        at="it",
        told=("gave “••••”: not heard clearly",),
        not_told=("attempt", "nine"),
    ),
    Case("goes elsewhere when it is not understood", WAYS, lambda c: c.says("banana"), customer=ANA, at="after"),
    Case(
        "takes spoken digits where the flow says",
        SPOKEN,
        lambda c: c.says("nine one eight two"),
        customer=ANA,
        at="after",
    ),
    Case("takes 0 for a person", PIN, lambda c: c.presses("0"), customer=ANA, at="desk", told=("asked for a person",)),
    Case("has a person of its own", PERSON, lambda c: c.presses("0"), customer=ANA, at="third"),
    Case("compares words without accents", TOWN, lambda c: c.says("san jose"), customer=ANA, at="after"),
    Case(
        "counts wrong words as an attempt",
        TOWN,
        lambda c: c.says("Madrid"),
        customer=ANA,
        at="it",
        not_told=("Madrid",),
    ),
    Case("asks in the caller's language", PIN, customer=ANA, speaks="es", hears="¿PIN?"),
]

from ivr_flows.events import DigitsEntered
from ivr_flows.instructions import Hangup
from tests.ivr_flows.nodes.case import Case

SOON = "{kind: callback, queue: sales, declined: other, no_input: third, no_match: after}"
PERSON = "{kind: callback, queue: sales, person: other}"
OWN_WORDS = """
it:
  kind: callback
  queue: sales
  prompt: {en: "Shall we ring {{ value }}?", es: "¿Le llamamos al {{ value }}?"}
  thanks: {en: "Until then{{ value }}.", es: Hasta pronto.}
"""
TIMES = """
it:
  kind: callback
  queue: sales
  times: {zone: America/New_York, weekly: {mon-fri: "09:00-17:00"}, every_min: 120, offer: 3}
  declined: other
"""
ONLY_TIMES = TIMES + "  asap: false\n"
NO_TIMES = """
it: {kind: callback, queue: sales, times: {zone: America/New_York, weekly: {mon-fri: closed}, days: 1}}
"""
CONFIRM = (
    "We will call you back at 5, 5, 5, 1, 2, 3, 4, 5, 6, 7. If that is right, press 1. For another number, press 2. "
    "For no callback, press star."
)
AGREED = "is to be called back at +15551234567 for sales: as soon as somebody is free"
TOMORROW = "is to be called back at +15551234567 for sales: 2026-03-04T14:00:00+00:00"

CASES = [
    Case("asks whether the caller's number is right", SOON, at="it", hears=CONFIRM),
    Case(
        "asks in the caller's language",
        SOON,
        speaks="es",
        hears="Le llamaremos al 5, 5, 5, 1, 2, 3, 4, 5, 6, 7. Si es correcto, oprima el 1. Para otro número, oprima "
        "el 2. Si no desea que le llamemos, oprima asterisco.",
    ),
    Case(
        "agrees",
        SOON,
        lambda c: c.presses("1"),
        hears="Thank you. We will call you back as soon as somebody is free. Goodbye.",
        last=Hangup(),
        told=(AGREED,),
        outcome="callback",
    ),
    Case("agrees to a yes", SOON, lambda c: c.says("yes that's right"), outcome="callback"),
    Case("does not agree to a yes that was hardly heard", SOON, lambda c: c.says("yes", 0.1), at="it"),
    Case("declined goes its own way", SOON, lambda c: c.presses("*"), at="other", told=("wanted no callback",)),
    Case("declined goes to the fallback without a way", PERSON, lambda c: c.presses("*"), at="desk"),
    Case("declined while the number is asked for", SOON, lambda c: c.presses("2").presses("*"), at="other"),
    Case(
        "asks for another number and reads it back",
        SOON,
        lambda c: c.presses("2").presses("5550100199"),
        hears="We will call you back at 5, 5, 5, 0, 1, 0, 0, 1, 9, 9. If that is right, press 1. For another number, "
        "press 2. For no callback, press star.",
    ),
    Case(
        "takes another number",
        SOON,
        lambda c: c.presses("2").presses("15550100199").presses("1"),
        told=("is to be called back at +15550100199 for sales: as soon as somebody is free",),
    ),
    Case(
        "takes a spoken number",
        SOON,
        lambda c: c.presses("2").says("five five five oh one double oh one nine nine").presses("1"),
        told=("is to be called back at +15550100199 for sales: as soon as somebody is free",),
    ),
    Case(
        "asks a caller without a number for one",
        SOON,
        number="anonymous",
        at="it",
        hears="Please enter the number with its area code, then press the pound key.",
    ),
    Case(
        "calls a caller from abroad",
        SOON,
        lambda c: c.presses("1"),
        number="+442071838750",
        told=("is to be called back at +442071838750 for sales: as soon as somebody is free",),
    ),
    Case(
        "takes no number of a third country",
        SOON,
        lambda c: c.presses("2").presses("011442071838750"),
        at="it",
        told=("gave “011442071838750”: no number that can be called back",),
    ),
    Case(
        "takes no number that costs more than a call",
        SOON,
        lambda c: c.presses("2").presses("9002345678"),
        at="it",
        told=("gave “9002345678”: no number that can be called back",),
    ),
    Case(
        "takes no number that is none",
        SOON,
        lambda c: c.presses("2").presses("12"),
        at="it",
        hears="Sorry, I did not get that. Please enter the number with its area code, then press the pound key.",
    ),
    Case(
        "gives up on a caller who finds every number wrong",
        SOON,
        lambda c: c.presses("2").presses("5550100199").presses("2").presses("5550100199").presses("2"),
        at="after",
        told=("gave “+15550100199”: the caller said it was wrong",),
    ),
    Case(
        "gives up on keys that mean nothing",
        SOON,
        lambda c: c.presses("9").presses("9").presses("9"),
        at="after",
        told=("gave “9”: none of the choices",),
    ),
    Case(
        "gives up on silence",
        SOON,
        lambda c: c.stays_silent().does(DigitsEntered("")).stays_silent(),
        at="third",
        told=("gave no answer",),
    ),
    Case("a person is a 0 away", PERSON, lambda c: c.presses("0"), at="other", told=("asked for a person",)),
    Case(
        "a person is a word away while the number is asked for",
        PERSON,
        lambda c: c.presses("2").says("operator"),
        at="other",
    ),
    Case("uses the flow's own words", OWN_WORDS, hears="Shall we ring 5, 5, 5, 1, 2, 3, 4, 5, 6, 7?"),
    Case("uses the flow's own last words", OWN_WORDS, lambda c: c.presses("1"), hears="Until then."),
    Case(
        "offers times",
        TIMES,
        lambda c: c.presses("1"),
        hears="To be called back as soon as somebody is free, press 1. For today at 1:00 PM, press 2. "
        "For today at 3:00 PM, press 3. For tomorrow at 9:00 AM, press 4.",
    ),
    Case(
        "agrees on a time",
        TIMES,
        lambda c: c.presses("1").presses("4"),
        outcome="callback",
        told=(TOMORROW,),
        hears="Thank you. We will call you back tomorrow at 9:00 AM. Goodbye.",
    ),
    Case("agrees on as soon as possible among times", TIMES, lambda c: c.presses("1").presses("1"), told=(AGREED,)),
    Case("agrees on a time by word", ONLY_TIMES, lambda c: c.presses("1").says("press three please"), told=(TOMORROW,)),
    Case("declined among times", TIMES, lambda c: c.presses("1").presses("*"), at="other"),
    Case(
        "asks again for a time that was not offered",
        TIMES,
        lambda c: c.presses("1").presses("7"),
        at="it",
        told=("gave “7”: none of the choices",),
    ),
    Case(
        "asks again for a time after silence",
        TIMES,
        lambda c: c.presses("1").stays_silent().presses("4"),
        told=(TOMORROW,),
    ),
    Case("calls as soon as possible when there are no times", NO_TIMES, lambda c: c.presses("1"), outcome="callback"),
]

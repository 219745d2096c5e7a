from ivr_flows.events import Continued, InputTimedOut
from ivr_flows.instructions import Hangup, RecordVoicemail, Say
from tests.ivr_flows.nodes.case import Case

BOX = """
it:
  kind: voicemail
  prompt: {en: Speak., es: Hable.}
  mailbox: sales
  thanks: {en: Thanks., es: Gracias.}
  max_length_s: 60
"""
ONWARD = BOX + "  next: after\n"

CASES = [
    Case("records", BOX, last=RecordVoicemail((Say("Speak.", "en"),), "sales", "en", max_length_s=60)),
    Case(
        "thanks and hangs up",
        BOX,
        lambda c: c.leaves_message(7),
        hears="Thanks.",
        last=Hangup(),
        outcome="voicemail",
        told=("left a message of 7 s for sales",),
    ),
    Case("goes on where the flow says", ONWARD, lambda c: c.leaves_message(7), at="after", hears="Thanks."),
    Case(
        "asks once more when nothing was said",
        BOX,
        lambda c: c.leaves_message(0),
        hears="Speak.",
        told=("gave no answer",),
    ),
    Case("takes half a second for nothing", BOX, lambda c: c.leaves_message(0.5), hears="Speak."),
    Case("takes a second for a message", BOX, lambda c: c.leaves_message(1.0), outcome="voicemail"),
    Case("asks once more on silence", BOX, lambda c: c.does(InputTimedOut()), hears="Speak."),
    Case(
        "hangs up when nothing is said again",
        BOX,
        lambda c: c.does(Continued()).does(Continued()),
        last=Hangup(),
        outcome="no_message",
    ),
    Case("goes on when nothing is said again", ONWARD, lambda c: c.does(Continued()).does(Continued()), at="after"),
    Case(
        "keeps the message of a caller who hangs up after it",
        BOX,
        lambda c: c.hangs_up().leaves_message(9),
        outcome="voicemail",
        told=("left a message of 9 s for sales",),
    ),
    Case(
        "has no message of a caller who hangs up before it",
        BOX,
        lambda c: c.hangs_up().leaves_message(0),
        outcome="caller_hung_up",
        told=("hung up",),
    ),
]

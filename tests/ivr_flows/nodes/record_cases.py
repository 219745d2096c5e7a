from ivr_flows.events import InputTimedOut
from ivr_flows.instructions import Record, Say
from tests.ivr_flows.nodes.case import Case

REASON = """
it:
  kind: record
  prompt: {en: Tell us., es: Díganos.}
  max_length_s: 30
  next: after
  no_input: other
"""
KEPT = REASON + "  into: reason\n"
ONE_WAY = REASON.replace("  no_input: other\n", "")
SILENT = REASON + "  beep: false\n  finish_key: ''\n"

CASES = [
    Case("records", REASON, last=Record((Say("Tell us.", "en"),), "en", max_length_s=30)),
    Case("asks in the caller's language", REASON, speaks="es", hears="Díganos."),
    Case("goes on with what was said", REASON, lambda c: c.leaves_message(7), at="after", told=("recorded 7 s",)),
    Case("keeps the address where the flow says", KEPT, lambda c: c.leaves_message(7), variables={"reason": "rec-1"}),
    Case("takes half a second for nothing", REASON, lambda c: c.leaves_message(0.5), at="it", hears="Tell us."),
    Case("takes a second for something", REASON, lambda c: c.leaves_message(1.0), at="after"),
    Case("asks once more on silence", REASON, lambda c: c.does(InputTimedOut()), at="it", told=("gave no answer",)),
    Case("goes elsewhere when nothing is said again", REASON, lambda c: c.waits_on().waits_on(), at="other"),
    Case(
        "goes on when nothing is said and the flow has no other way",
        ONE_WAY,
        lambda c: c.waits_on().waits_on(),
        at="after",
    ),
    Case(
        "records without a tone and without a key",
        SILENT,
        last=Record((Say("Tell us.", "en"),), "en", max_length_s=30, finish_key="", beep=False),
    ),
    Case(
        "keeps what a caller said who hung up after it, and it is no voicemail",
        REASON,
        lambda c: c.hangs_up().leaves_message(9),
        outcome="caller_hung_up",
        told=("recorded 9 s", "hung up"),
    ),
    Case("does not take keys for an answer", REASON, lambda c: c.presses("1"), at="it", not_told=("pressed",)),
]

from ivr_flows.instructions import Hangup
from tests.ivr_flows.nodes.case import Case

CASES = [
    Case("ends the call", "{kind: hangup}", last=Hangup(), outcome="hung_up", told=("flow ended: hung up",)),
    Case("says a last word", "{kind: hangup, say: {en: Goodbye., es: Adiós.}}", speaks="es", hears="Adiós."),
    Case("counts as contained with a goal", "{kind: hangup, goal: paid_bill}", outcome="contained"),
    Case(
        "stays ended whatever comes",
        "{kind: hangup}",
        lambda c: c.presses("1").says("hello").hangs_up(),
        outcome="hung_up",
    ),
]

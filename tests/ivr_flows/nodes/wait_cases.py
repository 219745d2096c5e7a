from ivr_flows.instructions import Pause
from tests.ivr_flows.nodes.case import Case

WAIT = "{kind: wait, before: {en: I will wait., es: Espero.}, seconds: 20, next: after}"

CASES = [
    Case("is silent for as long as the flow says", WAIT, at="it", hears="I will wait.", last=Pause(20)),
    Case("speaks the caller's language first", WAIT, speaks="es", hears="Espero."),
    Case("says nothing when there is nothing to say", "{kind: wait, seconds: 1, next: after}", hears="", last=Pause(1)),
    Case("goes on afterwards", WAIT, lambda c: c.waits_on(), at="after", told=("waited 20 s",)),
    Case("does not hear keys", WAIT, lambda c: c.presses("1"), at="it", not_told=("pressed",)),
    Case(
        "is over for a caller who hangs up", WAIT, lambda c: c.hangs_up(), outcome="caller_hung_up", told=("hung up",)
    ),
]

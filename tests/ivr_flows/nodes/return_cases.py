from tests.ivr_flows.nodes.case import Case

CASES = [
    Case(
        "has nothing to go back to in a call that began here",
        "{kind: return, result: verified, say: {en: Thanks., es: Gracias.}}",
        at="desk",
        hears="Thanks.",
        told=("trouble: there is nothing to return to: no flow called this one",),
    ),
    Case(
        "goes back to where the flow was called",
        "{kind: subflow, flow: identify, next: after}",
        lambda c: c.presses("2"),
        at="after",
        told=("came back to flow test: unheard of",),
    ),
]

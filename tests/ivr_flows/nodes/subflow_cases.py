from tests.ivr_flows.nodes.case import Case

CALLING = """
it:
  kind: subflow
  flow: identify
  with: {hint: Hello.}
  results: {verified: after, not_found: third}
  next: other
  fallback: third
"""

CASES = [
    Case(
        "goes through the other flow, with what it is given",
        CALLING,
        at="ask",
        hears="Who is it? Hello.",
        variables={"hint": "Hello."},
        told=("went on in flow identify",),
    ),
    Case(
        "comes back with a result",
        CALLING,
        lambda c: c.presses("1"),
        at="after",
        hears="Found you.",
        told=("came back to flow test: verified",),
    ),
    Case("goes on where it always does for other results", CALLING, lambda c: c.presses("2"), at="other"),
    Case("does not come back from a call that ended there", CALLING, lambda c: c.presses("3"), at="bye"),
    Case("has the other flow's own fallback there", CALLING, lambda c: c.presses("0"), at="box"),
    Case(
        "gives a Spanish caller Spanish again after a flow in English only",
        CALLING,
        lambda c: c.presses("1"),
        speaks="es",
        at="after",
        language="es",
    ),
    Case("speaks the other flow's language there", CALLING, speaks="es", language="en"),
    Case(
        "falls back when there is no such flow",
        CALLING.replace("flow: identify", "flow: nowhere"),
        at="third",
        told=("trouble: flow nowhere cannot be entered: ",),
        variables={},
    ),
    Case(
        "goes ten deep and no deeper, and comes all the way back",
        "it: {kind: subflow, flow: deep, next: after}",
        at="after",
        told=("trouble: more than 10 subflows inside each other",),
    ),
    Case(
        "can be gone through twice",
        "it: {kind: subflow, flow: identify, next: again}\nagain: {kind: subflow, flow: identify, next: after}",
        lambda c: c.presses("2").presses("2"),
        at="after",
    ),
]

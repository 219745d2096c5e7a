from tests.ivr_flows.nodes.case import Case

NOWHERE = "{kind: goto, flow: nowhere, fallback: other}"
FROM_A_SUBFLOW = "it: {kind: subflow, flow: identify, next: after}"

CASES = [
    Case("goes to another node", "{kind: goto, to: after}", at="after"),
    Case("goes to another flow", "{kind: goto, flow: other}", at="box", told=("went on in flow other",)),
    Case(
        "falls back when there is no such flow",
        NOWHERE,
        at="other",
        told=("trouble: flow nowhere cannot be entered: ",),
    ),
    Case("falls back to the flow's fallback", "{kind: goto, flow: nowhere}", at="desk"),
    Case(
        "leaves a subflow for good: what it returns to is forgotten",
        FROM_A_SUBFLOW,
        lambda c: c.presses("4").presses("1"),
        at="box",
        told=("trouble: there is nothing to return to: no flow called this one",),
    ),
]

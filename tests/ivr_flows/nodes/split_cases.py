from tests.ivr_flows.nodes.case import Case

HALVES = "{kind: split, shares: [{percent: 50, name: new menu, to: after}, {percent: 50, to: other}]}"
BY_CALLER = HALVES.replace("kind: split", "kind: split, by: caller")
TWICE = "it: {kind: split, shares: [{percent: 50, to: again}, {percent: 50, to: other}]}\nagain: " + HALVES

CASES = [
    Case("sends a call one way", HALVES, call_id="call-5", at="after", told=("by chance: new menu",)),
    Case("sends another the other way", HALVES, call_id="call-1", at="other", told=("by chance: 50 %",)),
    Case("can go by the caller, whatever the call", BY_CALLER, call_id="call-1", number="+15550000001", at="after"),
    Case("goes the caller's way in the next call too", BY_CALLER, call_id="call-2", number="+15550000001", at="after"),
    Case("goes by the caller when the call has no id", HALVES, number="+15550000001", at="after"),
    Case(
        "falls anew at a second split",
        TWICE,
        call_id="call-5",
        at="after",
        told=("by chance: 50 %", "by chance: new menu"),
    ),
    Case("takes a number nobody can read", BY_CALLER, number="\ud800", at="after"),
]

from datetime import UTC, datetime

from tests.ivr_flows.nodes.case import Case

KNOWN = """
it:
  kind: branch
  when:
    - {if: "customer.is_known and customer.open_tickets > 0", to: after}
    - {if: customer.is_known, to: other}
  otherwise: third
"""


def branch(condition: str) -> str:
    return f'{{kind: branch, when: [{{if: "{condition}", to: after}}], otherwise: other}}'


CASES = [
    Case("takes the first condition that holds", KNOWN, customer={"is_known": True, "open_tickets": 2}, at="after"),
    Case("takes a later condition", KNOWN, customer={"is_known": True, "open_tickets": 0}, at="other"),
    Case("takes the other way when none holds", KNOWN, customer={}, at="third", told=("no condition held",)),
    Case(
        "tells which condition held",
        KNOWN,
        customer={"is_known": True, "open_tickets": 0},
        told=("because customer.is_known",),
    ),
    Case(
        "goes on when a condition cannot be worked out, and tells",
        KNOWN,
        customer={"is_known": True, "open_tickets": "many"},
        at="other",
        told=(
            "trouble: the condition customer.is_known and customer.open_tickets > 0 cannot be worked out: "
            "'>' not supported between instances of 'str' and 'int'",
        ),
    ),
    Case(
        "sees variables",
        "it: {kind: set, variables: {topic: bill}, next: then}\nthen: " + branch("vars.topic == 'bill'"),
        at="after",
    ),
    Case("sees the caller", branch("call.caller == '+15551234567'"), at="after"),
    Case("sees the number called", branch("call.called == '+15005550006'"), at="after"),
    Case("sees the language", branch("call.language == 'es'"), speaks="es", at="after"),
    Case("sees the time", branch("now.weekday == 'tue' and now.hour == 17 and now.date == '2026-03-03'"), at="after"),
    Case("sees the minute", branch("now.minute >= 30"), now=datetime(2026, 3, 3, 9, 29, tzinfo=UTC), at="other"),
    Case(
        "looks into lists and mappings",
        branch("customer.lines[0].kind == 'fibre'"),
        customer={"lines": [{"kind": "fibre"}]},
        at="after",
    ),
    Case("takes what is not there for no", branch("customer.lines[7].kind"), customer={"lines": []}, at="other"),
]

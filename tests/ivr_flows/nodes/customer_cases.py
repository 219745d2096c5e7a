from tests.ivr_flows.nodes.case import Case

READ = "{kind: customer, read: {plan: fields.plan, their_name: name, since: last_interaction_at}, next: after}"
KNOWN = "{kind: customer, known: other, next: after}"
LATELY = """
it:
  kind: customer
  last_interaction_within: {hours: 24, to: third}
  known: other
  next: after
"""
MINUTES = "{kind: customer, last_interaction_within: {minutes: 30, to: third}, next: after}"
WRITE = """
it: {kind: customer, set: {name: "Ana {{ vars.family }}", plan: fibre, language: es}, next: read}
read: {kind: customer, read: {plan: fields.plan, name: name}, known: other, next: after}
"""
NOTHING = '{kind: customer, set: {plan: "{{ vars.nothing }}", language: "{{ call.caller }}"}, next: after}'
ANA = {"name": "Ana", "is_known": True, "fields": {"plan": "copper", "tags": ["vip"]}}

CASES = [
    Case(
        "puts fields into variables",
        READ,
        customer=ANA,
        at="after",
        variables={"plan": "copper", "their_name": "Ana", "since": ""},
    ),
    Case(
        "has empty texts for a caller of whom nothing is known",
        READ,
        at="after",
        variables={"plan": "", "their_name": "", "since": ""},
    ),
    Case("knows a caller with a name", KNOWN, customer=ANA, at="other", told=("the caller is known",)),
    Case("does not know a caller without", KNOWN, at="after", told=("the caller is not known",)),
    Case(
        "knows who was in touch a day ago",
        LATELY,
        customer={**ANA, "last_interaction_at": "2026-03-02T17:00:00+00:00"},
        at="third",
        told=("the caller is known from a contact a short while ago",),
    ),
    Case(
        "a second more is too long ago",
        LATELY,
        at="other",
        customer={**ANA, "last_interaction_at": "2026-03-02T16:59:59+00:00"},
    ),
    Case("minutes count too", MINUTES, customer={"last_interaction_at": "2026-03-03T11:31:00-05:00"}, at="third"),
    Case(
        "a time in the future is no contact",
        MINUTES,
        customer={"last_interaction_at": "2026-03-03T18:00:00+00:00"},
        at="after",
        told=("the caller is not known from a contact a short while ago",),
    ),
    Case("nonsense is no time", MINUTES, customer={"last_interaction_at": "yesterday"}, at="after"),
    Case(
        "writes into the record, and the call sees it",
        WRITE,
        customer={"fields": {"tags": ["vip"]}},
        at="other",
        variables={"plan": "fibre", "name": "Ana"},
        told=("changed in the record: name, plan, language",),
        not_told=("fibre",),
    ),
    Case(
        "changes nothing for an empty text, nor to a language that is none",
        NOTHING,
        at="after",
        not_told=("changed in the record",),
    ),
]

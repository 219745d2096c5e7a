from tests.ivr_flows.nodes.case import Case

CASES = [
    Case(
        "keeps texts, numbers and truth",
        "{kind: set, variables: {topic: billing, level: 3, share: 0.5, vip: true}, next: after}",
        at="after",
        variables={"topic": "billing", "level": 3, "share": 0.5, "vip": True},
        told=("topic is billing", "level is 3"),
    ),
    Case(
        "fills in texts",
        '{kind: set, variables: {greeting: "Hello {{ customer.name | upper }}"}, next: after}',
        customer={"name": "Ana"},
        variables={"greeting": "Hello ANA"},
    ),
    Case("changes the language", "{kind: set, language: es, next: after}", language="es", told=("chose language es",)),
    Case(
        "replaces a value",
        "it: {kind: set, variables: {n: 1}, next: again}\nagain: {kind: set, variables: {n: 2}, next: after}",
        variables={"n": 2},
    ),
    Case(
        "keeps a text in the caller's language",
        "{kind: set, variables: {word: {en: bill, es: factura}}, next: after}",
        speaks="es",
        variables={"word": "factura"},
    ),
]

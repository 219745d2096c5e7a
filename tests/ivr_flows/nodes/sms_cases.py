from tests.ivr_flows.nodes.case import Case

LINK = """
it:
  kind: sms
  text: {en: "Pay {{ customer.name }}: https://example.com/pay", es: Pague aquí}
  next: after
  no_number: other
"""

LATER = "{kind: sms, when: after_call, text: {en: Bye, es: Adiós}, next: after}"

CASES = [
    Case("a follow-up is asked for now and goes on", LATER, at="after", told=("was sent a text",)),
    Case("sends and goes on", LINK, at="after", told=("was sent a text",)),
    Case("goes elsewhere without a number", LINK, number="anonymous", at="other", not_told=("was sent a text",)),
    Case("goes elsewhere when a browser calls", LINK, number="client:ana", at="other"),
    Case(
        "goes on without a number and without another way",
        "{kind: sms, text: {en: A, es: B}, next: after}",
        number="",
        at="after",
    ),
]

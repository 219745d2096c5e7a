from ivr_flows.events import LookupAnswered
from ivr_flows.instructions import LookUp, Say
from tests.ivr_flows.nodes.case import Case

ASK = """
it:
  kind: http
  url: https://crm.example/orders/latest
  into: {state: order.state, days: order.days.1, urgent: order.urgent}
  next: after
  on_status: [{status: 404, to: other}, {status: 5xx, to: third}]
"""
WITH_FALLBACK = "{kind: http, url: 'https://crm.example/x', into: {state: state}, next: after, fallback: other}"
NOTHING_KEPT = "{kind: http, url: 'https://crm.example/x', next: after, fallback: other}"
OF_THE_CALLER = """
it: {kind: set, variables: {number: "../admin?x=1#{{ call.caller }}", name: 'Ana "A"'}, next: ask}
ask:
  kind: http
  url: "https://crm.example:8443/orders/{{ vars.number }}?of=é"
  query: {name: "{{ vars.name }}", q: a&b}
  headers: {X-Caller: "{{ call.caller }}", Authorization: {secret: crm_token}}
  hold: {en: One moment., es: Un momento.}
  timeout_s: 2
  cache_s: 60
  next: after
"""
POSTED = """
it:
  kind: http
  method: POST
  url: https://crm.example/orders
  body: {name: "{{ customer.name }}", lines: [{count: 2, gift: true}, null]}
  next: after
"""
AS_FORM = (
    "{kind: http, method: PUT, url: 'http://crm.example', send: form, body: {a: '{{ call.called }}'}, next: after}"
)
SECRET = """
it: {kind: http, url: 'https://crm.example/x', into: {balance: b}, sensitive: true, next: tell}
tell: {kind: set, variables: {told: "You owe {{ vars.balance }}"}, next: after}
"""
HUGE = """
it: {kind: set, variables: {long: "{{ customer.name }}"}, next: ask}
ask: {kind: http, url: "https://crm.example/{{ vars.long }}", next: after, fallback: other}
"""
GOOD = {"order": {"state": "sent", "days": ["mon", 2], "urgent": True, "lines": [1, 2]}}


def answered(status=200, json=None, problem=None):
    return lambda caller: caller.does(LookupAnswered(status, json, problem))


CASES = [
    Case(
        "asks and waits for the answer",
        ASK,
        at="it",
        last=LookUp("it", "GET", "https://crm.example/orders/latest"),
    ),
    Case(
        "keeps what it was asked to keep",
        ASK,
        answered(200, GOOD),
        at="after",
        variables={"state": "sent", "days": 2, "urgent": True},
        told=("asked crm.example: 200",),
    ),
    Case(
        "keeps nothing for what is not there or is no plain value",
        ASK,
        answered(200, {"order": {"state": ["sent"], "days": [], "urgent": None}}),
        at="after",
        variables={"state": "", "days": "", "urgent": ""},
    ),
    Case(
        "cuts a value that is too long",
        ASK,
        answered(200, {"order": {"state": "x" * 5000}}),
        at="after",
        variables={"state": "x" * 1000, "days": "", "urgent": ""},
    ),
    Case(
        "takes nothing that cannot be kept or said",
        ASK,
        answered(200, {"order": {"state": "a\0b\ud800c\n", "days": [0, 1e999], "urgent": 10**20}}),
        variables={"state": "a bc", "days": "", "urgent": "1" + "0" * 20},
    ),
    Case("goes the status's way", ASK, answered(404), at="other", told=("asked crm.example: 404",)),
    Case("goes the way of a whole kind of status", ASK, answered(503, GOOD), at="third", variables={}),
    Case("goes to the fallback for a status that nobody named", ASK, answered(301), at="desk"),
    Case("goes to its own fallback", WITH_FALLBACK, answered(500), at="other"),
    Case(
        "goes to the fallback when time is up",
        WITH_FALLBACK,
        answered(None, None, "timeout"),
        at="other",
        told=("asked crm.example: timeout",),
    ),
    Case("goes to the fallback without a connection", WITH_FALLBACK, answered(None, None, "unreachable"), at="other"),
    Case(
        "goes to the fallback when the address must not be asked",
        WITH_FALLBACK,
        answered(None, None, "refused"),
        at="other",
    ),
    Case("goes to the fallback when the answer is no JSON", WITH_FALLBACK, answered(200, None, "no JSON"), at="other"),
    Case(
        "goes to the fallback when the JSON is a bare word",
        WITH_FALLBACK,
        answered(200, "sent"),
        at="other",
        told=("asked crm.example: no JSON",),
    ),
    Case("goes to the fallback when nothing is said at all", WITH_FALLBACK, answered(None), at="other"),
    Case("needs no JSON when nothing is kept", NOTHING_KEPT, answered(204), at="after"),
    Case(
        "encodes what the caller said, so that no other address is asked",
        OF_THE_CALLER,
        last=LookUp(
            "ask",
            "GET",
            "https://crm.example:8443/orders/..%2Fadmin%3Fx%3D1%23%2B15551234567?of=%C3%A9&name=Ana+%22A%22&q=a%26b",
            {"X-Caller": "+15551234567"},
            {"Authorization": "crm_token"},
            timeout_s=2,
            cache_s=60,
            hold=(Say("One moment.", "en"),),
        ),
        hears="",
    ),
    Case(
        "sends a body as JSON",
        POSTED,
        customer={"name": 'Ana "A"'},
        last=LookUp(
            "it",
            "POST",
            "https://crm.example/orders",
            body='{"name": "Ana \\"A\\"", "lines": [{"count": 2, "gift": true}, null]}',
            content_type="application/json",
        ),
    ),
    Case(
        "sends a body as a form",
        AS_FORM,
        last=LookUp(
            "it",
            "PUT",
            "http://crm.example",
            body="a=%2B15005550006",
            content_type="application/x-www-form-urlencoded",
        ),
    ),
    Case(
        "keeps secrets off the timeline",
        SECRET,
        answered(200, {"b": "1234.50"}),
        at="after",
        told=("told is ••••",),
        not_told=("1234",),
    ),
    Case(
        "asks nothing of an address that grew too long",
        HUGE,
        customer={"name": "é" * 480},
        at="other",
        told=("asked crm.example: too large to ask",),
    ),
]

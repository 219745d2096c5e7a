from ivr_flows.events import Continued
from ivr_flows.instructions import EnterQueue, Hangup, RecordVoicemail, Say, TransferToAgent, TransferToNumber
from tests.ivr_flows.nodes.case import Case

NUMBER = "{kind: transfer, number: '+15005550020', before: {en: Hold on., es: Espere.}, timeout_s: 25, fallback: other}"
AGENT = '{kind: transfer, agent: "{{ customer.agent }}", fallback: other}'
FLOW = "{kind: transfer, flow: other, fallback: third}"
NO_FLOW = "{kind: transfer, flow: nowhere, fallback: third}"
NO_FALLBACK = "{kind: transfer, number: '+15005550020'}"

QUEUE = "{kind: transfer, queue: support, before: {en: Hold on., es: Espere.}, fallback: other}"

CASES = [
    Case(
        "waits in another queue",
        QUEUE,
        hears="Hold on.",
        last=EnterQueue("support", 4, "en", {}),
        priority_min=4,
        told=("joined the queue support",),
    ),
    Case(
        "is over when an agent of the queue answered", QUEUE, lambda c: c.leaves_queue("answered"), outcome="answered"
    ),
    Case(
        "goes on when nobody in the queue answered",
        QUEUE,
        lambda c: c.leaves_queue("max_wait"),
        at="other",
        told=("left the queue support: max_wait",),
    ),
    Case(
        "dials a number",
        NUMBER,
        hears="Hold on.",
        last=TransferToNumber("+15005550020", 25),
        told=("put through to +15005550020",),
    ),
    Case(
        "is over after the conversation",
        NUMBER,
        lambda c: c.transfer_ends("completed"),
        last=Hangup(),
        outcome="transferred",
    ),
    Case(
        "falls back when busy",
        NUMBER,
        lambda c: c.transfer_ends("busy"),
        at="other",
        told=("transfer to +15005550020: busy",),
    ),
    Case("falls back when nobody answers", NUMBER, lambda c: c.transfer_ends("no-answer"), at="other"),
    Case("falls back when the transfer fails", NUMBER, lambda c: c.transfer_ends("failed"), at="other"),
    Case("falls back when the transfer ends without a word", NUMBER, lambda c: c.does(Continued()), at="other"),
    Case("falls back to the flow's fallback", NO_FALLBACK, lambda c: c.transfer_ends("busy"), at="desk"),
    Case(
        "rings an agent",
        AGENT,
        customer={"agent": "sam"},
        last=TransferToAgent("sam", 20, {}),
        told=("put through to sam",),
    ),
    Case(
        "falls back when the agent is away",
        AGENT,
        lambda c: c.transfer_ends("no-answer"),
        customer={"agent": "sam"},
        at="other",
        told=("transfer to sam: no-answer",),
    ),
    Case("falls back when no agent is named", AGENT, at="other"),
    Case(
        "goes on in another flow, in a language it has",
        FLOW,
        at="box",
        hears="Hola desde otro flujo. Deje un mensaje.",
        language="es",
        last=RecordVoicemail((Say("Deje un mensaje.", "es"),), "general", "es"),
        told=("went on in flow other",),
    ),
    Case(
        "falls back when there is no such flow",
        NO_FLOW,
        at="third",
        told=("trouble: flow nowhere cannot be entered: ",),
    ),
    Case(
        "keeps variables in the other flow",
        "it: {kind: set, variables: {topic: fibre}, next: go}\ngo: " + FLOW,
        variables={"topic": "fibre"},
    ),
]

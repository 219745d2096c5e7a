from ivr_flows.events import Continued
from ivr_flows.instructions import Announcements, EnterQueue
from tests.ivr_flows.nodes.case import Case

SALES = "{kind: queue, queue: sales, before: {en: One moment., es: Un momento.}, priority_min: 3, unanswered: other}"
PLAIN = "{kind: queue, queue: sales}"
WITH_VARIABLES = """
it: {kind: set, variables: {topic: fibre, level: 2}, next: line}
line: {kind: queue, queue: sales}
"""

ALL = """
it:
  kind: queue
  queue: sales
  skills: [fibre, spanish]
  max_wait_s: 300
  announcements: {position: false, every_s: 60}
  callback: other
  callback_key: "2"
"""
SMALL_FLOW = "{kind: queue, queue: sales, wait_flow: music}"

CASES = [
    Case(
        "says how the caller waits",
        ALL,
        last=EnterQueue(
            "sales",
            0,
            "en",
            skills=("fibre", "spanish"),
            max_wait_s=300,
            callback_key="2",
            announcements=Announcements(position=False, every_s=60),
        ),
    ),
    Case("names a flow to wait in", SMALL_FLOW, last=EnterQueue("sales", 0, "en", wait_flow="music")),
    Case(
        "goes to the callback that the caller asked for",
        ALL,
        lambda c: c.leaves_queue("callback_asked"),
        at="other",
        told=("left the queue sales: callback_asked",),
    ),
    Case(
        "without a callback such a key is any other reason",
        PLAIN,
        lambda c: c.leaves_queue("callback_asked"),
        at="desk",
    ),
    Case(
        "lets the caller wait",
        SALES,
        hears="One moment.",
        last=EnterQueue("sales", 3, "en", {}),
        told=("joined the queue sales",),
    ),
    Case("adds the entry point's priority", SALES, priority_min=5, last=EnterQueue("sales", 8, "en", {})),
    Case("gives the caller's language", SALES, speaks="es", last=EnterQueue("sales", 3, "es", {})),
    Case(
        "gives the agent what was collected",
        WITH_VARIABLES,
        last=EnterQueue("sales", 0, "en", {"topic": "fibre", "level": "2"}),
    ),
    Case("is over when an agent answered", SALES, lambda c: c.leaves_queue("answered"), outcome="answered"),
    Case("is over when a callback was agreed", SALES, lambda c: c.leaves_queue("callback"), outcome="callback"),
    Case(
        "goes on when nobody answered",
        SALES,
        lambda c: c.leaves_queue("timeout"),
        at="other",
        told=("left the queue sales: timeout",),
    ),
    Case("goes on for a reason it never heard of", SALES, lambda c: c.leaves_queue("flooded"), at="other"),
    Case("goes on when the wait ends without a word", SALES, lambda c: c.does(Continued()), at="other"),
    Case("goes to the fallback without a way of its own", PLAIN, lambda c: c.leaves_queue("no_agents"), at="desk"),
    Case(
        "takes a message when the fallback does not answer",
        PLAIN,
        lambda c: c.leaves_queue("no_agents").leaves_queue("timeout"),
        at="last-resort",
    ),
    Case(
        "is over for a caller who gave up", SALES, lambda c: c.hangs_up(), outcome="caller_hung_up", told=("hung up",)
    ),
]

"""A call on a flow without a telephone: what a caller would hear and where the call would go, by the engine that
answers real calls.

Pure: the clock, the caller's record, the answers of other systems and the state of the queues are given, so that the
same acts always give the same call. `simulate` runs a whole call at once; scenarios go step by step with
`SimulatedCall`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator

from ivr_flows.engine import FlowLookup, Step, resume, start
from ivr_flows.events import (
    KEYS,
    CallerHungUp,
    CallEvent,
    Continued,
    DigitsEntered,
    InputTimedOut,
    LookupAnswered,
    LookupProblem,
    QueueLeft,
    RecordingLeft,
    SpeechHeard,
    TransferEnded,
    TransferStatus,
)
from ivr_flows.facts import MASK, Fact, FlowEnded, FlowReturned, NodeEntered, QueueGone, QueueJoined
from ivr_flows.faults import Fault, FlowError, short
from ivr_flows.instructions import (
    EnterQueue,
    InputKind,
    Instruction,
    Listen,
    LookUp,
    Pause,
    Play,
    Record,
    RecordVoicemail,
    RequestCallback,
    Say,
    SendSms,
    TransferToAgent,
    TransferToNumber,
)
from ivr_flows.nodes.split import SplitNode
from ivr_flows.patterns import LanguageTag
from ivr_flows.said import said, wrong
from ivr_flows.schema import Flow
from ivr_flows.state import CallContext, State
from ivr_flows.wait_flow import MOST_REFUSALS, goes_round, last_of, reason_to_leave, refusal

MAX_ACTS = 500
MAX_WAIT_S = 24 * 3600
QUEUE_MAX_WAIT_S = 1200  # what a new queue has, unless `given` says otherwise
MOST_CHANCES = 10_000
NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)  # a working Tuesday, for calls that don't say when they are
LEAVE_MESSAGE_KEY = "*"  # what the waiting caller is told to press
CALLER, CALLED = "+15550100123", "+15550100100"

Waiting = Literal["key", "speech", "key_or_speech", "queue", "message", "transfer", "agent"]


class Strict(BaseModel):
    """What people write must be known to the last field."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        moment = None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise wrong("must be a time with its zone, for instance 2026-03-03T12:00:00-05:00")
    return moment


def _keys(value: Any) -> Any:
    """`press: 1` means the key "1", as in a menu."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text or set(text) - set(KEYS):
        raise wrong("must be keys: 0 to 9, * and # (write '#' in quotes)")
    return text


Moment = Annotated[datetime, BeforeValidator(_moment)]
Seconds = Annotated[float, Field(gt=0, le=MAX_WAIT_S)]


class GivenQueue(Strict):
    """How a queue stands. An agent answers after `wait_s` of waiting; without it, or without agents, nobody does.

    A queue that is not `open` sends its callers back at once.
    """

    wait_s: Annotated[float, Field(ge=0, le=MAX_WAIT_S)] | None = None
    position: int = Field(default=1, ge=1, le=1000)
    open: bool = True
    agents: int = Field(default=1, ge=0, le=10_000)
    max_wait_s: Seconds = QUEUE_MAX_WAIT_S


def _answer(value: Any) -> Any:
    return {"problem": value} if isinstance(value, str) else value


class GivenAnswer(Strict):
    """What another system answers to a look-up: {status: 200, json: {…}}, or what goes wrong, such as `timeout`."""

    status: int = Field(default=200, ge=100, le=599)
    answer: Any = Field(default=None, alias="json")
    problem: LookupProblem | None = None

    def as_event(self) -> LookupAnswered:
        if self.problem is not None:
            return LookupAnswered(None, None, self.problem)
        return LookupAnswered(self.status, self.answer)


def _yes(value: Any) -> Any:
    if value is not True:
        raise wrong("must be true")
    return value


Yes = Annotated[bool, BeforeValidator(_yes)]


class Given(Strict):
    """The world a simulated call happens in. Everything has a default: a known clock, a caller nobody knows.

    `lookups` go by the node that asks or by the address it asks; `missing_flows` are other flows that are not there.
    `call_id` is what splits draw their chance from; without it the caller's number. `chance` finds an id that falls
    into the given shares: a split's node, and a share's name or "30 %".
    """

    at: Moment = NOON
    caller: str = Field(default=CALLER, max_length=100)
    called: str = Field(default=CALLED, max_length=100)
    language: LanguageTag | None = None
    priority_min: int = Field(default=0, ge=-60, le=240)
    call_id: str = Field(default="", max_length=100)
    customer: dict[str, Any] = Field(default_factory=dict, max_length=100)
    lookups: dict[str, Annotated[GivenAnswer, BeforeValidator(_answer)]] = Field(default_factory=dict, max_length=100)
    queues: dict[str, GivenQueue] = Field(default_factory=dict, max_length=200)
    chance: dict[str, str] = Field(default_factory=dict, max_length=10)
    missing_flows: tuple[str, ...] = Field(default=(), max_length=100)


class Act(Strict):
    """One thing that happens on the call; exactly one field. `confidence` goes with `say`."""

    press: Annotated[str, BeforeValidator(_keys), Field(max_length=64)] | None = None
    say: str | None = Field(default=None, max_length=500)
    confidence: float | None = Field(default=None, ge=0, le=1)
    silence: Yes | None = None
    hang_up: Yes | None = None
    wait_s: Seconds | None = None
    agent_answers: Yes | None = None
    transfer: Literal["answered", "busy", "no-answer", "failed"] | None = None
    message_s: Seconds | None = None
    leaves_queue: str | None = Field(default=None, min_length=1, max_length=60)

    @model_validator(mode="after")
    def _is_one_thing(self) -> Act:
        if self.confidence is not None and self.say is None:
            raise wrong("confidence says how well words were heard: it goes with say")
        if len(self.model_fields_set - {"confidence"}) != 1:
            raise wrong("must be one act, such as {press: 1}, {say: sales} or {silence: true}")
        return self

    def to_json(self) -> dict[str, Any]:
        dumped: dict[str, Any] = self.model_dump(mode="json", exclude_unset=True)
        return dumped

    def describe(self) -> str:
        """presses 1"""
        return next(iter(self._words()))

    def _words(self) -> Iterator[str]:
        if self.press is not None:
            yield f"presses {self.press}"
        if self.say is not None:
            yield f"says “{self.say}”" + ("" if self.confidence is None else f" ({self.confidence:.2f})")
        if self.wait_s is not None:
            yield f"waits {self.wait_s:g} s"
        if self.message_s is not None:
            yield f"leaves a message of {self.message_s:g} s"
        if self.transfer is not None:
            yield f"transfer: {self.transfer}"
        if self.leaves_queue is not None:
            yield f"leaves the queue: {self.leaves_queue}"
        yield "stays silent" if self.silence else "hangs up" if self.hang_up else "an agent answers"


@dataclass(frozen=True, slots=True)
class Heard:
    """Words or a recording that the caller hears."""

    say: str = ""
    language: str = ""
    play: str = ""

    def to_json(self) -> dict[str, str]:
        return {"play": self.play} if self.play else {"say": self.say, "language": self.language}


@dataclass(frozen=True, slots=True)
class SimulatedStep:
    """What followed one act (None: the call's beginning).

    `nodes` and `edges` name nodes of the simulated flow by id, those of other flows as flow/id. `texts` are sent to
    the caller's number. `told` are the facts behind `facts`, for whoever counts branches.
    """

    act: Act | None
    at: datetime
    heard: tuple[Heard, ...]
    nodes: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    facts: tuple[str, ...]
    texts: tuple[str, ...]
    variables: Mapping[str, Any]
    told: tuple[Fact, ...] = field(repr=False, default=())

    def to_json(self) -> dict[str, Any]:
        return {
            "act": None if self.act is None else self.act.to_json(),
            "at": self.at.isoformat(),
            "heard": [one.to_json() for one in self.heard],
            "nodes": list(self.nodes),
            "edges": [list(edge) for edge in self.edges],
            "facts": list(self.facts),
            "texts": list(self.texts),
            "variables": dict(self.variables),
        }


@dataclass(frozen=True, slots=True)
class Simulation:
    """A simulated call: its steps, what it waits for now (None when it is over), where, how it ended, and acts that
    meant nothing where they were done (`problems`)."""

    steps: tuple[SimulatedStep, ...]
    waiting_for: Waiting | None
    node: str
    ended: str | None
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "steps": [step.to_json() for step in self.steps],
            "waiting_for": self.waiting_for,
            "node": self.node,
            "ended": self.ended,
            "problems": list(self.problems),
        }


_GIVEN: TypeAdapter[Given] = TypeAdapter(Given)
_ACTS: TypeAdapter[list[Act]] = TypeAdapter(Annotated[list[Act], Field(max_length=MAX_ACTS)])


def simulate(
    flow: Flow,
    given: Given | Mapping[str, Any],
    acts: Iterable[Act | Mapping[str, Any]],
    flows: FlowLookup | None = None,
) -> Simulation:
    """Play a whole call from its first ring. pydantic.ValidationError when `given` or `acts` cannot be read.

    `flows` finds the other flows that this one goes to; without it they are not there.
    """
    call = SimulatedCall(flow, _GIVEN.validate_python(given), flows)
    for act in acts_of(acts):
        call.act(act)
    return call.result()


def acts_of(acts: Iterable[Act | Mapping[str, Any]]) -> list[Act]:
    """The acts, read; pydantic.ValidationError when they cannot be, or are too many."""
    return _ACTS.validate_python(list(acts))


class SimulatedCall:
    """A call in progress: begun when made, carried on by `act`."""

    def __init__(self, flow: Flow, given: Given, flows: FlowLookup | None = None) -> None:
        self.given = given
        self.steps: list[SimulatedStep] = []
        self.problems: list[str] = []
        self._flow = flow
        self._flows = flows
        self._been_in = {flow.name: flow}
        self._at = given.at
        self._since = given.at
        context = CallContext(
            given.caller,
            given.called,
            given.at,
            given.customer,
            given.language,
            given.priority_min,
            call_id=given.call_id,
        )
        context = self._by_chance(context)
        self._last_node = self._joined_at = ""
        self._line: State | None = None  # of the small flow that plays while the caller waits
        self._done = _Done()
        self._took(start(flow, context, flows=self._found))
        self._note(None)

    @property
    def state(self) -> State:
        return self._state

    @property
    def been_in(self) -> tuple[Flow, ...]:
        """The flows that the call has come through."""
        return tuple(self._been_in.values())

    @property
    def node(self) -> str:
        """Where the call stands; in another flow as flow/id."""
        return self._named(self._state.flow, self._state.node)

    @property
    def awaited(self) -> Instruction | None:
        """The instruction that the call waits at; None when it is over."""
        return None if self._state.ended or not self._state.instructions else self._state.instructions[-1]

    @property
    def listens(self) -> Listen | None:
        """The question that the caller may answer now, also one that is asked in a line."""
        asked = last_of(self._line) if self._line is not None else self.awaited
        return asked if isinstance(asked, Listen) else None

    @property
    def waiting_for(self) -> Waiting | None:
        match self.awaited:
            case Listen(inputs=inputs):
                return "key_or_speech" if len(set(inputs)) > 1 else "key" if "digits" in inputs else "speech"
            case RecordVoicemail() | Record():
                return "message"
            case EnterQueue():
                return "queue"
            case TransferToNumber():
                return "transfer"
            case TransferToAgent():
                return "agent"
            case _:
                return None

    def act(self, act: Act) -> SimulatedStep:
        """Do this and see what follows. What means nothing here is noted as a problem and changes nothing."""
        for event in self._events(act):
            self.happens(event)
        return self._note(act)

    def result(self) -> Simulation:
        ended = self._state.outcome if self._state.ended else None
        return Simulation(tuple(self.steps), self.waiting_for, self.node, ended, tuple(self.problems))

    def _by_chance(self, context: CallContext) -> CallContext:
        """The call under an id that falls into the given shares, as some real call would."""
        wanted = self.given.chance
        if not wanted:
            return context
        for node, share in wanted.items():
            if share not in self._shares(node):
                self.problems.append(f"chance: there is no share '{short(share)}' at {short(node)}")
                return context
        for number in range(MOST_CHANCES):
            tried = replace(context, call_id=f"simulated-{number}")
            if all(self._falls(tried, node, share) for node, share in wanted.items()):
                return tried
        self.problems.append("chance: no call falls so; where a split goes by the caller, give another caller")
        return context

    def _shares(self, node: str) -> list[str]:
        split = self._flow.nodes.get(node)
        return [way.label for way in split.ways()] if isinstance(split, SplitNode) else []

    def _falls(self, context: CallContext, node: str, share: str) -> bool:
        split = self._flow.nodes[node]
        return isinstance(split, SplitNode) and split.share(context, f"{self._flow.name}/{node}").label == share

    def _events(self, act: Act) -> Iterator[CallEvent]:
        """What the carrier or the host would tell the engine; waiting may bring one event after another."""
        if self._state.ended and not (act.message_s and self._state.outcome == "caller_hung_up"):
            self._problem(act, "the call is over")
        elif act.hang_up:
            yield CallerHungUp()
        elif act.wait_s is not None:
            yield from self._waits(act.wait_s)
        elif act.press is not None:
            yield from self._pressed(act, act.press)
        elif act.say is not None:
            yield from self._said(act, act.say)
        elif act.silence:
            yield from self._silent(act)
        elif act.message_s is not None:
            yield from self._left_message(act, act.message_s)
        else:
            yield from self._others_did(act)

    def _pressed(self, act: Act, keys: str) -> Iterator[CallEvent]:
        match self.awaited:
            case Listen(inputs=inputs) as listen if "digits" in inputs:
                taken, rest = _keys_taken(listen, keys)
                if rest:
                    self._problem(act, f"only {taken or 'the finish key'} is taken here, {rest} comes too late")
                yield DigitsEntered(taken)
            case EnterQueue(wait_flow=small) as entering if small:
                yield from self._asked_in_line(act, entering, "digits", keys)
            case EnterQueue(callback_key=key) if key and keys == key:
                yield QueueLeft("callback_asked")
            case EnterQueue(announcements=told) if keys == LEAVE_MESSAGE_KEY and told.message:
                yield QueueLeft("voicemail")
            case RecordVoicemail(finish_key=finish) | Record(finish_key=finish) if finish and keys == finish:
                yield InputTimedOut()
            case _:
                self._problem(act, f"no keys are taken here{self._instead()}")

    def _said(self, act: Act, words: str) -> Iterator[CallEvent]:
        match self.awaited:
            case Listen(inputs=inputs) if "speech" in inputs:
                yield SpeechHeard(words, act.confidence)
            case Listen():
                yield InputTimedOut()  # nobody listens: to the flow it is silence
            case EnterQueue(wait_flow=small) as entering if small:
                yield from self._asked_in_line(act, entering, "speech", words)
            case _:
                self._problem(act, f"no words are taken here{self._instead()}")

    def _silent(self, act: Act) -> Iterator[CallEvent]:
        match self.awaited:
            case Listen(timeout_s=seconds) | RecordVoicemail(silence_s=seconds) | Record(silence_s=seconds):
                self._at += timedelta(seconds=seconds)
                yield InputTimedOut()
            case _:
                self._problem(act, f"nothing is asked here{self._instead()}")

    def _asked_in_line(self, act: Act, entering: EnterQueue, way: InputKind, given: str) -> Iterator[CallEvent]:
        """An answer to what the small flow asks a waiting caller."""
        asked = last_of(self._line) if self._line is not None else None
        if not isinstance(asked, Listen) or way not in asked.inputs:
            self._problem(act, f"nothing is asked in the line{self._instead()}")
            return
        event = DigitsEntered(_keys_taken(asked, given)[0]) if way == "digits" else SpeechHeard(given, act.confidence)
        yield from filter(None, [self._round(entering, event)])

    def _left_message(self, act: Act, seconds: float) -> Iterator[CallEvent]:
        last = self._state.instructions[-1] if self._state.instructions else None
        if isinstance(last, RecordVoicemail | Record):
            self._at += timedelta(seconds=seconds)
            yield RecordingLeft("simulated", min(seconds, last.max_length_s))
        else:
            self._problem(act, f"no message is recorded here{self._instead()}")

    def _others_did(self, act: Act) -> Iterator[CallEvent]:
        awaited = self.awaited
        if act.agent_answers and isinstance(awaited, EnterQueue):
            yield QueueLeft("answered")
        elif act.leaves_queue and isinstance(awaited, EnterQueue):
            yield QueueLeft(act.leaves_queue)
        elif isinstance(awaited, TransferToNumber | TransferToAgent) and (act.transfer or act.agent_answers):
            yield TransferEnded(_status(act.transfer or "answered"))
        else:
            self._problem(act, f"nobody is called here{self._instead()}")

    def _waits(self, seconds: float) -> Iterator[CallEvent]:
        """Let time pass: silences, unanswered rings and queues bring their events when they are due."""
        until = self._at + timedelta(seconds=seconds)
        while not self._state.ended and (due := self._due()) is not None and due[0] <= until:
            self._at = due[0]
            yield due[1]
        self._at = until
        if isinstance(self.awaited, EnterQueue) and self._line is not None:
            yield from filter(None, [self._round(self.awaited, InputTimedOut())])

    def _due(self) -> tuple[datetime, CallEvent] | None:
        """What happens next when nobody does anything, and when."""
        match self.awaited:
            case Listen(timeout_s=seconds) | RecordVoicemail(silence_s=seconds) | Record(silence_s=seconds):
                return self._since + timedelta(seconds=seconds), InputTimedOut()
            case TransferToNumber(timeout_s=seconds) | TransferToAgent(timeout_s=seconds):
                return self._since + timedelta(seconds=seconds), TransferEnded("no-answer")
            case EnterQueue(queue=name, max_wait_s=limit):
                queue = self._queue(name)
                longest = min(queue.max_wait_s, limit or queue.max_wait_s)
                if queue.wait_s is not None and queue.agents and queue.wait_s <= longest:
                    return self._since + timedelta(seconds=queue.wait_s), QueueLeft("answered")
                return self._since + timedelta(seconds=longest), QueueLeft("max_wait")
            case _:
                return None

    def happens(self, event: CallEvent) -> None:
        """Tell the engine of an event, as the carrier or the host would; `act` gathers what follows from several."""
        self._took(self._resumed(event))

    def _resumed(self, event: CallEvent) -> Step:
        flow = self._found(self._state.flow, self._state.version)
        return resume(flow, self._state, event, now=self._at, flows=self._found)

    def _took(self, step: Step) -> None:
        """Keep what the engine answered, and answer for the host where nobody has to act."""
        self._keep(step)
        while (event := self._answered_at_once()) is not None:
            self._keep(self._resumed(event))

    def _keep(self, step: Step) -> None:
        self._state = step.state
        self._line = None
        self._done.take(step)
        self._since = self._at

    def _answered_at_once(self) -> CallEvent | None:
        """The event that follows by itself: another system's answer, a queue that is closed, a pause that is over."""
        match self.awaited:
            case Pause(seconds=seconds):
                self._at += timedelta(seconds=seconds)
                return Continued()
            case LookUp() as asked:
                return self._looked_up(asked)
            case EnterQueue(queue=name) if not self._queue(name).open:
                return QueueLeft("closed")
            case EnterQueue(wait_flow=small) as entering if small and self._line is None:
                return self._round(entering, Continued())
            case _:
                return None

    def _round(self, entering: EnterQueue, event: CallEvent) -> CallEvent | None:
        """One round of the small flow that plays in the line; the event with which the caller leaves it, if so.

        Each stretch of waiting plays one round, however long it is.
        """
        queue = self._queue_names(entering)
        try:
            step = self._next_of_line(entering, queue, event)
        except FlowError:
            self.problems.append(f"{self.node}: there is no flow {short(entering.wait_flow)} to play in the line")
            self._line = self._state  # not tried again at once: the house's own loop plays
            return None
        self._line = step.state
        reason = reason_to_leave(entering, step.state)
        if any(isinstance(one, RequestCallback) for one in step.instructions):
            reason = "callback"
        told = tuple(fact for fact in step.facts if not isinstance(fact, QueueJoined | FlowEnded))
        heard = () if reason == "voicemail" else step.instructions  # the message is taken outside the line
        self._done.take(replace(step, instructions=heard, facts=told))
        return QueueLeft(reason) if reason else None

    def _next_of_line(self, entering: EnterQueue, queue: dict[str, Any], event: CallEvent) -> Step:
        if self._line is None or goes_round(self._line):
            call = replace(self._state.call, now=self._at, language=self._state.language, queue=queue)
            step = start(self._found(entering.wait_flow, None), call, flows=self._found)
        else:
            step = self._resumed_in_line(replace(self._line, call=replace(self._line.call, queue=queue)), event)
        for _ in range(MOST_REFUSALS):
            refused = Continued() if isinstance(last_of(step.state), Pause) else refusal(step.state)
            if refused is None:
                break
            after = self._resumed_in_line(step.state, refused)
            step = Step((*step.instructions[:-1], *after.instructions), after.state, (*step.facts, *after.facts))
        return step

    def _resumed_in_line(self, state: State, event: CallEvent) -> Step:
        return resume(self._found(state.flow, state.version), state, event, now=self._at, flows=self._found)

    def _queue_names(self, entering: EnterQueue) -> dict[str, Any]:
        """What a small flow sees of the wait: queue.position and so on."""
        given = self._queue(entering.queue)
        waited_s = round((self._at - self._since).total_seconds())
        left_min = None if given.wait_s is None else max(0.0, given.wait_s - waited_s) / 60
        return {
            "name": entering.queue,
            "position": given.position,
            "low_min": None if left_min is None else int(left_min),
            "high_min": None if left_min is None else int(left_min) + 1,
            "waited_s": waited_s,
            "callback": True,
        }

    def _looked_up(self, asked: LookUp) -> LookupAnswered:
        names = (self.node, asked.node, asked.url, asked.url.partition("?")[0])
        answer = next((self.given.lookups[name] for name in names if name in self.given.lookups), None)
        if answer is None:
            self.problems.append(f"{self.node} asks {asked.url}: no answer is given; add one under given, lookups")
            return LookupAnswered(None, None, "unreachable")
        if answer.problem == "timeout":
            self._at += timedelta(seconds=asked.timeout_s)
            self._done.hear(asked.hold)
        return answer.as_event()

    def _note(self, act: Act | None) -> SimulatedStep:
        nodes, edges = self._way()
        masked = {
            name: MASK if name in self._state.sensitive else value for name, value in self._state.variables.items()
        }
        step = SimulatedStep(
            act=act,
            at=self._at,
            heard=tuple(self._done.heard),
            nodes=nodes,
            edges=edges,
            facts=tuple(fact.describe() for fact in self._done.facts),
            texts=tuple(self._done.texts),
            variables=masked,
            told=tuple(self._done.facts),
        )
        self._done = _Done()
        self.steps.append(step)
        return step

    def _way(self) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        nodes, edges = [], []
        for fact in self._done.facts:
            if isinstance(fact, QueueJoined):
                self._joined_at = self._last_node
            if isinstance(fact, QueueGone):  # whatever played in the line
                self._last_node = self._joined_at
            if isinstance(fact, FlowReturned):  # what follows is the calling node's way
                self._last_node = self._named(fact.flow, fact.node)
            if isinstance(fact, NodeEntered):
                node = self._named(fact.flow, fact.node)
                if self._last_node:
                    edges.append((self._last_node, node))
                nodes.append(node)
                self._last_node = node
        return tuple(nodes), tuple(edges)

    def _named(self, flow: str, node: str) -> str:
        return str(node) if flow == self._flow.name else f"{flow}/{node}"

    def _queue(self, name: str) -> GivenQueue:
        return self.given.queues.get(name, _ANY_QUEUE)

    def _found(self, name: str, version: str | None) -> Flow:
        """The flow under test stands for its name: a draft that comes back to itself finds the draft."""
        if name == self._flow.name and version in (None, self._flow.version):
            return self._flow
        if self._flows is None or name in self.given.missing_flows:
            raise FlowError([Fault(said("there is no flow '{name}' here", name=name[:60]), f"{name[:60]}.yaml")])
        found = self._flows(name, version)
        self._been_in[name] = found
        return found

    def _problem(self, act: Act, why: str) -> None:
        self.problems.append(f"{act.describe()}: {why}")

    def _instead(self) -> str:
        return _INSTEAD.get(self.waiting_for or "", "; the call is over" if self._state.ended else "")


@dataclass(slots=True)
class _Done:
    """What the engine's answers to one act amount to."""

    heard: list[Heard] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def take(self, step: Step) -> None:
        self.facts.extend(step.facts)
        for one in step.instructions:
            if isinstance(one, SendSms):
                self.texts.append(one.text)
            self.hear((one, *getattr(one, "prompts", ())))

    def hear(self, prompts: Iterable[Instruction]) -> None:
        for prompt in prompts:
            if isinstance(prompt, Say):
                self.heard.append(Heard(prompt.text, prompt.language))
            elif isinstance(prompt, Play):
                self.heard.append(Heard(play=prompt.url))


_ANY_QUEUE = GivenQueue()
_INSTEAD = {
    "key": "; a key is awaited",
    "speech": "; words are awaited",
    "key_or_speech": "; a key or words are awaited",
    "queue": "; the caller waits in a queue",
    "message": "; a message is recorded",
    "transfer": "; a number is being called",
    "agent": "; an agent is being called",
}


def _keys_taken(listen: Listen, keys: str) -> tuple[str, str]:
    """What the carrier passes on of the keys pressed, and what comes too late: input ends at the finish key and when
    enough keys were pressed."""
    finish = keys.find(listen.finish_key) if listen.finish_key else -1
    most = listen.max_digits or len(keys)
    if 0 <= finish <= most:
        return keys[:finish], keys[finish + 1 :]
    return keys[:most], keys[most:]


def _status(transfer: str) -> TransferStatus:
    statuses: dict[str, TransferStatus] = {
        "answered": "completed",
        "busy": "busy",
        "no-answer": "no-answer",
        "failed": "failed",
    }
    return statuses[transfer]

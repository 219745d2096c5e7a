"""The engine: a flow, where the call stands and what happened, in; what to do, where it stands now and what to tell,
out.

Pure: it reads no clock, no file and no network, and answers the same when asked twice with the same arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from ivr_flows import expressions
from ivr_flows.events import (
    CallerHungUp,
    CallEvent,
    Continued,
    DigitsEntered,
    InputTimedOut,
    LookupAnswered,
    QueueLeft,
    RecordingLeft,
    SpeechHeard,
    TransferEnded,
    tidied,
)
from ivr_flows.expressions import BadTemplate, TextTooLong
from ivr_flows.facts import (
    MASK,
    CallerLeft,
    Fact,
    FlowEnded,
    FlowEntered,
    FlowReturned,
    LimitReached,
    NodeEntered,
    Recorded,
    SmsRequested,
    Trouble,
    VariableSet,
    VoicemailLeft,
)
from ivr_flows.faults import FlowError
from ivr_flows.instructions import (
    ONCE,
    EnterQueue,
    Hangup,
    Instruction,
    Listen,
    LookUp,
    Pause,
    Play,
    Prompt,
    Record,
    RecordVoicemail,
    Say,
    TransferToAgent,
    TransferToNumber,
)
from ivr_flows.nodes.base import End, Go, GoToFlow, Node, OpeningTimes, Outcome, Return, Wait
from ivr_flows.schema import Flow
from ivr_flows.state import CallContext, Frame, State, extended_path
from ivr_flows.texts import Condition, PlayedPart, PromptText, SharedPart, SpokenPart, Template, Text

FlowLookup = Callable[[str, str | None], Flow]
"""Name and version (None: the live one) to a Flow; FlowError or LookupError when there is none."""

MAX_STEP_CHARS = 12_000  # spoken in one step; Twilio refuses TwiML over 64 KB
STEPS_AFTER_RESCUE = 20
MAX_SUBFLOWS = 10  # one inside the other
LAST_RESORT = "last-resort"
LAST_RESORT_MAILBOX = "general"
_LAST_RESORT_TEXT = {
    "en": "We are sorry, we cannot help you further just now. Please leave a message after the tone. We will call you.",
    "es": "Lo sentimos, en este momento no podemos atenderle. Deje un mensaje después del tono y le llamaremos.",
}

_AWAITED: dict[type, tuple[type, ...]] = {
    Listen: (DigitsEntered, SpeechHeard, InputTimedOut, Continued),
    RecordVoicemail: (RecordingLeft, InputTimedOut, Continued),
    Record: (RecordingLeft, InputTimedOut, Continued),
    Pause: (Continued,),
    EnterQueue: (QueueLeft, Continued),
    TransferToNumber: (TransferEnded, Continued),
    TransferToAgent: (TransferEnded, Continued),
    LookUp: (LookupAnswered,),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One answer of the engine: perform `instructions`, save `state`, tell `facts`.

    A repeated or unexpected event gives the given state back, unchanged.
    """

    instructions: tuple[Instruction, ...]
    state: State
    facts: tuple[Fact, ...]
    given_after: tuple[int, ...] = field(default=(), compare=False)
    """For each instruction, how many of the facts had been told when it was given: what says where it was heard."""


def start(flow: Flow, call: CallContext, *, flows: FlowLookup | None = None) -> Step:
    """Begin a call. `flows` finds other flows for transfers; without it they go to their fallback."""
    language = call.language if call.language in flow.languages else flow.default_language
    state = State(flow.name, flow.version, flow.start, call, language, versions={flow.name: flow.version})
    run = _Run(flow, state, flows)
    return run.finish(Go(flow.start))


def resume(
    flow: Flow, state: State, event: CallEvent, *, now: datetime | None = None, flows: FlowLookup | None = None
) -> Step:
    """Go on after an event.

    An event that the call does not wait for (late, doubled, out of order) repeats the current step: same instructions
    without side effects, same state, no facts. `now` renews the time that hours and conditions see. ValueError when
    `flow` is not the version that the state is pinned to.
    """
    if (flow.name, flow.version) != (state.flow, state.version):
        raise ValueError(
            f"the call is in flow {state.flow} at version {state.version}, not in {flow.name} at {flow.version}"
        )
    event = tidied(event)
    if now is not None:
        state = replace(state, call=replace(state.call, now=now))
    if isinstance(event, CallerHungUp):
        return _hung_up(state)
    if state.ended:
        return _late_recording(flow, state, event) or repeat(state)
    if not _is_awaited(state, event):
        return repeat(state)
    run = _Run(flow, state, flows)
    outcome = run.react(event)
    return repeat(state) if outcome is None else run.finish(outcome)


def repeat(state: State) -> Step:
    """The current step again, for a webhook that arrives twice.

    What the caller hears, without side effects and without facts.
    """
    return Step(state.instructions, state, ())


def _is_awaited(state: State, event: CallEvent) -> bool:
    last = state.instructions[-1] if state.instructions else None
    return isinstance(event, _AWAITED.get(type(last), ()))


def _hung_up(state: State) -> Step:
    if state.ended:
        return Step((), state, ())
    facts: tuple[Fact, ...] = (CallerLeft(state.node), FlowEnded(state.node, "caller_hung_up"))
    return Step((), replace(state, ended=True, outcome="caller_hung_up", step=state.step + 1), facts)


def _late_recording(flow: Flow, state: State, event: CallEvent) -> Step | None:
    """A caller who hangs up after the message has left it all the same: the recording arrives when the call is over."""
    record = state.instructions[-1] if state.instructions else None
    if not isinstance(event, RecordingLeft) or event.duration_s <= 0:
        return None
    if isinstance(record, Record):
        recorded = Recorded(state.node, event.reference, event.duration_s)
        return Step((), replace(state, instructions=(Hangup(),), step=state.step + 1), (recorded,))
    if not isinstance(record, RecordVoicemail):
        return None
    fact = VoicemailLeft(state.node, record.mailbox, event.reference, event.duration_s)
    return Step((), replace(state, outcome="voicemail", instructions=(Hangup(),), step=state.step + 1), (fact,))


class _TooMuch(Exception):
    """A limit was reached."""

    def __init__(self, limit: Literal["steps", "text"]) -> None:
        self.limit = limit


@dataclass(slots=True)
class _Run:
    """One walk through the flow, from an event to the next wait or the end.

    Lives as long as one call of start or resume.
    """

    flow: Flow
    state: State
    flows: FlowLookup | None
    instructions: list[Instruction] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    given_after: list[int] = field(default_factory=list)

    def react(self, event: CallEvent) -> Outcome | None:
        """What the current node makes of the event; None when it does not wait for it after all."""
        if self.state.node == LAST_RESORT:
            return self._after_last_resort(event)
        try:
            outcome: Outcome | None = self._asked(lambda view: self._node().resume(view, event))
            return outcome
        except _TooMuch as reached:
            return self._rescue(reached.limit)

    def finish(self, outcome: Outcome) -> Step:
        """Walk on until the call waits or ends."""
        next_outcome: Outcome | None = outcome
        while next_outcome is not None:
            try:
                next_outcome = self._perform(next_outcome)
            except _TooMuch as reached:
                next_outcome = self._rescue(reached.limit)
        state = replace(
            self.state,
            step=self.state.step + 1,
            path=extended_path(self.state.path, self.facts),
            instructions=tuple(one for one in self.instructions if not isinstance(one, ONCE)),
        )
        return Step(tuple(self.instructions), state, tuple(self.facts), tuple(self.given_after))

    def _perform(self, outcome: Outcome) -> Outcome | None:
        """Take in one outcome and say what follows from it; None when the call waits or has ended."""
        match outcome:
            case Wait():
                self._set(Go(None, variables=outcome.variables))
                self._take(outcome.instructions, outcome.facts)
                tries = self.state.tries + (1 if outcome.is_retry else 0)
                self.state = replace(self.state, pending=dict(outcome.pending), tries=tries)
                return None
            case End():
                self._take(
                    outcome.instructions, (*outcome.facts, FlowEnded(self.state.node, outcome.outcome, outcome.goal))
                )
                self.state = replace(self.state, ended=True, outcome=outcome.outcome, pending={})
                return None
            case GoToFlow():
                self._take(outcome.instructions, ())
                return self._enter_flow(outcome)
            case Return():
                self._take(outcome.instructions, ())
                return self._return(outcome.result)
            case Go():
                self._set(outcome)
                self._take(outcome.instructions, outcome.facts)
                return self._go(outcome.to)

    def _go(self, to: str | None) -> Outcome:
        if to is None and self.state.node == self.flow.fallback:
            return self._last_resort()  # the fallback itself could not help
        return self._enter(to or self.flow.fallback)

    def _enter(self, node_id: str) -> Outcome:
        if self.state.nodes_entered >= self.flow.limits.steps + self.state.rescues * STEPS_AFTER_RESCUE:
            raise _TooMuch("steps")
        self.state = replace(self.state, node=node_id, nodes_entered=self.state.nodes_entered + 1, tries=0, pending={})
        node = self._node()
        self.facts.append(
            NodeEntered(self.flow.name, node_id, node.kind, node.label, node.on_path or node.title is not None)
        )
        outcome: Outcome = self._asked(node.enter)
        return outcome

    def _enter_flow(self, going: GoToFlow) -> Outcome:
        state = self.state
        if going.comes_back and len(state.stack) >= MAX_SUBFLOWS:
            return self._stuck(f"more than {MAX_SUBFLOWS} subflows inside each other", going.otherwise)
        flow = self._other_flow(going.flow, state.versions.get(going.flow))
        if isinstance(flow, str):
            return self._stuck(f"flow {going.flow} cannot be entered: {flow}", going.otherwise)
        stack = (*state.stack, Frame(state.flow, state.version, state.node, state.language)) if going.comes_back else ()
        self._set(Go(None, variables=going.variables))
        self._change_flow(flow, stack)
        self.facts.append(FlowEntered(flow.name, flow.version))
        return Go(flow.start)

    def _return(self, result: str) -> Outcome:
        """Back to where this flow was called from: that node says where to go on."""
        if not self.state.stack:
            return self._stuck("there is nothing to return to: no flow called this one", None)
        *outer, frame = self.state.stack
        flow = self._other_flow(frame.flow, frame.version)
        if isinstance(flow, str):
            return self._stuck(f"flow {frame.flow} cannot be gone back to: {flow}", None)
        was_heard = frame.language in self.flow.languages  # else the subflow changed it for want of a choice
        language = self.state.language if was_heard else frame.language
        self.state = replace(self.state, node=frame.node, language=language, tries=0, pending={})
        self._change_flow(flow, tuple(outer))
        self.facts.append(FlowReturned(flow.name, flow.version, frame.node, result))
        outcome: Outcome = self._asked(lambda view: self._node().returned(view, result))
        return outcome

    def _other_flow(self, name: str, version: str | None) -> Flow | str:
        """The flow, or why there is none."""
        if (name, version) == (self.flow.name, self.flow.version):
            return self.flow
        if self.flows is None:
            return "no other flows are known here"
        try:
            return self.flows(name, version)
        except (FlowError, LookupError) as error:
            return str(error)[:200]

    def _change_flow(self, flow: Flow, stack: tuple[Frame, ...]) -> None:
        self.flow = flow
        self.state = replace(
            self.state,
            flow=flow.name,
            version=flow.version,
            language=self.state.language if self.state.language in flow.languages else flow.default_language,
            versions={**self.state.versions, flow.name: flow.version},
            stack=stack,
        )

    def _stuck(self, why: str, otherwise: str | None) -> Outcome:
        self.facts.append(Trouble(self.state.node, why))
        return Go(otherwise)

    def _rescue(self, limit: Literal["steps", "text"]) -> Outcome:
        """A limit never drops the caller: on to the fallback, and when that meets a limit too, to the last resort."""
        self.facts.append(LimitReached(self.state.node, limit))
        self.state = replace(self.state, rescues=self.state.rescues + 1)
        if limit == "text":
            kept = [pair for pair in zip(self.instructions, self.given_after, strict=True) if isinstance(pair[0], ONCE)]
            self.instructions, self.given_after = [one for one, _ in kept], [after for _, after in kept]
        return Go(self.flow.fallback) if self.state.rescues == 1 else self._last_resort()

    def _last_resort(self) -> Outcome:
        """A message that needs nothing of the flow: it cannot fail and cannot loop."""
        fallback = self.flow.nodes[self.flow.fallback]
        mailbox = getattr(fallback, "mailbox", None) or getattr(fallback, "queue", None) or LAST_RESORT_MAILBOX
        base = self.state.language.split("-")[0]
        language, text = (
            (self.state.language, _LAST_RESORT_TEXT[base])
            if base in _LAST_RESORT_TEXT
            else ("en", _LAST_RESORT_TEXT["en"])
        )
        self.state = replace(self.state, node=LAST_RESORT, tries=0)
        self.facts.append(NodeEntered(self.flow.name, LAST_RESORT, "voicemail", "Message of last resort"))
        return Wait((RecordVoicemail((Say(text, language),), mailbox, language),))

    def _after_last_resort(self, event: CallEvent) -> Outcome:
        record = self.state.instructions[-1]
        if isinstance(event, RecordingLeft) and isinstance(record, RecordVoicemail) and event.duration_s > 0:
            fact = VoicemailLeft(self.state.node, record.mailbox, event.reference, event.duration_s)
            return End("voicemail", (Hangup(),), (fact,))
        return End("no_message", (Hangup(),))

    def _asked(self, question: Callable[[_View], Any]) -> Any:
        """Let a node work with a view of the call, and note what went wrong with its texts."""
        view = _View(self.state, self.flow)
        try:
            return question(view)
        except TextTooLong as error:
            raise _TooMuch("text") from error
        finally:
            self.facts.extend(view.troubles)

    def _set(self, going: Go) -> None:
        if not (going.variables or going.sensitive or going.language or going.customer):
            return
        derived = tuple(name for name, value in going.variables.items() if self._is_secret(str(value)))
        self.state = replace(
            self.state,
            variables={**self.state.variables, **going.variables},
            sensitive=tuple(dict.fromkeys((*self.state.sensitive, *going.sensitive, *derived))),
            language=going.language or self.state.language,
        )
        if going.customer:
            customer = {**self.state.call.customer, **going.customer}
            self.state = replace(self.state, call=replace(self.state.call, customer=customer))

    def _take(self, instructions: tuple[Instruction, ...], facts: tuple[Fact, ...]) -> None:
        self.facts.extend(map(self._masked, facts))
        if _spoken_chars(self.instructions) + _spoken_chars(instructions) > MAX_STEP_CHARS:
            raise _TooMuch("text")
        self.instructions.extend(instructions)
        self.given_after.extend(len(self.facts) for _ in instructions)

    def _masked(self, fact: Fact) -> Fact:
        """Sensitive values stay out of the timeline, also when a flow copies them into another variable or a text."""
        match fact:
            case VariableSet(value=value) if self._is_secret(value):
                return replace(fact, value=MASK)
            case SmsRequested(text=text) if self._is_secret(text):
                return replace(fact, text=MASK)
            case _:
                return fact

    def _is_secret(self, text: str) -> bool:
        secrets = (str(self.state.variables.get(name, "")) for name in self.state.sensitive)
        return any(len(secret) >= 3 and secret in text for secret in secrets)

    def _node(self) -> Node:
        return self.flow.nodes[self.state.node]


@dataclass(slots=True)
class _View:
    """The call as nodes see it (see nodes.base.Call)."""

    state: State
    flow: Flow
    troubles: list[Trouble] = field(default_factory=list)

    @property
    def context(self) -> CallContext:
        return self.state.call

    @property
    def language(self) -> str:
        return self.state.language

    @property
    def tries(self) -> int:
        return self.state.tries

    @property
    def pending(self) -> Mapping[str, Any]:
        return self.state.pending

    @property
    def variables(self) -> Mapping[str, Any]:
        return self.state.variables

    @property
    def place(self) -> str:
        return f"{self.state.flow}/{self.state.node}"

    def prompt(self, prompt: PromptText | None, **extra: Any) -> tuple[Prompt, ...]:
        parts = (self._part(part, extra) for part in (self._written_out(prompt) if prompt else ()))
        return tuple(part for part in parts if not isinstance(part, Say) or part.text)

    def text(self, text: Text, **extra: Any) -> str:
        return self._fill(text, self.language, extra)

    def fill(self, template: Template, *, in_url: bool = False) -> str:
        try:
            return expressions.fill(template, self._names({}), in_url=in_url)
        except BadTemplate as error:
            self.troubles.append(Trouble(self.state.node, f"a text cannot be filled in: {error}"))
            return ""

    def holds(self, condition: Condition) -> bool:
        try:
            return expressions.evaluate(condition, self._names({}))
        except BadTemplate as error:
            self.troubles.append(Trouble(self.state.node, f"the condition {condition} cannot be worked out: {error}"))
            return False

    def facts_for_agent(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.state.variables.items() if name not in self.state.sensitive}

    def hours(self, name: str) -> OpeningTimes:
        return self.flow.hours[name]

    def _written_out(self, prompt: PromptText) -> Iterator[SpokenPart | PlayedPart]:
        """The prompt's parts, with those of shared prompts in their place."""
        for part in prompt.parts:
            if isinstance(part, SharedPart):
                yield from self._written_out(self.flow.prompts[part.name])
            else:
                yield part

    def _part(self, part: Any, extra: Mapping[str, Any]) -> Prompt:
        if isinstance(part, PlayedPart):
            return Play(part.audio.in_language(self.language, self.flow.default_language))
        language = part.language or self._language_of(part.text)
        return Say(self._fill(part.text, language, extra), language)

    def _language_of(self, text: Text) -> str:
        """The language in which this text will be said.

        The caller's, or the flow's first where only that one is given.
        """
        return (
            self.flow.default_language
            if self.language not in text.by_language and self.flow.default_language in text.by_language
            else self.language
        )

    def _fill(self, text: Text, language: str, extra: Mapping[str, Any]) -> str:
        source = text.in_language(language, self.flow.default_language)
        try:
            return expressions.fill(source, self._names(extra))
        except BadTemplate as error:
            self.troubles.append(Trouble(self.state.node, f"a text cannot be filled in: {error}"))
            return ""

    def _names(self, extra: Mapping[str, Any]) -> dict[str, Any]:
        call = self.state.call
        return {
            "vars": self.state.variables,
            "customer": call.customer,
            "call": {"caller": call.caller, "called": call.called, "language": self.state.language},
            "queue": call.queue,
            "now": expressions.clock_names(call.now.astimezone(self.flow.zone)),
            **extra,
        }


def _spoken_chars(instructions: tuple[Instruction, ...] | list[Instruction]) -> int:
    prompts = [prompt for one in instructions for prompt in (one, *getattr(one, "prompts", ()))]
    return sum(len(prompt.text) for prompt in prompts if isinstance(prompt, Say))

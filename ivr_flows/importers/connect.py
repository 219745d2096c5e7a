"""An Amazon Connect flow, in the Flow language that its editor and the API export.

Source: https://docs.aws.amazon.com/connect/latest/devguide/flow-language.html
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ivr_flows.faults import short
from ivr_flows.importers.draft import END, Draft, Fields, Imported, ImportFailed, Options, Ref, as_text, mappings, slug
from ivr_flows.patterns import KEY_PATTERN

MAX_ACTIONS = 2000
PATHS = {
    "$.CustomerEndpoint.Address": "call.caller",
    "$.SystemEndpoint.Address": "call.called",
    "$.LanguageCode": "call.language",
}
HOUSE = {
    "UpdateContactRecordingBehavior": "recording is a setting of the house",
    "UpdateContactRecordingAndAnalyticsBehavior": "recording is a setting of the house",
    "UpdateFlowLoggingBehavior": "every step of a call is on its timeline always",
    "UpdateContactTextToSpeechVoice": "the voice is chosen by language in the settings",
    "UpdateContactMediaStreamingBehavior": "every call is transcribed live by the house itself",
}
"""Actions for what a house sets once, not a flow."""
MEASURING = ("CheckMetricData", "GetMetricData")
"""Ask whether agents are there: callers go on as when they are, since a queue here says itself how long it takes."""
_PATH = re.compile(r"\$\.[A-Za-z][\w]*(?:\.[\w-]+)*")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-")
_NUMBER = re.compile(r"\+[1-9]\d{6,14}\Z")
_TAG = re.compile(r"<[^>]{0,300}>")


def is_connect(data: Any) -> bool:
    return isinstance(data, dict) and "Actions" in _content(data)


def import_connect(data: Any, options: Options | None = None) -> Imported:
    """Read a flow in Connect's language: the export, or the API's answer with Content. ImportFailed when it is none."""
    content = _content(data)
    actions = content.get("Actions")
    if not isinstance(actions, list) or not actions:
        raise ImportFailed("an Amazon Connect flow has a list of Actions")
    if len(actions) > MAX_ACTIONS:
        raise ImportFailed(f"the flow has more than {MAX_ACTIONS:,} actions")
    around = data.get("ContactFlow", data) if isinstance(data, dict) else {}
    name = as_text(around.get("Name")) if isinstance(around, dict) else ""
    return _Connect(content, list(map(_action, actions)), name, options or Options()).read()


def _content(data: Any) -> Mapping[str, Any]:
    """The flow itself; the API gives it as text inside ContactFlow."""
    if not isinstance(data, dict):
        return {}
    inside = data.get("ContactFlow", data)
    content = inside.get("Content", inside) if isinstance(inside, dict) else {}
    if isinstance(content, str):
        try:
            content = json.loads(content)
        except ValueError as error:
            raise ImportFailed("the flow's Content is no JSON") from error
    return content if isinstance(content, dict) else {}


def _action(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict) or not as_text(raw.get("Identifier")) or not isinstance(raw.get("Type"), str):
        raise ImportFailed("every action has an Identifier and a Type")
    return {**raw, "Identifier": as_text(raw["Identifier"])}


class _Ways:
    """The transitions of an action: what follows, errors by type, and conditions."""

    def __init__(self, raw: Any) -> None:
        raw = raw if isinstance(raw, dict) else {}
        self._next: str | None = as_text(raw.get("NextAction")) or None
        self._errors = {
            as_text(one.get("ErrorType")): as_text(one.get("NextAction")) for one in mappings(raw.get("Errors"))
        }
        self.conditions = mappings(raw.get("Conditions"))

    def following(self) -> Ref:
        found, self._next = self._next, None
        return Ref(found or END)

    def error(self, *types: str) -> Ref | None:
        """Where the first of these errors leads; None when none of them is caught."""
        found = [self._errors.pop(type_, "") for type_ in types]
        return next((Ref(to) for to in found if to), None)

    def when(self, operand: str) -> Ref | None:
        """Where the condition "equals this" leads."""
        for one in self.conditions:
            if [word.lower() for word in _operands(one)] == [operand.lower()]:
                self.conditions.remove(one)
                return Ref(as_text(one.get("NextAction")) or END)
        return None

    def left(self, *, but: str) -> Iterator[str]:
        """Ways that nobody took and that lead elsewhere than the action goes on anyway."""
        for type_, to in self._errors.items():
            if to and to != but:
                yield f"{type_} → {short(to)}"
        for one in self.conditions:
            to = as_text(one.get("NextAction"))
            if to and to != but:
                yield f"{_operator(one)} {', '.join(_operands(one))} → {short(to)}"
        if self._next and self._next != but:
            yield f"NextAction → {short(self._next)}"


def _operands(condition: Mapping[str, Any]) -> list[str]:
    inner = condition.get("Condition")
    found = inner.get("Operands") if isinstance(inner, dict) else None
    return list(map(as_text, found)) if isinstance(found, list) else []


def _operator(condition: Mapping[str, Any]) -> str:
    inner = condition.get("Condition")
    return as_text(inner.get("Operator")) if isinstance(inner, dict) else ""


class _Connect:
    def __init__(self, content: Mapping[str, Any], actions: list[dict[str, Any]], name: str, options: Options) -> None:
        self.actions = {action["Identifier"]: action for action in actions}
        if len(self.actions) < len(actions):
            twice = next(key for key, count in Counter(one["Identifier"] for one in actions).items() if count > 1)
            raise ImportFailed(f"two actions have the Identifier {short(twice)!r}")
        self.start = as_text(content.get("StartAction"))
        metadata = content.get("Metadata")
        self.metadata: Mapping[str, Any] = metadata if isinstance(metadata, dict) else {}
        title = short(name or as_text(self.metadata.get("name")) or "Imported from Amazon Connect", 120)
        self.draft = Draft(title, self._language(), options)
        self.queues = self._queues_at_transfers()

    def read(self) -> Imported:
        if self.start not in self.actions:
            raise ImportFailed("StartAction names no action of the flow")
        for id_, action in self.actions.items():
            self.draft.name(id_, self._wish(id_, action))
            self._tell_of_lost_ways(id_, action)
        for id_, action in self.actions.items():
            self._convert(id_, action)
        return self.draft.finish(self.start)

    def _wish(self, id_: str, action: Mapping[str, Any]) -> str:
        """What a person called the block, else what it does."""
        named = as_text(self._about(id_).get("friendlyName"))
        return named or (action["Type"] if _UUID.match(id_) else id_)

    def _about(self, id_: str) -> Mapping[str, Any]:
        about = self.metadata.get("ActionMetadata")
        found = about.get(id_) if isinstance(about, dict) else None
        return found if isinstance(found, dict) else {}

    def _shown(self, id_: str, parameter: str, value: str) -> str:
        """The name that the editor showed for an ARN, which stands in the metadata; else its last part."""
        parameters = self._about(id_).get("parameters")
        about = parameters.get(parameter) if isinstance(parameters, dict) else None
        shown = as_text(about.get("displayName")) if isinstance(about, dict) else ""
        return shown or value.rpartition("/")[2]

    def _tell_of_lost_ways(self, id_: str, action: Mapping[str, Any]) -> None:
        for to in sorted(set(_targets(action)) - self.actions.keys()):
            self.draft.note(f"leads to {short(to)}, which is not in the flow: callers go to the fallback", id_)

    def _convert(self, id_: str, action: Mapping[str, Any]) -> None:
        fields = Fields(action.get("Parameters"))
        ways = _Ways(action.get("Transitions"))
        to = (
            as_text((action.get("Transitions") or {}).get("NextAction"))
            if isinstance(action.get("Transitions"), dict)
            else ""
        )
        convert = ACTIONS.get(action["Type"])
        if convert is None or not convert(self, id_, fields, ways):
            self._without_counterpart(id_, action, Fields(action.get("Parameters")))
            return
        for key, value in fields.left():
            self.draft.note(f"{key}: is not a setting here (it was {value})", id_)
        for way in ways.left(but=to):
            self.draft.note(f"the way {way} has no counterpart", id_)

    def _without_counterpart(self, id_: str, action: Mapping[str, Any], fields: Fields) -> None:
        ways = _Ways(action.get("Transitions"))
        to = ways.following()
        if action["Type"] in MEASURING and ways.conditions:
            to = Ref(as_text(ways.conditions.pop(0).get("NextAction")) or END)
        if to == END:
            to = ways.error("NoMatchingCondition", "NoMatchingError") or Ref(END)
        rest = ", ".join(ways.left(but=to))
        settings = ", ".join(f"{key}: {value}" for key, value in fields.left())
        kind = short(action["Type"])
        lost = "has no counterpart; " + ("the call goes on" if to != END else "the call ends there")
        said = f"the action {kind} {lost}" if kind not in HOUSE else f"{kind}: {HOUSE[kind]}"
        self.draft.skip(
            id_,
            to,
            said + (f"; left out: {rest}" if rest else "") + (f"; its settings were {settings}" if settings else ""),
        )

    # texts and variables

    def _path(self, path: str) -> str | None:
        if path in PATHS:
            return PATHS[path]
        if match := re.fullmatch(r"\$\.(?:Attributes|External|FlowAttributes)\.([\w-]+)", path):
            return f"vars.{self.draft.variable(match[1])}"
        return f"vars.{self.draft.variable('StoredCustomerInput')}" if path == "$.StoredCustomerInput" else None

    def _text(self, id_: str, text: str) -> str:
        def here(match: re.Match[str]) -> str:
            found = self._path(match[0])
            if found is None:
                self.draft.note(f"the value {match[0]} is not known here: it is left out", id_)
            return f"{{{{ {found} }}}}" if found else ""

        return self.draft.template(_PATH.sub(here, text.replace("{{", "((").replace("{%", "(%")), id_)

    def _language(self) -> str:
        codes = (
            as_text(_parameters(action).get("LanguageCode"))
            for action in self.actions.values()
            if action["Type"] in ("UpdateContactData", "UpdateContactTextToSpeechVoice")
        )
        found = Counter(code.split("-")[0].lower() for code in codes if re.fullmatch(r"[a-z]{2,3}-[A-Z]{2}", code))
        return found.most_common(1)[0][0] if found else "en"

    def _prompt(self, id_: str, fields: Fields) -> Any:
        """What is said or played; None when it is nothing."""
        text, markup = fields.text("Text"), fields.text("SSML")
        recording = fields.text("PromptId")
        media = fields.take("Media")
        fields.take("SkipWhenDTMFBufferEnabled")
        if recording:
            return self._recording(id_, self._shown(id_, "PromptId", recording))
        if isinstance(media, dict) and as_text(media.get("Uri")):
            return self._recording(id_, as_text(media["Uri"]).rpartition("/")[2])
        if markup:
            self.draft.note("its mark-up (SSML) for the voice is left out, its words are kept", id_)
        said = self._text(id_, text or _without_markup(markup)).strip()
        return self.draft.prompt(said) if said else None

    def _recording(self, id_: str, name: str) -> list[dict[str, str]]:
        address = f"/audio/{slug(name.removesuffix('.wav'), 'prompt', 60)}.wav"
        self.draft.note(f"the recording {short(name)} is not in the export: put it at {address}", id_)
        return [{"play": address}]

    # actions

    def message(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        prompt, to = self._prompt(id_, fields), ways.following()
        if prompt is None:
            self.draft.skip(id_, to, "says nothing that can be said here")
            return True
        return self.draft.add(id_, "say", text=prompt, next=to)

    def messages(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        """A loop of prompts for callers who wait: here the queue's own loop does that."""
        parts: list[Any] = []
        for one in mappings(fields.take("Messages")):
            prompt = self._prompt(id_, Fields(one))
            parts += prompt if isinstance(prompt, list) else [{"say": prompt}] if prompt else []
        self.draft.note("repeats its messages while the caller waits: here each is said once", id_)
        fields.take("InterruptFrequencySeconds")
        return bool(parts) and self.draft.add(id_, "say", text=parts[:20], next=ways.following())

    def question(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        prompt = self._prompt(id_, fields)
        if prompt is None:
            prompt = "Please choose."
            self.draft.note(f"asks without a word: here it says “{prompt}”", id_)
        silence = ways.error("InputTimeLimitExceeded")
        unclear = ways.error("NoMatchingCondition", "InvalidPhoneNumber")
        failed = ways.error("NoMatchingError")
        asks_once = id_ not in (silence or failed, unclear or failed)
        more = {
            "prompt": prompt,
            "tries": 1 if asks_once else None,
            "timeout_s": fields.whole("InputTimeLimitSeconds", 5, 1, 60),
            "no_input": self._after_giving_up(id_, silence or failed),
            "no_match": self._after_giving_up(id_, unclear or failed),
        }
        if fields.text("StoreInput").lower() == "true":
            return self._collect(id_, fields, ways, more)
        return self._menu(id_, fields, ways, more)

    def _after_giving_up(self, id_: str, to: Ref | None) -> Ref | None:
        if to == id_:
            self.draft.note("was asked again for ever: here three times, then the fallback", id_)
            return None
        return to

    def _menu(self, id_: str, fields: Fields, ways: _Ways, more: Mapping[str, Any]) -> bool:
        for key in ("DTMFConfiguration", "InputValidation"):
            fields.take(key)
        choices = []
        for one in list(ways.conditions):
            keys = _operands(one)
            if _operator(one) == "Equals" and keys and all(re.match(KEY_PATTERN, key) for key in keys):
                choices += [{"key": key, "to": Ref(as_text(one.get("NextAction")) or END)} for key in keys]
                ways.conditions.remove(one)
        ways.following()
        return bool(choices) and self.draft.add(id_, "menu", **more, choices=choices)

    def _collect(self, id_: str, fields: Fields, ways: _Ways, more: Mapping[str, Any]) -> bool:
        keys = Fields(fields.take("DTMFConfiguration"))
        rules = Fields(fields.take("InputValidation"))
        own = Fields(rules.take("CustomValidation"))
        encryption = fields.take("InputEncryption")
        if encryption:
            self.draft.note("its input was encrypted with a key: here it is masked everywhere instead", id_)
        if rules.take("PhoneNumberValidation"):
            self.draft.note("checked for a phone number: here any digits are taken", id_)
        finish = keys.text("InputTerminationSequence")
        for inner in (keys, rules, own):
            own.text("MaximumLength")
            for key, value in inner.left():
                self.draft.note(f"{key}: is not a setting here (it was {value})", id_)
        return self.draft.add(
            id_,
            "collect",
            **more,
            into=self.draft.variable("StoredCustomerInput"),
            max_length=own.whole("MaximumLength", 20, 1, 64),
            finish_key=finish if finish in ("#", "*") else None,
            sensitive=True if encryption else None,
            next=ways.following(),
        )

    def hours(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        given = fields.text("HoursOfOperationId")
        name = self._shown(id_, "HoursOfOperationId", given) if given else "of the queue"
        following = ways.following()
        error = ways.error("NoMatchingError", "NoMatchingCondition")
        open_ = ways.when("True") or following
        closed = ways.when("False") or error or following
        self.draft.note(f"the hours {short(name)} are not in the export: 24/7 stands here, write the times in", id_)
        return self.draft.add(id_, "hours", zone="UTC", weekly="24/7", open=open_, closed=closed)

    def compare(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        value = fields.text("ComparisonValue")
        left = self._path(value.strip())
        following = ways.following()
        otherwise = ways.error("NoMatchingCondition", "NoMatchingError") or following
        cases = []
        for one in list(ways.conditions):
            made = COMPARISONS.get(_operator(one))
            said = made(left, _operands(one)) if made and left and _operands(one) else None
            if said:
                cases.append({"if": said, "to": Ref(as_text(one.get("NextAction")) or END)})
                ways.conditions.remove(one)
        if cases:
            return self.draft.add(id_, "branch", when=cases, otherwise=otherwise)
        rest = ", ".join(ways.left(but=otherwise))
        ways.conditions.clear()
        self.draft.skip(
            id_,
            otherwise,
            f"compares {short(value)}, which is not known here: every call goes on as with no match"
            + (f"; left out: {rest}" if rest else ""),
        )
        return True

    def attributes(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        given = fields.take("Attributes") or fields.take("FlowAttributes")
        fields.take("TargetContact")
        values = {}
        for key, value in given.items() if isinstance(given, dict) else ():
            value = value.get("Value") if isinstance(value, dict) else value
            values[self.draft.variable(as_text(key))] = self._text(id_, as_text(value)).strip() or "{{ '' }}"
        to = ways.following()
        if not values:
            self.draft.skip(id_, to, "sets nothing")
            return True
        return self._set_in_parts(id_, list(values.items()), to)

    def _set_in_parts(self, id_: str, values: list[tuple[str, Any]], to: Ref) -> bool:
        """A set node holds twenty variables; more are set one node after the other."""
        parts = [dict(values[at : at + 20]) for at in range(0, len(values), 20)]
        done = True
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            following = to if last else self.draft.part(id_, f"more_{index + 1}")
            beside = f"more_{index}" if index else ""
            done = self.draft.add(id_, "set", beside=beside, variables=part, next=following) and done
        return done

    def data(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        code = fields.text("LanguageCode").split("-")[0].lower()
        if code and code != self.draft.language:
            self.draft.note(f"the language {code} is not one of this flow's: add it to languages, with its texts", id_)
        for key, value in fields.left():
            self.draft.note(f"{key}: is not a setting here (it was {value})", id_)
        self.draft.skip(id_, ways.following(), "the caller's language is the entry point's")
        return True

    def target_queue(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        """The queue is named here and entered later: it stands in the queue node itself."""
        queue, agent = fields.text("QueueId"), fields.text("AgentId")
        to = ways.following()
        failed = ways.error("NoMatchingError")
        if failed not in (None, to):
            self.draft.note(f"NoMatchingError → {short(failed)}: a queue of this house is always there", id_)
        users = [transfer for transfer, before in self.queues.items() if id_ in before]
        if agent:
            self.draft.skip(id_, to, f"waits for one agent ({short(agent)}): use a transfer with agent")
        elif any(len(self.queues[transfer]) > 1 for transfer in users):
            key = self._queue(id_, queue)
            return self.draft.add(id_, "set", variables={self.draft.variable("target queue"): key}, next=to)
        elif users:
            self.draft.aliases[id_] = to
            self.draft.stands_for.setdefault(id_, []).append(self.draft.name(users[0]))
        else:
            self.draft.skip(id_, to, f"the queue {self._shown(id_, 'QueueId', queue)} is named and never entered")
        return True

    def _queue(self, id_: str, given: str) -> str:
        shown = self._shown(id_, "QueueId", given)
        names = self.draft.options.queues
        known = names.get(given) or names.get(shown)
        if known:
            return known
        said = f"the queue {short(shown)} has no name here: callers wait in {self.draft.options.queue}"
        self.draft.note(said, id_)
        return self.draft.options.queue

    def transfer_to_queue(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        following = ways.following()
        full = ways.error("QueueAtCapacity")
        failed = ways.error("NoMatchingError")
        after = next((to for to in (full, failed) if to), None) or (following if following != END else None)
        if failed not in (None, after):
            self.draft.note(f"NoMatchingError → {short(failed)}: goes with QueueAtCapacity", id_)
        named = sorted(self.queues.get(id_, ()))
        given = fields.text("QueueId")
        if len(named) > 1:
            return self._one_queue_of(id_, named, after)
        if named or given:
            queue = (
                self._queue(named[0], as_text(_parameters(self.actions[named[0]]).get("QueueId")))
                if named
                else self._queue(id_, given)
            )
        else:
            queue = self.draft.options.queue
            self.draft.note(f"no queue is named before it: callers wait in {queue}", id_)
        return self.draft.add(id_, "queue", queue=queue, unanswered=after)

    def _one_queue_of(self, id_: str, named: list[str], after: Ref | None) -> bool:
        variable = self.draft.variable("target queue")
        keys = dict.fromkeys(self._queue(one, as_text(_parameters(self.actions[one]).get("QueueId"))) for one in named)
        done = [self.draft.add(id_, "queue", beside=key, queue=key, unanswered=after) for key in keys]
        first, *others = keys
        cases = [{"if": f"vars.{variable} == '{key}'", "to": self.draft.part(id_, key)} for key in others]
        if not cases:
            self.draft.aliases[id_] = self.draft.part(id_, first)
            return all(done)
        return self.draft.add(id_, "branch", when=cases, otherwise=self.draft.part(id_, first)) and all(done)

    def _queues_at_transfers(self) -> dict[str, set[str]]:
        """For every transfer to a queue the actions that may have named it last, whatever way the call came."""
        found: dict[str, set[str]] = {}
        waiting: list[tuple[str, str]] = [(self.start, "")]
        seen: set[tuple[str, str]] = set()
        while waiting:
            at, named = waiting.pop()
            action = self.actions.get(at)
            if action is None or (at, named) in seen:
                continue
            seen.add((at, named))
            if action["Type"] == "TransferContactToQueue" and named:
                found.setdefault(at, set()).add(named)
            if action["Type"] == "UpdateContactTargetQueue" and as_text(_parameters(action).get("QueueId")):
                named = at
            waiting += [(to, named) for to in _targets(action)]
        return found

    def third_party(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        number = fields.text("ThirdPartyPhoneNumber")
        following = ways.following()
        failed = ways.error("CallFailed")
        late = ways.error("ConnectionTimeLimitExceeded")
        other = ways.error("NoMatchingError")
        after = failed or late or other
        if not _NUMBER.match(number):
            self.draft.skip(
                id_,
                after or following,
                f"calls {short(number) or 'no number'}: a number must stand in the flow; goes on as if that failed",
            )
            return True
        goes_on = fields.text("ContinueFlowExecution").lower() != "false"
        if following != END and goes_on:
            self.draft.note(f"goes on at {short(following)} after the conversation: here the call is over then", id_)
        ring = "ThirdPartyConnectionTimeoutSeconds"
        if fields.text("ThirdPartyConnectionTimeLimitSeconds"):
            ring = "ThirdPartyConnectionTimeLimitSeconds"
        return self.draft.add(id_, "transfer", number=number, timeout_s=fields.whole(ring, 20, 5, 120), fallback=after)

    def to_flow(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        flow = self._flow(id_, "ContactFlowId", fields.text("ContactFlowId"))
        failed = ways.error("NoMatchingError")
        following = ways.following()
        return self.draft.add(id_, "goto", flow=flow, fallback=failed or (following if following != END else None))

    def module(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        flow = self._flow(id_, "FlowModuleId", fields.text("FlowModuleId"))
        failed = ways.error("NoMatchingError")
        return self.draft.add(id_, "subflow", flow=flow, next=ways.following(), fallback=failed)

    def _flow(self, id_: str, parameter: str, given: str) -> str:
        shown = self._shown(id_, parameter, given)
        names = self.draft.options.flows
        known = names.get(given) or names.get(shown)
        flow = known or slug(shown or id_, "flow", 55)
        if not known:
            self.draft.note(f"the flow {short(shown)} has no name here: import it as {flow}, or give its name", id_)
        return flow

    def hangup(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        return self.draft.add(id_, "hangup")

    def loop(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        """Counts in a variable: once more, as long as it is not enough, and back to nothing when it is."""
        count = fields.whole("LoopCount", 0, 0, 100)
        again, done = ways.when("ContinueLooping"), ways.when("DoneLooping")
        to = ways.following()
        variable = self.draft.variable(f"times {self.draft.name(id_)}")
        added = self.draft.add(
            id_,
            "branch",
            when=[{"if": f"vars.{variable} | default(0) | int < {count}", "to": self.draft.part(id_, "again")}],
            otherwise=self.draft.part(id_, "done"),
        )
        counted = {variable: f"{{{{ vars.{variable} | default(0) | int + 1 }}}}"}
        added = self.draft.add(id_, "set", beside="again", variables=counted, next=again or to) and added
        return self.draft.add(id_, "set", beside="done", variables={variable: 0}, next=done or to) and added

    def wait(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        given = fields.whole("TimeLimitSeconds", 1, 1, 604_800)
        if given > 120:
            self.draft.note(f"waits {given} s: here at most 120", id_)
        fields.take("Events")
        to = ways.when("WaitCompleted")
        following = ways.following()
        return self.draft.add(id_, "wait", seconds=min(given, 120), next=to or following)

    def share(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        """Each condition is "less than": the share is what it adds to the one before."""
        shares: list[dict[str, Any]] = []
        before = 1.0
        for one in list(ways.conditions):
            limit = _number(_operands(one))
            if _operator(one) == "NumericLessThan" and limit is not None and limit > before:
                shares.append({"percent": _plain(limit - before), "to": Ref(as_text(one.get("NextAction")) or END)})
                ways.conditions.remove(one)
                before = limit
        following = ways.following()
        rest = ways.error("NoMatchingCondition") or following
        if before < 101:
            shares.append({"percent": _plain(101 - before), "to": rest})
        if len(shares) == 1:
            self.draft.skip(id_, shares[0]["to"], "all calls go one way")
            return True
        return self.draft.add(id_, "split", shares=shares)

    def callback(self, id_: str, fields: Fields, ways: _Ways) -> bool:
        failed = ways.error("NoMatchingError")
        after = ways.following()
        given = fields.text("QueueId")
        queue = self._queue(id_, given) if given else self.draft.options.queue
        for key in ("InitialCallDelaySeconds", "MaximumConnectionAttempts", "RetryDelaySeconds", "InitialDelaySeconds"):
            value = fields.text(key)
            if value:
                self.draft.note(f"{key}: how callbacks are tried is set for the queue (it was {value})", id_)
        if after != END:
            self.draft.note(f"NextAction → {short(after)}: once a callback is agreed the call is over here", id_)
        return self.draft.add(id_, "callback", queue=queue, declined=failed)


def _without_markup(text: str) -> str:
    return re.sub(r"\s+(?=[.,;:!?])", "", " ".join(_TAG.sub(" ", text).split()))


def _parameters(action: Mapping[str, Any]) -> Mapping[str, Any]:
    found = action.get("Parameters")
    return found if isinstance(found, dict) else {}


def _targets(action: Mapping[str, Any]) -> list[str]:
    raw = action.get("Transitions")
    if not isinstance(raw, dict):
        return []
    ways = [raw, *mappings(raw.get("Errors")), *mappings(raw.get("Conditions"))]
    return [to for way in ways if (to := as_text(way.get("NextAction")))]


def _number(operands: list[str]) -> float | None:
    return float(operands[0]) if operands and re.fullmatch(r"\d{1,3}(\.\d+)?", operands[0]) else None


def _plain(number: float) -> float | int:
    return int(number) if number == int(number) else number


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "").replace('"', "'") + '"'


def _equals(left: str, operands: list[str]) -> str:
    return (
        f"{left} == {_quoted(operands[0])}"
        if len(operands) == 1
        else (f"{left} in [{', '.join(map(_quoted, operands))}]")
    )


def _numeric(sign: str) -> Callable[[str, list[str]], str | None]:
    def made(left: str, operands: list[str]) -> str | None:
        return f"{left} | float {sign} {operands[0]}" if re.fullmatch(r"-?\d{1,12}(\.\d+)?", operands[0]) else None

    return made


COMPARISONS: dict[str, Callable[[str, list[str]], str | None]] = {
    "Equals": _equals,
    "TextContains": lambda left, operands: f"{_quoted(operands[0])} in {left}",
    "NumericLessThan": _numeric("<"),
    "NumericLessOrEqualTo": _numeric("<="),
    "NumericGreaterThan": _numeric(">"),
    "NumericGreaterOrEqualTo": _numeric(">="),
}
ACTIONS: dict[str, Callable[[_Connect, str, Fields, _Ways], bool]] = {
    "MessageParticipant": _Connect.message,
    "MessageParticipantIteratively": _Connect.messages,
    "GetParticipantInput": _Connect.question,
    "CheckHoursOfOperation": _Connect.hours,
    "Compare": _Connect.compare,
    "UpdateContactAttributes": _Connect.attributes,
    "UpdateFlowAttributes": _Connect.attributes,
    "UpdateContactData": _Connect.data,
    "UpdateContactTargetQueue": _Connect.target_queue,
    "TransferContactToQueue": _Connect.transfer_to_queue,
    "TransferParticipantToThirdParty": _Connect.third_party,
    "TransferToFlow": _Connect.to_flow,
    "InvokeFlowModule": _Connect.module,
    "DisconnectParticipant": _Connect.hangup,
    "EndFlowExecution": _Connect.hangup,
    "Loop": _Connect.loop,
    "Wait": _Connect.wait,
    "DistributeByPercentage": _Connect.share,
    "CreateCallbackContact": _Connect.callback,
}

__all__ = ["import_connect", "is_connect"]

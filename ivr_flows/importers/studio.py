"""A Twilio Studio flow, as its editor or the API exports it.

Sources: https://www.twilio.com/docs/studio/rest-api/v2/flow-definition, https://www.twilio.com/docs/studio/widget-library
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from ivr_flows.faults import short
from ivr_flows.importers.draft import END, Draft, Fields, Imported, ImportFailed, Options, Ref, as_text, mappings, slug
from ivr_flows.importers.liquid import expression, translated
from ivr_flows.patterns import KEY_PATTERN

MAX_STATES = 2000
CALLER = ("trigger.call.From", "trigger.call.Caller", "trigger.From", "contact.channel.address")
CALLED = ("trigger.call.To", "trigger.call.Called", "trigger.To", "flow.channel.address")
HOUSE = {
    "voice": "the voice is chosen by language in the settings",
    "speech_model": "the recogniser is chosen by language in the settings",
    "profanity_filter": "the recogniser writes down what is said",
    "stop_gather": "keys end the prompt always",
    "hints": "the recogniser is helped by the words of the choices",
    "caller_id": "the number shown is the one that was called",
    "record": "recording is a setting of the house",
    "transcribe": "messages are transcribed always",
    "trim": "recordings are kept as they are",
    "play_beep": "a tone is heard always",
    "add_twilio_auth": "a secret goes into headers: see the http node",
}
"""Settings that a house makes once, not a flow."""
_NUMBER = re.compile(r"\+?[1-9]\d{6,14}\Z")
_WIDGET = re.compile(r"widgets\.([\w-]+)\.(?:parsed\.)?([\w.-]+)")


def is_studio(data: Any) -> bool:
    return isinstance(data, dict) and ("states" in data or "states" in _definition(data))


def import_studio(data: Any, options: Options | None = None) -> Imported:
    """Read a Studio flow: its definition, or the API's answer around it. ImportFailed when it is none."""
    definition = _definition(data)
    states = definition.get("states")
    if not isinstance(states, list) or not states:
        raise ImportFailed("a Studio flow has a list of states")
    if len(states) > MAX_STATES:
        raise ImportFailed(f"the flow has more than {MAX_STATES:,} states")
    name = data.get("friendly_name") if isinstance(data, dict) else None
    return _Studio(definition, list(map(_state, states)), as_text(name), options or Options()).read()


def _definition(data: Any) -> Mapping[str, Any]:
    inside = data.get("definition", data) if isinstance(data, dict) else {}
    return inside if isinstance(inside, dict) else {}


def _state(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict) or not as_text(raw.get("name")) or not isinstance(raw.get("type"), str):
        raise ImportFailed("every state has a name and a type")
    return {**raw, "name": as_text(raw["name"])}


class _Ways:
    """The transitions of a state, by event."""

    def __init__(self, raw: Any) -> None:
        given = mappings(raw)
        self.matches = [way for way in given if way.get("event") == "match"]
        self._by_event = {as_text(way.get("event")): _next(way) for way in given if way.get("event") != "match"}

    def take(self, event: str) -> Ref:
        """Where the call goes on after this event; the end when nowhere is said."""
        return Ref(self._by_event.pop(event, None) or END)

    def left(self) -> Iterable[tuple[str, str]]:
        yield from ((event, to) for event, to in self._by_event.items() if to)
        yield from (("match", to) for way in self.matches if (to := _next(way)))


def _next(way: Mapping[str, Any]) -> str | None:
    return as_text(way.get("next")) or None


class _Studio:
    def __init__(
        self, definition: Mapping[str, Any], states: list[dict[str, Any]], name: str, options: Options
    ) -> None:
        self.states = {state["name"]: state for state in states}
        if len(self.states) < len(states):
            twice = next(name for name, count in Counter(state["name"] for state in states).items() if count > 1)
            raise ImportFailed(f"two states are called {short(twice)!r}")
        self.definition = definition
        self.uses, self.paths = self._uses()
        self.entered_from = self._entered_from()
        title = short(name or as_text(definition.get("description")) or "Imported from Twilio Studio", 120)
        self.draft = Draft(title, self._language(), options)

    def read(self) -> Imported:
        trigger = self._trigger()
        start = self._begin(trigger) if trigger else self._begin_without_trigger()
        for name in self.states:
            self.draft.name(name)
            self._tell_of_lost_ways(name)
        questions_first = sorted(self.states, key=lambda name: self.states[name]["type"] != "gather-input-on-call")
        for name in questions_first:
            if name != trigger and name not in self.draft.aliases:
                self._convert(name, self.states[name])
        return self.draft.finish(start)

    def _tell_of_lost_ways(self, name: str) -> None:
        for to in sorted(self._targets(name) - self.states.keys()):
            self.draft.note(f"leads to {short(to)}, which is not in the flow: callers go to the fallback", name)

    def _targets(self, name: str) -> set[str]:
        return set(filter(None, map(_next, mappings(self.states[name].get("transitions")))))

    def _trigger(self) -> str | None:
        named = as_text(self.definition.get("initial_state"))
        if named in self.states and self.states[named]["type"] == "trigger":
            return named
        return next((name for name, state in self.states.items() if state["type"] == "trigger"), None)

    def _begin(self, trigger: str) -> str:
        ways = _Ways(self.states[trigger].get("transitions"))
        start = ways.take("incomingCall")
        for event, to in ways.left():
            self.draft.note(f"{event} leads to {short(to)}: a flow here answers calls, nothing else", trigger)
        if start == END:
            self.draft.note("incomingCall leads nowhere: callers go straight to the fallback", trigger)
        self.draft.merge(trigger, start)
        return start

    def _begin_without_trigger(self) -> str:
        named = as_text(self.definition.get("initial_state"))
        return named if named in self.states else next(iter(self.states))

    def _convert(self, name: str, state: Mapping[str, Any]) -> None:
        fields = Fields(state.get("properties"), without=("offset",))
        ways = _Ways(state.get("transitions"))
        convert = WIDGETS.get(state["type"])
        done = convert(self, name, fields, ways) if convert else False
        if not done:
            self._without_counterpart(name, state, ways)
            return
        for key, value in fields.left():
            said = HOUSE.get(key) or f"is not a setting here (it was {value})"
            self.draft.note(f"{key}: {said}", name)
        for event, to in ways.left():
            self.draft.note(f"the way {event} → {short(to)} has no counterpart", name)

    def _without_counterpart(self, name: str, state: Mapping[str, Any], ways: _Ways) -> None:
        """Callers go on where they would have gone had it worked."""
        fresh = _Ways(state.get("transitions"))
        events = [way.get("event") for way in mappings(state.get("transitions")) if _next(way)]
        event = next((event for event in GOOD_ENDS if event in events), events[0] if events else "")
        to = fresh.take(as_text(event)) if event and event != "match" else Ref(END)
        rest = ", ".join(f"{event} → {short(to)}" for event, to in fresh.left())
        goes_on = f"the call goes on as after {event}" if to != END else "the call ends there"
        settings = (
            json.dumps({k: v for k, v in (state.get("properties") or {}).items() if k != "offset"}, default=str)
            if isinstance(state.get("properties"), dict)
            else ""
        )
        self.draft.skip(
            name,
            to,
            f"the widget {short(state['type'])} has no counterpart; {goes_on}"
            + (f"; left out: {rest}" if rest else "")
            + (f"; its settings were {short(settings, 300)}" if settings not in ("", "{}") else ""),
        )

    # texts and variables

    def _lookup(self, path: str) -> str | None:
        if path in CALLER:
            return "call.caller"
        if path in CALLED:
            return "call.called"
        if match := re.fullmatch(r"flow\.(?:variables|data)\.([\w-]+)", path):
            return f"vars.{self.draft.variable(match[1])}"
        if match := re.fullmatch(r"trigger\.(?:request|parent)\.(?:parameters\.)?([\w-]+)", path):
            return f"vars.{self.draft.variable(match[1])}"
        return self._of_widget(path)

    def _of_widget(self, path: str) -> str | None:
        match = _WIDGET.fullmatch(path)
        state = self.states.get(match[1]) if match else None
        if match is None or state is None:
            return None
        if state["type"] == "gather-input-on-call" and match[2] in ("Digits", "SpeechResult"):
            return f"vars.{self.draft.variable(match[1])}"
        if state["type"] == "make-http-request" and ".parsed." in path:
            return f"vars.{self.draft.variable(f'{match[1]}_{match[2]}')}"
        if state["type"] == "set-variables":
            return f"vars.{self.draft.variable(match[2])}"
        return None

    def _text(self, name: str, text: str) -> str:
        """A text of this state in our words."""
        note: Callable[[str], None] = partial(self._say_lost, name)
        return self.draft.template(translated(text, self._lookup, note), name)

    def _say_lost(self, name: str, said: str) -> None:
        self.draft.note(said, name)

    def _language(self) -> str:
        """The language that most texts are in."""
        tags = (
            as_text((state.get("properties") or {}).get("language"))
            for state in self.states.values()
            if isinstance(state.get("properties"), dict)
        )
        found = Counter(filter(None, map(language_tag, tags)))
        return found.most_common(1)[0][0] if found else "en"

    def _prompt(self, name: str, fields: Fields) -> Any:
        """What is said or played here; None when it is nothing."""
        say, play = self._text(name, fields.text("say")).strip(), fields.text("play").strip()
        language = language_tag(fields.text("language"))
        times = fields.whole("loop", 1, 0, 10)
        if times == 0:
            self.draft.note("was said without end: here once", name)
        if play:
            return self._recording(name, play, max(1, times))
        return self.draft.prompt(say, times=max(1, times), language=language) if say else None

    def _recording(self, name: str, play: str, times: int) -> Any:
        if "{" in play:
            self.draft.note(f"the recording's address {short(play)} holds a variable: it is left out", name)
            return None
        return [{"play": play}] * times

    def _uses(self) -> tuple[dict[str, set[str]], dict[str, dict[str, None]]]:
        """Which states look at what another one found out, and which parts of an answer anybody looks at."""
        uses: dict[str, set[str]] = {}
        paths: dict[str, dict[str, None]] = {}
        for name, state in self.states.items():
            for match in _WIDGET.finditer(json.dumps(state, default=str)):
                uses.setdefault(match[1], set()).add(name)
                if ".parsed." in match[0]:
                    paths.setdefault(match[1], {})[match[2].rstrip(".")] = None
        return uses, paths

    def _entered_from(self) -> dict[str, set[str]]:
        before: dict[str, set[str]] = {}
        for name in self.states:
            for to in self._targets(name):
                before.setdefault(to, set()).add(name)
        return before

    # widgets

    def say_play(self, name: str, fields: Fields, ways: _Ways) -> bool:
        prompt = self._prompt(name, fields)
        to = ways.take("audioComplete")
        if prompt is None:
            self.draft.skip(name, to, "says nothing that can be said here")
            return True
        return self.draft.add(name, "say", text=prompt, next=to)

    def gather(self, name: str, fields: Fields, ways: _Ways) -> bool:
        prompt = self._prompt(name, fields)
        if prompt is None:
            prompt = ASKING.get(self.draft.language.split("-")[0], ASKING["en"])
            self.draft.note(f"asks without a word: here it says “{prompt}”", name)
        by_key, by_speech, silence = ways.take("keypress"), ways.take("speech"), ways.take("timeout")
        timing: dict[str, int | None] = {
            "timeout_s": fields.whole("timeout", 5, 1, 60),
            "speech_timeout_s": fields.whole("speech_timeout", 2, 1, 20)
            if _is_digit(fields.text("speech_timeout"))
            else None,
        }
        other = language_tag(fields.text("gather_language"))
        if other not in ("", self.draft.language):
            self.draft.note(f"listens in {other}: here in the caller's language", name)
        no_input = self._after_giving_up(name, silence, "says nothing")
        timing["tries"] = 1 if silence not in (name, END) else None
        splits = [str(to) for to in dict.fromkeys((by_key, by_speech)) if self._chooses_for(name, to)]
        meant = [to for to in dict.fromkeys((by_key, by_speech)) if to != END]
        if splits and set(meant) == set(splits) and fields.whole("number_of_digits", 1, 0, 40) <= 1:
            fields.take("finish_on_key")
            return self._menu(name, splits, {"prompt": prompt, "no_input": no_input, **timing})
        return self._collect(name, fields, prompt, (by_key, by_speech), {"no_input": no_input, **timing})

    def _after_giving_up(self, name: str, to: Ref, who: str) -> Ref | None:
        """Asking again and again is what `tries` does here."""
        if to == name:
            self.draft.note(f"a caller who {who} was asked for ever: here three times, then the fallback", name)
            return None
        return to

    def _chooses_for(self, gather: str, split: str) -> bool:
        """Whether this split only tells apart what was pressed or said here, and nothing else looks at it."""
        users = self.uses.get(gather, set()) - {gather}
        return split in users and all(
            self._is_split_of(gather, user) and self.entered_from.get(user) == {gather} for user in users
        )

    def _is_split_of(self, gather: str, split: str) -> bool:
        state = self.states[split]
        ways = _Ways(state.get("transitions"))
        conditions = [one for way in ways.matches for one in _conditions(way)]
        return (
            state["type"] == "split-based-on"
            and bool(ways.matches)
            and all(len(_conditions(way)) == 1 for way in ways.matches)
            and all(self._is_choice(gather, one) for one in conditions)
        )

    def _is_choice(self, gather: str, condition: Mapping[str, Any]) -> bool:
        left = _left_side(condition)
        words = _values(condition)
        if f"widgets.{gather}.Digits" in left:
            return condition.get("type") in ("equal_to", "matches_any_of") and _are_keys(words)
        kinds = ("equal_to", "matches_any_of", "contains")
        return f"widgets.{gather}.SpeechResult" in left and condition.get("type") in kinds and bool(words)

    def _menu(self, name: str, splits: list[str], fields: Mapping[str, Any]) -> bool:
        choices: dict[str, dict[str, Any]] = {}
        no_match: Ref | None = None
        for split in splits:
            ways = _Ways(self.states[split].get("transitions"))
            lost = ways.take("noMatch")
            if no_match not in (None, lost):
                self.draft.note(f"noMatch of {split} → {short(lost)}: whoever is not understood goes one way", name)
            no_match = self._after_giving_up(name, lost, "is not understood")
            for way in ways.matches:
                _add_choice(choices, _conditions(way)[0], Ref(_next(way) or END))
        if no_match is None:
            fields = {**fields, "tries": None}
        done = self.draft.add(name, "menu", **fields, no_match=no_match, choices=list(choices.values()))
        for split in splits if done else ():
            self.draft.merge(split, name)
        return done

    def _collect(self, name: str, fields: Fields, prompt: Any, ways: tuple[Ref, Ref], more: Mapping[str, Any]) -> bool:
        by_key, by_speech = ways
        digits = fields.whole("number_of_digits", 0, 0, 64)
        is_speech = by_key == END and by_speech != END
        if not is_speech and END not in ways and by_key != by_speech:
            self.draft.note(f"speech → {short(by_speech)}: what is said goes the same way as what is pressed", name)
        finish = fields.text("finish_on_key") or "#"
        return self.draft.add(
            name,
            "collect",
            prompt=prompt,
            into=self.draft.variable(name),
            expect="words" if is_speech else None,
            max_length=64 if is_speech else digits or None,
            finish_key=finish if finish in ("#", "*") else "",
            next=by_speech if is_speech else by_key,
            **more,
        )

    def split(self, name: str, fields: Fields, ways: _Ways) -> bool:
        given = fields.text("input")
        otherwise = ways.take("noMatch")
        cases = []
        for way in ways.matches:
            conditions = [self._condition(name, one, given) for one in _conditions(way)]
            if conditions and all(conditions):
                cases.append({"if": " and ".join(filter(None, conditions)), "to": Ref(_next(way) or END)})
            elif _next(way):
                self.draft.note(f"the way to {short(_next(way))} is left out: its condition has no counterpart", name)
        ways.matches.clear()
        if not cases:
            self.draft.skip(
                name, otherwise, "none of its conditions has a counterpart; every call goes on as after noMatch"
            )
            return True
        return self.draft.add(name, "branch", when=cases, otherwise=otherwise)

    def _condition(self, name: str, condition: Mapping[str, Any], given: str) -> str | None:
        source = (_left_side(condition) or given).strip()
        inner = source.removeprefix("{{").removesuffix("}}").strip()
        left = expression(inner, self._lookup, partial(self._say_lost, name))
        made = CONDITIONS.get(as_text(condition.get("type")))
        right = self._text_of_value(condition)
        said = made(left or "", right) if made and (left or condition.get("type") in CLOCK) else None
        if said is None and left is not None:
            self.draft.note(f"the condition {short(condition.get('type'))} {short(right)} has no counterpart", name)
        return said

    @staticmethod
    def _text_of_value(condition: Mapping[str, Any]) -> str:
        value = condition.get("value")
        return ",".join(map(as_text, value)) if isinstance(value, list) else as_text(value)

    def connect(self, name: str, fields: Fields, ways: _Ways) -> bool:
        noun, to = fields.text("noun") or "number", fields.text("to").strip()
        after = ways.take("callCompleted")
        hangup = ways.take("hangup")
        if noun == "number-multi":
            to, *others = (part.strip() for part in to.split(","))
            self.draft.note(f"rings several numbers at once: here only {to}, not {', '.join(others)}", name)
        if noun == "client" and "{" not in to:
            return self._to_person(name, fields, after, hangup, agent=to)
        if noun in ("number", "number-multi") and _NUMBER.match(to):
            return self._to_person(name, fields, after, hangup, number="+" + to.lstrip("+"))
        kind = "a variable chooses whom to call" if "{" in to else f"calls a {noun}"
        self.draft.skip(
            name, after, f"{kind} ({short(to)}): a number must stand in the flow; the call goes on as after it"
        )
        return True

    def _to_person(self, name: str, fields: Fields, after: Ref, hangup: Ref, **to: str) -> bool:
        if after != END:
            self.draft.note(f"callCompleted → {short(after)}: here only a call that nobody answers goes on there", name)
        if hangup not in (END, after):
            self.draft.note(f"hangup → {short(hangup)}: a caller who hangs up is gone here", name)
        return self.draft.add(
            name,
            "transfer",
            **to,
            timeout_s=fields.whole("timeout", 20, 5, 120),
            fallback=after if after != END else None,
        )

    def enqueue(self, name: str, fields: Fields, ways: _Ways) -> bool:
        given = fields.text("queue_name") or fields.text("workflow") or fields.text("workflow_sid")
        fields.take("channel")
        known = self.draft.options.queues.get(given) or self.draft.options.queues.get(name)
        if not known:
            self.draft.note(
                f"the queue {short(given or name)} has no name here: callers wait in {self.draft.options.queue}", name
            )
        failed, complete = ways.take("failedToEnqueue"), ways.take("callComplete")
        lost = ways.take("callFailure")
        after = failed if failed != END else complete
        if lost not in (END, after):
            self.draft.note(f"callFailure → {short(lost)}: a call that breaks off is over here", name)
        if complete not in (END, after):
            self.draft.note(f"callComplete → {short(complete)}: after a conversation the call is over here", name)
        return self.draft.add(
            name, "queue", queue=known or self.draft.options.queue, unanswered=after if after != END else None
        )

    def voicemail(self, name: str, fields: Fields, ways: _Ways) -> bool:
        left, silent = ways.take("recordingComplete"), ways.take("noAudio")
        gone = ways.take("hangup")
        if gone not in (END, left):
            self.draft.note(f"hangup → {short(gone)}: a caller who hangs up is gone here; the message is kept", name)
        if silent not in (END, left):
            self.draft.note(f"noAudio → {short(silent)}: who leaves no message goes on like the others", name)
        words = LEAVE_A_MESSAGE.get(self.draft.language.split("-")[0], LEAVE_A_MESSAGE["en"])
        self.draft.note(f"a voicemail says something before its tone here: “{words}”", name)
        finish = fields.text("finish_on_key")
        return self.draft.add(
            name,
            "voicemail",
            prompt=words,
            mailbox=self.draft.options.queue,
            max_length_s=fields.whole("max_length", 120, 5, 600),
            silence_s=fields.whole("timeout", 5, 2, 30),
            finish_key=finish if finish in ("#", "*") else None,
            next=left if left != END else None,
        )

    def set_variables(self, name: str, fields: Fields, ways: _Ways) -> bool:
        given = fields.take("variables")
        to = ways.take("next")
        values: dict[str, Any] = {}
        for one in mappings(given):
            if as_text(one.get("key")):
                text = self._text(name, as_text(one.get("value"))).strip()
                values[self.draft.variable(as_text(one["key"]))] = text or "{{ '' }}"
        if not values:
            self.draft.skip(name, to, "sets nothing")
            return True
        return self._set_in_parts(name, list(values.items()), to)

    def _set_in_parts(self, name: str, values: list[tuple[str, Any]], to: Ref) -> bool:
        """A set node holds twenty variables; more are set one node after the other."""
        parts = [dict(values[at : at + 20]) for at in range(0, len(values), 20)]
        done = True
        for index, part in enumerate(parts):
            following = to if index == len(parts) - 1 else self.draft.part(name, f"more_{index + 1}")
            done = (
                self.draft.add(name, "set", beside=f"more_{index}" if index else "", variables=part, next=following)
                and done
            )
        return done

    def http(self, name: str, fields: Fields, ways: _Ways) -> bool:
        url = self._text(name, fields.text("url").strip())
        method = (fields.text("method") or "GET").upper()
        parameters = {
            as_text(one.get("key")): self._text(name, as_text(one.get("value")))
            for one in mappings(fields.take("parameters"))
            if as_text(one.get("key"))
        }
        more: dict[str, Any] = (
            {"query": parameters or None} if method == "GET" else self._body(name, fields, parameters)
        )
        if method == "GET":
            fields.take("content_type")
        into = {self.draft.variable(f"{name}_{path}"): path for path in list(self.paths.get(name, ()))[:30]}
        return self.draft.add(
            name,
            "http",
            url=url,
            method=method if method != "GET" else None,
            **more,
            into=into or None,
            next=ways.take("success"),
            fallback=self._unless_end(ways.take("failed")),
        )

    @staticmethod
    def _unless_end(to: Ref) -> Ref | None:
        return to if to != END else None

    def _body(self, name: str, fields: Fields, parameters: dict[str, str]) -> dict[str, Any]:
        is_json = "json" in fields.text("content_type")
        written = fields.text("body").strip()
        text = self._text(name, written)
        if is_json and text:
            try:
                return {"body": json.loads(text)}
            except ValueError:
                self.draft.note(f"its body is no JSON before variables are filled in: {short(written, 200)}", name)
                return {}
        form = {**dict(parse_qsl(text.lstrip("&"), keep_blank_values=True)), **parameters}
        if text and not form:
            self.draft.note(f"its body is no form: {short(written, 200)}", name)
        return {"body": form, "send": "form"} if form else {}

    def sms(self, name: str, fields: Fields, ways: _Ways) -> bool:
        text = self._text(name, fields.text("body")).strip()
        to = fields.text("to").strip()
        who = to.removeprefix("{{").removesuffix("}}").strip()
        sent, failed = ways.take("sent"), ways.take("failed")
        if to and who not in CALLER:
            self.draft.skip(name, sent, f"writes to {short(to)}: a flow here writes to its caller only")
            return True
        if fields.text("from") not in ("", "{{flow.channel.address}}"):
            self.draft.note("from: texts are sent from the number that was called", name)
        for key in ("service", "channel", "attributes"):
            fields.take(key)
        return bool(text) and self.draft.add(
            name, "sms", text=text, next=sent, no_number=failed if failed not in (END, sent) else None
        )

    def subflow(self, name: str, fields: Fields, ways: _Ways) -> bool:
        sid = fields.text("flow_sid")
        known = self.draft.options.flows.get(sid)
        flow = known or slug(sid or name, "flow", 55)
        if not known:
            self.draft.note(f"the flow {short(sid)} has no name here: import it as {flow}, or give its name", name)
        given = fields.take("parameters")
        values = {
            self.draft.variable(as_text(one.get("key"))): self._text(name, as_text(one.get("value"))) or "{{ '' }}"
            for one in mappings(given)
            if as_text(one.get("key"))
        }
        return self.draft.add(
            name,
            "subflow",
            flow=flow,
            with_=values or None,
            next=ways.take("completed"),
            fallback=self._unless_end(ways.take("failed")),
        )


GOOD_ENDS = (
    "success", "completed", "return", "next", "sent", "audioComplete", "recordingComplete", "callCompleted",
    "incomingMessage", "callComplete", "noMatch", "answered", "done", "maxFailedAttempts",
)  # fmt: skip
"""Events after which a call went on well, best first."""
ASKING = {"en": "Please choose.", "es": "Elija, por favor.", "zh": "请选择。"}
LEAVE_A_MESSAGE = {
    "en": "Please leave a message after the tone.",
    "es": "Deje un mensaje después del tono.",
    "zh": "请在提示音后留言。",
}
WIDGETS: dict[str, Callable[[_Studio, str, Fields, _Ways], bool]] = {
    "say-play": _Studio.say_play,
    "gather-input-on-call": _Studio.gather,
    "split-based-on": _Studio.split,
    "connect-call-to": _Studio.connect,
    "enqueue-call": _Studio.enqueue,
    "send-to-flex": _Studio.enqueue,
    "record-voicemail": _Studio.voicemail,
    "set-variables": _Studio.set_variables,
    "make-http-request": _Studio.http,
    "send-message": _Studio.sms,
    "run-subflow": _Studio.subflow,
}


def language_tag(text: str) -> str:
    """en-US as en; Chinese keeps its region, which is another language to the ear."""
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", text):
        return ""
    base, _, region = text.partition("-")
    return f"{base.lower()}-{region}" if base.lower() in ("zh", "cmn", "yue") and region else base.lower()


def _conditions(way: Mapping[str, Any]) -> list[dict[str, Any]]:
    return mappings(way.get("conditions"))


def _left_side(condition: Mapping[str, Any]) -> str:
    arguments = condition.get("arguments")
    return as_text(arguments[0]) if isinstance(arguments, list) and arguments else ""


def _values(condition: Mapping[str, Any]) -> list[str]:
    value = condition.get("value")
    words = list(map(as_text, value)) if isinstance(value, list) else as_text(value).split(",")
    return [word.strip() for word in words if word.strip()]


def _are_keys(words: list[str]) -> bool:
    return bool(words) and all(re.match(KEY_PATTERN, key) for key in words)


def _add_choice(choices: dict[str, dict[str, Any]], condition: Mapping[str, Any], to: Ref) -> None:
    """Keys stand one each; words join the first choice that leads the same way."""
    if "SpeechResult" not in _left_side(condition):
        for key in _values(condition):
            free = next((one for one in choices.values() if one["to"] == to and "key" not in one), None)
            if free is not None:
                free["key"] = key
            else:
                choices.setdefault(f"key {key}", {"key": key, "to": to})
        return
    same = next((one for one in choices.values() if one["to"] == to), None)
    if same is None:
        same = choices.setdefault(f"words {to}", {"to": to})
    words = [*same.get("words", []), *_values(condition)]
    same["words"] = list(dict.fromkeys(words))
    same["to"] = same.pop("to")


def _is_digit(text: str) -> bool:
    return text.isdecimal()


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "").replace('"', "'") + '"'


def _minutes(text: str) -> str | None:
    match = re.fullmatch(r"(\d{1,2}):(\d{2})(?::\d{2})?", text.strip())
    return str(int(match[1]) * 60 + int(match[2])) if match else None


def _time(sign: str, left: str, right: str) -> str | None:
    minutes = _minutes(right)
    return f"now.hour * 60 + now.minute {sign} {minutes}" if minutes else None


def _date(sign: str, left: str, right: str) -> str | None:
    return f"now.date {sign} '{right[:10]}'" if re.match(r"\d{4}-\d{2}-\d{2}", right) else None


def _number(sign: str, left: str, right: str) -> str | None:
    return f"{left} | float {sign} {right.strip()}" if re.fullmatch(r"\s*-?\d{1,12}(\.\d+)?\s*", right) else None


def _any_of(left: str, right: str) -> str:
    return f"{left} in [{', '.join(_quoted(word) for word in _values({'value': right}))}]"


CLOCK = ("is_before_time", "is_after_time", "is_before_date", "is_after_date")
CONDITIONS: dict[str, Callable[[str, str], str | None]] = {
    "equal_to": lambda left, right: f"{left} == {_quoted(right)}",
    "not_equal_to": lambda left, right: f"{left} != {_quoted(right)}",
    "matches_any_of": _any_of,
    "does_not_match_any_of": lambda left, right: f"not ({_any_of(left, right)})",
    "contains": lambda left, right: f"{_quoted(right)} in {left}",
    "does_not_contain": lambda left, right: f"not ({_quoted(right)} in {left})",
    "is_blank": lambda left, right: f"not {left}",
    "is_not_blank": lambda left, right: left,
    "less_than": partial(_number, "<"),
    "greater_than": partial(_number, ">"),
    "is_before_time": partial(_time, "<"),
    "is_after_time": partial(_time, ">"),
    "is_before_date": partial(_date, "<"),
    "is_after_date": partial(_date, ">"),
}

__all__ = ["import_studio", "is_studio"]

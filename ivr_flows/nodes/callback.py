from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from pydantic import Field

from ivr_flows.callback_times import Times, spoken
from ivr_flows.events import CallEvent, DigitsEntered, SpeechHeard
from ivr_flows.expressions import spelled
from ivr_flows.facts import CallbackAgreed, CallbackDeclined, Fact, NotUnderstood, TimedOut
from ivr_flows.instructions import Hangup, Listen, Prompt, RequestCallback, Say
from ivr_flows.nodes.asking import AskingNode, is_silence, is_sure
from ivr_flows.nodes.base import Call, End, Go, Outcome, Wait, Way
from ivr_flows.patterns import Name
from ivr_flows.spoken import digits_said, key_said, yes_or_no
from ivr_flows.texts import PromptText, Target

YES_KEY, OTHER_KEY, DECLINE_KEY = "1", "2", "*"
MAX_NUMBER_DIGITS = 15
COSTLY = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "confirm": "We will call you back at {number}. If that is right, press 1. For another number, press 2. "
        "For no callback, press star.",
        "enter": "Please enter the number with its area code, then press the pound key.",
        "soon": "To be called back as soon as somebody is free, press {key}.",
        "at": "For {time}, press {key}.",
        "agreed_soon": "Thank you. We will call you back as soon as somebody is free. Goodbye.",
        "agreed_at": "Thank you. We will call you back {time}. Goodbye.",
        "again": "Sorry, I did not get that.",
    },
    "es": {
        "confirm": "Le llamaremos al {number}. Si es correcto, oprima el 1. Para otro número, oprima el 2. "
        "Si no desea que le llamemos, oprima asterisco.",
        "enter": "Marque el número con su código de área y después la tecla numeral.",
        "soon": "Para que le llamemos en cuanto haya alguien libre, oprima el {key}.",
        "at": "Para {time}, oprima el {key}.",
        "agreed_soon": "Gracias. Le llamaremos en cuanto haya alguien libre. Hasta luego.",
        "agreed_at": "Gracias. Le llamaremos {time}. Hasta luego.",
        "again": "Disculpe, no le entendí.",
    },
    "zh": {
        "confirm": "我们将拨打{number}给您回电。号码正确请按1，使用其他号码请按2，不需要回电请按星号键。",
        "enter": "请输入带区号的电话号码，然后按井号键。",
        "soon": "希望尽快接到回电请按{key}。",
        "at": "选择{time}请按{key}。",
        "agreed_soon": "谢谢。一有客服人员空闲我们就给您回电。再见。",
        "agreed_at": "谢谢。我们将在{time}给您回电。再见。",
        "again": "抱歉，我没有听清。",
    },
}
"""What is said where the flow gives no words of its own. A language that is not here is spoken to in English."""


class CallbackNode(AskingNode):
    """Agree on a call back: to which number, and when.

        call_me:
          kind: callback
          queue: sales
          times: {zone: America/New_York, weekly: {mon-fri: 09:00-17:00}, every_min: 60, offer: 3}
          declined: main_menu
          no_input: sales_message

    Emits Listen; resumes on DigitsEntered, SpeechHeard, InputTimedOut or Continued; at the end emits RequestCallback
    once, says when the call will come and hangs up. The caller confirms the number they call from (1), gives another
    (2, then the number and #) or wants none (star: `declined`, without it the flow's fallback). With `times` they
    then choose one; `asap` offers the first free person too. Only numbers of our own country or the caller's are taken
    and none that cost the caller's bill more than a call. Used as a queue's `callback` way, the place in the line is
    kept. `prompt` replaces the question for the number (`value` is the number, spelled), `thanks` the last words
    (`value` is the time, "" for as soon as possible).
    """

    kind: Literal["callback"] = "callback"
    """Agree on a call back: to which number, and when."""
    queue: Name
    """The key of the queue whose people call back."""
    prompt: PromptText | None = None
    """Asked instead of the house's own question: 1 is right, 2 another number, star no callback."""
    thanks: PromptText | None = None
    """The last words, instead of the house's own."""
    asap: bool = True
    """Whether "as soon as somebody is free" is among the times offered."""
    times: Times | None = None
    """Times to choose from; without them the call comes as soon as somebody is free."""
    priority_min: int = Field(default=0, ge=-60, le=120)
    """A head start in minutes over others, added to the entry point's."""
    declined: Target | None = None
    """Where a caller goes who wants no callback; without it to the flow's fallback."""

    def enter(self, call: Call) -> Outcome:
        own = usable_number(call.context.caller, call)
        return self._confirm(call, own) if own else self._ask_number(call)

    def resume(self, call: Call, event: CallEvent) -> Outcome | None:
        stage = call.pending.get("stage")
        if is_silence(event):
            return self._silence(call)
        if not isinstance(event, DigitsEntered | SpeechHeard):
            return None
        if stage == "number":
            return self._number_given(call, event)
        key = _key(call, event, self.min_confidence)
        if key == DECLINE_KEY:
            return Go(self.declined, facts=(CallbackDeclined(self.id),))
        if stage == "time":
            return self._time_chosen(call, event, key)
        return self._confirmed(call, event, key)

    def ways(self) -> Iterator[Way]:
        yield Way("wanted no callback", self.declined, ("declined",))
        yield from self.asking_ways()

    @property
    def reaches_person(self) -> bool:
        return True

    def _confirmed(self, call: Call, event: DigitsEntered | SpeechHeard, key: str | None) -> Outcome:
        number = str(call.pending["number"])
        if key == YES_KEY:
            return self._ask_time(call, number) if self._needs_time(call) else self._agree(call, number, None)
        if key == OTHER_KEY:
            if call.tries + 1 >= self.tries:
                return Go(self.no_match, facts=(NotUnderstood(self.id, number, None, "the caller said it was wrong"),))
            return self._ask_number(call, is_retry=True)
        return self.person_asked(call, event) or self._not_understood(call, event)

    def _number_given(self, call: Call, event: DigitsEntered | SpeechHeard) -> Outcome:
        if isinstance(event, DigitsEntered) and event.digits == DECLINE_KEY:
            return Go(self.declined, facts=(CallbackDeclined(self.id),))
        given = event.digits if isinstance(event, DigitsEntered) else digits_said(event.text, call.language) or ""
        number = usable_number(given, call)
        if number is not None:
            return self._confirm(call, number)
        return self.person_asked(call, event) or self._not_understood(call, event, "no number that can be called back")

    def _time_chosen(self, call: Call, event: DigitsEntered | SpeechHeard, key: str | None) -> Outcome:
        number, choices = str(call.pending["number"]), list(call.pending["choices"])
        place = int(key) - 1 if key and key.isdecimal() else -1
        if 0 <= place < len(choices):
            return self._agree(call, number, choices[place] or None)
        return self.person_asked(call, event) or self._not_understood(call, event)

    def _not_understood(
        self, call: Call, event: DigitsEntered | SpeechHeard, reason: str = "none of the choices"
    ) -> Outcome:
        given = event.digits if isinstance(event, DigitsEntered) else event.text
        confidence = event.confidence if isinstance(event, SpeechHeard) else None
        return self._again(call, NotUnderstood(self.id, given, confidence, reason), self.no_match)

    def _silence(self, call: Call) -> Outcome:
        return self._again(call, TimedOut(self.id), self.no_input)

    def _again(self, call: Call, fact: Fact, give_up: Target | None) -> Outcome:
        """The question at hand once more."""
        if call.tries + 1 >= self.tries:
            return Go(give_up, facts=(fact,))
        lead = call.prompt(self.retry_prompt) if self.retry_prompt else (self._words(call, "again"),)
        number = str(call.pending.get("number", ""))
        match call.pending.get("stage"):
            case "number":
                return self._ask_number(call, lead=lead, facts=(fact,), is_retry=True)
            case "time":
                return self._ask_time(call, number, lead=lead, facts=(fact,), is_retry=True)
            case _:
                return self._confirm(call, number, lead=lead, facts=(fact,), is_retry=True)

    def _confirm(
        self,
        call: Call,
        number: str,
        *,
        lead: tuple[Prompt, ...] = (),
        facts: tuple[Fact, ...] = (),
        is_retry: bool = False,
    ) -> Outcome:
        shown = spelled(national(number))
        own = call.prompt(self.prompt, value=shown)
        question = own or (self._words(call, "confirm", number=shown),)
        keys = (YES_KEY, OTHER_KEY, DECLINE_KEY)
        listen = self._listen(call, (*lead, *question), keys)
        return Wait((listen,), facts, pending={"stage": "confirm", "number": number}, is_retry=is_retry)

    def _ask_number(
        self, call: Call, *, lead: tuple[Prompt, ...] = (), facts: tuple[Fact, ...] = (), is_retry: bool = False
    ) -> Outcome:
        listen = Listen(
            prompts=(*lead, self._words(call, "enter")),
            inputs=("digits", "speech"),
            language=call.language,
            timeout_s=max(self.timeout_s, 8.0),
            max_digits=MAX_NUMBER_DIGITS + 1,
            finish_key="#",
        )
        return Wait((listen,), facts, pending={"stage": "number"}, is_retry=is_retry)

    def _needs_time(self, call: Call) -> bool:
        return bool(self.times and self.times.after(call.context.now, call.context.full_times))

    def _ask_time(
        self,
        call: Call,
        number: str,
        *,
        lead: tuple[Prompt, ...] = (),
        facts: tuple[Fact, ...] = (),
        is_retry: bool = False,
    ) -> Outcome:
        assert self.times is not None
        now, full = call.context.now, call.context.full_times
        choices = [*([""] if self.asap else []), *(each.isoformat() for each in self.times.after(now, full))]
        offers = tuple(self._offer(call, choice, str(place)) for place, choice in enumerate(choices, 1))
        keys = tuple(str(place) for place in range(1, len(choices) + 1))
        pending = {"stage": "time", "number": number, "choices": choices}
        return Wait(
            (self._listen(call, (*lead, *offers), (*keys, DECLINE_KEY)),), facts, pending=pending, is_retry=is_retry
        )

    def _offer(self, call: Call, choice: str, key: str) -> Say:
        if not choice:
            return self._words(call, "soon", key=key)
        return self._words(call, "at", key=key, time=self._said(call, choice))

    def _agree(self, call: Call, number: str, at: str | None) -> Outcome:
        until = None
        if at is not None and self.times is not None:
            until = (datetime.fromisoformat(at) + timedelta(minutes=self.times.every_min)).isoformat()
        priority = self.priority_min + call.context.priority_min
        request = RequestCallback(self.queue, number, at, until, priority, call.language, call.facts_for_agent())
        said = self._said(call, at) if at else ""
        own = call.prompt(self.thanks, value=said)
        last = own or (self._words(call, "agreed_at" if at else "agreed_soon", time=said),)
        fact = CallbackAgreed(self.id, self.queue, number, at or "")
        return End("callback", (request, *last, Hangup()), (fact,))

    def _said(self, call: Call, at: str) -> str:
        assert self.times is not None
        language = _spoken_in(call.language)
        return spoken(datetime.fromisoformat(at), call.context.now, self.times.zone, language)

    def _words(self, call: Call, name: str, **values: Any) -> Say:
        language = _spoken_in(call.language)
        return Say(WORDS[language.split("-")[0]][name].format(**values), language)

    def _listen(self, call: Call, prompts: tuple[Prompt, ...], keys: tuple[str, ...]) -> Listen:
        return Listen(
            prompts=prompts,
            inputs=("digits", "speech"),
            language=call.language,
            timeout_s=self.timeout_s,
            speech_timeout_s=self.speech_timeout_s,
            max_digits=1,
            keys=keys,
        )


def usable_number(given: str, call: Call) -> str | None:
    """A number (E.164) that we may call back: possible, in our country or the caller's, and no costly service."""
    ours = _parsed(call.context.called, None)
    region = phonenumbers.region_code_for_country_code(ours.country_code or 0) if ours else None
    number = _parsed(given, region)
    if number is None or not phonenumbers.is_possible_number(number):
        return None
    caller = _parsed(call.context.caller, None)
    if number.country_code not in {each.country_code for each in (ours, caller) if each}:
        return None
    if phonenumbers.number_type(number) in COSTLY:
        return None
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def national(number: str) -> str:
    """The number as it is dialled at home, for reading it out."""
    parsed = _parsed(number, None)
    return str(phonenumbers.national_significant_number(parsed)) if parsed else number


def _parsed(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text[:40], region)
    except phonenumbers.NumberParseException:
        return None


def _key(call: Call, event: DigitsEntered | SpeechHeard, at_least: float) -> str | None:
    """The key that was pressed or named; a plain yes is 1, a plain no is 2."""
    if isinstance(event, DigitsEntered):
        return event.digits
    if not is_sure(event, at_least):
        return None
    answer = yes_or_no(event.text, call.language) if call.pending.get("stage") == "confirm" else None
    by_word = {True: YES_KEY, False: OTHER_KEY}.get(answer) if answer is not None else None
    return by_word or key_said(event.text, call.language)


def _spoken_in(language: str) -> str:
    return language if language.split("-")[0] in WORDS else "en"

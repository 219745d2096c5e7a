"""Following TwiML: ask for a document, fall back when it cannot be had, perform its verbs, go where they lead.

Rules: https://www.twilio.com/docs/voice/twiml (what is a document, missing action, end of document),
https://www.twilio.com/docs/usage/security/availability-reliability (fallback URL, the application error).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from telephony.local_carrier import twiml
from telephony.local_carrier.calls import Call, Step
from telephony.local_carrier.media import MediaError
from telephony.local_carrier.speech import SpeechUnavailable
from telephony.local_carrier.voice import Voice
from telephony.local_carrier.webhooks import Conversation, FetchError, Reply

if TYPE_CHECKING:
    from telephony.local_carrier.carrier import Carrier

APOLOGY = "We are sorry. An application error has occurred. Goodbye."
XML_TYPES = frozenset({"text/xml", "application/xml", "text/html"})
WAITING_VERBS = frozenset({"Play", "Say", "Pause", "Redirect"})
WHISPER_VERBS = frozenset({"Play", "Say", "Pause", "Gather", "Redirect", "Hangup"})


@dataclass(frozen=True)
class Ask:
    """A document to be asked for. `parameters` come besides the standard ones."""

    url: str
    method: str = "POST"
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Document:
    """A document in hand; `url` is empty when it came with a REST request and so has no address."""

    verbs: tuple[twiml.Node, ...]
    url: str = ""
    method: str = "POST"


@dataclass(frozen=True)
class GoTo:
    """A verb's outcome: leave this document for another."""

    ask: Ask


class Finish:
    """A verb's outcome: perform nothing more."""


FINISH = Finish()
Outcome = GoTo | Finish | None


class ScriptError(Exception):
    """Neither the document nor its fallback could be had; the reason is already an alert."""


@dataclass(frozen=True)
class Stage:
    """Where verbs are performed: on a call (or beside it, when somebody else's ear is meant), through a voice.

    `allowed` limits the verbs (whisper, waiting music); None allows all. `is_main` says that it is the call's own
    script, which answers the call.
    """

    call: Call
    voice: Voice
    conversation: Conversation
    parameters: Callable[[], Mapping[str, str]]
    document: Document = Document(())
    allowed: frozenset[str] | None = None
    is_main: bool = False

    @property
    def carrier(self) -> Carrier:
        """The carrier of the call."""
        return self.call.carrier

    def at(self, document: Document) -> Stage:
        """The same stage with another document in hand."""
        return Stage(
            self.call, self.voice, self.conversation, self.parameters, document, self.allowed, self.is_main
        )  # fmt: skip

    def address(self, url: str) -> str:
        """A verb's URL made absolute against the document's; empty means the document itself."""
        return urljoin(self.document.url, url) if url else self.document.url

    def alert(self, code: int, message: str) -> None:
        """Report a problem with the document."""
        self.carrier.alerts.add(code, message, self.call.sid, self.document.url or None)


def main_stage(call: Call) -> Stage:
    """The call's own script: everything is allowed, and the caller hears it."""
    return Stage(call, call.voice, call.conversation, call.parameters, is_main=True)


def script(first: Ask | Document) -> Step:
    """The call follows TwiML from here on, until it ends or something replaces the script."""

    async def follow(call: Call) -> Step | None:
        await run(main_stage(call), first)
        return None

    return follow


async def run(stage: Stage, first: Ask | Document) -> None:
    """Perform a document and whatever it leads to. A main script that fails apologises; others raise ScriptError."""
    current: Ask | Document | None = first
    try:
        while current is not None and not stage.call.has_ended:
            document = current if isinstance(current, Document) else await obtain(stage, current)
            outcome = await perform(stage.at(document), document.verbs)
            current = outcome.ask if isinstance(outcome, GoTo) else None
    except ScriptError:
        if not stage.is_main:
            raise
        await _apologise(stage)


async def obtain(stage: Stage, wanted: Ask) -> Document:
    """Ask for a document; on failure ask the call's fallback URL, with ErrorCode and ErrorUrl. Raises ScriptError."""
    try:
        return await _ask(stage, wanted)
    except (FetchError, twiml.TwimlError) as problem:
        error_url = getattr(problem, "url", wanted.url)
        stage.carrier.alerts.add(problem.code, problem.message, stage.call.sid, error_url)
        fallback = stage.call.fallback if stage.is_main else None
        if fallback is None:
            raise ScriptError(problem.message) from problem
        told = {"ErrorCode": str(problem.code), "ErrorUrl": error_url}
    try:
        return await _ask(stage, Ask(fallback.url, fallback.method, told))
    except (FetchError, twiml.TwimlError) as problem:
        stage.carrier.alerts.add(problem.code, problem.message, stage.call.sid, fallback.url)
        raise ScriptError(problem.message) from problem


async def _ask(stage: Stage, wanted: Ask) -> Document:
    parameters = {**stage.parameters(), **wanted.parameters}
    reply = await stage.conversation.ask(wanted.url, wanted.method, parameters, max_bytes=stage.carrier.largest_answer)
    return Document(_verbs_of(reply), reply.url, wanted.method)


def _verbs_of(reply: Reply) -> tuple[twiml.Node, ...]:
    """What an answer asks to do, by its content type: TwiML, a sound to play, or text to read aloud."""
    if reply.content_type in XML_TYPES:
        return twiml.parse(reply.body)
    if reply.content_type.startswith("audio/"):
        return (twiml.Node("Play", {}, (reply.url,)), twiml.Node("Hangup"))
    if reply.content_type == "text/plain":
        try:
            return twiml.parse(reply.body)
        except twiml.TwimlError:
            text = reply.body.decode("utf-8", "replace")
            return (twiml.Node("Say", {}, (text,)), twiml.Node("Hangup"))
    if not reply.body:
        raise twiml.TwimlError(11770, "The response is empty; an empty <Response/> says that there is nothing to do.")
    raise twiml.TwimlError(12300, f"Content type {reply.content_type[:60]} is neither TwiML nor audio.")


async def perform(stage: Stage, verbs: tuple[twiml.Node, ...]) -> Outcome:
    """Perform verbs from top to bottom until one leads elsewhere. Unknown verbs are an alert (12200) and skipped."""
    from telephony.local_carrier.verbs import PERFORMERS  # the verbs need this module

    known = [verb for verb in verbs if _is_known(stage, verb, frozenset(PERFORMERS))]
    if stage.is_main and not known:
        stage.call.answer()
    for position, verb in enumerate(known):
        if stage.is_main and position == 0:
            _answer_before(stage.call, verb)
        elif verb.name == "Reject":
            stage.alert(12200, "<Reject> is allowed as the first verb only; it was skipped.")
            continue
        if stage.call.has_ended:
            return FINISH
        try:
            outcome = await PERFORMERS[verb.name](verb, stage)
        except (FetchError, MediaError, SpeechUnavailable) as problem:
            stage.alert(problem.code, problem.message)
            outcome = None
        if outcome is not None:
            return outcome
    return None


def _is_known(stage: Stage, verb: twiml.Node, performers: frozenset[str]) -> bool:
    if verb.name not in performers:
        stage.alert(12200, f"<{verb.name[:40]}> is no verb of this carrier; it was skipped.")
        return False
    if stage.allowed is not None and verb.name not in stage.allowed:
        code = 13201 if verb.name == "Dial" else 12200
        stage.alert(code, f"<{verb.name}> is not allowed here; it was skipped.")
        return False
    return True


def _answer_before(call: Call, verb: twiml.Node) -> None:
    """Any first verb answers, but Reject; Pause and Dial answerOnBridge answer later, on their own."""
    waits = verb.name == "Dial" and verb.attributes.get("answerOnBridge") == "true"
    if verb.name not in {"Reject", "Pause"} and not waits:
        call.answer()


async def _apologise(stage: Stage) -> None:
    stage.call.answer()
    if stage.call.has_ended:
        return
    try:
        await stage.voice.play(await stage.carrier.speech.say(APOLOGY, "en-US"))
    except SpeechUnavailable as problem:
        stage.alert(problem.code, problem.message)

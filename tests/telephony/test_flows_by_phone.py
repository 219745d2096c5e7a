"""Calls through every kind of node that waits for a caller, with real audio: a telephone, the local carrier, the
application, a web service that flows look things up at.

What the caller hears is read from the documents that the carrier ran (its trace), and where words matter from the
sound that arrived.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
from sqlalchemy import select

from app.callbacks.policy import set_policy
from app.customers.models import Customer
from app.db import unit_of_work
from app.events import Event
from app.interactions.models import Interaction
from app.routing.models import Queue
from recordings.models import Recording
from telephony.models import PhoneNumber
from telephony.speech.recogniser import Recogniser
from telephony.speech.tts import Speaker
from tests.support.home_and_carrier import Home, at_home, until
from tests.support.people import CALLER, OURS, a_customer
from tests.telephony.local_carrier.phone import ScriptedPhone, loudness, tone
from tests.telephony.local_carrier.running import RunningCarrier

pytestmark = pytest.mark.timeout(180)

NIGHT_DESK = "+15550100199"
SLOW_S = 30.0  # the engines load their models at the first word
MAIN = """
title: Everything
languages: [en, es]
start: which_language
fallback: message
nodes:
  which_language:
    kind: language
    prompt: [{say: For English press 1., language: en}, {say: Para español oprima el 2., language: es}]
    choices: [{key: 1, language: en}, {key: 2, language: es}]
    next: look
  look:
    kind: http
    url: "http://127.0.0.1:PORT/plans/{{ call.caller }}"
    headers: {Authorization: {secret: crm_token}}
    into: {plan: plan.name}
    next: keep
    fallback: sorry
  keep:
    kind: customer
    set: {plan: "{{ vars.plan }}", language: "{{ call.language }}"}
    read: {their_plan: fields.plan}
    last_interaction_within: {hours: 1, to: again}
    next: reason
  again:
    kind: menu
    prompt:
      en: "Good to hear you again. You have {{ vars.their_plan }}. To go on press 1, for a call back press 2."
      es: "Usted tiene {{ vars.their_plan }}. Para seguir oprima el 1."
    choices: [{key: 1, to: who}, {key: 2, to: call_me}]
    no_input: sorry
    no_match: sorry
  reason:
    kind: record
    prompt: {en: Tell us why., es: Diga por qué.}
    max_length_s: 10
    next: ask
  ask:
    kind: survey
    survey: calls
    questions:
      - {id: rating, ask: {en: How was it from 1 to 5?, es: "¿Cómo fue, del 1 al 5?"}, highest: 5}
      - {id: solved, ask: {en: Was your question answered?, es: ¿Le ayudamos?}, expect: yes_no}
    next: moment
  moment: {kind: wait, seconds: 1, next: who}
  who: {kind: subflow, flow: identify, results: {known: night_desk, locked: call_me}, next: sorry}
  night_desk: {kind: transfer, number: "NIGHT", timeout_s: 10, fallback: nobody}
  nobody: {kind: hangup, say: {en: "The night desk is away, {{ vars.plan }} customer.", es: Adiós.}}
  call_me:
    kind: callback
    queue: sales
    times: {zone: UTC, weekly: 24/7, every_min: 60, offer: 1}
    declined: sorry
  sorry: {kind: hangup, say: {en: That did not work., es: No funcionó.}}
  message: {kind: voicemail, mailbox: sales, prompt: {en: Leave a message., es: Deje un mensaje.}}
"""
IDENTIFY = """
title: Who is it
languages: [en, es]
start: pin
fallback: message
nodes:
  pin:
    kind: verify
    prompt: {en: Your PIN please., es: Su clave.}
    retry_prompt: {en: That is wrong., es: No es.}
    against: "{{ customer.fields.pin }}"
    length: 4
    attempts: 2
    next: known
    failed: locked
  known: {kind: return, result: known}
  locked: {kind: return, result: locked}
  message: {kind: voicemail, mailbox: sales, prompt: {en: Leave a message., es: Deje un mensaje.}}
"""


@dataclass
class Plans:
    """A web service that knows what plan a number has."""

    port: int
    asked: list[tuple[str, str]]


@pytest.fixture(scope="module")
def plans() -> Iterator[Plans]:
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Authorization", "")))
            content = json.dumps({"plan": {"name": "fibre"}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield Plans(server.server_address[1], asked)
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCarrier]:
    running = RunningCarrier(tmp_path_factory.mktemp("carrier")).start()
    yield running
    running.stop()


@pytest.fixture
def home(running: RunningCarrier, plans: Plans, database: str, tmp_path: Path) -> Iterator[Home]:
    """The application with these flows, a customer who has a PIN, and a queue that calls back."""
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "main.yaml").write_text(MAIN.replace("PORT", str(plans.port)).replace("NIGHT", NIGHT_DESK))
    (flows / "identify.yaml").write_text(IDENTIFY)
    with unit_of_work() as session:
        a_customer(session, CALLER, "Mira Chen").fields = {"pin": "4711"}
        session.add(queue := Queue(key="sales", name="Sales"))
        session.flush()
        set_policy(session, queue.id, quiet="00:00-24:00", per_slot=5)
        session.add(PhoneNumber(number=OURS, label="Main", flow="main", language="en"))
    plans.asked.clear()
    more = {"FLOWS_DIR": str(flows), "HTTP_ALLOW_HOSTS": "127.0.0.1", "FLOW_SECRET_CRM_TOKEN": "Bearer 42", "DEMO": "0"}
    for home in at_home(running, database, tmp_path, more):
        home.own_number()
        assert home.app.extensions["flow_house"].store.problems() == {}
        yield home


class OnTheLine:
    """A caller of ours, from the first ring to the end."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.phone: ScriptedPhone = home.phone(CALLER)
        self._begin = len(self._trace())
        self.phone.dial(OURS)
        self.phone.wait_for("answered")

    def documents(self) -> list[str]:
        """The documents of this call, in order."""
        return [each["reply"] for each in self._trace()[self._begin :] if each["reply"].startswith("<?xml")]

    def is_asked(self, words: str) -> ET.Element:
        """Wait until the document that runs now says these words, and sound arrives; the document."""

        def runs() -> ET.Element | None:
            documents = self.documents()
            running = ET.fromstring(documents[-1]) if documents else None
            return running if running is not None and words in " ".join(running.itertext()) else None

        found: ET.Element = until(runs, f"the caller is told {words!r}: {self.documents()[-1:]}", SLOW_S)
        self.phone.forget_heard()
        until(lambda: loudness(self.phone.heard[-1600:]) > 100, f"{words!r} is heard", SLOW_S)
        return found

    def answers(self, words: str, keys: str) -> None:
        """Press keys once these words are asked."""
        self.is_asked(words)
        self.phone.press(keys)

    def says(self, words: str, sound: bytes) -> None:
        """Speak once these words are asked, and again when they are asked again."""
        self.is_asked(words)
        asked = len(self.documents())
        self.phone.say(sound)
        until(lambda: len(self.documents()) > asked, f"what was said after {words!r} is taken", SLOW_S)
        if words in self.documents()[-1]:
            self.says(words, sound)

    def is_over(self) -> None:
        self.phone.wait_for("ended", timeout_s=SLOW_S)

    def _trace(self) -> list[dict[str, Any]]:
        carrier = self.home.carrier
        answer = httpx.get(
            f"{carrier.url}/phone/trace", headers={"Authorization": f"Bearer {carrier.number_token(CALLER)}"}
        )
        entries: list[dict[str, Any]] = answer.json()["entries"]
        return entries


def read(query: Any) -> list[Any]:
    with unit_of_work() as session:
        return list(session.scalars(query))


def told(kind: str) -> list[dict[str, Any]]:
    return [event.data for event in read(select(Event).where(Event.kind == kind).order_by(Event.id))]


def words_in(pcm16: bytes) -> str:
    async def words() -> str:
        recogniser = Recogniser()
        try:
            (result,) = await recogniser.transcribe(pcm16, 8000, "en-US")
            return result.text.lower()
        finally:
            await recogniser.close()

    return asyncio.run(words())


def test_a_call_goes_through_every_kind_of_node_with_real_sound(home: Home, plans: Plans) -> None:
    desk = home.phone(NIGHT_DESK)
    caller = OnTheLine(home)
    caller.answers("For English press 1.", "1")
    caller.is_asked("Tell us why.")
    caller.phone.wait_to_hear(1000, timeout_s=SLOW_S)  # the tone after which one speaks
    caller.phone.say(tone(700, 2.0))
    caller.phone.press("#")
    caller.answers("How was it from 1 to 5?", "4")
    speaker = Speaker()
    caller.says("Was your question answered?", speaker.render_sync("Yes, it was, thank you.", "en-US"))
    speaker.close()
    caller.answers("Your PIN please.", "0000")
    caller.answers("That is wrong.", "4711")
    desk.reject(desk.wait_for_ring(SLOW_S)["callSid"])
    caller.is_asked("The night desk is away, fibre customer.")
    caller.is_over()

    assert plans.asked == [("/plans/%2B15551230001", "Bearer 42")]
    [customer] = read(select(Customer))
    assert (customer.language, customer.fields) == ("en", {"pin": "4711", "plan": "fibre"})
    assert [(each["question"], each["answer"], each["by"]) for each in told("survey.answered")] == [
        ("rating", "4", "key"),
        ("solved", "yes", "voice"),
    ]
    assert [each["left"] for each in told("verification.failed")] == [1]
    assert len(told("verification.passed")) == 1
    [call] = read(select(Interaction))
    assert (call.context["verified"], call.language) == ("passed", "en")
    [message] = until(lambda: read(select(Recording)), "the recording is told")
    assert message.interaction_id == call.id and 1.5 < (message.duration_s or 2) < 6
    facts = [each["kind"] for each in told("flow.step")]
    wanted = {"language_chosen", "looked_up", "customer_changed", "recorded", "survey_answered", "waited"}
    assert wanted | {"flow_returned", "transfer_started", "transfer_finished"} <= set(facts)
    assert "night desk" in words_in(caller.phone.heard_pcm16())


def test_a_second_call_knows_the_first_and_a_wrong_pin_locks_out_and_ends_with_a_callback(home: Home) -> None:
    first = OnTheLine(home)
    first.answers("For English press 1.", "1")
    first.is_asked("Tell us why.")
    first.phone.hang_up()
    caller = OnTheLine(home)
    caller.answers("For English press 1.", "1")
    caller.answers("Good to hear you again. You have fibre.", "1")
    caller.answers("Your PIN please.", "0000")
    caller.answers("That is wrong.", "1111")
    caller.answers("We will call you back at", "1")
    caller.answers("press 2", "2")
    caller.is_asked("We will call you back")
    caller.is_over()

    call = until(lambda: [each for each in read(select(Interaction)) if each.state == "callback"], "a callback is owed")
    agreed = call[0].context["callback"]
    assert (agreed["queue"], agreed["number"], agreed["language"]) == ("sales", CALLER, "en")
    at = datetime.fromisoformat(agreed["at"])
    assert at.minute == 0 and timedelta() < at - datetime.now(UTC) <= timedelta(minutes=91)
    assert [each["at"] for each in told("callback.requested")] == [agreed["at"]]
    assert call[0].context["verified"] == "locked" and len(told("verification.locked")) == 1
    assert "locked" not in " ".join(caller.documents())

    third = OnTheLine(home)
    third.answers("For English press 1.", "2")
    document = third.is_asked("Usted tiene fibre.")
    assert document.find(".//Say").attrib["language"].startswith("es")  # type: ignore[union-attr]
    third.phone.press("1")
    third.is_asked("Le llamaremos al")  # still locked out: nobody is asked for the PIN again
    third.phone.hang_up()
    until(lambda: read(select(Customer))[0].language == "es", "the language is on the record")

"""What flows do beside talking: look-ups, the record, callbacks, follow-ups, flows in the line, calls of drafts."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import create_app
from app.config import Settings
from app.customers.models import Customer
from app.db import unit_of_work
from app.flows.models import FlowVersion
from app.interactions.models import Interaction, Message
from app.routing.models import Queue
from app.routing.release import caller_gone
from ivr_flows.faults import FlowError
from ivr_flows.instructions import LookUp
from telephony import draft_calls, lookups
from telephony.draft_calls import DraftCallRefused
from telephony.models import WebhookReceipt
from telephony.room import room_of
from telephony.web_services import WebServices
from tests import factories
from tests.conftest import EMPTY_DATABASE
from tests.telephony.voice.conftest import Caller, House
from tests.telephony.voice.edge import Edge

ENTRY = "default: {flow: main}\n"
MAIN = """
title: Main
start: menu
fallback: message
nodes:
  menu:
    kind: menu
    prompt: For orders press 1, for the line 2, for the small flow 3, for a callback 4, for the record 5, for bye 6.
    choices:
      - {key: 1, to: order}
      - {key: 2, to: line}
      - {key: 3, to: small}
      - {key: 4, to: call_me}
      - {key: 5, to: keep}
      - {key: 6, to: later}
      - {key: 7, to: other_line}
  order:
    kind: http
    url: "http://127.0.0.1:PORT/orders/{{ call.caller }}"
    headers: {Authorization: {secret: crm_token}}
    into: {state: state}
    timeout_s: 2
    hold: One moment, I am looking.
    next: tell
    on_status: [{status: 404, to: none}]
    fallback: sorry
  tell: {kind: hangup, say: "It is {{ vars.state }}."}
  none: {kind: hangup, say: There is no order.}
  sorry: {kind: hangup, say: I cannot see it now.}
  line:
    kind: queue
    queue: sales
    skills: [fibre]
    max_wait_s: 30
    announcements: {message: false}
    callback: call_me
    unanswered: message
  small: {kind: queue, queue: sales, wait_flow: music, unanswered: message}
  other_line: {kind: transfer, queue: nowhere, fallback: sorry}
  call_me: {kind: callback, queue: sales, declined: line}
  keep: {kind: customer, set: {name: Ana Ruiz, plan: fibre}, next: known}
  known:
    kind: customer
    read: {plan: fields.plan}
    last_interaction_within: {hours: 1, to: again}
    known: plan
    next: sorry
  plan: {kind: hangup, say: "You have {{ vars.plan }}."}
  again: {kind: hangup, say: Good to hear you again.}
  later: {kind: sms, when: after_call, text: Thank you for calling., next: bye}
  bye: {kind: hangup, say: Goodbye.}
  message: {kind: voicemail, mailbox: sales, prompt: Please leave a message.}
"""
MUSIC = """
title: Waiting
start: where
fallback: go_on
nodes:
  where:
    kind: menu
    prompt: >-
      You are number {{ queue.position }}. For a callback press 1, for a message press 2, for a text 3.
      {{ queue.low_min }} {{ queue.high_min }}
    tries: 1
    choices: [{key: 1, to: call_me}, {key: 2, to: box}, {key: 3, to: link}, {key: 4, to: away}, {key: 5, to: look}]
    no_input: news
    no_match: news
  news: {kind: say, text: Did you know that fibre is fast?, next: go_on}
  link: {kind: sms, text: "See https://meridian.example", next: go_on}
  call_me: {kind: callback, queue: sales, declined: go_on}
  look: {kind: http, url: "https://crm.example/", next: go_on, fallback: news}
  away: {kind: queue, queue: support}
  box: {kind: voicemail, mailbox: sales, prompt: Not heard here.}
  go_on: {kind: queue, queue: sales}
"""


@dataclass
class Service:
    """A web service; `answer` is asked for status and content, after `gate` is open."""

    port: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    answer: tuple[int, bytes] = (200, b'{"state": "sent"}')
    gate: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    made.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append((self.path, self.headers.get("Authorization", "")))
            made.gate.wait(10)
            status, content = made.answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    made.gate.set()
    server.shutdown()


@pytest.fixture
def house(database: str, settings: Settings, edge: Edge, service: Service, tmp_path: Path) -> House:
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "entry_points.yaml").write_text(ENTRY)
    (folder / "main.yaml").write_text(MAIN.replace("PORT", str(service.port)))
    (folder / "music.yaml").write_text(MUSIC)
    local = replace(
        settings,
        twilio_api_base=edge.base,
        flows_dir=folder,
        http_allow_hosts=("127.0.0.1",),
        flow_secrets={"crm_token": "Bearer 42"},
    )
    app = create_app(local)
    assert room_of(app).flows.problems() == {}
    return House(app, app.test_client(), local, edge, database)


@pytest.fixture(autouse=True)
def queues(house: House, arrange: Callable[[Callable[[Session], Any]], Any]) -> None:
    def make(session: Session) -> None:
        factories.queue(session, "sales")
        factories.queue(session, "support")

    arrange(make)


def on_the_line(house: House, key: str) -> Caller:
    caller = house.dial()
    caller.press(key)
    return caller


def told(house: House, kind: str = "flow.step") -> list[str]:
    return [event["text"] for event in house.events(kind)]


# Look-ups


def test_a_quick_answer_is_the_next_thing_the_caller_hears(house: House, service: Service) -> None:
    caller = on_the_line(house, "1")
    assert service.asked == []  # nothing is asked while the step's own transaction is open
    caller.go_on()
    assert caller.hears() == "It is sent."
    assert service.asked == [("/orders/%2B15550100001", "Bearer 42")]
    assert f"asked 127.0.0.1:{service.port}: 200" in told(house)


def test_a_slow_answer_is_waited_for_with_a_word_and_music_and_nothing_is_locked(
    house: House, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "SOON_S", 0.05)
    service.gate.clear()
    caller = on_the_line(house, "1")
    caller.go_on()
    assert caller.hears() == "One moment, I am looking."
    assert caller.verb("Play").text == "http://web.test/voice/moment.wav"
    with unit_of_work() as session:  # nobody holds the call meanwhile
        session.execute(text("SET LOCAL lock_timeout = '1s'"))
        session.execute(text("SELECT 1 FROM interaction FOR UPDATE NOWAIT"))
    caller.go_on()
    assert caller.hears() == ""
    service.gate.set()
    until_told(house, "asked 127.0.0.1")
    caller.go_on()
    assert caller.hears() == "It is sent."
    assert len(service.asked) == 1


def until_told(house: House, beginning: str) -> None:
    """Wait, with a deadline, for the thread that takes the flow on."""
    gap = threading.Event()
    for _ in range(200):
        if any(line.startswith(beginning) for line in told(house)):
            return
        gap.wait(0.05)
    raise AssertionError(told(house))


def test_a_repeated_request_asks_nothing_again(house: House, service: Service) -> None:
    caller = on_the_line(house, "1")
    redirect = caller.verb("Redirect").text or ""
    caller.go_on()
    first = ET.tostring(caller.document)
    caller.follow(redirect)
    caller.follow(redirect + "?told=1")
    assert ET.tostring(caller.document) == first
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("answer", "hears"),
    [
        ((404, b""), "There is no order."),
        ((500, b'{"state": "sent"}'), "I cannot see it now."),
        ((302, b""), "I cannot see it now."),
        ((200, b"<html>"), "I cannot see it now."),
        ((200, b'{"state": NaN}'), "I cannot see it now."),
        ((200, b"[" * 100_000), "I cannot see it now."),
        ((200, b'{"state": "' + b"x" * 300_000 + b'"}'), "I cannot see it now."),
        ((200, b'{"state": {"a": 1}}'), "It is ."),
        ((200, '{"state": "<b>\\u0000é</b>"}'.encode()), "It is <b> é</b>."),
    ],
    ids=["named status", "error", "redirect", "no JSON", "no number", "deep", "huge", "no plain value", "markup"],
)
def test_every_answer_leads_somewhere(house: House, service: Service, answer: tuple[int, bytes], hears: str) -> None:
    service.answer = answer
    caller = on_the_line(house, "1")
    caller.go_on()
    assert caller.hears() == hears


def test_a_service_that_does_not_answer_in_time_is_given_up(house: House, service: Service) -> None:
    service.gate.clear()
    caller = on_the_line(house, "1")
    caller.go_on()
    until_told(house, f"asked 127.0.0.1:{service.port}: timeout")
    caller.go_on()
    assert caller.hears() == "I cannot see it now."


def test_a_worker_that_died_while_it_asked_is_noticed_by_the_time_that_passes(house: House, service: Service) -> None:
    caller = on_the_line(house, "1")
    interaction = house.interaction()
    with unit_of_work() as session:
        session.add(WebhookReceipt(source="flow.look_up", dedupe_key=f"{interaction.id}:2"))
    caller.go_on()
    assert caller.verb("Play") is not None and service.asked == []
    with unit_of_work() as session:
        session.execute(text("UPDATE webhook_receipt SET received_at = received_at - interval '6 seconds'"))
    caller.go_on()
    assert caller.hears() == "I cannot see it now."
    assert service.asked == []


def test_another_call_cannot_look_in(house: House) -> None:
    caller = on_the_line(house, "1")
    stranger = Caller(house, "+15550100009", caller.to)
    stranger.follow(caller.verb("Redirect").text or "")
    assert stranger.hears() == "Goodbye."
    stranger.follow(f"/voice/look-up/{uuid.uuid4()}/1")
    assert stranger.hears() == "Goodbye."
    assert house.post(f"/voice/look-up/{uuid.uuid4()}/1", {"CallSid": "x"}).status_code == 400


def test_a_caller_who_hangs_up_meanwhile_is_gone(house: House, service: Service) -> None:
    service.gate.clear()
    caller = on_the_line(house, "1")
    caller.go_on()
    caller.hang_up()
    service.gate.set()
    assert house.interaction().state == "abandoned_in_flow"


def test_a_secret_goes_to_trusted_hosts_only(house: House, service: Service) -> None:
    web = room_of(house.app).web_services
    look = LookUp("x", "GET", "https://93.184.216.34/", secrets={"Authorization": "crm_token"})
    assert web.ask(look).problem == "refused"
    unknown = LookUp("x", "GET", f"http://127.0.0.1:{service.port}/", secrets={"Authorization": "other"})
    assert web.ask(unknown).problem == "refused"
    assert service.asked == []


def test_an_answer_is_kept_as_long_as_the_flow_says(house: House, service: Service) -> None:
    now = [100.0]
    web = WebServices(("127.0.0.1",), monotonic=lambda: now[0])
    look = LookUp("x", "GET", f"http://127.0.0.1:{service.port}/a", cache_s=60)
    assert web.ask(look) == web.ask(look)
    assert len(service.asked) == 1
    now[0] += 60
    web.ask(look)
    web.ask(replace(look, headers={"X": "1"}))
    assert len(service.asked) == 3
    service.answer = (500, b"")
    web.ask(replace(look, url=look.url + "b"))
    web.ask(replace(look, url=look.url + "b"))
    assert len(service.asked) == 5


# The record


def test_the_flow_writes_into_the_record_and_knows_the_caller_the_next_time(house: House) -> None:
    caller = on_the_line(house, "5")
    assert caller.hears() == "You have fibre."
    [customer] = house.read(select(Customer))
    assert (customer.name, customer.fields) == ("Ana Ruiz", {"plan": "fibre"})
    assert house.events("customer.changed")[0]["fields"] == ["name", "fields.plan"]
    again = on_the_line(house, "5")
    assert again.hears() == "Good to hear you again."
    assert len(house.events("customer.changed")) == 1


# Texts after the call


def test_a_follow_up_leaves_when_the_call_is_over_and_only_once(house: House) -> None:
    caller = on_the_line(house, "6")
    assert caller.hears() == "Goodbye."
    assert house.read(select(Message)) == []
    caller.hang_up()
    caller.hang_up()
    assert [message.body for message in house.read(select(Message))] == ["Thank you for calling."]


# Callbacks


def agree(caller: Caller) -> None:
    caller.press("1")
    assert caller.hears() == "Thank you. We will call you back as soon as somebody is free. Goodbye."


def test_a_callback_is_owed_once_it_is_agreed(house: House) -> None:
    caller = on_the_line(house, "4")
    url = caller.verb("Gather").attrib["action"]
    agree(caller)
    caller.follow(url, Digits="1")
    caller.hang_up()
    owed = house.interaction()
    assert owed.state == "callback" and owed.queue_id is not None
    assert owed.context["callback"]["number"] == "+15550100001"
    assert owed.context["callback"]["queue"] == "sales"
    assert len(house.events("callback.requested")) == 1


def test_a_callback_asked_for_in_line_keeps_the_place(house: House) -> None:
    caller = on_the_line(house, "2")
    caller.go_on()
    since = house.interaction().virtual_start
    caller.press("1")
    assert "We will call you back at 5, 5, 5, 0, 1, 0, 0, 0, 0, 1." in caller.hears()
    assert house.interaction().state == "in_flow"
    agree(caller)
    owed = house.interaction()
    assert owed.state == "callback"
    assert since is not None and owed.context["callback"]["waits_since"] == since.isoformat()


def test_who_declines_goes_back_to_the_same_place_in_line(house: House) -> None:
    caller = on_the_line(house, "2")
    caller.go_on()
    since = house.interaction().virtual_start
    caller.press("1")
    caller.press("*")
    waiting = house.interaction()
    assert (waiting.state, waiting.virtual_start) == ("queued", since)


def test_the_queue_node_says_how_one_waits(house: House) -> None:
    caller = on_the_line(house, "2")
    waiting = house.interaction()
    assert waiting.context["skills"] == ["fibre"]
    segments = house.read(text("SELECT wake_at - virtual_start FROM interaction"))
    assert 29 < segments[0].total_seconds() < 31
    caller.go_on()
    caller.press("*")  # a message is not offered here
    assert house.interaction().state == "queued"


def test_a_transfer_to_a_queue_that_is_not_there_goes_to_its_fallback(house: House) -> None:
    assert on_the_line(house, "7").hears() == "I cannot see it now."


# A small flow in the line


def test_the_small_flow_plays_in_rounds_while_the_caller_keeps_the_place(house: House) -> None:
    caller = on_the_line(house, "3")
    caller.go_on()
    assert caller.hears().startswith("You are number 1. For a callback press 1, for a message press 2, for a text 3.")
    caller.go_on()
    assert caller.hears() == "Did you know that fibre is fast?"
    caller.go_on()
    assert caller.hears().startswith("You are number 1.")
    assert house.interaction().state == "queued"


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 4), min_size=2, max_size=4))
def test_the_small_flow_never_tells_a_later_place_or_a_longer_wait(house: House, ahead: list[int]) -> None:
    with unit_of_work() as session:
        session.execute(text(EMPTY_DATABASE))
    with unit_of_work() as session:
        sales = factories.queue(session, "sales")
        factories.agent(session, queues=[sales])
    caller = on_the_line(house, "3")
    mine = house.interaction().id
    told: list[list[int]] = []
    for many in ahead:
        with unit_of_work() as session:
            others = select(Interaction).where(Interaction.id != mine, Interaction.state == "queued")
            for other in session.scalars(others):
                caller_gone(session, other.id)
            for _ in range(many):
                factories.waiting_call(session, session.get_one(Queue, sales.id), priority_min=10)
        caller.go_on()
        numbers = re.fullmatch(r"You are number (\d+)\. .* text 3\. (\d+) (\d+)", caller.hears())
        assert numbers is not None
        told.append([int(number) for number in numbers.groups()])
        caller.go_on()  # the news
    for each in zip(*told, strict=True):
        assert list(each) == sorted(each, reverse=True), told


def test_a_repeated_round_is_the_same_round(house: House) -> None:
    caller = on_the_line(house, "3")
    caller.go_on()
    url = caller.verb("Gather").attrib["action"]
    caller.follow(url, Digits="3")
    first = ET.tostring(caller.document)
    caller.follow(url, Digits="3")
    assert ET.tostring(caller.document) == first
    assert [message.body for message in house.read(select(Message))] == ["See https://meridian.example"]
    caller.follow(f"/voice/wait/{house.interaction().id}?w=99999999999999999999")
    caller.follow(f"/voice/wait/{house.interaction().id}?w=%C2%B2")
    assert house.interaction().state == "queued"


def test_a_callback_agreed_in_the_small_flow_ends_the_wait(house: House) -> None:
    caller = on_the_line(house, "3")
    caller.go_on()
    caller.press("1")
    assert house.interaction().state == "queued"  # an agent may still be faster
    agree(caller)
    assert caller.document.find("Hangup") is not None
    assert house.interaction().state == "callback"
    caller.hang_up()
    assert house.interaction().state == "callback"
    assert "is to be called back at +15550100001 for sales: as soon as somebody is free" in told(house, "flow.aside")


def test_a_message_chosen_in_the_small_flow_goes_the_main_flows_way(house: House) -> None:
    caller = on_the_line(house, "3")
    caller.go_on()
    caller.press("2")
    assert caller.hears() == "Please leave a message."
    assert house.interaction().state == "in_flow"


def test_another_queue_in_the_small_flow_leaves_this_one(house: House) -> None:
    caller = on_the_line(house, "3")
    caller.go_on()
    caller.press("4")
    assert caller.hears() == "Please leave a message."
    assert "left the queue sales: overflow" in told(house)


def test_what_cannot_be_done_in_a_line_is_refused_and_the_wait_goes_on(house: House) -> None:
    caller = on_the_line(house, "3")
    caller.go_on()
    caller.press("5")
    assert caller.hears() == "Did you know that fibre is fast?"
    assert house.interaction().state == "queued"


def test_a_small_flow_that_is_gone_is_replaced_by_the_houses_own_loop(house: House) -> None:
    caller = on_the_line(house, "3")
    with unit_of_work() as session:
        session.execute(
            text("UPDATE flow_session SET state = replace(state::text, '\"music\"', '\"no_such_flow\"')::jsonb")
        )
    caller.go_on()
    assert caller.verb("Gather/Play").text == "http://web.test/voice/music.wav"


# Calls of drafts

DRAFT = """
title: Draft
start: a
fallback: b
nodes:
  a: {kind: say, text: This is the draft., next: b}
  b: {kind: voicemail, mailbox: sales, prompt: Speak.}
"""


def ring(house: House, to: str = "+15550100077", flow: str = "main", draft: str = DRAFT) -> Caller:
    """Ring a telephone with a draft; whoever picks up."""
    before = len(house.edge.to("POST", "Calls"))
    with house.app.app_context():
        draft_calls.ring(to, flow, draft)
    [asked] = house.edge.to("POST", "Calls")[before:]
    picked_up = Caller(house, asked.form["From"], asked.form["To"].partition("?")[0])
    picked_up.follow(asked.form["Url"])
    return picked_up


@pytest.fixture
def our_number(house: House) -> None:
    folder = house.settings.flows_dir
    (folder / "entry_points.yaml").write_text('default: {flow: main}\nnumbers: {"+15005550006": {flow: main}}\n')
    room_of(house.app).flows.refresh()


def test_whoever_picks_up_is_a_caller_of_the_draft(house: House, our_number: None) -> None:
    caller = ring(house)
    assert caller.hears() == "This is the draft. Speak."
    opened = house.interaction()
    assert (opened.remote_address, opened.our_address) == ("+15550100077", "+15005550006")
    assert opened.context["draft"]["flow"] == "main"
    assert house.events("flow.entered")[0]["draft"] is True
    assert "For orders" in house.dial().hears()  # nothing went live


def test_a_draft_that_was_picked_up_twice_is_one_call(house: House, our_number: None) -> None:
    caller = ring(house)
    url = house.edge.to("POST", "Calls")[0].form["Url"]
    first = ET.tostring(caller.document)
    caller.follow(url)
    assert ET.tostring(caller.document) == first
    assert len(house.read(select(Interaction))) == 1


def test_a_draft_may_be_rung_on_a_softphone(house: House, our_number: None) -> None:
    assert ring(house, "client:agent_7").hears() == "This is the draft. Speak."
    assert house.interaction().remote_address == "anonymous"


@pytest.mark.parametrize("token", ["x", "x.y.z", "a" * 5000, "WyJtYWluIl0.aaaaaa.bbbb"])
def test_an_address_that_we_did_not_make_reaches_no_draft(house: House, token: str) -> None:
    caller = Caller(house, "+15005550006", "+15550100077")
    caller.follow(f"/voice/draft/{token}")
    assert caller.hears() == "Goodbye."
    assert house.read(select(Interaction)) == []


def test_the_address_is_for_the_telephone_that_was_rung_and_not_for_ever(
    house: House, our_number: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with house.app.app_context():
        draft_calls.ring("+15550100077", "main", DRAFT)
    url = house.edge.to("POST", "Calls")[0].form["Url"]
    stranger = Caller(house, "+15005550006", "+15550100078")
    stranger.follow(url)
    assert stranger.hears() == "Goodbye."
    monkeypatch.setattr(draft_calls, "LIFE_S", -1)
    late = Caller(house, "+15005550006", "+15550100077")
    late.follow(url)
    assert late.hears() == "Goodbye."


@pytest.mark.parametrize(
    "to", ["", "12", "anonymous", "+15005550006", "client:", "client:a b", "sip:me@x", "+19002345678", "1" * 5000]
)
def test_an_address_that_must_not_be_rung_is_refused_in_words(house: House, our_number: None, to: str) -> None:
    with house.app.app_context(), pytest.raises(DraftCallRefused):
        draft_calls.ring(to, "main", DRAFT)
    assert house.edge.to("POST", "Calls") == []


def test_a_draft_that_cannot_run_rings_nobody(house: House, our_number: None) -> None:
    with house.app.app_context(), pytest.raises(FlowError):
        draft_calls.ring("+15550100077", "main", "title: Broken")
    assert house.edge.to("POST", "Calls") == []
    assert [row.text for row in house.read(select(FlowVersion).where(FlowVersion.text == "title: Broken"))] == []


def test_without_a_number_of_our_own_nobody_is_rung(house: House) -> None:
    with house.app.app_context(), pytest.raises(DraftCallRefused, match="add one first"):
        draft_calls.ring("+15550100077", "main", DRAFT)

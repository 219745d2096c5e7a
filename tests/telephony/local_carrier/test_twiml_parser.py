"""TwiML as a tree: what parses, and with which of Twilio's codes the rest is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from telephony.local_carrier.twiml import Node, TwimlError, parse


def test_what_the_official_builder_writes_is_read_back_in_order():
    response = VoiceResponse()
    response.say("Hello & welcome", language="en-GB")
    gather = Gather(action="/menu?a=1&b=2", num_digits=1)
    gather.play("/prompt.wav")
    response.append(gather)
    dial = Dial(caller_id="+15551230000")
    dial.number("+15551230001", send_digits="1w2")
    dial.client("bob")
    response.append(dial)
    say, gather_read, dial_read = parse(str(response).encode())
    assert (say.name, say.text, say.attributes["language"]) == ("Say", "Hello & welcome", "en-GB")
    assert gather_read.attributes == {"action": "/menu?a=1&b=2", "numDigits": "1"}
    assert gather_read.children == (Node("Play", {}, ("/prompt.wav",)),)
    assert [(noun.name, noun.text) for noun in dial_read.children] == [("Number", "+15551230001"), ("Client", "bob")]


def test_comments_are_ignored_and_mixed_text_keeps_its_order():
    (say,) = parse(b"<Response><!-- hi --><Say>one<break time='1s'/>two</Say></Response>")
    assert say.content == ("one", Node("break", {"time": "1s"}), "two")


def test_empty_response_has_no_verbs():
    assert parse(b'<?xml version="1.0" encoding="UTF-8"?><Response/>') == ()


BOMB = b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><Response><Say>&b;</Say></Response>'
READS_FILES = b'<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]><Response><Say>&f;</Say></Response>'


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param(b"", 11770, id="empty"),
        pytest.param(b"   \n", 11770, id="blank"),
        pytest.param(b"<Response><Say>", 12100, id="not closed"),
        pytest.param(b"hello", 12100, id="no markup"),
        pytest.param(b"<Response/><Response/>", 12100, id="two roots"),
        pytest.param(b'<?xml version="2.0"?><Response/>', 12101, id="wrong version"),
        pytest.param(b"<response/>", 12102, id="wrong case of the root"),
        pytest.param(b"<html><body/></html>", 12102, id="a web page"),
        pytest.param(BOMB, 12100, id="entities that grow"),
        pytest.param(READS_FILES, 12100, id="entities that read files"),
        pytest.param(b"<Response>" + b"<a>" * 50 + b"</a>" * 50 + b"</Response>", 12100, id="too deep"),
        pytest.param(b"<Response>" + b"<Pause/>" * 3000 + b"</Response>", 12100, id="too many verbs"),
        pytest.param(b"<Response><Say>" + b"a" * 65536 + b"</Say></Response>", 11750, id="too large"),
        pytest.param(b"<Response>\xff\xfe</Response>", 12100, id="not UTF-8"),
    ],
)
def test_what_is_no_twiml_is_refused_with_twilios_code(document, code):
    with pytest.raises(TwimlError) as refusal:
        parse(document)
    assert refusal.value.code == code


@given(st.binary(max_size=300))
def test_any_bytes_are_parsed_or_refused_and_nothing_else(document):
    try:
        parse(document)
    except TwimlError as refusal:
        assert refusal.code in {11770, 12100, 12101, 12102}

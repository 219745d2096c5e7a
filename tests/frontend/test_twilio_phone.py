"""The desktop on Twilio: the official SDK, unmodified, with Twilio's end of the line spoken by the test.

The far end's sound is real WebRTC: a second peer connection in the page, so nothing leaves the machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from tests.frontend.conftest import Pages, Visitor
from tests.support.browser import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAR_END = """
window.farEnd = new RTCPeerConnection();
window.farEndHears = 0;
window.farEnd.ontrack = ({ track }) => { window.farEndHears += 1; };
window.offerFrom = async () => {
  const context = new AudioContext();
  const tone = context.createOscillator();
  const voice = context.createMediaStreamDestination();
  tone.frequency.value = 500;
  tone.connect(voice);
  tone.start();
  window.farEnd.addTrack(voice.stream.getAudioTracks()[0], voice.stream);
  await window.farEnd.setLocalDescription(await window.farEnd.createOffer());
  await gathered();
  return window.farEnd.localDescription.sdp;
};
window.takeAnswer = (sdp) => window.farEnd.setRemoteDescription({ type: "answer", sdp });
async function gathered() {
  while (window.farEnd.iceGatheringState !== "complete") {
    await new Promise((done) => { window.farEnd.onicegatheringstatechange = done; });
  }
}
"""


class Signalling:
    """Twilio's end of the signalling socket, as far as a softphone that is called needs it."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.hosts: list[str] = []
        self.socket: WebSocketRoute | None = None

    def __call__(self, socket: WebSocketRoute) -> None:
        self.socket = socket
        self.hosts.append(urlsplit(socket.url).netloc)
        socket.on_message(self._hear)

    def say(self, kind: str, **payload: Any) -> None:
        """One message to the SDK."""
        assert self.socket is not None
        self.socket.send(json.dumps({"type": kind, "version": "1.6", "payload": payload}))

    def message(self, kind: str) -> dict[str, Any] | None:
        """The payload of the first message of a kind that the SDK sent."""
        return next((each.get("payload", {}) for each in self.heard if each["type"] == kind), None)

    def _hear(self, raw: str | bytes) -> None:
        if isinstance(raw, bytes) or not raw.strip():
            return
        message = json.loads(raw)
        self.heard.append(message)
        if message["type"] == "listen":
            token = {"identity": "agent_7", "ttl": 3600, "accountSid": "AC1"}
            self.say("connected", edge="roaming", region="us1", gateway="test", token=token)
        if message["type"] == "register":
            self.say("ready")


async def until(page: Page, condition: Callable[[], Any]) -> Any:
    """Wait for something that happens outside the page; gives it."""
    for _ in range(200):
        found = condition()
        if found:
            return found
        await page.wait_for_timeout(50)
    raise AssertionError("it did not happen within 10 s")


@pytest.fixture
def on_twilio(visitor: Visitor, pages: Pages) -> Callable[[Signalling], Awaitable[Person]]:
    """Sits an agent down whose desktop was told to use Twilio."""
    claims = {"iss": "SK1", "sub": "AC1", "exp": time.time() + 3600, "grants": {"identity": "agent_7"}}
    token = jwt.encode(claims, "a secret that nobody checks in this test", "HS256")
    pages.config["LINE"] = lambda _address: {"mode": "twilio", "token": token, "url": None}

    async def sit_down(signalling: Signalling) -> Person:
        person = await visitor(None)
        await person.page.add_init_script(FAR_END)
        await person.page.context.route_web_socket(lambda url: "/signal" in url, signalling)
        await person.page.goto("/desktop?case=idle")
        await expect(person.page.locator("#reach")).to_contain_text("you will ring")
        return person

    return sit_down


async def rings(page: Page, signalling: Signalling, **parameters: str) -> None:
    """Twilio offers a call with these custom parameters."""
    about = {"From": "+15550102030", "To": "client:agent_7", "CallSid": "CA1", "AccountSid": "AC1"}
    custom = "&".join(f"{name}={value}" for name, value in parameters.items())
    sdp = await page.evaluate("offerFrom()")
    signalling.say("invite", callsid="CA1", sdp=sdp, parameters={**about, "Params": custom})


async def test_phone_registers_and_asks_nothing_of_any_other_host(
    on_twilio: Callable[[Signalling], Awaitable[Person]], pages: Pages
) -> None:
    signalling = Signalling()
    person = await on_twilio(signalling)
    asked: list[str] = []
    person.page.on("request", lambda request: asked.append(request.url))
    await person.page.reload()
    await expect(person.page.locator("#reach")).to_contain_text("you will ring")
    assert signalling.message("register") == {"media": {"audio": True}}
    assert set(signalling.hosts) == {"voice-js.roaming.twilio.com"}
    assert [url for url in asked if not url.startswith((pages.url, "data:", "blob:"))] == []
    assert [each for each in person.complaints if "Content Security Policy" in each] == []


async def test_what_the_agent_asked_for_answers_itself_and_sound_flows(
    on_twilio: Callable[[Signalling], Awaitable[Person]],
) -> None:
    signalling = Signalling()
    person = await on_twilio(signalling)
    await rings(person.page, signalling, autoAnswer="1", interactionId="7d1c")
    answer = await until(person.page, lambda: signalling.message("answer"))
    await person.page.evaluate("(sdp) => takeAnswer(sdp)", answer["sdp"])
    await person.page.wait_for_function("farEnd.connectionState === 'connected' && farEndHears === 1")


async def test_offered_call_rings_until_the_agent_answers(
    on_twilio: Callable[[Signalling], Awaitable[Person]], pages: Pages
) -> None:
    signalling = Signalling()
    person = await on_twilio(signalling)
    await person.page.context.add_cookies([{"name": "case", "value": "ringing", "url": pages.url}])
    await rings(person.page, signalling)
    await expect(person.page.get_by_role("alert")).to_contain_text("Mira Chen")
    assert signalling.message("answer") is None
    await person.page.keyboard.press("Control+Shift+A")
    await until(person.page, lambda: signalling.message("answer"))

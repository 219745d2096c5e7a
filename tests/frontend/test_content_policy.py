"""The content policy of the house, in a real browser: what is smuggled in does nothing. No page needs more:
test_accessibility, which visits every page."""

from __future__ import annotations

import pytest

from app.config import Settings
from app.pages import content_policy
from tests.frontend.conftest import Visitor
from tests.frontend.test_desktop_page import at_desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOCAL = {"CARRIER": "local"}
TWILIO = {
    "CARRIER": "twilio",
    "PUBLIC_BASE_URL": "https://calls.example.com",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "t",
    "TWILIO_API_KEY_SID": "SK" + "0" * 32,
    "TWILIO_API_KEY_SECRET": "s",
    "TWILIO_APP_SID": "AP" + "0" * 32,
}
SMUGGLED = """() => {
  const broken = [];
  document.addEventListener("securitypolicyviolation", (event) => broken.push(event.effectiveDirective));
  const box = document.createElement("div");
  box.innerHTML = '<p id="styled" style="position: fixed">x</p><style>#styled { color: rgb(1, 2, 3) }</style>';
  document.body.append(box);
  const script = document.createElement("script");
  script.textContent = "window.smuggled = true";
  document.body.append(script);
  const looks = getComputedStyle(document.getElementById("styled"));
  return new Promise((done) => setTimeout(() => done({
    position: looks.position, color: looks.color, ran: Boolean(window.smuggled), broken: [...new Set(broken)].sort(),
  }), 50));
}"""


async def test_style_and_script_that_are_smuggled_in_do_nothing(visitor: Visitor) -> None:
    person = await at_desk(visitor, "idle")
    found = await person.page.evaluate(SMUGGLED)
    assert (found["position"], found["ran"]) == ("static", False)
    assert found["color"] != "rgb(1, 2, 3)"
    assert found["broken"] == ["script-src-elem", "style-src-attr", "style-src-elem"]


@pytest.mark.parametrize("env", [LOCAL, TWILIO], ids=["local", "twilio"])
async def test_nothing_unsafe_is_allowed_in_either_mode(env: dict[str, str]) -> None:
    policy = content_policy(Settings.from_env(env))
    assert "unsafe" not in policy
    assert ("twilio.com" in policy) is (env is TWILIO)

"""Every page for everybody, and no page needs more than the house's content policy: axe, in light and in dark."""

from __future__ import annotations

from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.frontend import examples
from tests.frontend.conftest import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TELL_OF_VIOLATIONS = (
    "document.addEventListener('securitypolicyviolation',"
    " (event) => console.error(`policy: ${event.effectiveDirective} ${event.blockedURI}`))"
)
PAGES = {
    "sign-in": "/login",
    "own password": "/me/password",
    "nothing here": "/error/404",
    "phone": "/phone",
    "desk off": "/desktop?case=off",
    "desk idle with a record": f"/desktop?case=idle&customer={examples.MIRA}",
    "desk ringing": "/desktop?case=ringing",
    "desk in a call": "/desktop?case=call",
    "desk wrapping up": "/desktop?case=wrapping",
    "system": "/admin",
    "flows": "/admin/flows",
    "flow editor": "/admin/flows/main",
    "replay": "/admin/flows/replay/1",
}


@pytest.mark.parametrize("name", PAGES)
async def test_page_keeps_the_content_policy_and_has_no_serious_barriers(visitor: Visitor, name: str) -> None:
    person = await visitor(None, reduced_motion="reduce")
    await person.page.add_init_script(TELL_OF_VIOLATIONS)
    await person.page.goto(PAGES[name])
    await person.page.locator("main").wait_for()
    assert [each for each in person.complaints if "policy" in each.lower()] == []
    found = {}
    for scheme in SCHEMES:
        await person.page.emulate_media(color_scheme=scheme)
        await expect(person.page.locator("html")).to_have_attribute("data-bs-theme", scheme)
        report = (await Axe().run(person.page)).response
        for each in report["violations"]:
            if each["impact"] in ("serious", "critical"):
                found[f"{scheme}: {each['id']}"] = [node["html"][:140] for node in each["nodes"][:4]]
    assert found == {}

"""Every page for everybody: axe finds nothing serious, in light and in dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.async_playwright import Axe

from tests.frontend import examples
from tests.frontend.conftest import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

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


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_have_no_serious_barriers(visitor: Visitor, scheme: str) -> None:
    person = await visitor("/login", color_scheme=scheme, reduced_motion="reduce")
    found = {}
    for name, path in PAGES.items():
        await person.page.goto(path)
        await person.page.wait_for_load_state("load")
        await person.page.locator("main").wait_for()
        report = (await Axe().run(person.page)).response
        serious = [each for each in report["violations"] if each["impact"] in ("serious", "critical")]
        for each in serious:
            found[f"{name}: {each['id']}"] = [node["html"][:140] for node in each["nodes"][:4]]
    assert found == {}

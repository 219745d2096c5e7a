"""A person at a real Chromium: speaks with rendered speech, and what arrives in the ear can be transcribed."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from playwright.async_api import Browser, Page, async_playwright, expect

PAGE_AUDIO = (Path(__file__).parent / "page_audio.js").read_text()
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
]
EAR_RATE_HZ = 48_000
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


def chromium_path() -> str:
    """The browser that script/test found, or the one on the PATH."""
    names = ("chromium-headless-shell", "chromium", "google-chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    assert found, "No Chromium: run script/browser, or name one with CHROMIUM=/path"
    return found


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """One browser program; each person gets a context of their own in it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


class Person:
    """Somebody in front of a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", self._hear_console)

    def _hear_console(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    @classmethod
    async def sits_down(cls, browser: Browser, base_url: str, **context: Any) -> Person:
        """A fresh browser profile, with a microphone that `say` speaks into."""
        made = await browser.new_context(
            base_url=base_url,
            permissions=["microphone", "notifications"],
            viewport={"width": 1440, "height": 900},
            **context,
        )
        await made.add_init_script(PAGE_AUDIO)
        page = await made.new_page()
        page.set_default_timeout(PATIENCE_MS)
        return cls(page)

    async def say(self, wav: Path) -> None:
        """Speak a WAV file into the microphone; returns when it has been said."""
        await self.page.evaluate("(wav) => window.__say(wav)", base64.b64encode(wav.read_bytes()).decode())

    async def now(self) -> float:
        """The page's clock, to name a moment for `heard`."""
        return float(await self.page.evaluate("window.__now()"))

    async def heard(self, since: float = 0) -> np.ndarray[Any, np.dtype[np.int16]]:
        """What the page played since that moment: 16-bit mono at 8 kHz."""
        raw = base64.b64decode(await self.page.evaluate("(since) => window.__heard(since)", since))
        samples = np.frombuffer(raw, dtype=np.int16)
        return soxr.resample(samples, EAR_RATE_HZ, 8_000) if len(samples) else samples

    async def leaves(self) -> None:
        """Close the tab and the profile."""
        await self.page.context.close()

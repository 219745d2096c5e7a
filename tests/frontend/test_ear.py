"""The tests' own ear at a page: what is judged by it must be what was played."""

from __future__ import annotations

import numpy as np
import pytest

from tests.frontend.conftest import Visitor
from tests.support.browser import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE_HZ, FRAME = 8_000, 400
FROM_HZ, TO_HZ, SECONDS = 500, 2_500, 2.0
PLAY = """
async ([fromHz, toHz, seconds, busyMs, others]) => {
  for (; others > 0; others--) {
    const other = new AudioContext();
    new GainNode(other).connect(other.destination);
    await other.resume();
  }
  const context = new AudioContext({ sampleRate: 48000 });
  await context.resume();
  const tone = new OscillatorNode(context);
  tone.connect(context.destination);
  const begins = context.currentTime + 0.2;
  tone.frequency.setValueAtTime(fromHz, begins);
  tone.frequency.linearRampToValueAtTime(toHz, begins + seconds);
  tone.start(begins);
  tone.stop(begins + seconds);
  const over = new Promise((done) => (tone.onended = done));
  await new Promise((done) => setTimeout(done, 300));
  for (const until = performance.now() + busyMs; performance.now() < until; );
  await over;
}
"""


async def test_what_a_busy_page_plays_is_heard_once_and_in_order(visitor: Visitor) -> None:
    await hears_the_rising_tone(await visitor("/phone"), busy_ms=1_500)


async def test_players_that_are_silent_leave_no_holes_in_what_another_one_plays(visitor: Visitor) -> None:
    """As a telephone's own tones have one, beside the call's."""
    await hears_the_rising_tone(await visitor("/phone"), others=2)


async def hears_the_rising_tone(person: Person, busy_ms: int = 0, others: int = 0) -> None:
    began = await person.now()
    await person.page.evaluate(PLAY, [FROM_HZ, TO_HZ, SECONDS, busy_ms, others])
    await person.page.wait_for_timeout(200)
    heard = (await person.heard(began)).astype(float)
    loud = np.flatnonzero(np.abs(heard) > 1_000)
    rising = heard[loud[0] : loud[-1] + 1]
    assert len(rising) / RATE_HZ == pytest.approx(SECONDS, abs=0.02)
    frames = rising[: len(rising) // FRAME * FRAME].reshape(-1, FRAME)
    hertz = np.abs(np.fft.rfft(frames * np.hanning(FRAME))).argmax(axis=1) * RATE_HZ / FRAME
    played = FROM_HZ + (TO_HZ - FROM_HZ) * (np.arange(len(frames)) + 0.5) * FRAME / RATE_HZ / SECONDS
    assert np.abs(hertz - played).max() < 60

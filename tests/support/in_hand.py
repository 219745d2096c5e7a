"""Calls in hand, for tests with telephones: what the desktop's buttons do, and what a recording or an ear holds."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np

from telephony.local_carrier.audio import pcm16_to_mulaw
from tests.faults.calls import interactions, recordings_home, ring_in, talk
from tests.support.house import Agent, House
from tests.support.people import a_person
from tests.telephony.local_carrier.phone import PATIENCE_S, ScriptedPhone, loudness, strength

WINDOW = 1600  # 0.2 s


def in_conversation(house: House, answers_within_s: float = PATIENCE_S) -> tuple[Agent, ScriptedPhone]:
    """A caller and Ana, who have heard each other."""
    ana = house.agent("Ana")
    caller = ring_in(house)
    ana.phone.answer(answers_within_s)
    talk(caller, ana)
    return ana, caller


def does(agent: Agent, command: str, **body: Any) -> dict[str, Any]:
    """What a button of the desktop does."""
    call = str(interactions()[0].id)
    answer = agent.browser.post(f"/desktop/calls/{call}/{command}", json=body)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def a_supervisor(house: House) -> Agent:
    """Sam at a desktop of their own, in no queue."""
    return house.sits_down(a_person("supervisor", name="Sam"))


def joins(sam: Agent, mode: str) -> None:
    """What a button of the floor does: listen, coach, barge, take_over or leave."""
    call = str(interactions()[0].id)
    answer = sam.browser.post(f"/supervisor/calls/{call}/join", json={"mode": mode})
    assert answer.is_success, answer.text


def recorded(house: House, of: str | None = None) -> list[bytes]:
    """The call's recording (where there were several, of this caller), one mu-law sound for each channel."""
    whose = {each.id for each in interactions() if of in (None, each.remote_address)}
    (recording,) = [each for each in recordings_home(house) if each.interaction_id in whose]
    with wave.open(io.BytesIO((Path(house.env["RECORDINGS_URL"]) / str(recording.path)).read_bytes())) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
    return [pcm16_to_mulaw(samples[:, channel].astype("<i2").tobytes()) for channel in range(samples.shape[1])]


def most_of(mulaw: bytes, hertz: float) -> float:
    """The greatest share that a tone has of any fifth of a second which is not silent."""
    windows = [mulaw[at : at + WINDOW] for at in range(0, len(mulaw) - WINDOW, WINDOW // 2)]
    return max((strength(each, hertz) for each in windows if loudness(each) > 60), default=0.0)


def longest_silence_s(mulaw: bytes) -> float:
    """The longest stretch without a sound."""
    longest = now = 0
    for at in range(0, len(mulaw) - 160, 160):
        now = 0 if loudness(mulaw[at : at + 160]) > 30 else now + 160
        longest = max(longest, now)
    return longest / 8000

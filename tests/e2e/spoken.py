"""People on plain telephones who speak whole sentences, and in whose ear they arrive.

    talk.say(ana.phone, "Good morning, this is Ana.", heard_by=[caller], unheard_by=[ben.phone])

A sentence is looked for as the sound it is and as the words that a recogniser makes of it: who hears it understands it,
who does not has neither its sound nor its words, under whatever music or other voices.
"""

from __future__ import annotations

import re
import time
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np

from telephony.local_carrier.audio import RATE_HZ, decode
from tests.e2e.people import Voices, beeps
from tests.support.sound import found_in
from tests.telephony.local_carrier.phone import ScriptedPhone

AUDIBLE, INAUDIBLE = 0.3, 0.28
"""Shares of a sentence's level: each frame that the network lost or added costs a part of the likeness."""
UNDERSTOOD, NOT_UNDERSTOOD = 0.7, 0.5
"""Shares of a sentence's longer words."""
MARGIN = RATE_HZ // 4
ARRIVES_S, TOLD_S = 10.0, 30.0
LATELY = 12 * RATE_HZ

Sound = np.ndarray[Any, Any]


class Talk:
    """Lets telephones speak and listens at them."""

    def __init__(self, voices: Voices) -> None:
        self.voices = voices

    def say(
        self,
        who: ScriptedPhone,
        words: str,
        heard_by: Sequence[ScriptedPhone],
        unheard_by: Sequence[ScriptedPhone] = (),
    ) -> None:
        """Speak a sentence: these hear and understand it, of those not one hears a sound of it."""
        who.say(self.voices.wav(words))
        for phone in heard_by:
            self._arrives(phone, words)
        self.is_unheard(words, *unheard_by)

    def begins(self, who: ScriptedPhone, words: str) -> None:
        """Speak while somebody else does."""
        who.say(self.voices.wav(words), wait=False)

    def is_unheard(self, words: str, *phones: ScriptedPhone) -> None:
        """Not a sound of a sentence has come out of these telephones."""
        for phone in phones:
            self._is_inaudible(decode(phone.heard), words)

    def is_told(self, phone: ScriptedPhone, *wanted: str) -> None:
        """A voice of the house says these words."""
        deadline, said = time.monotonic() + TOLD_S, ""
        while not all(word in said for word in wanted):
            assert time.monotonic() < deadline, f"{wanted} was not heard, only {said!r}"
            time.sleep(0.3)  # polled with a deadline
            said = self.voices.words_now(decode(phone.heard[-LATELY:]))

    def is_asked_to_speak(self, phone: ScriptedPhone) -> None:
        """The tone after which a message is spoken has been heard to its end."""
        deadline = time.monotonic() + TOLD_S
        while not beeps(decode(phone.heard[-RATE_HZ:])):
            assert time.monotonic() < deadline, "no beep was heard"
            time.sleep(0.1)  # polled with a deadline
        phone.wait_for_silence()

    def holds(self, mulaw: bytes, present: Sequence[str] = (), absent: Sequence[str] = ()) -> None:
        """These sentences are understood in this sound, and nothing of those: neither their sound nor their words."""
        heard = decode(mulaw)
        text = self.voices.words_now(heard)
        for words in present:
            assert _share(words, text) >= UNDERSTOOD, f"{words!r} is missing in {text!r}"
        for words in absent:
            self._is_inaudible(heard, words)
            assert _share(words, text) < NOT_UNDERSTOOD, f"{words!r} can be understood in {text!r}"

    def _arrives(self, phone: ScriptedPhone, words: str) -> None:
        """Wait for a sentence's end at a telephone, and understand it."""
        deadline, said = time.monotonic() + ARRIVES_S, self._sound(words)
        while True:
            heard = decode(phone.heard)
            level, place = found_in(heard, said)
            if level > AUDIBLE and len(heard) >= place + len(said):
                break
            assert time.monotonic() < deadline, f"{words!r} arrived with {level:.2f} of its level"
            time.sleep(0.1)  # polled with a deadline
        text = self.voices.words_now(heard[max(0, place - MARGIN) : place + len(said) + MARGIN])
        assert _share(words, text) >= UNDERSTOOD, f"{words!r} was heard as {text!r}"

    def _is_inaudible(self, heard: Sound, words: str) -> None:
        level, _ = found_in(heard, self._sound(words))
        assert level < INAUDIBLE, f"{words!r} can be heard, at {level:.2f} of its level"

    def _sound(self, words: str) -> Sound:
        with wave.open(str(self.voices.wav(words))) as file:
            return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def _share(words: str, text: str) -> float:
    """How many of a sentence's longer words are in a text."""
    wanted = set(re.findall(r"[a-z]{4,}", words.lower()))
    return len(wanted & set(text.split())) / len(wanted)

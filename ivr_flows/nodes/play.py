from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ivr_flows.instructions import Play
from ivr_flows.nodes.base import Call, Go, Node, Outcome, Way
from ivr_flows.texts import Audio, Target


class PlayNode(Node):
    """Play a recording and go on.

        jingle: {kind: play, audio: /audio/jingle.wav, next: main_menu}
        notice: {kind: play, audio: {en: https://example.com/en.mp3, es: https://example.com/es.mp3}, next: main_menu}

    Emits Play. Never waits. A recording that the carrier cannot fetch is the carrier's to report; the call goes on.
    """

    kind: Literal["play"] = "play"
    """Play a recording and go on."""
    audio: Audio
    """The recording's address (https://… or /audio/…), one or one for each language."""
    next: Target
    """The node that comes after."""

    def enter(self, call: Call) -> Outcome:
        return Go(self.next, (Play(call.text(self.audio)),))

    def ways(self) -> Iterator[Way]:
        yield Way("then", self.next, ("next",))

"""The documents that no flow writes: waiting, the conversation's room, hold, and plain apologies."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from twilio.twiml.voice_response import Conference, Dial, Gather, Start, Stop, VoiceResponse

from ivr_flows.instructions import Prompt
from telephony.phrases import phrase
from telephony.twiml import Renderer, Speak, say_with_carrier
from telephony.urls import StreamGrant, Urls
from telephony.wait_loop import Announcement

STREAM_NAME = "conversation"
ROOM_EVENTS = "start end join leave mute hold"
LONGEST_MESSAGE_S = 180


@dataclass(frozen=True, slots=True)
class Documents:
    """Writes TwiML documents with our addresses and voices."""

    urls: Urls
    speak: Speak = say_with_carrier

    def waiting(self, interaction_id: uuid.UUID, announcement: Announcement, language: str | None) -> str:
        """One short round of the queue's loop: what is due to be said, then music; any key is heard throughout."""
        here = self.urls.wait(interaction_id, **announcement.told.to_query())
        response = VoiceResponse()
        gather = Gather(action=here, input="dtmf", num_digits=1, timeout=1, finish_on_key="")
        for name, values in announcement.phrases:
            self.speak(gather, *phrase(name, language, **values))
        gather.play(self.urls.music())
        response.append(gather)
        response.redirect(here)
        return str(response)

    def looking_up(self, renderer: Renderer, interaction_id: uuid.UUID, n: int, hold: Iterable[Prompt]) -> str:
        """A short round while the flow looks something up: the flow's phrase the first time, then a bar of music."""
        response = VoiceResponse()
        for prompt in hold:
            renderer.prompt(response, prompt)
        response.play(self.urls.moment())
        response.redirect(self.urls.look_up(interaction_id, n, told="1"))
        return str(response)

    def being_connected(self, interaction_id: uuid.UUID, query: Mapping[str, str], *, rings: bool) -> str:
        """A round of the loop while an agent's phone rings: nothing is said that the answer would cut off."""
        response = VoiceResponse()
        response.play(self.urls.ringback_tone() if rings else self.urls.music())
        response.redirect(self.urls.wait(interaction_id, **query))
        return str(response)

    def back_to_waiting(self, interaction_id: uuid.UUID, language: str | None, word: str | None) -> str:
        """Out of the conversation and into the queue again: the stream stops, since waiting is not a conversation."""
        response = VoiceResponse()
        stop = Stop()
        stop.stream(name=STREAM_NAME)
        response.append(stop)
        if word:
            self.speak(response, *phrase(word, language))
        response.redirect(self.urls.wait(interaction_id))
        return str(response)

    def to_flow(self, interaction_id: uuid.UUID) -> str:
        """Out of the conversation and on with the flow's step that stands."""
        response = VoiceResponse()
        stop = Stop()
        stop.stream(name=STREAM_NAME)
        response.append(stop)
        response.redirect(self.urls.after(interaction_id))
        return str(response)

    def customer_room(self, interaction_id: uuid.UUID, language: str | None, *, wait_url: str = "") -> str:
        """The customer's way into the conversation: both sides are streamed to us from this leg."""
        response = VoiceResponse()
        start = Start()
        start.stream(
            url=self.urls.media(StreamGrant(interaction_id, language or "en")), name=STREAM_NAME, track="both_tracks"
        )
        response.append(start)
        self._room(response, interaction_id, "customer", self.urls.after(interaction_id), wait_url)
        return str(response)

    def agent_room(self, interaction_id: uuid.UUID, user_id: int, *, wait_url: str = "") -> str:
        """An agent's way into the conversation. Its end never ends the conversation; the server decides."""
        response = VoiceResponse()
        self._room(response, interaction_id, f"agent-{user_id}", None, wait_url)
        return str(response)

    def third_room(self, interaction_id: uuid.UUID, consult_id: int) -> str:
        """The way into the conversation for an outside number that was asked in."""
        response = VoiceResponse()
        self._room(response, interaction_id, f"third-{consult_id}", None, "")
        return str(response)

    def supervisor_room(self, interaction_id: uuid.UUID, user_id: int) -> str:
        """A supervisor's way into the conversation: heard by nobody until the server says by whom."""
        response = VoiceResponse()
        self._room(response, interaction_id, f"supervisor-{user_id}", None, "", muted=True)
        return str(response)

    def _room(
        self,
        response: VoiceResponse,
        interaction_id: uuid.UUID,
        label: str,
        after_url: str | None,
        wait_url: str,
        *,
        muted: bool = False,
    ) -> None:
        dial = Dial(action=after_url) if after_url else Dial()
        room = Conference(
            str(interaction_id),
            start_conference_on_enter=True,
            end_conference_on_exit=False,
            beep="false",
            muted=muted or None,
            wait_url=wait_url,
            participant_label=label,
            status_callback=self.urls.conference(interaction_id),
            status_callback_event=ROOM_EVENTS,
        )
        dial.append(room)
        response.append(dial)

    def hold(self, interaction_id: uuid.UUID, language: str | None, word: str | None) -> str:
        """What a customer on hold hears: maybe a word, then music for as long as it lasts."""
        response = VoiceResponse()
        if word:
            self.speak(response, *phrase(word, language))
        response.play(self.urls.music())
        response.redirect(self.urls.hold(interaction_id))
        return str(response)

    def ringback(self) -> str:
        """What an agent hears while the customer's telephone rings."""
        response = VoiceResponse()
        response.play(self.urls.ringback_tone())
        response.redirect(self.urls.ringback())
        return str(response)

    def tones(self, digits: str) -> str:
        response = VoiceResponse()
        response.play(digits=digits)
        return str(response)

    def goodbye(self, word: str, language: str | None, **values: str) -> str:
        """Say one thing and hang up."""
        return self.last_words(*phrase(word, language, **values))

    def last_words(self, text: str, language: str | None) -> str:
        """Say a text and hang up."""
        response = VoiceResponse()
        self.speak(response, text, language or "en")
        response.hangup()
        return str(response)

    def nothing(self) -> str:
        """An empty document: what a callback is answered with; for a leg it means hang up."""
        return str(VoiceResponse())

    def try_again(self, url: str, pause_s: int = 1) -> str:
        response = VoiceResponse()
        response.pause(length=pause_s)
        response.redirect(url)
        return str(response)


def plain_voicemail(urls: Urls) -> str:
    """An apology and a message, from constants alone: works while the database is away."""
    response = VoiceResponse()
    say_with_carrier(response, *phrase("apology", "en"))
    response.record(
        action=urls.fallback_message(), max_length=LONGEST_MESSAGE_S, finish_on_key="#", timeout=5, play_beep=True
    )
    response.hangup()
    return str(response)

"""Conferences: several legs in one room, with waiting music, hold, mute, coaching, beeps and announcements.

Rules and event names: https://www.twilio.com/docs/voice/twiml/conference and
https://www.twilio.com/docs/voice/api/conference-participant-resource
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from telephony.local_carrier import tones
from telephony.local_carrier.audio import SILENCE, Sums, add, decode, encode, level, mix
from telephony.local_carrier.callbacks import Callback, Courier, now, rfc2822
from telephony.local_carrier.calls import Call, Tap
from telephony.local_carrier.music import waiting_music
from telephony.local_carrier.script import WAITING_VERBS, Ask, ScriptError, Stage, run
from telephony.local_carrier.sids import new_sid
from telephony.local_carrier.voice import Voice

if TYPE_CHECKING:
    from telephony.local_carrier.carrier import Carrier

MAX_PARTICIPANTS = 250
MAX_LABEL = 128
EVENTS = frozenset(["start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement"])

# Why a participant left, and why a conference ended, in Twilio's words (underscores there, hyphens here).
HUNG_UP = "participant_hung_up"
KICKED = "participant_updated_via_api"
MODERATOR_LEFT = "moderator_ended_conference"
ENDED_BY_API = "conference_ended_via_api"
ADD_FAILED = "participant_add_failed"


class ConferenceError(Exception):
    """A leg cannot enter or an update cannot be made; `code` is Twilio's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class SeatOptions:
    """How a leg takes part. `wait` None is the default music; an empty URL is silence."""

    label: str = ""
    muted: bool = False
    beep_on_enter: bool = True
    beep_on_exit: bool = True
    start_on_enter: bool = True
    end_on_exit: bool = False
    wait: Ask | None = None
    coach: str = ""
    max_participants: int = MAX_PARTICIPANTS


class Talking:
    """Notices when somebody begins and ends to speak, by loudness: 0.1 s of sound begins, 1 s of quiet ends."""

    LOUD, BEGINS_AFTER, ENDS_AFTER = 400.0, 5, 50

    def __init__(self) -> None:
        self._is_talking = False
        self._run = 0

    def change(self, frame: bytes) -> bool | None:
        """The next 20 ms; True when speech begins with it, False when it ends, None when nothing changes."""
        if (frame is not SILENCE and level(frame) > self.LOUD) is self._is_talking:
            self._run = 0
            return None
        self._run += 1
        if self._run < (self.ENDS_AFTER if self._is_talking else self.BEGINS_AFTER):
            return None
        self._is_talking, self._run = not self._is_talking, 0
        return self._is_talking


class Seat:
    """One leg's place in a conference."""

    def __init__(self, conference: Conference, call: Call, options: SeatOptions) -> None:
        self.conference = conference
        self.call = call
        self.label = options.label
        self.muted = options.muted
        self.hold = False
        self.coaching = options.coach
        self.start_on_enter = options.start_on_enter
        self.end_on_exit = options.end_on_exit
        self.beep_on_enter = options.beep_on_enter
        self.beep_on_exit = options.beep_on_exit
        self.wait = options.wait
        self.max_participants = options.max_participants
        self.created_at = self.updated_at = now()
        self.is_in = False
        self.heard = SILENCE
        self.left: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.talking = Talking()
        self._waiting = Voice()
        self._holding = Voice()
        self._announcing = Voice()
        self._waiting_script: asyncio.Task[None] | None = None
        self._holding_script: asyncio.Task[None] | None = None

    @property
    def hears_room(self) -> bool:
        """Whether the leg hears the others: the conference runs and it is not on hold."""
        return self.conference.is_running and not self.hold

    @property
    def speaks_to_all(self) -> bool:
        """Whether everybody hears it."""
        return self.hears_room and not self.muted and not self.coaching

    @property
    def speaks_to_coached(self) -> bool:
        """Whether the coached participant, and nobody else, hears it."""
        return self.hears_room and not self.muted and bool(self.coaching)

    def next_frame(self) -> bytes:
        """What the leg hears in this tick."""
        if self.hold:
            frame = self._holding.next_frame()
        elif self.conference.is_running:
            frame = self.heard
        else:
            frame = self._waiting.next_frame()
        if self._announcing.is_speaking:
            return mix([self._announcing.next_frame(), frame])
        return frame

    def start_waiting(self) -> None:
        """Play what the leg hears until the conference starts."""
        if self.wait is None:
            self._waiting.repeat(waiting_music())
        elif self.wait.url:
            self._waiting_script = self.call.carrier.spawn(self._wait(self.wait))

    def stop_waiting(self) -> None:
        """The conference started, or the leg left."""
        if self._waiting_script is not None:
            self._waiting_script.cancel()
        self._waiting.stop()

    async def _wait(self, ask: Ask) -> None:
        try:
            await run(self._stage(self._waiting), ask)
        except ScriptError:
            if not self.left.done():
                self.left.set_result(ADD_FAILED)

    def set_hold(self, hold: bool, music: Ask | None) -> None:
        """Put on hold, with default music or a document of one's own, or take back. Twice changes the music."""
        self.hold = hold
        if self._holding_script is not None:
            self._holding_script.cancel()
            self._holding_script = None
        self._holding.stop()
        if hold and music is None:
            self._holding.repeat(waiting_music())
        elif hold and music is not None and music.url:
            self._holding_script = self.call.carrier.spawn(self._play_hold(music))

    async def _play_hold(self, music: Ask) -> None:
        try:
            await run(self._stage(self._holding), music)
        except ScriptError:
            self._holding.repeat(waiting_music())

    def announce(self, ask: Ask) -> None:
        """Play a document to this leg alone, over whatever it hears."""
        self.call.carrier.spawn(self.conference.run_announcement(self._stage(self._announcing), ask, self))

    def leave(self, reason: str) -> None:
        """Make the leg go out of the room and on with its own script."""
        if not self.left.done():
            self.left.set_result(reason)

    def close(self) -> None:
        """Stop every sound of the seat."""
        self.stop_waiting()
        self.set_hold(False, None)
        self._announcing.stop()

    def _stage(self, voice: Voice) -> Stage:
        return self.conference.stage(self.call, voice)


class Conference:
    """A room, from the first leg that comes until the last that goes. Legs with a reserved seat are still ringing."""

    def __init__(self, carrier: Carrier, friendly_name: str) -> None:
        self.carrier = carrier
        self.sid = new_sid("CF")
        self.friendly_name = friendly_name
        self.status = "init"
        self.created_at = self.updated_at = now()
        self.ended_at: datetime.datetime | None = None
        self.reason_ended: str | None = None
        self.ended_by: Seat | None = None
        self.callback: Callback | None = None
        self.reserved: dict[str, Seat] = {}
        self.taps: tuple[Tap, ...] = ()
        self.courier = Courier(carrier, self.sid)
        self._seats: dict[str, Seat] = {}
        self._everybody = Voice()
        self._sequence = 0

    @property
    def is_running(self) -> bool:
        """Whether members hear each other."""
        return self.status == "in-progress"

    @property
    def is_over(self) -> bool:
        """Whether it has ended for good."""
        return self.status == "completed"

    @property
    def seats(self) -> Iterator[Seat]:
        """Who is in the room, in the order of coming."""
        return iter(list(self._seats.values()))

    def participants(self) -> list[Seat]:
        """Who is in the room, then who still rings."""
        return [*self._seats.values(), *self.reserved.values()]

    def seat(self, call_sid_or_label: str) -> Seat | None:
        """A participant by call or by label."""
        for seat in self.participants():
            if call_sid_or_label in {seat.call.sid, seat.label or None}:
                return seat
        return None

    # --- coming and going ---------------------------------------------------------------------------------------

    def reserve(self, call: Call, options: SeatOptions) -> Seat:
        """Keep a place for a leg that is being rung. Raises ConferenceError."""
        self._check(options)
        seat = Seat(self, call, options)
        self.reserved[call.sid] = seat
        return seat

    def give_up(self, seat: Seat) -> None:
        """The leg never came; an empty room is closed."""
        self.reserved.pop(seat.call.sid, None)
        self._close_when_empty("last-participant-left")

    def enter(self, call: Call, options: SeatOptions) -> Seat:
        """A leg comes in. Raises ConferenceError when it may not (16025 label, 13240 coach, 13233 full)."""
        seat = self.reserved.pop(call.sid, None)
        if seat is None:
            self._check(options)
            seat = Seat(self, call, options)
        if seat.coaching and seat.coaching not in self._seats:
            self._close_when_empty("last-participant-left")
            raise ConferenceError(13240, "coach must be the call SID of a participant who is in the conference.")
        if not self._seats:
            self.carrier.mixer.add_room(self)
        self._seats[call.sid] = seat
        seat.is_in = True
        call.seat = seat
        call.source = seat
        self._tell("participant-join", seat)
        self._start_or_wait(seat)
        return seat

    def _check(self, options: SeatOptions) -> None:
        taken = self.participants()
        if len(taken) >= options.max_participants:
            raise ConferenceError(13233, "The conference is full.")
        if options.label and any(seat.label == options.label for seat in taken):
            raise ConferenceError(16025, "Another participant of the conference has this label.")

    def _start_or_wait(self, newcomer: Seat) -> None:
        starts = any(seat.start_on_enter for seat in self._seats.values())
        if not self.is_running and len(self._seats) >= 2 and starts:
            self._start()
        elif not self.is_running:
            newcomer.start_waiting()
        if self.is_running and newcomer.beep_on_enter:
            self._beep(tones.enter_beep())

    def _start(self) -> None:
        self.status = "in-progress"
        self.updated_at = now()
        self._tell("conference-start")
        for seat in self._seats.values():
            seat.stop_waiting()
        self.carrier.conference_started(self)

    def remove(self, seat: Seat, reason: str) -> None:
        """A leg goes out: by itself, by REST or because the conference ended. Once; later calls do nothing."""
        if not self._take_out(seat, reason):
            return
        how = "kicked" if reason == KICKED else "left"
        if seat.end_on_exit:
            self._end(f"participant-with-end-conference-on-exit-{how}", seat)
            return
        if self.is_running and seat.beep_on_exit:
            self._beep(tones.exit_beep())
        self._close_when_empty(f"last-participant-{how}", seat)

    def _take_out(self, seat: Seat, reason: str) -> bool:
        if self._seats.pop(seat.call.sid, None) is None:
            return False
        seat.is_in = False
        seat.close()
        seat.call.seat = None
        if seat.call.source is seat:
            seat.call.source = seat.call.voice
        told = {"ParticipantCallStatus": seat.call.status, "ReasonParticipantLeft": reason}
        self._tell("participant-leave", seat, told)
        return True

    def end_by_api(self) -> None:
        """End it at once: everybody goes on with their own script."""
        self._end("conference-ended-via-api", None)

    def _end(self, reason: str, by: Seat | None) -> None:
        why = ENDED_BY_API if by is None else MODERATOR_LEFT
        for seat in self.seats:
            seat.leave(why)
            self._take_out(seat, why)
        for seat in list(self.reserved.values()):
            seat.call.end("canceled")
        self.reserved.clear()
        self._close_when_empty(reason, by)

    def _close_when_empty(self, reason: str, by: Seat | None = None) -> None:
        if self._seats or self.reserved or self.is_over:
            return
        was_used = self._sequence > 0
        self.status = "completed"
        self.ended_at = self.updated_at = now()
        self.reason_ended = reason
        self.ended_by = by
        self.carrier.mixer.remove_room(self)
        self._everybody.stop()
        self.carrier.conference_ended(self)
        if was_used:
            self._tell("conference-end", None, self._end_parameters(reason, by))

    @staticmethod
    def _end_parameters(reason: str, by: Seat | None) -> dict[str, str]:
        parameters = {"ReasonConferenceEnded": reason, "Reason": reason}
        if by is not None:
            parameters["CallSidEndingConference"] = by.call.sid
            if by.label:
                parameters["ParticipantLabelEndingConference"] = by.label
        return parameters

    # --- changes by REST ----------------------------------------------------------------------------------------

    def set_muted(self, seat: Seat, muted: bool) -> None:
        """Mute or unmute a participant."""
        seat.muted = muted
        seat.updated_at = now()
        self._tell("participant-mute" if muted else "participant-unmute", seat)

    def set_hold(self, seat: Seat, hold: bool, music: Ask | None) -> None:
        """Hold a participant, with music, or take back."""
        seat.set_hold(hold, music)
        seat.updated_at = now()
        self._tell("participant-hold" if hold else "participant-unhold", seat)

    def modify(
        self, seat: Seat, *, coach: str | None = None, end_on_exit: bool | None = None, beep_on_exit: bool | None = None
    ) -> None:
        """Change how a participant takes part. `coach` empty ends coaching. Raises ConferenceError (13240)."""
        if coach is not None:
            if coach and (coach not in self._seats or coach == seat.call.sid):
                raise ConferenceError(13240, "CallSidToCoach must be another participant of the conference.")
            seat.coaching = coach
        if end_on_exit is not None:
            seat.end_on_exit = end_on_exit
        if beep_on_exit is not None:
            seat.beep_on_exit = beep_on_exit
        seat.updated_at = now()
        self._tell("participant-modify", seat)

    def announce(self, ask: Ask) -> None:
        """Play a document to everybody."""
        first = next(iter(self._seats.values()), None)
        if first is not None:
            self.carrier.spawn(self.run_announcement(self.stage(first.call, self._everybody), ask, None))

    async def run_announcement(self, stage: Stage, ask: Ask, seat: Seat | None) -> None:
        """Play it and tell how it went."""
        told = {"AnnounceUrl": ask.url}
        try:
            await run(stage, ask)
            self._tell("announcement-end", seat, told)
        except ScriptError as problem:
            self._tell("announcement-fail", seat, {**told, "ReasonAnnouncementFailed": str(problem)})

    def stage(self, call: Call, voice: Voice) -> Stage:
        """Where waiting music, hold music and announcements are performed."""

        def parameters() -> Mapping[str, str]:
            return {**call.parameters(), "ConferenceSid": self.sid, "FriendlyName": self.friendly_name}

        return Stage(call, voice, call.conversation, parameters, allowed=WAITING_VERBS)

    # --- sound --------------------------------------------------------------------------------------------------

    def _beep(self, sound: bytes) -> None:
        if not self._everybody.is_speaking:
            self.carrier.spawn(self._everybody.play(sound))

    def mix(self) -> None:
        """Everybody hears everybody else; a coached participant also hears the coach."""
        if not self.is_running:
            return
        seats = list(self._seats.values())
        talking = [seat for seat in seats if seat.speaks_to_all and seat.call.said is not SILENCE]
        common = [self._everybody.next_frame()] if self._everybody.is_speaking else []
        spoken = {seat.call.sid: seat.call.said for seat in talking}
        blend = _Blend(spoken, common)
        for seat in seats:
            seat.heard = blend.without(seat.call.sid)
        for coach in seats:
            if coach.speaks_to_coached and coach.call.said is not SILENCE:
                coached = self._seats.get(coach.coaching)
                if coached is not None:
                    coached.heard = mix([coached.heard, coach.call.said])
        for tap in self.taps:
            tap(blend.without(""), SILENCE)
        if self.callback is not None and "speaker" in self.callback.events:
            self._tell_speakers(seats)

    def _tell_speakers(self, seats: list[Seat]) -> None:
        for seat in seats:
            begins = seat.talking.change(seat.call.said if seat.speaks_to_all else SILENCE)
            if begins is not None:
                self._tell("participant-speech-start" if begins else "participant-speech-stop", seat)

    def add_tap(self, tap: Tap) -> None:
        """Give every frame of the room to `tap`."""
        self.taps = (*self.taps, tap)

    def remove_tap(self, tap: Tap) -> None:
        """Stop giving frames; no error when it got none."""
        self.taps = tuple(other for other in self.taps if other != tap)

    # --- telling the application --------------------------------------------------------------------------------

    def _tell(self, event: str, seat: Seat | None = None, more: Mapping[str, str] | None = None) -> None:
        self._sequence += 1
        if self.callback is None or _wish_for(event) not in self.callback.events:
            return
        parameters = {
            "ConferenceSid": self.sid,
            "FriendlyName": self.friendly_name,
            "AccountSid": self.carrier.settings.account_sid,
            "SequenceNumber": str(self._sequence),
            "Timestamp": rfc2822(now()) or "",
            "StatusCallbackEvent": event,
            **(_seat_parameters(seat) if seat else {}),
            **(more or {}),
        }
        self.courier.send(self.callback, parameters)


class _Blend:
    """The sum of a room's voices, once; what one hears is the sum without oneself."""

    def __init__(self, spoken: Mapping[str, bytes], common: list[bytes]) -> None:
        self._spoken = spoken
        self._common = common
        self._frames = [*spoken.values(), *common]
        self._sum: Sums | None = None
        self._all: bytes | None = None

    def without(self, call_sid: str) -> bytes:
        """What this call hears; a call that is silent hears all."""
        own = self._spoken.get(call_sid)
        if own is None:
            if self._all is None:
                self._all = mix(self._frames)
            return self._all
        if len(self._frames) <= 2:
            others = [frame for sid, frame in self._spoken.items() if sid != call_sid]
            return mix([*others, *self._common])
        if self._sum is None:
            self._sum = add(self._frames)
        return encode(self._sum - decode(own))


_WISHES = {
    "conference-start": "start",
    "conference-end": "end",
    "participant-join": "join",
    "participant-leave": "leave",
    "participant-mute": "mute",
    "participant-unmute": "mute",
    "participant-hold": "hold",
    "participant-unhold": "hold",
    "participant-modify": "modify",
    "announcement-end": "announcement",
    "announcement-fail": "announcement",
    "participant-speech-start": "speaker",
    "participant-speech-stop": "speaker",
}


def _wish_for(event: str) -> str:
    """Which word of statusCallbackEvent asks for an event."""
    return _WISHES[event]


def _seat_parameters(seat: Seat) -> dict[str, str]:
    def word(value: bool) -> str:
        return "true" if value else "false"

    parameters = {
        "CallSid": seat.call.sid,
        "Muted": word(seat.muted),
        "Hold": word(seat.hold),
        "Coaching": word(bool(seat.coaching)),
        "EndConferenceOnExit": word(seat.end_on_exit),
        "StartConferenceOnEnter": word(seat.start_on_enter),
    }
    if seat.coaching:
        parameters["CallSidToCoach"] = seat.coaching
    if seat.label:
        parameters["ParticipantLabel"] = seat.label
    return parameters

"""Recordings of legs and conferences, in one or two channels, as WAV files with a small description beside each.

States and callbacks: https://www.twilio.com/docs/voice/api/recording. Channel 1 is what the leg says, channel 2 what it
hears. Sound goes to disk in a thread of its own; a full disk ends a recording as failed, never a call.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from telephony.local_carrier.audio import FRAME_BYTES, RATE_HZ, SILENCE, Samples, decode, interleave, mix, wav_of_pcm
from telephony.local_carrier.callbacks import Callback, Courier, now, rfc2822
from telephony.local_carrier.calls import Call, Tap
from telephony.local_carrier.priority import HELPER, hurry
from telephony.local_carrier.sids import new_sid

if TYPE_CHECKING:
    from telephony.local_carrier.carrier import Carrier
    from telephony.local_carrier.conference import Conference

log = logging.getLogger(__name__)
_FLUSH_FRAMES = 25
_QUIET = 500
_WINDOW = 160
TRACKS = frozenset({"both", "inbound", "outbound"})


@dataclass(frozen=True)
class RecordingOrder:
    """What was asked for. `source` is Twilio's RecordingSource; `events` of the callback decide what is told."""

    source: str
    channels: int = 1
    track: str = "both"
    trim: bool = False
    callback: Callback | None = None


@dataclass(frozen=True)
class RecordingFacts:
    """What is known of a recording and kept beside its file."""

    sid: str
    call_sid: str
    conference_sid: str
    source: str
    channels: int
    track: str
    status: str
    started_at: datetime.datetime
    updated_at: datetime.datetime
    duration_s: float = -1.0
    error_code: int | None = None


class Recording:
    """One recording under way or finished."""

    def __init__(self, facts: RecordingFacts, path: Path) -> None:
        self.facts = facts
        self.path = path
        self.order = RecordingOrder(facts.source)
        self.finished = asyncio.Event()
        self.call: Call | None = None
        self.conference: Conference | None = None
        self.courier: Courier | None = None
        self.pause_behavior = "skip"
        self._pending: list[tuple[bytes, ...]] = []
        self._writer: _Writer | None = None
        self._tap: Tap | None = None

    @property
    def sid(self) -> str:
        """RE and 32 digits."""
        return self.facts.sid

    @property
    def status(self) -> str:
        """in-progress, paused, stopped, processing, completed, absent or failed."""
        return self.facts.status

    @property
    def is_running(self) -> bool:
        """Whether sound is still to come."""
        return self.status in {"in-progress", "paused"}

    def change(self, **changes: object) -> None:
        """Note new facts."""
        self.facts = replace(self.facts, updated_at=now(), **changes)  # type: ignore[arg-type]

    def begin(self, writer: _Writer) -> Tap:
        """Start to take sound; gives the tap to be put on a leg or a room."""
        self._writer = writer
        self._tap = self._take_two if self.facts.channels == 2 else self._take_one
        return self._tap

    @property
    def tap(self) -> Tap | None:
        """What takes the sound."""
        return self._tap

    def _take_two(self, said: bytes, heard: bytes) -> None:
        self._take((said, heard))

    def _take_one(self, said: bytes, heard: bytes) -> None:
        wanted = {"inbound": [said], "outbound": [heard]}.get(self.facts.track, [said, heard])
        self._take((mix([frame for frame in wanted if frame is not SILENCE]),))

    def _take(self, frames: tuple[bytes, ...]) -> None:
        if self.status == "paused":
            if self.pause_behavior == "skip":
                return
            frames = (SILENCE,) * len(frames)
        self._pending.append(frames)
        if len(self._pending) >= _FLUSH_FRAMES:
            self.flush()

    def flush(self) -> None:
        """Hand what was gathered to the writing thread."""
        if self._pending and self._writer is not None:
            self._writer.write(self.path, self._pending)
            self._pending = []


class Recordings:
    """Every recording of the account, the finished ones of earlier runs included."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._folder = carrier.settings.data / "recordings"
        self._writer = _Writer(carrier.settings.realtime)
        self._recordings: dict[str, Recording] = {}
        self._orders_of_rooms: dict[str, RecordingOrder] = {}

    def __iter__(self) -> Iterator[Recording]:
        return iter(sorted(self._recordings.values(), key=lambda item: item.facts.started_at, reverse=True))

    def load(self) -> None:
        """Find what earlier runs kept; a recording that was cut short is made whole with what was written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(self._folder.glob("RE*.json")):
            facts = _facts_of(path)
            recording = Recording(facts, path.with_suffix(".wav"))
            if facts.status not in {"completed", "absent", "failed"}:
                self._rescue(recording)
            recording.finished.set()
            self._recordings[facts.sid] = recording

    def _rescue(self, recording: Recording) -> None:
        raw = recording.path.with_suffix(".raw")
        if not raw.exists():
            recording.change(status="failed")
        else:
            seconds = _finish_file(raw, recording.path, recording.facts.channels, trim=False)
            recording.change(status="completed", duration_s=seconds)
        self._save(recording)

    def get(self, sid: str) -> Recording | None:
        """A recording by SID."""
        return self._recordings.get(sid)

    def running_on(self, call: Call) -> Recording | None:
        """The recording of a leg that is under way, if there is one."""
        for recording in self._recordings.values():
            if recording.call is call and recording.is_running:
                return recording
        return None

    def running_in(self, conference: Conference) -> Recording | None:
        """The recording of a conference that is under way, if there is one."""
        for recording in self._recordings.values():
            if recording.conference is conference and recording.is_running:
                return recording
        return None

    def start_on_call(self, call: Call, order: RecordingOrder) -> Recording:
        """Begin to record a leg, until it ends or `stop` is called."""
        recording = self._new(order, call_sid=call.sid)
        recording.call = call
        recording.courier = call.courier
        call.add_tap(recording.begin(self._writer))
        call.before_ending.append(lambda: self.stop(recording))
        self._tell(recording, "in-progress")
        return recording

    def start_in_conference(self, conference: Conference, order: RecordingOrder) -> Recording:
        """Begin to record a room, in one channel."""
        recording = self._new(replace(order, channels=1, track="inbound"), conference_sid=conference.sid)
        recording.conference = conference
        recording.courier = conference.courier
        conference.add_tap(recording.begin(self._writer))
        self._tell(recording, "in-progress")
        return recording

    def want_conference(self, conference: Conference, order: RecordingOrder) -> None:
        """Record the room from its start; the first who asks decides."""
        self._orders_of_rooms.setdefault(conference.sid, order)
        if conference.is_running and self.running_in(conference) is None:
            self.start_in_conference(conference, order)

    def conference_started(self, conference: Conference) -> None:
        """The first two met."""
        order = self._orders_of_rooms.get(conference.sid)
        if order is not None:
            self.start_in_conference(conference, order)

    def conference_ended(self, conference: Conference) -> None:
        """The room is empty."""
        self._orders_of_rooms.pop(conference.sid, None)
        running = self.running_in(conference)
        if running is not None:
            self.stop(running)

    def pause(self, recording: Recording, behavior: str) -> None:
        """Take no sound for a while: `skip` leaves the time out, `silence` keeps it."""
        recording.pause_behavior = behavior
        recording.change(status="paused")

    def resume(self, recording: Recording) -> None:
        """Go on."""
        recording.change(status="in-progress")

    def stop(self, recording: Recording, *, absent: bool = False) -> None:
        """Take no more sound and make the file; once. `absent` throws away what holds nothing."""
        if not recording.is_running:
            return
        tap = recording.tap
        if tap is not None and recording.call is not None:
            recording.call.remove_tap(tap)
        if tap is not None and recording.conference is not None:
            recording.conference.remove_tap(tap)
        recording.flush()
        recording.change(status="processing")
        self._carrier.spawn(self._finish(recording, absent))

    async def _finish(self, recording: Recording, absent: bool) -> None:
        try:
            seconds = await self._writer.finish(recording.path, recording.facts.channels, recording.order.trim)
        except OSError as problem:
            self._carrier.alerts.add(12400, f"The recording could not be written: {problem.strerror}.", recording.sid)
            recording.change(status="failed", error_code=12400)
        else:
            empty = absent or seconds <= 0
            recording.change(status="absent" if empty else "completed", duration_s=0.0 if empty else seconds)
        if recording.sid in self._recordings:
            await asyncio.to_thread(self._save, recording)
            self._tell(recording, recording.status)
        else:
            self._remove_files(recording)
        recording.finished.set()

    def delete(self, recording: Recording) -> None:
        """Throw a recording away, file and description; one that still runs is stopped, and goes when it is written."""
        self._recordings.pop(recording.sid, None)
        self.stop(recording)
        if recording.finished.is_set():
            self._remove_files(recording)

    @staticmethod
    def _remove_files(recording: Recording) -> None:
        for path in (recording.path, recording.path.with_suffix(".json"), recording.path.with_suffix(".raw")):
            path.unlink(missing_ok=True)

    def finish_all(self) -> None:
        """The carrier closes: stop everything that still runs."""
        for recording in list(self._recordings.values()):
            self.stop(recording)

    async def settled(self) -> None:
        """Wait until every file is whole."""
        for recording in list(self._recordings.values()):
            if recording.status == "processing":
                await recording.finished.wait()

    def url(self, recording: Recording) -> str:
        """Where its sound is, without an extension, as Twilio's RecordingUrl."""
        account = self._carrier.settings.account_sid
        return f"{self._carrier.public_url}/2010-04-01/Accounts/{account}/Recordings/{recording.sid}"

    def parameters(self, recording: Recording) -> dict[str, str]:
        """What a recording status callback says."""
        facts = recording.facts
        told = {
            "AccountSid": self._carrier.settings.account_sid,
            "RecordingSid": facts.sid,
            "RecordingUrl": self.url(recording),
            "RecordingStatus": facts.status,
            "RecordingDuration": str(whole_seconds(facts.duration_s)),
            "RecordingChannels": str(facts.channels),
            "RecordingStartTime": rfc2822(facts.started_at) or "",
            "RecordingSource": facts.source,
            "RecordingTrack": facts.track,
            "ErrorCode": str(facts.error_code or 0),
        }
        told["ConferenceSid" if facts.conference_sid else "CallSid"] = facts.conference_sid or facts.call_sid
        return told

    def _new(self, order: RecordingOrder, call_sid: str = "", conference_sid: str = "") -> Recording:
        moment = now()
        facts = RecordingFacts(
            new_sid("RE"), call_sid, conference_sid, order.source, order.channels, order.track,
            "in-progress", moment, moment,
        )  # fmt: skip
        recording = Recording(facts, self._folder / f"{facts.sid}.wav")
        recording.order = order
        self._recordings[facts.sid] = recording
        self._writer.save(recording.path.with_suffix(".json"), _described(facts))
        return recording

    def _save(self, recording: Recording) -> None:
        try:
            recording.path.with_suffix(".json").write_text(_described(recording.facts), "utf-8")
        except OSError as problem:
            log.warning("a recording's description could not be written: %s recording=%s", problem, recording.sid)

    def _tell(self, recording: Recording, event: str) -> None:
        callback = recording.order.callback
        wish = "completed" if event == "failed" else event
        if callback is not None and recording.courier is not None and wish in callback.events:
            recording.courier.send(callback, self.parameters(recording))


class _Writer:
    """One thread that writes sound to disk, so that a slow disk never delays a tick.

    While a recording runs its frames are kept as raw mu-law, channels side by side; `finish` makes the WAV file.
    """

    def __init__(self, in_a_hurry: bool) -> None:
        self._in_a_hurry = in_a_hurry
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._files: dict[Path, BinaryIO] = {}
        self._faults: dict[Path, OSError] = {}
        threading.Thread(target=self._work, name="recordings", daemon=True).start()

    def write(self, path: Path, frames: list[tuple[bytes, ...]]) -> None:
        """Append frames, one tuple of channels for each tick."""
        self._jobs.put(_Job("write", path, frames=frames))

    def save(self, path: Path, text: str) -> None:
        """Write a small text file."""
        self._jobs.put(_Job("save", path, text=text))

    async def finish(self, path: Path, channels: int, trim: bool) -> float:
        """Make the WAV file after everything written before; gives its seconds. Raises OSError."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[float] = loop.create_future()

        def report(outcome: float | OSError) -> None:
            def settle() -> None:
                if done.done():
                    return
                if isinstance(outcome, OSError):
                    done.set_exception(outcome)
                else:
                    done.set_result(outcome)

            loop.call_soon_threadsafe(settle)

        self._jobs.put(_Job("finish", path, channels=channels, trim=trim, report=report))
        return await done

    def _work(self) -> None:
        if self._in_a_hurry:
            hurry(HELPER)
        while True:
            job = self._jobs.get()
            try:
                outcome = self._perform(job)
            except OSError as problem:
                self._faults[job.path] = problem
                outcome = problem
            if job.report is not None:
                job.report(outcome)

    def _perform(self, job: _Job) -> float | OSError:
        if job.kind == "save":
            job.path.write_text(job.text, "utf-8")
            return 0.0
        raw = job.path.with_suffix(".raw")
        if job.kind == "write":
            if job.path not in self._faults:
                file = self._files.get(job.path)
                if file is None:
                    file = self._files[job.path] = raw.open("ab")
                file.write(b"".join(b"".join(frames) for frames in job.frames))
                file.flush()
            return 0.0
        open_file = self._files.pop(job.path, None)
        if open_file is not None:
            open_file.close()
        fault = self._faults.pop(job.path, None)
        if fault is not None:
            return fault
        return _finish_file(raw, job.path, job.channels, job.trim)


@dataclass(frozen=True)
class _Job:
    kind: str
    path: Path
    frames: list[tuple[bytes, ...]] = field(default_factory=list)
    text: str = ""
    channels: int = 1
    trim: bool = False
    report: Callable[[float | OSError], None] | None = None


def _finish_file(raw: Path, path: Path, channels: int, trim: bool) -> float:
    """Turn raw frames into a WAV file and remove them; gives the seconds of sound."""
    if not raw.exists():
        return 0.0
    sound = np.frombuffer(raw.read_bytes(), dtype=np.uint8)
    whole = sound[: len(sound) - len(sound) % (FRAME_BYTES * channels)].reshape(-1, channels, FRAME_BYTES)
    tracks = [decode(whole[:, channel, :].tobytes()) for channel in range(channels)]
    if trim:
        tracks = without_outer_silence(tracks)
    path.write_bytes(wav_of_pcm(interleave(tracks), channels))
    raw.unlink()
    return len(tracks[0]) / RATE_HZ if tracks else 0.0


def without_outer_silence(tracks: list[Samples]) -> list[Samples]:
    """The tracks without the silence before the first and after the last sound of any of them."""
    loudest = np.abs(np.stack(tracks).astype(np.int32)).max(axis=0)
    padded = np.pad(loudest, (0, -len(loudest) % _WINDOW)).reshape(-1, _WINDOW)
    loud = np.flatnonzero(padded.max(axis=1) > _QUIET)
    if not len(loud):
        return [track[:0] for track in tracks]
    return [track[loud[0] * _WINDOW : (loud[-1] + 1) * _WINDOW] for track in tracks]


def whole_seconds(seconds: float) -> int:
    """A duration as Twilio states it; -1 while it is not known, at least 1 s for any sound."""
    return -1 if seconds < 0 else max(math.floor(seconds + 0.5), 1 if seconds > 0 else 0)


def _described(facts: RecordingFacts) -> str:
    return json.dumps(asdict(facts), default=lambda value: value.isoformat())


def _facts_of(path: Path) -> RecordingFacts:
    saved: Mapping[str, object] = json.loads(path.read_text("utf-8"))
    moments = {name: datetime.datetime.fromisoformat(str(saved[name])) for name in ("started_at", "updated_at")}
    return RecordingFacts(**{**saved, **moments})  # type: ignore[arg-type]

"""Sound in bytes: G.711, mixing, tones, jitter, the waiting music."""

from __future__ import annotations

import asyncio
import io
import wave

import numpy as np
import pytest

from telephony.local_carrier import audio, tones
from telephony.local_carrier.audio import FRAME_BYTES, SILENCE
from telephony.local_carrier.media import MediaError, to_mulaw
from telephony.local_carrier.mixer import Mixer
from telephony.local_carrier.music import waiting_music
from telephony.local_carrier.recordings import without_outer_silence
from telephony.local_carrier.twiml import parse
from telephony.local_carrier.uplink import LIMIT_FRAMES, TARGET_FRAMES, Uplink
from telephony.local_carrier.verbs.say import pieces
from telephony.local_carrier.voice import Voice
from tests.telephony.local_carrier.phone import has_tone, loudness, strength, tone, wav_of


@pytest.mark.parametrize(
    ("sample", "code"),
    # Worked out by hand from ITU-T G.711: sign, segment and step of bias 132, all bits inverted.
    [(0, 0xFF), (-1, 0x7F), (32635, 0x80), (-32635, 0x00), (1000, 0xCE), (-1000, 0x4E), (32767, 0x80)],
)
def test_samples_have_their_g711_code(sample, code):
    assert audio.encode(np.array([sample])) == bytes([code])


def test_every_code_survives_decoding_and_encoding():
    codes = bytes(code for code in range(256) if code != 0x7F)  # 0x7F is minus zero, and comes back as zero
    assert audio.encode(audio.decode(codes)) == codes


def test_louder_than_full_is_clipped_and_never_wraps():
    loud = audio.encode(np.full(FRAME_BYTES, 30000))
    assert audio.decode(audio.mix([loud, loud])).min() > 32000


def test_mix_of_nothing_is_silence_and_of_one_is_that_one():
    voice = tone(300, 0.02)
    assert audio.mix([]) == SILENCE
    assert audio.mix([voice]) == voice


def test_mix_holds_both_voices():
    together = b"".join(
        audio.mix([low, high])
        for low, high in zip(_frames(tone(440, 0.5)), _frames(tone(1000, 0.5)), strict=True)
    )  # fmt: skip
    assert has_tone(together, 440, 0.4)
    assert has_tone(together, 1000, 0.4)


def _frames(sound: bytes) -> list[bytes]:
    return [sound[at : at + FRAME_BYTES] for at in range(0, len(sound), FRAME_BYTES)]


@pytest.mark.parametrize(
    ("key", "low", "high"),
    [
        *[("1", 697, 1209), ("5", 770, 1336), ("9", 852, 1477), ("0", 941, 1336)],
        *[("*", 941, 1209), ("#", 941, 1477), ("A", 697, 1633), ("D", 941, 1633)],
    ],
)
def test_key_sounds_its_two_tones_of_q23(key, low, high):
    sound = tones.key(key)[: round(tones.KEY_S * 8000)]
    assert strength(sound, low) > 0.4
    assert strength(sound, high) > 0.4
    assert len(tones.key(key)) % FRAME_BYTES == 0


def test_pauses_between_keys_are_half_a_second_and_a_second():
    assert len(tones.keys("w")) == 4000
    assert len(tones.keys("W")) == 8000


@pytest.mark.parametrize(
    ("name", "frequencies"),
    [("us", (440, 480)), ("uk", (400, 450)), ("de", (425,)), ("jp", (400,)), ("no such country", (440, 480))],
)
def test_ringback_of_a_country_has_its_frequencies_and_a_pause(name, frequencies):
    sound = tones.ringback(name)
    assert all(strength(sound[:3200], hertz) > 0.3 for hertz in frequencies)
    assert sound.endswith(SILENCE * 50)


def test_every_ring_tone_that_dial_lists_can_be_heard():
    assert all(loudness(tones.ringback(name)[:3200]) > 100 for name in tones.RINGBACK_NAMES)


def test_waiting_music_is_long_soft_and_loops_without_a_click():
    music = waiting_music()
    samples = audio.decode(music).astype(int)
    assert len(music) % FRAME_BYTES == 0
    assert len(music) / 8000 > 30
    assert 600 < loudness(music) < 6000
    seam = abs(samples[0] - samples[-1])
    assert seam <= np.abs(np.diff(samples)).max()


def test_waiting_music_is_music_and_not_a_single_tone():
    music = waiting_music()[: 8 * 8000]
    spectrum = np.abs(np.fft.rfft(audio.decode(music)))
    peaks = np.sort(spectrum)[::-1]
    assert peaks[0] ** 2 / np.sum(spectrum**2) < 0.2


# --- the uplink -----------------------------------------------------------------------------------------------------


def test_frames_come_out_in_order_and_a_missing_one_is_silence():
    uplink = Uplink()
    first, second = tone(300, 0.02), tone(400, 0.02)
    uplink.put(first)
    uplink.put(second)
    assert [uplink.take(), uplink.take(), uplink.take()] == [first, second, SILENCE]


def test_queue_that_stays_deeper_than_needed_shrinks_again():
    uplink = Uplink()
    for _ in range(10):
        uplink.put(SILENCE)
    for _ in range(50 * 12):
        uplink.put(SILENCE)
        uplink.take()
    depth = 0
    marker = tone(300, 0.02)
    uplink.put(marker)
    while uplink.take() != marker:
        depth += 1
    assert depth <= TARGET_FRAMES


def after_a_burst(said: bytes, ticks: int) -> int:
    """How many frames wait, when this was said on for so many ticks after fifteen frames came at once."""
    uplink = Uplink()
    for _ in range(15):
        uplink.put(tone(300, 0.02))
    for _ in range(ticks):
        uplink.put(said)
        uplink.take()
    left = 0
    uplink.put(marker := tone(500, 0.02))
    while uplink.take() != marker:
        left += 1
    return left


def test_a_burst_is_caught_up_within_a_second_of_quiet():
    assert after_a_burst(SILENCE, ticks=50) <= TARGET_FRAMES


def test_while_somebody_talks_on_a_burst_is_caught_up_frame_by_frame():
    assert after_a_burst(tone(300, 0.02), ticks=50) == 13


def test_a_rooms_noise_is_quiet_and_a_voice_is_not():
    assert audio.is_quiet(SILENCE)
    assert audio.is_quiet(audio.encode(np.full(160, 300)))
    assert not audio.is_quiet(tone(300, 0.02))


def test_flood_of_frames_loses_its_oldest_part():
    uplink = Uplink()
    for _ in range(10 * LIMIT_FRAMES):
        uplink.put(SILENCE)
    newest = tone(300, 0.02)
    uplink.put(newest)
    assert newest in [uplink.take() for _ in range(LIMIT_FRAMES)]


def test_pressed_keys_sound_in_place_of_the_voice_and_are_told_once_each():
    uplink = Uplink()
    uplink.press("1w2")
    told, sound = [], b""
    for _ in range(60):
        uplink.put(tone(300, 0.02))
        sound += uplink.take()
        if uplink.pressed:
            told.append(uplink.pressed)
    assert told == ["1", "2"]
    assert has_tone(sound[:960], 697, 0.3)
    assert loudness(sound[1600:5000]) < 10


# --- voices ---------------------------------------------------------------------------------------------------------


async def test_voice_returns_when_the_last_frame_was_handed_out():
    voice = Voice()
    playing = asyncio.ensure_future(voice.play(tone(300, 0.06)))
    await asyncio.sleep(0)
    assert [voice.next_frame() != SILENCE for _ in range(4)] == [True, True, True, False]
    await asyncio.wait_for(playing, 1)


async def test_voice_that_is_stopped_falls_silent_at_once():
    voice = Voice()
    playing = asyncio.ensure_future(voice.play(tone(300, 1.0)))
    await asyncio.sleep(0)
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    assert voice.next_frame() == SILENCE


def test_repeated_sound_begins_again_where_it_ended():
    voice = Voice()
    sound = tone(300, 0.04)
    voice.repeat(sound)
    assert b"".join(voice.next_frame() for _ in range(4)) == sound + sound


# --- the mixer ------------------------------------------------------------------------------------------------------


class _Leg:
    def __init__(self, fails: bool = False) -> None:
        self.ticks, self.failed, self._fails = 0, False, fails

    def listen(self) -> None:
        if self._fails:
            raise RuntimeError("a fault")

    def speak(self) -> None:
        self.ticks += 1

    def fail(self) -> None:
        self.failed = True


def test_leg_with_a_fault_is_ended_and_the_others_go_on():
    mixer, good, bad = Mixer(), _Leg(), _Leg(fails=True)
    mixer.add_leg(bad)
    mixer.add_leg(good)
    mixer.tick()
    assert bad.failed
    assert good.ticks == 1


async def test_mixer_keeps_its_pace_by_the_clock_and_catches_up():
    mixer, leg = Mixer(), _Leg()
    mixer.add_leg(leg)
    loop = asyncio.get_running_loop()
    running = asyncio.ensure_future(mixer.run())
    started = loop.time()
    while loop.time() - started < 1.0:
        await asyncio.sleep(0.05)
    expected = (loop.time() - started) / 0.02
    running.cancel()
    assert abs(leg.ticks - expected) <= 4


# --- files ----------------------------------------------------------------------------------------------------------


def _wav(samples: np.ndarray, rate_hz: int, channels: int, width: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate_hz)
        writer.writeframes(samples.tobytes())
    return file.getvalue()


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_wav_of_any_rate_and_width_keeps_its_tone_and_length(rate_hz, channels):
    time_s = np.arange(rate_hz) / rate_hz
    samples = (np.sin(2 * np.pi * 440 * time_s) * 8000).astype("<i2")
    sound = to_mulaw(_wav(np.repeat(samples, channels), rate_hz, channels, 2))
    assert abs(len(sound) - 8000) < 50
    assert strength(sound, 440) > 0.9


def test_wav_of_eight_bit_is_read_too():
    time_s = np.arange(8000) / 8000
    samples = (np.sin(2 * np.pi * 440 * time_s) * 60 + 128).astype(np.uint8)
    assert strength(to_mulaw(_wav(samples, 8000, 1, 1)), 440) > 0.9


@pytest.mark.parametrize("file", [b"", b"RIFF", b"not a sound at all", wav_of(b"")[:30], b"ID3" + b"\0" * 500])
def test_what_is_no_sound_is_refused(file):
    with pytest.raises(MediaError):
        to_mulaw(file)


def test_outer_silence_is_cut_from_all_tracks_alike():
    silent = np.zeros(1600, dtype=np.int16)
    loud = np.full(800, 5000, dtype=np.int16)
    left, right = without_outer_silence(
        [np.concatenate([silent, loud, silent]), np.concatenate([silent, silent, loud])]
    )  # fmt: skip
    assert len(left) == len(right)
    assert left[0] == 5000
    assert right[-1] == 5000


def test_speech_markup_is_its_words_and_its_breaks():
    (say,) = parse(
        b"<Response><Say>Dial <say-as interpret-as='digits'>12</say-as> now<break time='500ms'/>"
        b"<sub alias='kilogram'>kg</sub> <emphasis>please</emphasis></Say></Response>"
    )
    assert pieces(say) == ["Dial 12 now", 0.5, "kilogram please"]

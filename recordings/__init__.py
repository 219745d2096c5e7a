"""Recordings: brought home from the carrier, kept, transcribed and played."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from flask import Flask

if TYPE_CHECKING:
    from app.config import Settings
    from telephony.speech.recogniser import Recogniser


def init(app: Flask, settings: Settings) -> None:
    """Register the pages, jobs and ticks of recordings."""
    from app import clock, jobs
    from app.accounts.entry import AGENT, enter
    from recordings import fetch, transcribe, views
    from recordings.carrier_files import CarrierFiles
    from recordings.store import Store

    store = Store(settings.recordings_url)
    carrier = CarrierFiles(settings)
    app.extensions["recordings"] = store
    enter(app, views.bp, AGENT)

    @jobs.job("recordings.fetch", queue="files")
    def _fetch(recording_id: int) -> None:
        fetch.fetch_recording(recording_id, carrier, store)

    @jobs.job("recordings.delete_provider_copy", queue="files")
    def _delete_provider_copy(recording_id: int) -> None:
        fetch.delete_provider_copy(recording_id, carrier, store)

    @jobs.job("recordings.transcribe", queue="heavy")
    def _transcribe(recording_id: int) -> None:
        transcribe.transcribe_recording(recording_id, store, recogniser())

    clock.tick("recordings.retry", every_s=30)(fetch.retry_stuck)


@functools.cache
def recogniser() -> Recogniser:
    """This process's transcriber; its engines load when the first recording comes."""
    from telephony.speech.recogniser import Recogniser

    return Recogniser()

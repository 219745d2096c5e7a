"""Messages by text: one adapter per channel, all kept on the same record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.config import Settings


def init(app: Flask, settings: Settings) -> None:
    """Register the channels' webhooks, pages, jobs and ticks."""
    from app import clock, jobs
    from app.accounts.entry import AGENT, CARRIER, enter
    from digital_channels import outbox, views, webhooks
    from digital_channels.jobs import SmsHands
    from digital_channels.sms import SmsAdapter
    from recordings.carrier_files import CarrierFiles
    from recordings.store import Store
    from telephony.carrier import Carrier

    adapter = SmsAdapter(Carrier(settings).client)
    app.extensions["sms"] = adapter
    enter(app, webhooks.bp, CARRIER)
    enter(app, views.bp, AGENT)

    hands = SmsHands(adapter, CarrierFiles(settings), Store(settings.recordings_url), settings.public_base_url)
    jobs.job("sms.send")(hands.send)
    jobs.job("sms.look_up", attempts=1)(hands.look_up)
    jobs.job("sms.follow", attempts=1)(hands.follow)
    jobs.job("sms.fetch_media", queue="files")(hands.fetch_media)
    jobs.job("sms.adopt_missed", queue="files", attempts=1)(hands.adopt_missed)

    clock.tick("sms.ask_about_lost_ones", every_s=10)(outbox.ask_about_lost_ones)

    @clock.tick("sms.adopt_missed", every_s=120)
    def _adopt_missed(session: Session) -> None:
        if not outbox.is_waiting(session, "sms.adopt_missed"):
            jobs.enqueue(session, "sms.adopt_missed", queue="files")

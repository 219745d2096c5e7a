"""The application behind a real HTTP port, beside the real local carrier: webhooks, jobs and phones, no browser."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from app import create_app, db, worker
from app.config import Settings
from tests.support.people import OURS
from tests.telephony.local_carrier.phone import ScriptedPhone
from tests.telephony.local_carrier.running import RunningCarrier

PATIENCE_S = 10.0


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        return


@dataclass
class Home:
    """The application on a port; `work_off` does the jobs that are due."""

    app: Flask
    settings: Settings
    carrier: RunningCarrier
    _phones: list[ScriptedPhone] = field(default_factory=list)

    def phone(self, number: str) -> ScriptedPhone:
        auth = (self.carrier.account_sid, self.carrier.auth_token)
        self._phones.append(ScriptedPhone(self.carrier.url, number=number, auth=auth))
        return self._phones[-1]

    def own_number(self, number: str = OURS) -> None:
        """Make the carrier send this number's calls and texts here."""
        numbers = self.carrier.client().incoming_phone_numbers
        for old in numbers.list(phone_number=number):
            old.delete()
        base = self.settings.public_base_url
        numbers.create(
            phone_number=number,
            voice_url=f"{base}/voice/incoming",
            voice_fallback_url=f"{base}/voice/fallback",
            status_callback=f"{base}/voice/status",
            sms_url=f"{base}/sms/incoming",
            sms_fallback_url=f"{base}/sms/fallback",
        )

    def work_off(self) -> None:
        asyncio.run(worker.work_off(self.settings.database_url or ""))

    def put_phones_away(self) -> None:
        for phone in self._phones:
            phone.close()


def at_home(
    carrier: RunningCarrier, database_url: str, folder: Path, more: Mapping[str, str] | None = None
) -> Iterator[Home]:
    """Serve the application for the carrier until the generator is closed; `more` are settings of the test's own."""
    made: list[Flask] = []
    server = make_server("127.0.0.1", 0, lambda env, start: made[0](env, start), threaded=True, request_handler=_Quiet)
    settings = Settings.from_env(
        {
            "VAR_DIR": str(folder / "var"),
            "DATABASE_URL": database_url,
            "SECRET_KEY": "test-secret",
            "RECORDINGS_URL": str(folder / "audio"),
            "PUBLIC_BASE_URL": f"http://127.0.0.1:{server.port}",
            "TWILIO_API_BASE": carrier.url,
            "TWILIO_ACCOUNT_SID": carrier.account_sid,
            "TWILIO_AUTH_TOKEN": carrier.auth_token,
            "TWILIO_API_KEY_SID": carrier.api_key_sid,
            "TWILIO_API_KEY_SECRET": carrier.api_key_secret,
            **(more or {}),
        }
    )
    made.append(create_app(settings))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    home = Home(made[0], settings, carrier)
    try:
        yield home
    finally:
        home.put_phones_away()
        server.shutdown()
        thread.join()
        server.server_close()
        db.request_session.remove()


def until(condition: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S) -> Any:
    """Poll until the condition holds; AssertionError with `what` at the deadline."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"it never came to: {what}"
        time.sleep(0.02)  # polled with a deadline
    return found

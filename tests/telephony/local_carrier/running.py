"""A carrier in a process of its own, as the whole project runs it, for any test that needs one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import jwt
import requests
from twilio.http.http_client import TwilioHttpClient
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant
from twilio.rest import Client

REPOSITORY = Path(__file__).parents[3]
ACCOUNT_SID = "AC" + "a1" * 16
AUTH_TOKEN = "a token for tests"
API_KEY_SID = "SK" + "b2" * 16
API_KEY_SECRET = "a key secret for tests, long enough for HS256"
READY_S = 30.0


class BaseUrlHttpClient(TwilioHttpClient):
    """Sends the official client's requests to another base address, whatever product they are for."""

    def __init__(self, base: str, **options: Any) -> None:
        super().__init__(**options)
        self._base = urlsplit(base)

    def request(self, method: str, url: str, *rest: Any, **options: Any) -> Any:
        asked = urlsplit(url)
        if asked.hostname and asked.hostname.endswith(".twilio.com"):
            product = asked.hostname.split(".")[0]
            path = ("" if product == "api" else f"/{product}") + asked.path
            url = urlunsplit((self._base.scheme, self._base.netloc, path, asked.query, asked.fragment))
        return super().request(method, url, *rest, **options)


@dataclass
class RunningCarrier:
    """A carrier process. `start` waits until it is ready; `stop` ends it politely, `kill` does not."""

    data: Path
    port: int = 0
    webhook_limit_s: float = 15.0
    environment: dict[str, str] = field(default_factory=dict)
    account_sid: str = ACCOUNT_SID
    auth_token: str = AUTH_TOKEN
    api_key_sid: str = API_KEY_SID
    api_key_secret: str = API_KEY_SECRET

    def __post_init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.url = ""
        self.log: deque[str] = deque(maxlen=500)

    def start(self) -> RunningCarrier:
        """Run `python -m telephony.local_carrier` and read its port from the line that it prints."""
        command = [
            sys.executable, "-m", "telephony.local_carrier",
            "--port", str(self.port), "--account-sid", self.account_sid, "--auth-token", self.auth_token,
            "--data", str(self.data), "--api-key", f"{self.api_key_sid}:{self.api_key_secret}",
            "--webhook-limit-s", str(self.webhook_limit_s),
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env={**os.environ, **self.environment, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._read_log, daemon=True).start()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if "ready on" not in line:
            self.process.wait(READY_S)
            raise AssertionError(f"the carrier did not start: {line!r} {list(self.log)[-20:]}")
        self.url = line.split(" on ")[1].split()[0]
        self.port = int(self.url.rsplit(":", 1)[1])
        return self

    def _read_log(self) -> None:
        assert self.process is not None and self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line.rstrip())

    def stop(self, timeout_s: float = 15.0) -> int:
        """Ask it to end (SIGTERM) and give its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        """End it as a power cut does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def client(self) -> Client:
        """The official client, unmodified, pointed here."""
        return Client(self.account_sid, self.auth_token, http_client=BaseUrlHttpClient(self.url))

    def get(self, path: str, **options: Any) -> requests.Response:
        """A plain request with the account's credentials."""
        return requests.get(self.url + path, auth=(self.account_sid, self.auth_token), timeout=10, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        """A plain request with the account's credentials."""
        return requests.post(self.url + path, auth=(self.account_sid, self.auth_token), timeout=10, **options)

    @property
    def account_path(self) -> str:
        """Where the account's resources begin."""
        return f"/2010-04-01/Accounts/{self.account_sid}"

    def number_token(self, number: str, lives_s: float = 60) -> str:
        """A number phone's token, as a page gets it from the application."""
        claims = {"sub": self.account_sid, "number": number, "exp": time.time() + lives_s}
        return jwt.encode(claims, self.api_key_secret, "HS256")

    def client_token(self, identity: str, application_sid: str | None = None, **options: Any) -> str:
        """A Twilio access token with a voice grant, made by the official library."""
        token = AccessToken(self.account_sid, self.api_key_sid, self.api_key_secret, identity=identity, **options)
        token.add_grant(VoiceGrant(outgoing_application_sid=application_sid, incoming_allow=True))
        made = token.to_jwt()
        return made if isinstance(made, str) else made.decode()

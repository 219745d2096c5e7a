"""What the carrier is told at start, by command line or environment; a bad value stops it with a plain sentence."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")
KEY_SID = re.compile(r"SK[0-9a-fA-F]{32}")
DEFAULT_PORT = 8010


class SettingsError(Exception):
    """A setting is missing or cannot be used; the message says which one and what to write instead."""


@dataclass(frozen=True)
class Settings:
    """Everything that differs between two running carriers.

    `api_keys` maps `SK…` to its secret: programs may sign in with it and access tokens are checked with it.
    `webhook_limit_s` is how long the application may take to answer (Twilio: 15 s). `warm_speech` loads the speech
    engines at start instead of at the first word; `realtime` asks for priority where the system grants it.
    """

    account_sid: str
    auth_token: str = field(repr=False)
    data: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    public_url: str | None = None
    api_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    webhook_limit_s: float = 15.0
    warm_speech: bool = False
    realtime: bool = True

    @property
    def token_secret(self) -> str:
        """The secret that signs number phones' tokens: the first API key's, or the auth token when there is no key."""
        return next(iter(self.api_keys.values()), self.auth_token)


def read_settings(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the command line over the environment (`CARRIER_PORT` for `--port`, and so on). Raises SettingsError."""
    options = _parser(os.environ if environment is None else environment).parse_args(arguments)
    return Settings(
        account_sid=_checked_account(options.account_sid),
        auth_token=_required(options.auth_token, "--auth-token", "any secret text"),
        data=Path(_required(options.data, "--data", "a folder for recordings and media")),
        host=options.host,
        port=_checked_port(options.port),
        public_url=_checked_url(options.public_url),
        api_keys=_checked_keys(options.api_key),
        webhook_limit_s=_checked_limit(options.webhook_limit_s),
        warm_speech=options.warm_speech,
        realtime=options.realtime,
    )


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m telephony.local_carrier",
        description="A Twilio-compatible carrier with real audio on this machine.",
        epilog="Each option may also be given by environment: --auth-token is CARRIER_AUTH_TOKEN, and so on.",
    )

    def option(name: str, fallback: str | None, help_text: str) -> None:
        variable = "CARRIER_" + name.upper().replace("-", "_")
        parser.add_argument(f"--{name}", default=environment.get(variable, fallback), help=f"{help_text} ({variable})")

    option("port", str(DEFAULT_PORT), "port to listen on; 0 takes a free one")
    option("host", "127.0.0.1", "address to listen on")
    option("account-sid", None, "the account: AC and 32 hexadecimal digits")
    option("auth-token", None, "the account's secret: signs webhooks, opens the REST API")
    option("data", None, "folder for recordings and media")
    option("public-url", None, "how others reach this carrier, when it is not http://HOST:PORT")
    option("webhook-limit-s", "15", "seconds the application may take to answer a webhook")
    parser.add_argument(
        "--warm-speech",
        action="store_true",
        default=environment.get("CARRIER_WARM_SPEECH", "") not in {"", "0"},
        help="load the speech engines at start, so that the first caller need not wait (CARRIER_WARM_SPEECH)",
    )
    parser.add_argument(
        "--no-realtime",
        dest="realtime",
        action="store_false",
        default=environment.get("CARRIER_REALTIME", "") != "0",
        help="do not ask for real-time priority, where the system would grant it (CARRIER_REALTIME=0)",
    )
    parser.add_argument(
        "--api-key",
        action="append",
        default=None,
        metavar="SK…:secret",
        help="an API key; checks softphones' access tokens; may be repeated (CARRIER_API_KEY)",
    )
    parser.set_defaults(api_key=[environment["CARRIER_API_KEY"]] if environment.get("CARRIER_API_KEY") else None)
    return parser


def _required(value: str | None, name: str, hint: str) -> str:
    if not value:
        raise SettingsError(f"{name} is missing: give {hint}.")
    return value


def _checked_account(value: str | None) -> str:
    sid = _required(value, "--account-sid", "AC and 32 hexadecimal digits")
    if not ACCOUNT_SID.fullmatch(sid):
        raise SettingsError("--account-sid must be AC and 32 hexadecimal digits.")
    return sid


def _checked_port(value: str) -> int:
    if not value.isdigit() or int(value) > 65535:
        raise SettingsError(f"--port must be a number from 0 to 65535, not {value!r}.")
    return int(value)


def _checked_limit(value: str) -> float:
    try:
        limit_s = float(value)
    except ValueError:
        limit_s = 0.0
    if not 0 < limit_s <= 600:
        raise SettingsError(f"--webhook-limit-s must be seconds between 0 and 600, not {value!r}.")
    return limit_s


def _checked_url(value: str | None) -> str | None:
    if not value:
        return None
    address = urlsplit(value)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise SettingsError(f"--public-url must be an http or https address, not {value!r}.")
    return value.rstrip("/")


def _checked_keys(pairs: Sequence[str] | None) -> Mapping[str, str]:
    keys: dict[str, str] = {}
    for pair in pairs or ():
        sid, _, secret = pair.partition(":")
        if not KEY_SID.fullmatch(sid) or not secret:
            raise SettingsError("--api-key must be SK, 32 hexadecimal digits, a colon and the secret.")
        keys[sid] = secret
    return keys

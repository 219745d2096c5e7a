"""Settings: one dataclass, read from the environment, checked at start.

A bad value stops the start with a sentence that names the variable and what it takes.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit


class SettingsError(Exception):
    """A setting cannot be used. The message names the variable and says what it takes."""


FLOW_SECRET = "FLOW_SECRET_"  # noqa: S105 - the beginning of variables' names
ROOT = Path(__file__).resolve().parent.parent

EXPOSED_DEMO = (
    "This is a demo with passwords that everybody knows, and others than this machine may reach it. "
    "Set DEMO=0 and add people of your own (README), or leave HOST and PUBLIC_BASE_URL at 127.0.0.1."
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation may choose. Every field says its variable's meaning."""

    var_dir: Path
    """VAR_DIR: where data that is not in the database lives (default: var beside the code)."""
    database_url: str | None
    """DATABASE_URL: postgresql://… of a server to use; empty means the embedded PostgreSQL under VAR_DIR/postgres."""
    host: str
    """HOST: the address web listens on (default 127.0.0.1). The demo's passwords are public: others than this machine
    are let in with DEMO=0 only."""
    port: int
    """PORT: the port web listens on (default 8000)."""
    public_base_url: str
    """PUBLIC_BASE_URL: how the carrier reaches web, as it stands in the number's webhooks (default http://HOST:PORT)."""
    secret_key: str
    """SECRET_KEY: signs sessions and links; made once and kept in VAR_DIR/secret-key when not given."""
    carrier: str
    """CARRIER: `local` (the embedded carrier, default) or `twilio`."""
    twilio_account_sid: str
    """TWILIO_ACCOUNT_SID: AC and 32 hex digits."""
    twilio_auth_token: str
    """TWILIO_AUTH_TOKEN: checks the signature of every webhook."""
    twilio_auth_token_previous: str
    """TWILIO_AUTH_TOKEN_PREVIOUS: also accepted while a token is being rotated; empty otherwise."""
    twilio_api_key_sid: str
    """TWILIO_API_KEY_SID: SK and 32 hex digits; signs the softphones' access tokens."""
    twilio_api_key_secret: str
    """TWILIO_API_KEY_SECRET: the secret of that key."""
    twilio_app_sid: str
    """TWILIO_APP_SID: the TwiML App (AP…) that softphones dial out through; the local carrier makes its own."""
    twilio_api_base: str
    """TWILIO_API_BASE: where the carrier's REST lives; the local carrier's address in local mode."""
    recordings_url: str
    """RECORDINGS_URL: where recordings are kept, an fsspec address like s3://bucket/path (default recordings/audio)."""
    flows_dir: Path
    """FLOWS_DIR: the folder of flow files (default ivr_flows/flows)."""
    prompt_voice: str
    """PROMPT_VOICE: `home` renders prompts here and plays them; `carrier` lets the carrier's voices speak (default)."""
    supervision_told: str
    """SUPERVISION_TOLD: when an agent sees that a supervisor is in the call: `always` (default), `when_heard` (not when
    they only listen) or `never`. The law or an agreement may ask for one of them; the event log is told always."""
    log_level: str
    """LOG_LEVEL: debug, info, warning or error (default info)."""
    warm_speech: bool
    """SPEECH_WARM: 1 loads the recognisers when web starts, so that the first call's transcript need not wait."""
    http_allow_hosts: tuple[str, ...]
    """HTTP_ALLOW_HOSTS: hosts that flows may ask in your own network and send secrets to: crm.internal,erp:8443."""
    flow_secrets: Mapping[str, str]
    """FLOW_SECRET_<NAME>: what {secret: name} in a flow's headers stands for; sent to HTTP_ALLOW_HOSTS only."""
    demo: bool
    """DEMO: 1 shows the demo's sign-in help and seeds its people, whose passwords everybody knows; the default in local
    mode."""

    @property
    def is_local(self) -> bool:
        return self.carrier == "local"

    @property
    def is_https(self) -> bool:
        return self.public_base_url.startswith("https:")

    @property
    def is_demo_exposed(self) -> bool:
        """Whether others than this machine may reach a demo, whose passwords everybody knows."""
        reached_at = (self.host, urlsplit(self.public_base_url).hostname or "")
        return self.demo and not all(_is_loopback(host) for host in reached_at)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read and check the settings. Raises SettingsError at the first one that cannot be used."""
        env = os.environ if env is None else env
        var_dir = Path(env.get("VAR_DIR") or ROOT / "var").resolve()
        host = env.get("HOST") or "127.0.0.1"
        port = _port(env.get("PORT") or "8000")
        carrier = _one_of("CARRIER", env.get("CARRIER") or "local", ("local", "twilio"))
        public = _http_url("PUBLIC_BASE_URL", env.get("PUBLIC_BASE_URL") or f"http://{_shown(host)}:{port}")
        own = asdict(_LocalIdentity.at(var_dir)) if carrier == "local" else {}
        local = bool(own)
        return cls(
            var_dir=var_dir,
            database_url=_database_url(env.get("DATABASE_URL")),
            host=host,
            port=port,
            public_base_url=public,
            secret_key=env.get("SECRET_KEY") or _kept_secret(var_dir / "secret-key"),
            carrier=carrier,
            twilio_account_sid=_sid(env, "TWILIO_ACCOUNT_SID", "AC", own.get("account_sid")),
            twilio_auth_token=_needed(env, "TWILIO_AUTH_TOKEN", own.get("auth_token")),
            twilio_auth_token_previous=env.get("TWILIO_AUTH_TOKEN_PREVIOUS", ""),
            twilio_api_key_sid=_sid(env, "TWILIO_API_KEY_SID", "SK", own.get("api_key_sid")),
            twilio_api_key_secret=_needed(env, "TWILIO_API_KEY_SECRET", own.get("api_key_secret")),
            twilio_app_sid=_sid(env, "TWILIO_APP_SID", "AP", "" if local else None),
            twilio_api_base=_http_url(
                "TWILIO_API_BASE",
                env.get("TWILIO_API_BASE") or ("http://127.0.0.1:8010" if local else "https://api.twilio.com"),
            ),
            recordings_url=env.get("RECORDINGS_URL") or str(ROOT / "recordings" / "audio"),
            flows_dir=_folder("FLOWS_DIR", env.get("FLOWS_DIR") or ROOT / "ivr_flows" / "flows"),
            supervision_told=_one_of(
                "SUPERVISION_TOLD", env.get("SUPERVISION_TOLD") or "always", ("always", "when_heard", "never")
            ),
            prompt_voice=_one_of("PROMPT_VOICE", env.get("PROMPT_VOICE") or "carrier", ("home", "carrier")),
            log_level=_one_of("LOG_LEVEL", env.get("LOG_LEVEL") or "info", ("debug", "info", "warning", "error")),
            warm_speech=_one_of("SPEECH_WARM", env.get("SPEECH_WARM") or "0", ("0", "1")) == "1",
            http_allow_hosts=_hosts("HTTP_ALLOW_HOSTS", env.get("HTTP_ALLOW_HOSTS") or ""),
            flow_secrets=_flow_secrets(env),
            demo=_one_of("DEMO", env.get("DEMO") or ("1" if local else "0"), ("0", "1")) == "1",
        )


@dataclass(frozen=True, slots=True)
class _LocalIdentity:
    """The embedded carrier's account: made once per installation and kept, since recordings and tokens refer to it."""

    account_sid: str
    auth_token: str
    api_key_sid: str
    api_key_secret: str

    @classmethod
    def at(cls, var_dir: Path) -> _LocalIdentity:
        seed = _kept_secret(var_dir / "local-carrier-seed")
        return cls(f"AC{seed[:32]}", seed[32:64], f"SK{seed[16:48]}", seed[::-1][:32])


def _kept_secret(path: Path) -> str:
    """Read the secret kept at `path`, making it (64 hex digits, mode 600) the first time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    if not path.exists():
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32))
        try:
            os.link(draft, path)  # two processes starting at once agree: the first link stays
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise SettingsError(f"PORT is {text!r}: give a number from 1 to 65535.")
    return int(text)


def _one_of(name: str, value: str, accepted: tuple[str, ...]) -> str:
    if value.lower() not in accepted:
        raise SettingsError(f"{name} is {value!r}: give one of {', '.join(accepted)}.")
    return value.lower()


def _http_url(name: str, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise SettingsError(f"{name} is {value!r}: give an address such as https://calls.example.com.")
    return value.rstrip("/")


def _database_url(value: str | None) -> str | None:
    if not value:
        return None
    if urlsplit(value).scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise SettingsError("DATABASE_URL must begin with postgresql:// (Throughline runs on PostgreSQL only).")
    return re.sub(r"^postgres(ql)?(\+psycopg)?:", "postgresql+psycopg:", value, count=1)


def _needed(env: Mapping[str, str], name: str, default: str | None) -> str:
    value = env.get(name) or default
    if value is None:
        raise SettingsError(f"{name} is missing: CARRIER=twilio needs it (see docs/going-live-with-twilio.md).")
    return value


def _sid(env: Mapping[str, str], name: str, prefix: str, default: str | None) -> str:
    value = _needed(env, name, default)
    if value and not re.fullmatch(prefix + "[0-9a-fA-F]{32}", value):
        raise SettingsError(f"{name} must be {prefix} followed by 32 hex digits.")
    return value


def _hosts(name: str, text: str) -> tuple[str, ...]:
    """Hosts, each with or without a port, in small letters."""
    hosts = tuple(each.strip().lower().rstrip(".") for each in text.split(",") if each.strip())
    for host in hosts:
        if not re.fullmatch(r"[a-z0-9.-]{1,253}(:[0-9]{1,5})?|[0-9a-f:]{2,39}", host):
            raise SettingsError(
                f"{name} has {host!r}: give hosts such as crm.internal or crm.internal:8443, by commas."
            )
    return hosts


def _flow_secrets(env: Mapping[str, str]) -> Mapping[str, str]:
    """The secrets by the names that flows use: FLOW_SECRET_CRM_TOKEN is crm_token."""
    found = {
        name.removeprefix(FLOW_SECRET).lower(): value for name, value in env.items() if name.startswith(FLOW_SECRET)
    }
    for name, value in found.items():
        if not value.isascii() or not value.isprintable():
            raise SettingsError(f"{FLOW_SECRET}{name.upper()} has characters that no header can carry.")
    return found


def _folder(name: str, value: str | Path) -> Path:
    path = Path(value).resolve()
    if not path.is_dir():
        raise SettingsError(f"{name} is {str(value)!r}: there is no such folder.")
    return path

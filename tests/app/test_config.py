"""Settings: read from the environment, refused in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.config import ROOT, Settings, SettingsError
from telephony.speech.settings import SpeechSettings


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"VAR_DIR": str(tmp_path / "var"), "FLOWS_DIR": str(tmp_path)}


@pytest.fixture
def live(env: dict[str, str]) -> dict[str, str]:
    """What Twilio needs, and no more."""
    return {
        **env,
        "CARRIER": "twilio",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "t",
        "TWILIO_API_KEY_SID": "SK" + "0" * 32,
        "TWILIO_API_KEY_SECRET": "s",
        "TWILIO_APP_SID": "AP" + "0" * 32,
    }


def test_an_empty_environment_gives_a_local_installation(env: dict[str, str]) -> None:
    settings = Settings.from_env(env)
    assert settings.is_local
    assert settings.public_base_url == "http://127.0.0.1:8000"
    assert settings.database_url is None
    assert settings.twilio_account_sid.startswith("AC") and len(settings.twilio_account_sid) == 34


def test_the_secrets_made_at_the_first_start_are_kept_and_private(env: dict[str, str], tmp_path: Path) -> None:
    first, second = Settings.from_env(env), Settings.from_env(env)
    assert first == second
    assert first.secret_key != first.twilio_auth_token
    assert (tmp_path / "var" / "secret-key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "eighty", "PORT is 'eighty': give a number from 1 to 65535."),
        ("PORT", "70000", "PORT is '70000': give a number from 1 to 65535."),
        ("CARRIER", "att", "CARRIER is 'att': give one of local, twilio."),
        ("PUBLIC_BASE_URL", "calls.example.com", "PUBLIC_BASE_URL is 'calls.example.com': give an address such as"),
        ("PUBLIC_BASE_URL", "https://x/?a=1", "PUBLIC_BASE_URL is"),
        ("DATABASE_URL", "mysql://x", "DATABASE_URL must begin with postgresql://"),
        ("DATABASE_URL", "sqlite:///x.db", "DATABASE_URL must begin with postgresql://"),
        ("FLOWS_DIR", "/no/such/folder", "FLOWS_DIR is '/no/such/folder': there is no such folder."),
        ("LOG_LEVEL", "loud", "LOG_LEVEL is 'loud': give one of debug, info, warning, error."),
        ("PROMPT_VOICE", "mars", "PROMPT_VOICE is 'mars': give one of home, carrier."),
        ("TWILIO_ACCOUNT_SID", "AC12", "TWILIO_ACCOUNT_SID must be AC followed by 32 hex digits."),
        ("HTTP_ALLOW_HOSTS", "https://crm", "HTTP_ALLOW_HOSTS has 'https://crm': give hosts such as crm.internal"),
        ("HTTP_ALLOW_HOSTS", "crm internal", "HTTP_ALLOW_HOSTS has 'crm internal'"),
        ("FLOW_SECRET_CRM", "a\r\nX: b", "FLOW_SECRET_CRM has characters that no header can carry."),
        ("DEMO", "maybe", "DEMO is 'maybe': give one of 0, 1."),
    ],
)
def test_a_value_that_cannot_be_used_is_named(env: dict[str, str], name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says.replace("(", r"\(").replace(".", r"\.")):
        Settings.from_env({**env, name: value})


def test_hosts_and_secrets_of_flows_are_read(env: dict[str, str]) -> None:
    given = {**env, "HTTP_ALLOW_HOSTS": "CRM.internal., erp:8443,", "FLOW_SECRET_CRM_TOKEN": "Bearer 42"}
    settings = Settings.from_env(given)
    assert settings.http_allow_hosts == ("crm.internal", "erp:8443")
    assert settings.flow_secrets == {"crm_token": "Bearer 42"}


@pytest.mark.parametrize(
    "missing",
    ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY_SID", "TWILIO_API_KEY_SECRET", "TWILIO_APP_SID"],
)
def test_going_live_without_a_credential_names_it(live: dict[str, str], missing: str) -> None:
    assert Settings.from_env(live).twilio_api_base == "https://api.twilio.com"
    del live[missing]
    with pytest.raises(SettingsError, match=f"{missing} is missing"):
        Settings.from_env(live)


class Watched(dict[str, str]):
    """An environment that notes which settings are asked for."""

    asked: set[str]

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def test_the_way_to_a_real_number_names_every_setting(live: dict[str, str]) -> None:
    env = Watched(live)
    env.asked = {"FLOW_SECRET_"}
    Settings.from_env(env)
    SpeechSettings.from_env(env)
    guides = [(ROOT / "docs" / name).read_text() for name in ("going-live-with-twilio.md", "speech.md")]
    assert [name for name in sorted(env.asked) if f"`{name}" not in "".join(guides)] == []


def test_both_spellings_of_postgresql_are_taken(env: dict[str, str]) -> None:
    for spelling in ("postgres://u@h/d", "postgresql://u@h/d", "postgresql+psycopg://u@h/d"):
        assert Settings.from_env({**env, "DATABASE_URL": spelling}).database_url == "postgresql+psycopg://u@h/d"


@pytest.mark.parametrize(
    ("env_more", "exposed"),
    [
        ({}, False),
        ({"HOST": "127.0.0.2"}, False),
        ({"HOST": "::1"}, False),
        ({"HOST": "localhost"}, False),
        ({"HOST": "0.0.0.0"}, True),
        ({"HOST": "192.168.1.20"}, True),
        ({"PUBLIC_BASE_URL": "https://calls.example.com"}, True),
        ({"HOST": "0.0.0.0", "DEMO": "0"}, False),
    ],
)
def test_a_demo_that_others_can_reach_is_noticed(env: dict[str, str], env_more: dict[str, str], exposed: bool) -> None:
    assert Settings.from_env(env | env_more).is_demo_exposed is exposed

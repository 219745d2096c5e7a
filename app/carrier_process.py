"""Start the embedded local carrier with this installation's account. Its secrets go by environment."""

from __future__ import annotations

import os
import sys

from app.config import Settings


def main() -> None:
    """Become the carrier process."""
    settings = Settings.from_env()
    port = settings.twilio_api_base.rpartition(":")[2]
    env = {
        **os.environ,
        "CARRIER_PORT": port,
        "CARRIER_ACCOUNT_SID": settings.twilio_account_sid,
        "CARRIER_AUTH_TOKEN": settings.twilio_auth_token,
        "CARRIER_API_KEY": f"{settings.twilio_api_key_sid}:{settings.twilio_api_key_secret}",
        "CARRIER_DATA": str(settings.var_dir / "carrier"),
        "CARRIER_WARM_SPEECH": os.environ.get("CARRIER_WARM_SPEECH", "1"),
    }
    os.execve(sys.executable, [sys.executable, "-m", "telephony.local_carrier"], env)  # noqa: S606 - our own module


if __name__ == "__main__":
    main()

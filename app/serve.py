"""`script/server`: brings up database, carrier, web and worker on this machine, and says where to click."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time

import httpx
from honcho.manager import Manager
from sqlalchemy import create_engine, text

from app import migrate, postgres
from app.config import EXPOSED_DEMO, ROOT, Settings, SettingsError

READY_WITHIN_S = 60


def main() -> None:
    """Start everything, wait until it is ready, print the addresses, run until Ctrl-C or SIGTERM."""
    started = time.monotonic()
    try:
        settings = Settings.from_env()
        _refuse_taken_ports(settings)
    except SettingsError as error:
        raise SystemExit(f"\n{error}") from None
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    url = _start_database(settings)
    env = {
        **os.environ,
        "DATABASE_URL": url,
        "PYTHONUNBUFFERED": "1",
        "SPEECH_CACHE": os.environ.get("SPEECH_CACHE") or str(settings.var_dir / "speech"),
        "SPEECH_WARM": "1",
        "CARRIER_WARM_SPEECH": "1",
    }
    is_known = settings.demo and _has_people(url)
    if settings.demo and not is_known:
        _say("Seeding the demo company: people, queues, numbers")
        _seed(env)
    _say_speech(env)
    manager = Manager()
    for name, command in _processes(settings).items():
        manager.add_process(name, command, env=env, cwd=str(ROOT))

    def when_ready() -> None:
        _announce(settings, started)
        if is_known:  # what an older edition's demo lacked is added without keeping anybody waiting
            _seed(env)

    threading.Thread(target=when_ready, daemon=True).start()
    manager.loop()
    raise SystemExit(manager.returncode)


def _processes(settings: Settings) -> dict[str, str]:
    """Name → command. The carrier's secrets go by environment, not by its command line."""
    python = sys.executable
    processes = {"web": f"{python} -m app.asgi", "worker": f"{python} -m app.worker"}
    if settings.is_local:
        processes = {"carrier": f"{python} -m app.carrier_process", **processes}
    return processes


def _start_database(settings: Settings) -> str:
    if settings.database_url:
        url = settings.database_url
        _say("Using the database of DATABASE_URL")
    else:
        _say(f"Starting the embedded PostgreSQL. {postgres.where(settings.var_dir)}")
        url = postgres.start(settings.var_dir)
    _say("Bringing the database's schema up to date")
    migrate.upgrade(url)
    return url


def _has_people(url: str) -> bool:
    """Whether somebody was added before: then this is not the database's first start."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text('SELECT EXISTS (SELECT FROM "user")')).scalar_one()
    engine.dispose()
    return bool(found)


def _seed(env: dict[str, str]) -> None:
    _run("-m", "flask", "--app", "app", "seed-demo", env=env)


def _say_speech(env: dict[str, str]) -> None:
    _say("Settling which speech engine serves which language")
    _run("-m", "telephony.speech", "fetch", "--again-after", "24", env=env)  # without a network: once a day


def _run(*args: str, env: dict[str, str]) -> None:
    """Run one step of the set-up; its own message is what the person reads when it fails."""
    done = subprocess.run([sys.executable, *args], env=env, cwd=ROOT, check=False)  # noqa: S603 - our own modules
    if done.returncode:
        raise SystemExit(f"\nThe step `{' '.join(args)}` failed; its message is above.")


def _refuse_taken_ports(settings: Settings) -> None:
    ports = [(settings.host, settings.port, "PORT")]
    if settings.is_local:
        base = httpx.URL(settings.twilio_api_base)
        ports.append((base.host, base.port or 80, "TWILIO_API_BASE"))
    for host, port, name in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise SettingsError(
                    f"Port {port} on {host} is taken ({error.strerror}). Is Throughline running already? "
                    f"Stop it, or choose another port with {name}."
                ) from None


def _announce(settings: Settings, started: float) -> None:
    """Wait for /readyz, then tell the person where to go."""
    deadline = time.monotonic() + READY_WITHIN_S
    address = f"http://127.0.0.1:{settings.port}" if settings.host == "0.0.0.0" else settings.public_base_url  # noqa: S104
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://{_reachable(settings.host)}:{settings.port}/readyz", timeout=3).status_code == 200:
                break
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    else:
        _say(f"Still not ready after {READY_WITHIN_S} s. {address}/readyz says what is missing.")
        return
    lines = ["", f"Throughline is ready ({time.monotonic() - started:.0f} s).", f"  Agent desktop   {address}/desktop"]
    if settings.is_local:
        lines.append(f"  Caller's phone  {address}/phone")
    lines += [f"  Admin           {address}/admin", ""]
    if settings.demo:
        lines += ["Sign in as ana@meridian.example with the password on the sign-in page.", ""]
    if settings.is_demo_exposed:
        lines += [f"Careful: {EXPOSED_DEMO}", ""]
    print("\n".join(lines), flush=True)


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound


def _say(text: str) -> None:
    print(f"• {text}", flush=True)


if __name__ == "__main__":
    main()

"""`python -m telephony.local_carrier`: run the carrier until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from telephony.local_carrier.carrier import Carrier
from telephony.local_carrier.music import waiting_music
from telephony.local_carrier.priority import HELPER, MIXER, hurry
from telephony.local_carrier.server import build
from telephony.local_carrier.settings import Settings, SettingsError, read_settings

log = logging.getLogger(__name__)
_SHUTDOWN_S = 3.0
_HELPERS = 4


async def serve(settings: Settings) -> None:
    """Open the port, say so, and serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows has no signal handlers on the loop
            asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    if settings.realtime:
        _take_priority()
    carrier = Carrier(settings)
    composing = asyncio.create_task(asyncio.to_thread(waiting_music))
    runner = web.AppRunner(build(carrier), access_log=None, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    site = web.TCPSite(runner, settings.host, settings.port)
    await site.start()
    port = runner.addresses[0][1]
    carrier.public_url = settings.public_url or f"http://{settings.host}:{port}"
    await carrier.open()
    await composing
    gc.collect()
    gc.freeze()
    print(f"carrier ready on http://{settings.host}:{port} for {settings.account_sid}", flush=True)  # noqa: T201
    try:
        await stop.wait()
    finally:
        await carrier.close()
        await runner.cleanup()


def _take_priority() -> None:
    """The event loop's thread goes first, its helpers come next."""
    helpers = ThreadPoolExecutor(_HELPERS, "helper", initializer=hurry, initargs=(HELPER,))
    asyncio.get_running_loop().set_default_executor(helpers)
    if hurry(MIXER):
        log.info("sound has real-time priority")


def main() -> int:
    """Run; 2 for a setting that cannot be used, 1 when the port is taken or the data cannot be read."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = read_settings()
    except SettingsError as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    try:
        asyncio.run(serve(settings))
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"The carrier cannot start: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Named crash points for the tests of "nothing is lost": CRASH_AT=W3 kills this process there, as a power cut would."""

from __future__ import annotations

import os
import signal


def is_armed(name: str) -> bool:
    """Whether this process will die at that point: for code that must be in two halves there."""
    return os.environ.get("CRASH_AT") == name


def point(name: str) -> None:
    """Die at once, by SIGKILL, when the environment's CRASH_AT is `name`."""
    if is_armed(name):
        os.kill(os.getpid(), signal.SIGKILL)

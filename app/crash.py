"""Named crash points for the tests of "nothing is lost": CRASH_AT=W3 kills this process there, as a power cut would."""

from __future__ import annotations

import os
import signal

_HERE = os.environ.get("CRASH_AT", "")


def is_armed(name: str) -> bool:
    """Whether this process will die at that point: for code that must be in two halves there."""
    return name == _HERE


def point(name: str) -> None:
    """Die at once, by SIGKILL, when the environment's CRASH_AT is `name`."""
    if name == _HERE:
        os.kill(os.getpid(), signal.SIGKILL)

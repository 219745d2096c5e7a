"""Sound cannot wait: ask the system to run the carrier's threads before ordinary work, where that is allowed.

On Linux, as root or with CAP_SYS_NICE, a busy machine then no longer makes calls stutter. Programs that the carrier
starts (the speech engines) run at ordinary priority. Everywhere else nothing changes.
"""

from __future__ import annotations

import contextlib
import os

MIXER, HELPER = 2, 1


def hurry(level: int) -> bool:
    """Give the calling thread real-time priority; False when the system does not allow it.

    The helpers need it too: a helper that waits for a processor while it holds the interpreter holds up the mixer.
    """
    if not hasattr(os, "sched_setscheduler") or not hasattr(os, "SCHED_RESET_ON_FORK"):
        return False
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(level))
        return True
    return False

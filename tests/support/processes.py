"""The house's programs as real processes that start at once.

They are forked from a server that has the house's code loaded already: loading it costs seconds of processor time, and
tests of power cuts start programs by the dozen. Apart from that they are what `python -m` makes of them.
"""

from __future__ import annotations

import ctypes
import importlib
import multiprocessing
import os
import signal
import sys
from pathlib import Path

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.support.loaded"])


class Process:
    """A running program; what it says is added to `log`."""

    def __init__(self, module: str, env: dict[str, str], log: Path) -> None:
        self._process = _context.Process(target=_become, args=(module, {**os.environ, **env}, str(log)))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Minus the signal that ended it, or what it returned; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout_s: float) -> int:
        """Its exit code; TimeoutError when it does not end."""
        self._process.join(timeout_s)
        if self._process.exitcode is None:
            raise TimeoutError(f"process {self.pid} did not end within {timeout_s:.0f} s")
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def _become(module: str, env: dict[str, str], log: str) -> None:
    """Inside the new process: the environment, the log and the signals of a program that was just started."""
    _die_with_parent()
    os.environ.clear()
    os.environ.update(env)
    with Path(log).open("ab") as written, Path(os.devnull).open("rb") as silence:
        for stream, number in ((silence, 0), (written, 1), (written, 2)):
            os.dup2(stream.fileno(), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    importlib.import_module(module).main()


def _die_with_parent() -> None:
    """On Linux, a killed test run takes its processes with it."""
    if sys.platform == "linux":
        set_signal_at_parents_death = 1
        ctypes.CDLL(None).prctl(set_signal_at_parents_death, signal.SIGKILL)

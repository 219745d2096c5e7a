"""Child processes that do the heavy or fragile part of speech.

The engines load hundreds of megabytes, libespeak calls exit() when its data is missing, and a bad model aborts the
process: none of that may touch a call. A message is one line of JSON; with `bytes: n` in it, n raw bytes follow.
A child ends when its input ends, so that none outlives its parent, however the parent died.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from telephony.speech.errors import SpeechError

Message = dict[str, Any]

PROJECT_ROOT = Path(__file__).resolve().parents[2]
START_LIMIT_S = 60.0  # a cold disk took 22 s to load one model
# One decode thread per stream is the plan; libraries that start a thread per core would only fight over the cores.
ONE_THREAD_EACH = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


class Child:
    """One running child process. `on_message` and `on_exit` are called from the child's reader thread."""

    def __init__(
        self, module: str, on_message: Callable[[Message], None], on_exit: Callable[[int], None], nice: int = 0
    ) -> None:
        env = {**os.environ, **ONE_THREAD_EACH, "PYTHONUNBUFFERED": "1"}
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PROJECT_ROOT), env.get("PYTHONPATH")]))
        self._process = subprocess.Popen(  # noqa: S603 - our own module by our own interpreter
            [sys.executable, "-m", module, str(nice)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            start_new_session=True,  # a Ctrl-C or a stop of the whole group lets the parent drain its calls first
        )
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._on_message, self._on_exit = on_message, on_exit
        threading.Thread(target=self._write_all, name=f"{module} in", daemon=True).start()
        threading.Thread(target=self._read_all, name=f"{module} out", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def send(self, message: Message, payload: bytes = b"") -> None:
        """Queue a message; never blocks and never fails. What a dead child did not read is gone."""
        self._outgoing.put(pack(message, payload))

    def kill(self) -> None:
        """End it now; on_exit follows."""
        self._outgoing.put(None)
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def close(self, wait_s: float = 2.0) -> None:
        """Let it end by itself, and kill it when it does not."""
        self._outgoing.put(None)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(wait_s)
        self.kill()
        self._process.wait()

    def _write_all(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        with contextlib.suppress(OSError, ValueError):
            while (data := self._outgoing.get()) is not None:
                pipe.write(data)
                if self._outgoing.empty():
                    pipe.flush()
        with contextlib.suppress(OSError, ValueError):
            pipe.close()

    def _read_all(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        with contextlib.suppress(OSError, ValueError):
            for line in pipe:
                self._on_message(json.loads(line))
        self._outgoing.put(None)
        self._on_exit(self._process.wait())
        pipe.close()


class OneAtATime:
    """A child that answers one job at a time, started when first needed and again after it died or hung.

    A reply with `progress` in it restarts the time limit of its job. Safe to use from any thread.
    """

    def __init__(self, module: str, nice: int = 0) -> None:
        self._module, self._nice = module, nice
        self._lock = threading.Lock()
        self._is_closed = False
        self._child: Child | None = None
        self._replies: queue.SimpleQueue[Message | None] = queue.SimpleQueue()

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def call(self, job: Message, limit_s: float, payload: bytes = b"") -> Message:
        """Send one job and give its reply. SpeechError when the child died, hung past `limit_s`, or refused."""
        with self._lock:
            child = self._running_child()
            child.send(job, payload)
            reply = self._await_reply(limit_s)
        if not reply.get("ok"):
            raise SpeechError(str(reply.get("error", "the speech worker refused the job without a reason")))
        return reply

    def close(self) -> None:
        """End the child for good; the job under way fails with a SpeechError, as every later one does."""
        self._is_closed = True
        if child := self._child:
            child.close()

    def _running_child(self) -> Child:
        if self._is_closed:
            raise SpeechError("Speech was shut down.")
        if self._child is None or not self._child.is_alive:
            # Each child gets its own queue: the last words of a killed one must not answer the next one's job.
            replies: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
            self._replies = replies
            self._child = Child(self._module, replies.put, lambda code: replies.put(None), self._nice)
            self._await_reply(START_LIMIT_S)
        return self._child

    def _await_reply(self, limit_s: float) -> Message:
        deadline = time.monotonic() + limit_s
        while True:
            try:
                reply = self._replies.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self._forget_child()
                raise SpeechError(
                    f"The speech worker gave no answer within {limit_s:.0f} s and was restarted."
                ) from None
            if reply is None:
                self._forget_child()
                raise SpeechError("The speech worker died during the job; the next job starts a new one.")
            if "progress" not in reply:
                return reply
            deadline = time.monotonic() + limit_s

    def _forget_child(self) -> None:
        if self._child:
            self._child.kill()
            self._child = None


def pack(message: Message, payload: bytes = b"") -> bytes:
    if payload:
        message = {**message, "bytes": len(payload)}
    return json.dumps(message).encode() + b"\n" + payload


def read_message(pipe: IO[bytes]) -> tuple[Message, bytes] | None:
    """The next message and its payload; None at the end of input, also in the middle of a message."""
    line = pipe.readline()
    if not line.endswith(b"\n"):
        return None
    message: Message = json.loads(line)
    expected = int(message.get("bytes", 0))
    payload = pipe.read(expected) if expected else b""
    return (message, payload) if len(payload) == expected else None


def jobs_from(pipe: IO[bytes]) -> Iterator[tuple[Message, bytes]]:
    """In a child with one job at a time: the jobs. The process ends with its input, also in the middle of a job."""
    waiting: queue.SimpleQueue[tuple[Message, bytes]] = queue.SimpleQueue()

    def read_all() -> None:
        while (job := read_message(pipe)) is not None:
            waiting.put(job)
        os._exit(0)

    threading.Thread(target=read_all, daemon=True).start()
    while True:
        yield waiting.get()


def talk_to_parent() -> tuple[IO[bytes], Callable[[Message], None]]:
    """In the child: its input and a thread-safe way to answer. Anything else printed goes to nowhere.

    Libraries print to standard output what would break the protocol, and what was said must not reach a log.
    """
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    lock = threading.Lock()
    if len(sys.argv) > 1 and hasattr(os, "nice"):
        os.nice(int(sys.argv[1]))

    def reply(message: Message) -> None:
        with lock, contextlib.suppress(BrokenPipeError):
            replies.write(pack(message))
            replies.flush()

    return sys.stdin.buffer, reply

"""The worker process as a whole: it drains on SIGTERM and survives a job that fails."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app import worker
from app.db import unit_of_work
from app.jobs import Job, enqueue, handlers

SLOW_WORKER = """
import asyncio, sys, time
from pathlib import Path
from app import worker
from app.db import connect
from app.jobs import job

folder = Path(sys.argv[2])

@job("test.slow")
def slow() -> None:
    (folder / "started").touch()
    time.sleep(1.5)
    (folder / "finished").touch()

connect(sys.argv[1])
asyncio.run(worker.work(sys.argv[1]))
"""


async def appears(path: Path, within_s: float = 20) -> bool:
    for _ in range(int(within_s / 0.05)):
        if path.exists():
            return True
        await asyncio.sleep(0.05)
    return False


async def test_sigterm_lets_the_job_at_hand_finish(database: str, tmp_path: Path) -> None:
    with unit_of_work() as session:
        enqueue(session, "test.slow")
    process = subprocess.Popen([sys.executable, "-c", SLOW_WORKER, database, str(tmp_path)], stderr=subprocess.PIPE)
    try:
        assert await appears(tmp_path / "started")
        process.send_signal(signal.SIGTERM)
        _, said = await asyncio.to_thread(process.communicate, timeout=20)
    finally:
        process.kill()
    assert (tmp_path / "finished").exists()
    assert process.returncode == 0, said.decode()


@pytest.fixture
def failing_once():
    tries: list[int] = []

    def handler() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("the carrier was away")

    handlers["test.failing"] = Job("test.failing", handler, "hands", 3)
    yield tries
    del handlers["test.failing"]


async def test_a_job_that_fails_is_tried_again_after_a_pause(database: str, failing_once: list[int]) -> None:
    with unit_of_work() as session:
        enqueue(session, "test.failing")
    await worker.work_off(database)
    assert failing_once == [1]
    deadline = asyncio.get_running_loop().time() + 15
    while len(failing_once) < 2 and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.2)
        await worker.work_off(database)
    assert failing_once == [1, 1]

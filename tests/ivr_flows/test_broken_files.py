"""Every fault that the check knows has a file named after it in broken/, and its message in broken/messages.txt."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ivr_flows import Fault, FlowError, Known, load_flow, load_flow_file
from ivr_flows.loader import check

BROKEN = Path(__file__).parent / "broken"
KNOWN = Known(queues={"sales", "support"}, flows={"main", "support"}, numbers={"+15005550006"}, hosts=())
FILES = sorted(BROKEN.glob("*.yaml"))


def expected() -> dict[str, list[str]]:
    """messages.txt by file: a message begins with its file, line and column, and says "warning" when it is one."""
    messages: dict[str, list[str]] = {}
    for line in (BROKEN / "messages.txt").read_text("utf-8").splitlines():
        messages.setdefault(line.split(".yaml:")[0], []).append(line)
    return messages


def told(fault: Fault) -> str:
    warning = "warning: " if fault.severity == "warning" else ""
    return f"{fault.file}:{fault.line}:{fault.column}: {warning}{fault.said}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_fault_is_told_with_its_place_and_the_way_out(path):
    began = time.process_time()
    faults = check(path.read_text("utf-8"), path.stem, KNOWN)
    assert list(map(told, faults)) == expected()[path.stem]
    assert time.process_time() - began < 2


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_errors_keep_a_flow_from_being_used_and_warnings_do_not(path):
    text = path.read_text("utf-8")
    errors = [fault for fault in check(text, path.stem, KNOWN) if fault.severity == "error"]
    if not errors:
        assert load_flow(text, path.stem, known=KNOWN).warnings
        return
    with pytest.raises(FlowError) as refused:
        load_flow(text, path.stem, known=KNOWN)
    assert list(refused.value.faults) == errors


def test_every_message_has_its_file():
    assert expected().keys() == {path.stem for path in FILES}


def test_a_file_of_ten_megabytes_is_refused_unread(tmp_path):
    large = tmp_path / "large.yaml"
    large.write_bytes(b"title: Large\n" + b"# all work and no play\n" * 450_000)
    began = time.process_time()
    with pytest.raises(FlowError, match="the file is larger than 1 MB"):
        load_flow_file(large)
    assert [fault.message for fault in check(large.read_text(), "large")] == ["the file is larger than 1 MB"]
    assert time.process_time() - began < 1

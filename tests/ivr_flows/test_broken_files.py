"""Every fault that the loader knows has a file named after it in broken/, and its message in broken/messages.txt."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr_flows import FlowError, Known, load_flow

BROKEN = Path(__file__).parent / "broken"
KNOWN = Known(queues={"sales", "support"}, flows={"main", "support"})


def expected() -> dict[str, list[str]]:
    """messages.txt by file: a message begins with its file, line and column."""
    messages: dict[str, list[str]] = {}
    for line in (BROKEN / "messages.txt").read_text("utf-8").splitlines():
        messages.setdefault(line.split(".yaml:")[0], []).append(line)
    return messages


@pytest.mark.parametrize("path", sorted(BROKEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_broken_flow_is_refused_with_the_place_and_the_way_out(path):
    with pytest.raises(FlowError) as refused:
        load_flow(path.read_text("utf-8"), path.stem, known=KNOWN)
    assert str(refused.value).splitlines() == expected()[path.stem]


def test_every_message_has_its_file():
    assert expected().keys() == {path.stem for path in BROKEN.glob("*.yaml")}

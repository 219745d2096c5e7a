from __future__ import annotations

from pathlib import Path

import pytest

from ivr_flows import FlowStore

DEMO = Path(__file__).parents[2] / "ivr_flows" / "flows"


@pytest.fixture
def demo() -> FlowStore:
    """The flows that ship with the product."""
    return FlowStore(DEMO, queues=lambda: {"sales", "support", "billing"})

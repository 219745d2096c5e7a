"""A supervisor in front of a house with two queues."""

from __future__ import annotations

from typing import Any

import pytest

from app.db import unit_of_work
from tests import factories
from tests.app.conftest import Browser, browser


@pytest.fixture
def sam(app: Any, far_side: Any) -> Browser:
    """Sam, a supervisor."""
    with unit_of_work() as session:
        user = factories.user(session, "Sam", ["supervisor"])
    return browser(app, user)


@pytest.fixture
def support(database: str) -> int:
    """The id of the queue Support."""
    with unit_of_work() as session:
        return factories.queue(session, "support").id

"""A house of real processes, shared by the tests of a file; each test finds it tidy and its database empty."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from app.db import unit_of_work
from tests.conftest import EMPTY_DATABASE
from tests.support.house import House

TRIES = 5


@pytest.fixture(scope="session")
def speech_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prompts rendered by one house are there for the next."""
    return tmp_path_factory.mktemp("speech")


@pytest.fixture(scope="module")
def running_house(
    request: pytest.FixtureRequest, database_url: str, tmp_path_factory: pytest.TempPathFactory, speech_cache: Path
) -> Iterator[House]:
    """The processes. A file says what it needs by a constant HOUSE, options of House."""
    options = getattr(request.module, "HOUSE", {})
    house = House(database_url, tmp_path_factory.mktemp("house"), speech_cache=speech_cache, **options)
    house.open()
    yield house
    house.close()


@pytest.fixture
def house(running_house: House) -> Iterator[House]:
    """The house with an empty database. Its processes go on writing meanwhile, so emptying may need several tries."""
    _empty_database()
    running_house.furnish()
    yield running_house
    running_house.tidy_up()
    _empty_database()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed shows what the processes said."""
    report = yield
    house = getattr(item, "funcargs", {}).get("house")
    if report.failed and isinstance(house, House):
        report.sections += [(f"what {name} said", house.log_of(name)) for name in house.names]
    return report


def _empty_database() -> None:
    for tries_left in reversed(range(TRIES)):
        try:
            with unit_of_work() as session:
                session.execute(text(EMPTY_DATABASE))
            return
        except (OperationalError, IntegrityError):
            # A deadlock with a tick, in which PostgreSQL chose us to give way; or web, who found its flow files gone
            # from the database, wrote them anew between our emptying of one table and of the next.
            if not tries_left:
                raise

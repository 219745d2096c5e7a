"""Events are written together, late, and never without the change they tell."""

from __future__ import annotations

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app import events
from app.db import unit_of_work
from app.events import Event


def tell(session: Session, name: str) -> None:
    events.record(session, "test.told", actor="system", name=name)


def told() -> list[str]:
    with unit_of_work() as session:
        return [each.data["name"] for each in session.scalars(select(Event).order_by(Event.id))]


def test_the_events_of_a_transaction_are_one_statement_in_their_order(session: Session) -> None:
    statements: list[str] = []
    engine = session.get_bind()
    listener = lambda *given: statements.append(given[2])  # noqa: E731
    event.listen(engine, "before_cursor_execute", listener)
    with unit_of_work() as writing:
        for name in ("first", "second", "third"):
            tell(writing, name)
    event.remove(engine, "before_cursor_execute", listener)
    assert len(statements) == 1
    assert told() == ["first", "second", "third"]


def test_an_event_is_there_for_a_query_of_its_own_transaction(session: Session) -> None:
    tell(session, "first")
    assert session.scalars(select(Event.kind)).all() == ["test.told"]


@pytest.mark.parametrize("read_in_it", [False, True], ids=["nothing was written", "it was written"])
def test_a_savepoint_that_is_undone_takes_only_its_own_events(session: Session, read_in_it: bool) -> None:
    with unit_of_work() as writing:
        tell(writing, "before")
        with pytest.raises(RuntimeError), writing.begin_nested():
            tell(writing, "undone")
            if read_in_it:
                assert len(writing.scalars(select(Event.id)).all()) == 2
            raise RuntimeError("undo")
        with writing.begin_nested():
            tell(writing, "kept")
        tell(writing, "after")
    assert told() == ["before", "kept", "after"]


def test_a_transaction_that_is_undone_tells_nothing_later(session: Session) -> None:
    tell(session, "undone")
    session.rollback()
    tell(session, "done")
    session.commit()
    assert told() == ["done"]

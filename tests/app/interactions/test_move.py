"""An interaction moves by compare-and-set, and leaves a gapless story."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import database_now, unit_of_work
from app.interactions.models import MOVES, TERMINAL, Interaction, Segment, State
from app.interactions.move import WrongMove, lock_interaction, move
from tests import factories as make
from tests.support.acd import events_named, story


def test_a_move_changes_the_state_and_tells_of_it(session: Session) -> None:
    sales, ana = make.queue(session), make.user(session)
    call = make.call(session)
    deadline = database_now(session)
    assert move(
        session,
        call,
        State.QUEUED,
        actor="flow",
        reason="pressed_1",
        queue_id=sales.id,
        agent_id=ana.id,
        wake_at=deadline,
    )
    assert (call.state, call.version, call.queue_id, call.agent_id, call.wake_at) == (
        "queued",
        2,
        sales.id,
        ana.id,
        deadline,
    )
    session.refresh(call)
    assert (call.state, call.version) == ("queued", 2)
    (event,) = events_named(session, "interaction.moved")
    assert event.actor == "flow"
    assert event.data == {
        "from": "created",
        "to": "queued",
        "reason": "pressed_1",
        "queue": "Sales",
        "agent_id": ana.id,
    }
    assert {f"user:{ana.id}", f"interaction:{call.id}", f"queue:{sales.id}"} <= set(event.topics)


def test_of_two_who_saw_the_same_state_only_one_moves(session: Session) -> None:
    call = make.call(session)
    session.commit()
    with unit_of_work() as slower:
        seen = slower.get_one(Interaction, call.id)
        with unit_of_work() as faster:
            assert move(faster, faster.get_one(Interaction, call.id), State.IN_FLOW, actor="flow")
        assert not move(slower, seen, State.CANCELED, actor="caller")
        assert (seen.state, seen.version) == ("in_flow", 2), "the loser sees what stands"
    assert story(session, call) == [("created", None), ("in_flow", None)]


def test_coming_back_to_a_state_is_not_mistaken_for_never_having_left(session: Session) -> None:
    sales = make.queue(session)
    call = make.waiting_call(session, sales)
    session.commit()
    with unit_of_work() as slower:
        seen = slower.get_one(Interaction, call.id)
        with unit_of_work() as faster:
            own = faster.get_one(Interaction, call.id)
            move(faster, own, State.IN_FLOW, actor="flow")
            move(faster, own, State.QUEUED, actor="flow")
        assert not move(slower, seen, State.ABANDONED, actor="caller")


FORBIDDEN = [(a, b) for a in State for b in State if b not in MOVES.get(a, ())]


@pytest.mark.parametrize("end", sorted(TERMINAL))
def test_nothing_leaves_an_end(end: State) -> None:
    assert not MOVES.get(end)


def test_a_move_that_the_machine_does_not_have_is_an_error_and_changes_nothing(session: Session) -> None:
    call = make.call(session)
    for origin, to in FORBIDDEN:
        call.state = origin.value
        session.flush()
        with pytest.raises(WrongMove, match=f"from {origin} to {to}"):
            move(session, call, to, actor="test")
    assert call.version == 1


def test_segments_follow_one_another_without_gaps_and_add_up(session: Session) -> None:
    sales = make.queue(session)
    call = make.waiting_call(session, sales)
    move(session, call, State.ABANDONED, actor="caller")
    segments = session.scalars(select(Segment).where(Segment.interaction_id == call.id).order_by(Segment.id)).all()
    lengths = [segment.ended_at - segment.started_at for segment in segments if segment.ended_at]
    assert len(lengths) == 3
    assert call.ended_at is not None
    assert sum(each.total_seconds() for each in lengths) == pytest.approx(
        (call.ended_at - call.created_at).total_seconds(), abs=1e-6
    )


def test_the_first_answer_is_kept_through_later_ones(session: Session) -> None:
    call = make.call(session)
    move(session, call, State.ACTIVE, actor="test")
    first = call.answered_at
    move(session, call, State.HELD, actor="test")
    move(session, call, State.ACTIVE, actor="test")
    assert first is not None
    assert call.answered_at == first


def test_an_unknown_interaction_cannot_be_locked(session: Session) -> None:
    call = make.call(session)
    assert lock_interaction(session, call.customer_id) is None

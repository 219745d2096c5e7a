"""What a waiting caller is told."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.interactions.models import Interaction
from app.routing.dispatch import dispatch
from app.routing.models import Queue
from app.routing.offers import accept_offer
from app.routing.presence import set_presence
from app.routing.release import caller_gone, end_work
from app.routing.wait import Waiting, estimate_s, spoken_range, waiting
from tests import factories as make


@pytest.mark.parametrize(
    ("facts", "seconds"),
    [
        pytest.param({"position": 6, "idle": 2, "staffed": 4, "handle_s": 90}, 90, id="six waiting, two ready"),
        pytest.param({"position": 5, "idle": 0, "staffed": 10, "handle_s": 300}, 150, id="ten busy agents"),
        pytest.param({"position": 2, "idle": 3, "staffed": 3, "handle_s": 300}, 0, id="more ready than waiting"),
        pytest.param({"position": 3, "idle": 0, "staffed": 0, "handle_s": 60}, 180, id="counted as one agent"),
        pytest.param(
            {"position": 4, "idle": 0, "staffed": 2, "handle_s": 100, "abandon_rate": 0.25}, 150, id="some give up"
        ),
    ],
)
def test_the_estimate_follows_the_formula(facts: dict[str, float], seconds: float) -> None:
    assert estimate_s(**facts) == seconds  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "spoken"),
    [
        pytest.param(0, (1, 1), id="nothing is one minute"),
        pytest.param(59, (1, 2), id="under a minute"),
        pytest.param(60, (1, 2), id="a minute"),
        pytest.param(61, (2, 2), id="rounded up"),
        pytest.param(600, (10, 15), id="ten minutes"),
    ],
)
def test_a_range_in_whole_minutes_is_rounded_up(seconds: float, spoken: tuple[int, int]) -> None:
    assert spoken_range(seconds) == spoken


def test_callers_hear_their_place_by_urgency(session: Session) -> None:
    sales = make.queue(session)
    first = make.waiting_call(session, sales, waited_s=90)
    last = make.waiting_call(session, sales, waited_s=10)
    urgent = make.waiting_call(session, sales, waited_s=5, priority_min=1)
    make.waiting_call(session, make.queue(session, "support"), waited_s=900)
    assert [waiting(session, call).position for call in (first, urgent, last)] == [1, 2, 3]


def test_without_anybody_there_no_time_is_made_up(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    set_presence(session, ana.id, "break")
    assert waiting(session, make.waiting_call(session, sales)) == Waiting(1, None, None, None)


def test_before_any_call_was_handled_the_queues_own_guess_counts(session: Session) -> None:
    sales = make.queue(session, default_aht_s=200)
    make.agent(session, "Ana", [sales])
    _talk(session, sales)
    call = make.waiting_call(session, sales)
    assert waiting(session, call) == Waiting(1, 200.0, 4, 5)


def test_the_last_half_hours_handle_time_counts_with_wrap_up_and_who_gives_up_shortens_it(session: Session) -> None:
    sales = make.queue(session)
    make.agent(session, "Ana", [sales])
    done = _talk(session, sales)
    make.wait_longer(session, done, 300)
    caller_gone(session, done.id)
    make.wait_longer(session, done, 60)
    end_work(session, done, actor="test")
    _talk(session, sales)
    call = make.waiting_call(session, sales)
    assert waiting(session, call).estimate_s == pytest.approx(360, abs=2)
    for _ in range(2):
        caller_gone(session, make.waiting_call(session, sales).id)
    assert waiting(session, call).estimate_s == pytest.approx(180, abs=2)


def test_a_ringing_caller_is_next_and_an_answered_one_has_no_place(session: Session) -> None:
    sales = make.queue(session)
    make.agent(session, "Ana", [sales])
    call = make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    assert waiting(session, call).position == 1
    accept_offer(session, offer.id)
    assert waiting(session, call) == Waiting(0, None, None, None)


def _talk(session: Session, sales: Queue) -> Interaction:
    call = make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    accept_offer(session, offer.id)
    return call

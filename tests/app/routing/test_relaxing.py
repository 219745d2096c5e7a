"""A-8 on the database: as a caller waits longer, whoever could be asked before can still be asked."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.db import database_now
from app.interactions.models import Interaction
from app.routing.why import explain
from tests import factories as make

SKILLS = ("billing", "french", "vip")
AGES_S = range(0, 130, 10)
some = st.sets(st.sampled_from(SKILLS), min_size=1, max_size=2)
rings = st.lists(st.builds(lambda stay_s, drop: {"stay_s": stay_s, "drop": sorted(drop)}, st.integers(5, 40), some),
                 min_size=2, max_size=4)  # fmt: skip
people = st.lists(st.tuples(some, st.sampled_from([0, 0, 50])), min_size=2, max_size=4)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rings, people)
def test_whom_a_caller_could_get_they_can_get_later(session: Session, rings: list, people: list) -> None:
    with session.begin_nested() as example:
        sales = make.queue(session, method="bullseye", rings=rings)
        for has, delay_s in people:
            make.agent(session, queues=[sales], skills=dict.fromkeys(has, 2), delay_s=delay_s)
        call = make.waiting_call(session, sales, skills=dict.fromkeys(SKILLS, 2))
        able: set[int] = set()
        for age in AGES_S:
            now_able = could_be_asked(session, call, age)
            assert able <= now_able, f"after {age} s fewer could be asked than before"
            able = now_able
        example.rollback()


def could_be_asked(session: Session, call: Interaction, waited_s: int) -> set[int]:
    """The agents who could take this call had it waited so long."""
    call.virtual_start = database_now(session) - timedelta(seconds=waited_s)
    session.flush()
    why = explain(session, call.id)
    assert why is not None and why.now
    return {line.user_id for line in why.now if line.code in ("eligible", "chosen")}

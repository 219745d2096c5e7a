"""Where callers go and leave, counted from the traces."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert, text

from app.db import unit_of_work
from app.flows.models import Trace
from app.flows.traffic import COUNTS, OUTCOMES, Period, period_of
from app.forms import Refusal
from app.interactions.models import Interaction, State
from tests import factories

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
DAY = "from=2026-03-03&to=2026-03-03"


def call(
    *way: str,
    at: datetime = NOON,
    version: str = "a" * 16,
    flow: str = "main",
    customer=None,
    ended: State = State.COMPLETED,
    **counted: list[str],
) -> uuid.UUID:
    """A call that came through these nodes; `counted` are further traces: no_match=[nodes], goal=[node], …"""
    with unit_of_work() as session:
        who = session.merge(customer) if customer else factories.customer(session)
        made = Interaction(
            customer_id=who.id,
            channel="voice",
            direction="inbound",
            remote_address="+15550200000",
            our_address="+15550100100",
            state=ended,
            created_at=at,
            ended_at=at,
        )
        session.add(made)
        session.flush()
        here = {"interaction_id": made.id, "called_at": at, "flow": flow, "version": version}
        rows = [here | {"what": "began", "node": "", "came_from": ""}]
        rows += [
            here | {"what": "entered", "node": node, "came_from": before}
            for before, node in zip(("", *way), way, strict=False)
        ]
        rows += [
            here | {"what": what, "node": node, "came_from": ""} for what, nodes in counted.items() for node in nodes
        ]
        session.execute(insert(Trace), rows)
        return made.id


def traffic(who, query: str = DAY) -> dict:
    answer = who.get(f"/admin/flows/main/traffic?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json


def node(counted: dict, id_: str) -> dict:
    return next(each for each in counted["nodes"] if each["id"] == id_)


def test_edges_and_nodes_are_counted(alma) -> None:
    call("welcome", "menu", "desk", answer=["menu"])
    call("welcome", "menu", "menu", "desk", no_match=["menu"], answer=["menu"])
    call("welcome", "menu", hung_up=["menu"], no_input=["menu"], ended=State.ABANDONED_IN_FLOW)
    counted = traffic(alma)
    assert counted["calls"] == 3
    assert {(each["from"], each["to"]): each["count"] for each in counted["edges"]} == {
        ("", "welcome"): 3,
        ("welcome", "menu"): 3,
        ("menu", "menu"): 1,
        ("menu", "desk"): 2,
    }
    menu = node(counted, "menu")
    assert (menu["entered"], menu["left"], menu["hung_up"]) == (4, 1, 1)
    assert (menu["answers"], menu["no_match"], menu["no_input"]) == (2, 1, 1)
    assert menu["no_match_rate"] == pytest.approx(1 / 3, abs=1e-3)
    assert node(counted, "desk")["left"] == 2 and node(counted, "welcome")["left"] == 0
    assert counted["outcomes"]["hung_up"] == 1


def test_only_calls_of_the_period_count_and_then_wholly(alma) -> None:
    call("welcome", "menu", at=NOON - timedelta(days=1))
    call("welcome", "menu", "desk", at=datetime(2026, 3, 3, 23, 59, 59, tzinfo=UTC))
    counted = traffic(alma)
    assert counted["calls"] == 1 and node(counted, "desk")["entered"] == 1
    assert traffic(alma, "from=2026-03-03T23:59:59Z&to=2026-03-03T23:59:59.5Z")["calls"] == 1
    assert traffic(alma, "from=2026-03-03T00:00:00Z&to=2026-03-03T00:00:00.5Z")["calls"] == 0


def test_one_version_or_all(alma) -> None:
    call("welcome", version="a" * 16)
    call("welcome", version="b" * 16)
    assert traffic(alma)["calls"] == 2
    assert traffic(alma, f"{DAY}&version={'b' * 16}")["calls"] == 1


def test_containment_is_goals_reached_by_calls_that_entered(alma) -> None:
    call("welcome", "menu", goal=["menu"], ended=State.CONTAINED)
    call("welcome", "menu", ended=State.ABANDONED_IN_FLOW)
    call("welcome", "menu", "desk")
    call("welcome", "menu", "desk", ended=State.ABANDONED)
    counted = traffic(alma)
    assert counted["containment"] == 0.25, "giving up is no success"
    assert counted["outcomes"]["contained"] == 1 and counted["outcomes"]["abandon_rate"] == 0.5


def test_who_rings_again_within_a_day_was_not_contained(alma) -> None:
    with unit_of_work() as session:
        mira, noor = factories.customer(session), factories.customer(session)
    call("welcome", goal=["welcome"], customer=mira, ended=State.CONTAINED)
    call("welcome", customer=mira, at=NOON + timedelta(hours=23))
    call("welcome", goal=["welcome"], customer=noor, ended=State.CONTAINED)
    call("welcome", customer=noor, at=NOON + timedelta(hours=25))
    assert traffic(alma)["outcomes"]["contained"] == 1


def test_a_goal_reached_in_another_flow_counts_for_the_one_it_came_through(alma) -> None:
    here = call("welcome")
    with unit_of_work() as session:
        where = {"interaction_id": here, "called_at": NOON, "flow": "support", "version": "c" * 16}
        session.execute(
            insert(Trace),
            [where | {"what": what, "node": "", "came_from": ""} for what in ("began", "goal")],
        )
    assert traffic(alma)["containment"] == 1


def test_nothing_counted_has_no_rates(alma) -> None:
    counted = traffic(alma)
    assert (counted["calls"], counted["containment"], counted["no_match_rate"]) == (0, None, None)


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-03-04&to=2026-03-03",
        "from=2020-01-01&to=2026-03-03",
        "from=yesterday",
        "from=2026-03-03T12:00:00",
        "to=99999-01-01",
        "version=../../x",
        "from=%00",
    ],
)
def test_a_period_that_is_none_is_refused(alma, query) -> None:
    answer = alma.get(f"/admin/flows/main/traffic?{query}")
    assert answer.status_code == 400 and answer.json["error"]["message"]


def test_a_period_is_the_last_week_where_nothing_is_said() -> None:
    assert period_of(None, None, NOON) == Period(NOON - timedelta(days=7), NOON)
    assert period_of(date(2026, 3, 1), date(2026, 3, 1), NOON).until == datetime(2026, 3, 2, tzinfo=UTC)
    for odd in (date.min, date.max):
        with pytest.raises(Refusal):
            period_of(None if odd == date.min else date.min, odd, NOON)


def test_a_period_among_many_calls_is_read_from_the_index_alone(session) -> None:
    """The plan that a million rows get: no row of the table itself is visited for the counts."""
    session.execute(
        text(
            """
            INSERT INTO flow_trace (interaction_id, called_at, flow, version, what, node, came_from)
            SELECT gen_random_uuid(), timestamptz '2026-01-01Z' + i * interval '1 minute', 'main', 'aaaa',
                   CASE i % 5 WHEN 0 THEN 'began' ELSE 'entered' END, 'n' || i % 40, ''
            FROM generate_series(1, 40000) AS i
            """
        )
    )
    session.commit()
    with session.get_bind().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE flow_trace"))
    asked = {
        "flow": "main",
        "since": datetime(2026, 1, 5, tzinfo=UTC),
        "until": datetime(2026, 1, 6, tzinfo=UTC),
        "version": None,
    }
    counts = "\n".join(session.scalars(text(f"EXPLAIN {COUNTS.text}"), asked))
    assert "Index Only Scan using ix_flow_trace_flow" in counts
    outcomes = "\n".join(session.scalars(text(f"EXPLAIN {OUTCOMES.text}"), asked))
    assert "ix_flow_trace_began" in outcomes and "Seq Scan on flow_trace" not in outcomes

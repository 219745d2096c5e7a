"""Where callers go and leave: counts over a period, made by the database from the traces."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.forms import Refusal
from app.words import N_

LONGEST = timedelta(days=400)
FIRST_DAY = datetime(1900, 1, 1, tzinfo=UTC)
BACKWARDS = N_("The period must end after it begins.")
TOO_LONG = N_("A period may have 400 days at most.")

COUNTS = text(
    """
    SELECT what, node, came_from, count(*) AS n FROM flow_trace
    WHERE flow = :flow AND called_at >= :since AND called_at < :until
      AND (CAST(:version AS text) IS NULL OR version = :version)
    GROUP BY what, node, came_from
    """
)
OUTCOMES = text(
    """
    WITH call AS (
        SELECT DISTINCT interaction_id FROM flow_trace
        WHERE what = 'began' AND flow = :flow AND called_at >= :since AND called_at < :until
          AND (CAST(:version AS text) IS NULL OR version = :version)
    ), goal AS (
        SELECT call.interaction_id FROM call
        WHERE EXISTS (SELECT FROM flow_trace t WHERE t.interaction_id = call.interaction_id AND t.what = 'goal')
    )
    SELECT (SELECT count(*) FROM goal) AS goals,
           (SELECT count(*) FROM goal JOIN interaction i ON i.id = goal.interaction_id
            WHERE EXISTS (SELECT FROM interaction again
                          WHERE again.customer_id = i.customer_id AND again.channel = 'voice'
                            AND again.direction = 'inbound' AND again.created_at > i.created_at
                            AND again.created_at <= i.created_at + interval '24 hours')) AS repeated,
           count(*) AS calls,
           count(*) FILTER (WHERE i.state = 'abandoned') AS abandoned,
           count(*) FILTER (WHERE i.state = 'abandoned_in_flow') AS hung_up,
           count(*) FILTER (WHERE i.state = 'voicemail') AS voicemail,
           count(*) FILTER (WHERE i.state = 'callback') AS callback,
           count(*) FILTER (WHERE i.answered_at IS NOT NULL) AS answered,
           count(*) FILTER (WHERE i.ended_at IS NULL) AS going_on
    FROM call JOIN interaction i ON i.id = call.interaction_id
    """
)


@dataclass(frozen=True, slots=True)
class Period:
    """Calls that arrived from `since` on, before `until`."""

    since: datetime
    until: datetime


def period_of(first: date | datetime | None, last: date | datetime | None, now: datetime) -> Period:
    """The period that a page asked for: dates are whole days in UTC, the last one included; a week where not given.

    Refusal 400 when it ends before it begins, or is longer than 400 days.
    """
    until = now if last is None else _moment(last, end=True)
    since = max(until, FIRST_DAY) - timedelta(days=7) if first is None else _moment(first)
    if not since < until:
        raise Refusal(400, "bad_input", BACKWARDS)
    if until - since > LONGEST:
        raise Refusal(400, "bad_input", TOO_LONG)
    return Period(since, until)


def _moment(given: date | datetime, *, end: bool = False) -> datetime:
    if isinstance(given, datetime):
        return given
    midnight = datetime(given.year, given.month, given.day, tzinfo=UTC)
    return midnight + timedelta(days=1) if end and given < date.max else midnight


def traffic(session: Session, flow: str, period: Period, version: str | None = None) -> dict[str, Any]:
    """The flow's picture over a period, of one version or all:

        {"calls", "edges": [{"from", "to", "field", "count"}],
         "nodes": [{"id", "entered", "left", "hung_up", "answers", "no_input", "no_match", "no_match_rate"}],
         "no_match_rate", "containment", "outcomes": as `outcomes`}

    An edge from "" is the flow's start; `field` names the way as in the flow's graph, "" where it is not known.
    `left`: calls whose way through this flow ended at the node, for whatever reason; `hung_up`: those whose caller
    hung up there while the flow spoke. Rates are 0 to 1, None where nothing was counted.
    """
    counted = session.execute(COUNTS, _values(flow, period, version)).all()
    edges = {(*_origin(row.came_from), row.node): row.n for row in counted if row.what == "entered"}
    by_node: dict[str, Counter[str]] = {}
    for row in counted:
        if row.what != "began":
            by_node.setdefault(row.node, Counter())[row.what] += row.n
    onwards: Counter[str] = Counter()
    for (came_from, _, _), n in edges.items():
        onwards[came_from] += n
    results = outcomes(session, flow, period, version)
    total: Counter[str] = sum(by_node.values(), Counter())
    return {
        "calls": results["calls"],
        "edges": [{"from": a, "to": b, "field": way, "count": n} for (a, way, b), n in sorted(edges.items())],
        "nodes": [_node(id_, counts, onwards[id_]) for id_, counts in sorted(by_node.items())],
        "no_match_rate": _no_match_rate(total),
        "containment": results["containment"],
        "outcomes": results,
    }


def outcomes(session: Session, flow: str, period: Period, version: str | None = None) -> dict[str, Any]:
    """How the calls that entered the flow ended:

        {"calls", "contained", "containment", "abandoned", "hung_up", "abandon_rate", "answered", "voicemail",
         "callback", "going_on"}

    Containment: calls that reached a goal without a person, less those whose caller rang again within 24 hours, by
    calls that entered the flow (DOMAIN 4). A goal counts for every flow that the call came through. `abandoned` gave
    up in a queue, `hung_up` in a flow; the rate is of both.
    """
    row = session.execute(OUTCOMES, _values(flow, period, version)).one()
    contained = row.goals - row.repeated
    return {
        "calls": row.calls,
        "contained": contained,
        "containment": _rate(contained, row.calls),
        "abandoned": row.abandoned,
        "hung_up": row.hung_up,
        "abandon_rate": _rate(row.abandoned + row.hung_up, row.calls),
        "answered": row.answered,
        "voicemail": row.voicemail,
        "callback": row.callback,
        "going_on": row.going_on,
    }


def answers(session: Session, flow: str, period: Period, version: str) -> dict[str, Any]:
    """How well a version's questions are understood: `{answers, no_match, no_input, no_match_rate}`."""
    total: Counter[str] = Counter()
    for row in session.execute(COUNTS, _values(flow, period, version)):
        total[row.what] += row.n
    return {
        "answers": total["answer"],
        "no_match": total["no_match"],
        "no_input": total["no_input"],
        "no_match_rate": _no_match_rate(total),
    }


def _origin(came_from: str) -> tuple[str, str]:
    """The node before and the way out of it."""
    node, _, way = came_from.partition(" ")
    return node, way


def _values(flow: str, period: Period, version: str | None) -> dict[str, Any]:
    return {"flow": flow, "since": period.since, "until": period.until, "version": version}


def _node(id_: str, counts: Counter[str], onwards: int) -> dict[str, Any]:
    return {
        "id": id_,
        "entered": counts["entered"],
        "left": max(0, counts["entered"] - onwards),
        "hung_up": counts["hung_up"],
        "answers": counts["answer"],
        "no_input": counts["no_input"],
        "no_match": counts["no_match"],
        "no_match_rate": _no_match_rate(counts),
    }


def _no_match_rate(counts: Counter[str]) -> float | None:
    """Answers that were not understood by all that were given; silence is no answer."""
    return _rate(counts["no_match"], counts["no_match"] + counts["answer"])


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None

"""What a flow finds out about the caller goes on the record: answers to a survey, and whether the caller was verified.

An event for each, for whoever reads the log, and the call's own context for its entry on the timeline.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from ivr_flows.facts import Fact, SurveyAnswered, VerificationFailed, VerificationLocked, VerificationPassed

Tell = Callable[..., None]
"""Records an event of this call: kind, actor and data."""

WRONG = text(
    """
    SELECT at FROM event
    WHERE customer_id = :customer AND kind = 'verification.failed' AND at > clock_timestamp() - interval '24 hours'
      AND id > coalesce((SELECT max(id) FROM event
                         WHERE customer_id = :customer AND kind = 'verification.passed'
                           AND at > clock_timestamp() - interval '24 hours'), 0)
    ORDER BY id DESC LIMIT 20
    """
)


def take_finding(context: dict[str, Any], fact: Fact, tell: Tell) -> None:
    """Keep what this fact says of the caller in the call's context, and tell it; other facts are left alone."""
    match fact:
        case SurveyAnswered(node, survey, question, answer, score, by):
            answers = [*context.get("survey", []), {"survey": survey, "question": question, "answer": answer}]
            context["survey"] = answers
            found = {"survey": survey, "question": question, "answer": answer, "score": score, "by": by, "node": node}
            tell("survey.answered", actor="caller", **found)
        case VerificationPassed(node):
            context["verified"] = "passed"
            tell("verification.passed", actor="caller", node=node)
        case VerificationFailed(node, left):
            tell("verification.failed", actor="caller", node=node, left=left)
        case VerificationLocked(node):
            context["verified"] = "locked"
            tell("verification.locked", node=node)
        case _:
            pass


def wrong_verifications(session: Session, customer_id: uuid.UUID) -> list[str]:
    """When this customer was wrong since the last right verification of a day: ISO times, newest first, at most 20."""
    # On the connection: a select by the session would first write the events that this step writes at its end
    rows = session.connection().execute(WRONG, {"customer": customer_id})
    return [row.at.isoformat() for row in rows]

"""Why a contact went where it went, now and as it was then."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from app.routing.dispatch import dispatch
from app.routing.offers import accept_offer, reject_offer
from app.routing.presence import set_presence
from app.routing.why import WORDS, explain
from tests import factories as make


def lines(found: list) -> dict[str, str]:  # type: ignore[type-arg]
    return {line.name: f"{line.code}:{line.what}".rstrip(":") for line in found}


def test_a_decision_says_who_could_take_it_and_why_others_could_not(session: Session) -> None:
    sales = make.queue(session)
    make.agent(session, "Ana", [sales], skills={"french": 2})
    bo = make.agent(session, "Bo", [sales], skills={"french": 3}, idle_s=900)
    set_presence(session, bo.id, "break")
    make.agent(session, "Cy", [sales], skills={"french": 2}, idle_s=900)
    make.agent(session, "Di", [sales], skills={"french": 1}, idle_s=900)
    make.waiting_call(session, sales, skills={"french": 2}, waited_s=60)
    (busy,) = dispatch(session)  # Cy has been idle longest
    accept_offer(session, busy.id)
    call = make.waiting_call(session, sales, skills={"french": 2}, waited_s=30)
    (offer,) = dispatch(session)
    found = explain(session, call.id)
    assert found is not None
    (decision,) = found.decisions
    assert (decision.user_id, decision.method, decision.needs) == (offer.user_id, "longest_idle", {"french": 2})
    assert 29 < decision.waited_s < 33
    assert lines(decision.lines) == {
        "Ana": "chosen",
        "Bo": "on_break",
        "Cy": "at_capacity",
        "Di": "skill:french<2",
    }


def test_what_changes_later_does_not_change_a_past_decision(session: Session) -> None:
    sales = make.queue(session, retry_cooldown_s=60)
    make.agent(session, "Ana", [sales], idle_s=60)
    bo = make.agent(session, "Bo", [sales])
    call = make.waiting_call(session, sales)
    (offer,) = dispatch(session)
    reject_offer(session, offer.id)
    set_presence(session, bo.id, "break")
    found = explain(session, call.id)
    assert found is not None
    assert lines(found.decisions[0].lines) == {"Ana": "chosen", "Bo": "eligible"}
    assert lines(found.now) == {"Ana": "declined_recently", "Bo": "on_break"}
    assert found.decisions[0].state == "rejected"


def test_two_contacts_of_one_dispatch_are_explained_one_after_the_other(session: Session) -> None:
    sales = make.queue(session)
    make.agent(session, "Ana", [sales], idle_s=60)
    make.agent(session, "Bo", [sales])
    calls = [make.waiting_call(session, sales, waited_s=seconds) for seconds in (20, 10)]
    dispatch(session)
    first, second = (explain(session, call.id) for call in calls)
    assert first is not None and second is not None
    assert lines(first.decisions[0].lines) == {"Ana": "chosen", "Bo": "eligible"}
    assert lines(second.decisions[0].lines) == {"Bo": "chosen", "Ana": "at_capacity"}


def test_a_contact_kept_for_somebody_names_them(session: Session) -> None:
    sales = make.queue(session, sticky_s=30)
    ana = make.agent(session, "Ana", [sales])
    make.waiting_call(session, sales)
    dispatch(session)
    make.agent(session, "Bo", [sales])
    call = make.waiting_call(session, sales)
    call.preferred_agent_id = ana.id
    session.flush()
    assert dispatch(session) == []
    found = explain(session, call.id)
    assert found is not None
    assert lines(found.now) == {"Ana": "at_capacity", "Bo": "kept_for:Ana"}
    assert all(line.words == WORDS[line.code] for line in found.now)


def test_a_text_waits_for_an_agent_who_is_kept_free_for_a_call(session: Session) -> None:
    sales, support = make.queue(session, "sales"), make.queue(session, "support")
    make.agent(session, "Ana", [sales, support])
    make.waiting_call(session, support, channel="sms")
    (first,) = dispatch(session)
    accept_offer(session, first.id)
    make.waiting_call(session, sales, waited_s=30)
    text = make.waiting_call(session, support, channel="sms")
    assert dispatch(session) == []
    found = explain(session, text.id)
    assert found is not None
    assert lines(found.now) == {"Ana": "voice_reserve"}


def test_a_contact_that_is_not_there_has_no_reasons(session: Session) -> None:
    assert explain(session, uuid.uuid4()) is None
    call = make.call_in_flow(session)
    found = explain(session, call.id)
    assert found is not None and found.now == found.decisions == []

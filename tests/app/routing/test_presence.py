"""Available means it will ring; if not, the agent reads why."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import database_now
from app.interactions.wrap_up import finish_wrap_up
from app.routing.dispatch import dispatch
from app.routing.expire import expire_sessions
from app.routing.models import AgentSession, AgentState, Queue
from app.routing.offers import accept_offer
from app.routing.presence import (
    PROBLEMS,
    PresenceError,
    close_session,
    heartbeat,
    live_phone,
    phone_failed,
    reachability,
    set_presence,
)
from app.routing.release import caller_gone
from tests import factories as make
from tests.support.acd import events_named, jobs_named, lose_tabs


def test_somebody_who_has_just_signed_in_is_offline_and_is_told_so(session: Session) -> None:
    ana = make.user(session)
    assert reachability(session, ana.id).codes == ["offline", "no_session"]


def test_choosing_available_with_a_live_phone_makes_an_agent_reachable(session: Session) -> None:
    ana = make.user(session)
    heartbeat(session, ana.id, uuid.uuid4(), True)
    set_presence(session, ana.id, "available")
    now = reachability(session, ana.id)
    assert (now.reachable, now.why, now.routing_status) == (True, [], "idle")
    assert jobs_named(session, "routing.dispatch")


@pytest.mark.parametrize("problem", sorted(set(PROBLEMS) - {"closed"}))
def test_a_phone_that_cannot_ring_says_what_to_do(session: Session, problem: str) -> None:
    ana = make.user(session)
    set_presence(session, ana.id, "available")
    now = heartbeat(session, ana.id, uuid.uuid4(), False, problem)
    assert (now.reachable, now.codes) == (False, [problem])
    assert now.why[0].startswith("You will not ring")
    assert " - " in now.why[0]


def test_the_microphone_sentence_names_the_place_to_allow_it(session: Session) -> None:
    ana = make.user(session)
    set_presence(session, ana.id, "available")
    now = heartbeat(session, ana.id, uuid.uuid4(), False, "microphone_blocked")
    assert now.why == ["You will not ring: microphone blocked - allow it in the browser's address bar."]


def test_one_tab_with_the_phone_is_enough_and_the_others_do_not_complain(session: Session) -> None:
    ana = make.agent(session)
    now = heartbeat(session, ana.id, uuid.uuid4(), False, "other_tab")
    assert now.reachable


def test_the_telling_problem_is_shown_not_that_of_a_second_tab(session: Session) -> None:
    ana = make.agent(session, phone_ready=False)
    lose_tabs(session, ana.id)
    heartbeat(session, ana.id, uuid.uuid4(), False, "microphone_blocked")
    assert heartbeat(session, ana.id, uuid.uuid4(), False, "other_tab").codes == ["microphone_blocked"]


@pytest.mark.parametrize(
    ("lease_s", "rings"), [pytest.param(2, True, id="within"), pytest.param(-0.001, False, id="past")]
)
def test_a_tab_counts_until_its_lease_ends_by_the_databases_clock(
    session: Session, lease_s: float, rings: bool
) -> None:
    ana = make.user(session)
    make.tab(session, ana, lease_s=lease_s)
    assert live_phone(session, ana.id) is rings


def test_a_heartbeat_renews_the_lease_for_forty_five_seconds(session: Session) -> None:
    ana = make.user(session)
    id = uuid.uuid4()
    heartbeat(session, ana.id, id, True)
    lease = session.get_one(AgentSession, id).expires_at - database_now(session)
    assert lease.total_seconds() == pytest.approx(45, abs=1)


def test_only_a_phone_that_has_just_become_ready_asks_for_work(session: Session) -> None:
    ana, id = make.user(session), uuid.uuid4()
    heartbeat(session, ana.id, id, True)
    heartbeat(session, ana.id, id, True)
    assert len(jobs_named(session, "routing.dispatch")) == 1


def test_a_tab_cannot_speak_for_somebody_else(session: Session) -> None:
    ana, ben = make.agent(session, "Ana"), make.user(session, "Ben")
    tab = make.tab(session, ana)
    with pytest.raises(PresenceError, match="somebody else"):
        heartbeat(session, ben.id, tab.id, True)
    close_session(session, ben.id, tab.id)
    assert live_phone(session, ana.id)


def test_an_unknown_problem_presence_or_endless_reason_is_refused(session: Session) -> None:
    ana = make.user(session)
    with pytest.raises(PresenceError, match="microphone_blocked"):
        heartbeat(session, ana.id, uuid.uuid4(), False, "gremlins")
    with pytest.raises(PresenceError, match="available, break or offline"):
        set_presence(session, ana.id, "busy")
    with pytest.raises(PresenceError, match="60"):
        set_presence(session, ana.id, "break", "x" * 61)


def test_a_closed_tab_stops_ringing_at_once_but_a_reload_keeps_the_presence(session: Session) -> None:
    ana = make.agent(session)
    lose_tabs(session, ana.id)
    tab = make.tab(session, ana)
    close_session(session, ana.id, tab.id)
    assert not live_phone(session, ana.id)
    expire_sessions(session)
    assert reachability(session, ana.id).codes == ["closed"]
    assert heartbeat(session, ana.id, uuid.uuid4(), True).reachable


def test_an_agent_without_any_live_tab_goes_offline(session: Session) -> None:
    ana, ben = make.agent(session, "Ana"), make.agent(session, "Ben")
    lose_tabs(session, ana.id)
    assert (expire_sessions(session), expire_sessions(session)) == (1, 0)
    session.expire_all()
    assert session.get_one(AgentState, ana.id).presence == "offline"
    assert session.get_one(AgentState, ben.id).presence == "available"
    (event,) = events_named(session, "presence.changed")
    assert (event.data["presence"], event.data["reason"]) == ("offline", "connection_lost")


def test_an_agent_on_a_call_stays_when_the_browser_is_silent(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    make.waiting_call(session, sales)
    accept_offer(session, dispatch(session)[0].id)
    lose_tabs(session, ana.id)
    assert expire_sessions(session) == 0


def test_a_break_chosen_on_a_call_begins_when_the_work_ends(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    call = make.waiting_call(session, sales)
    accept_offer(session, dispatch(session)[0].id)
    state = set_presence(session, ana.id, "break", "lunch")
    assert (state.presence, state.next_presence) == ("available", "break")
    assert reachability(session, ana.id).codes == ["next_presence"]
    caller_gone(session, call.id)
    assert state.presence == "available"
    finish_wrap_up(session, call.id, ana.id, make.disposition(session).code)
    assert (state.presence, state.reason, state.next_presence) == ("break", "lunch", None)


def test_choosing_available_takes_a_coming_break_back(session: Session) -> None:
    sales = make.queue(session)
    ana = make.agent(session, "Ana", [sales])
    make.waiting_call(session, sales)
    accept_offer(session, dispatch(session)[0].id)
    set_presence(session, ana.id, "break")
    assert set_presence(session, ana.id, "available").next_presence is None


@pytest.mark.parametrize("away", [["break"], ["offline"], ["break", "offline"], ["break", "break"]])
def test_going_away_and_coming_back_does_not_better_the_place(session: Session, away: list[str]) -> None:
    ana = make.agent(session, "Ana", idle_s=60)
    for presence in away:
        set_presence(session, ana.id, presence, f"because {presence}")
        _pass(session, ana.id, seconds=600)
    state = set_presence(session, ana.id, "available")
    assert (database_now(session) - state.idle_since).total_seconds() == pytest.approx(60, abs=2)


def _pass(session: Session, user_id: int, seconds: float) -> None:
    """Let time pass for an agent."""
    state = session.get_one(AgentState, user_id)
    state.changed_at -= timedelta(seconds=seconds)
    state.idle_since -= timedelta(seconds=seconds)
    session.flush()


def test_every_change_is_told_to_the_agents_own_desktops(session: Session) -> None:
    ana = make.agent(session)
    set_presence(session, ana.id, "break", "lunch")
    (event,) = events_named(session, "presence.changed")
    assert event.topics == [f"user:{ana.id}", "floor"]
    assert event.data == {
        "user_id": ana.id,
        "presence": "break",
        "next_presence": None,
        "reason": "lunch",
        "routing_status": "idle",
    }


def phone_news(session: Session) -> list[tuple[bool, str | None]]:
    told = events_named(session, "phone.changed")
    return [(event.data["ready"], event.data["problem"]) for event in told]


def test_a_phone_that_comes_fails_and_goes_is_told_each_time_and_once(session: Session) -> None:
    ana, tab = make.user(session), uuid.uuid4()
    for ready, problem in [(True, None), (True, None), (False, "microphone_blocked"), (True, None)]:
        heartbeat(session, ana.id, tab, ready, problem)
    phone_failed(session, ana.id)
    heartbeat(session, ana.id, tab, True)
    close_session(session, ana.id, tab)
    assert phone_news(session) == [
        (True, None),
        (False, "microphone_blocked"),
        (True, None),
        (False, "not_registered"),
        (True, None),
        (False, "closed"),
    ]
    assert f"user:{ana.id}" in events_named(session, "phone.changed")[-1].topics


def test_a_tab_that_is_not_heard_of_any_more_is_told_when_its_lease_is_over(session: Session) -> None:
    ana = make.agent(session, "Ana", [make.queue(session)])
    make.waiting_call(session, session.scalars(select(Queue)).one())
    accept_offer(session, dispatch(session)[0].id)
    lose_tabs(session, ana.id)
    expire_sessions(session)
    expire_sessions(session)
    assert phone_news(session) == [(False, "no_session")], "though the call keeps the agent where they are"


def test_who_chose_a_presence_is_known_until_the_agent_chooses_again(session: Session) -> None:
    ana, sam = make.agent(session, "Ana"), make.user(session, "Sam")
    assert set_presence(session, ana.id, "break", "lunch", by=sam.id).set_by == sam.id
    assert set_presence(session, ana.id, "available").set_by is None

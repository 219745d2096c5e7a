"""Supervisors in calls: who may come in, what the agent is told, what the log keeps, and how one takes over."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.forms import Refusal
from app.routing import release, supervision, transfers
from app.routing.dispatch import dispatch
from app.routing.in_hand import Supervision, SupervisionMode
from app.routing.offers import accept_offer
from tests import factories as make
from tests.app.routing.test_transfers import Scene, voice_jobs
from tests.support.acd import events_named

LISTEN, COACH, BARGE, TAKE_OVER = SupervisionMode


@pytest.fixture
def scene(session: Session) -> Scene:
    return Scene(session)


def joins(scene: Scene, mode: SupervisionMode, policy: str = "always") -> Supervision:
    """Ben's supervisor hat: his phone rings for Ana's call and answers."""
    there = supervision.join(scene.session, scene.call.id, scene.ben.id, mode, policy)
    assert supervision.is_in(scene.session, there.id) is not None
    return there


def test_a_supervisor_is_rung_and_set_as_wished_once_they_are_in(scene: Scene, session: Session) -> None:
    joins(scene, LISTEN)
    assert voice_jobs(session)[-2:] == ["ring_supervisor", "supervise"]
    joined = events_named(session, "supervisor.joined")[-1]
    assert (joined.data["mode"], joined.interaction_id) == ("listen", scene.call.id)
    assert f"user:{scene.ana.id}" in joined.topics


@pytest.mark.parametrize(
    ("policy", "mode", "told"),
    [
        ("always", LISTEN, True),
        ("when_heard", LISTEN, False),
        ("when_heard", COACH, True),
        ("when_heard", BARGE, True),
        ("never", LISTEN, False),
        ("never", COACH, False),
        ("never", BARGE, False),
        ("never", TAKE_OVER, True),
    ],
)
def test_the_agent_is_told_as_the_setting_says_and_the_log_always(
    scene: Scene, session: Session, policy: str, mode: SupervisionMode, told: bool
) -> None:
    joins(scene, mode, policy)
    asked = events_named(session, "supervisor.asked")[-1]
    assert asked.actor == f"user:{scene.ben.id}"
    assert asked.data["interaction"] == str(scene.call.id)
    seen_by_the_agent = {f"user:{scene.ana.id}", f"interaction:{scene.call.id}", f"customer:{scene.call.customer_id}"}
    assert bool(seen_by_the_agent & set(asked.topics)) == told
    assert "floor" in asked.topics


def test_who_listened_untold_is_told_when_they_begin_to_coach(scene: Scene, session: Session) -> None:
    there = joins(scene, LISTEN, "when_heard")
    assert supervision.supervisors_of(session, scene.call.id) == []
    supervision.join(session, scene.call.id, scene.ben.id, COACH, "when_heard")
    assert supervision.supervisors_of(session, scene.call.id) == [there]
    assert events_named(session, "supervisor.changed")[-1].data["mode"] == "coach"


def test_who_takes_over_is_the_agent_and_the_agent_wraps_up(scene: Scene, session: Session) -> None:
    joins(scene, TAKE_OVER)
    assert (scene.state(), scene.call.agent_id) == ("active", scene.ben.id)
    assert scene.offers_of(scene.ben) == ["primary accepted"]
    assert scene.offers_of(scene.ana) == ["handed_on wrapping"]
    assert voice_jobs(session)[-3:] == ["supervise", "end_hold", "let_go"], "heard by all before the agent is gone"


def test_nobody_supervises_their_own_call_or_one_without_a_talk(scene: Scene, session: Session) -> None:
    with pytest.raises(Refusal, match="your own call"):
        supervision.join(session, scene.call.id, scene.ana.id, LISTEN, "always")
    release.caller_gone(session, scene.call.id)
    with pytest.raises(Refusal, match="Nobody talks"):
        supervision.join(session, scene.call.id, scene.ben.id, LISTEN, "always")


def test_a_supervisor_without_a_phone_or_with_a_call_is_told_so(scene: Scene, session: Session) -> None:
    sam = make.agent(session, "Sam", phone_ready=False)
    with pytest.raises(Refusal, match="phone is not ready"):
        supervision.join(session, scene.call.id, sam.id, LISTEN, "always")
    make.waiting_call(session, scene.support)
    (offer,) = dispatch(session)
    accept_offer(session, offer.id)
    with pytest.raises(Refusal, match="call of your own"):
        supervision.join(session, scene.call.id, scene.ben.id, LISTEN, "always")


def test_who_is_in_a_call_is_offered_none(scene: Scene, session: Session) -> None:
    joins(scene, LISTEN)
    make.waiting_call(session, scene.support)
    assert dispatch(session) == []
    supervision.leave(session, scene.call.id, scene.ben.id)
    assert [offer.user_id for offer in dispatch(session)] == [scene.ben.id]


def test_a_call_handed_on_leaves_its_supervisors_behind(scene: Scene, session: Session) -> None:
    there = joins(scene, BARGE)
    transfers.to_queue(session, scene.call.id, scene.ana.id, "sales")
    session.refresh(there)
    assert there.ended_at is not None
    assert "end_supervision" in voice_jobs(session)


def test_help_is_asked_for_and_over_when_somebody_comes(scene: Scene, session: Session) -> None:
    supervision.ask_for_help(session, scene.call.id, scene.ana.id, wanted=True, note="He shouts")
    assert scene.call.context["help"]["note"] == "He shouts"
    joins(scene, LISTEN)
    assert "help" in scene.call.context, "who only listens does not help"
    supervision.join(session, scene.call.id, scene.ben.id, COACH, "always")
    assert "help" not in scene.call.context
    kinds = ("supervisor.help_asked", "supervisor.help_over")
    assert [len(events_named(session, kind)) for kind in kinds] == [1, 1]


def test_a_supervisor_whose_phone_never_answered_is_not_there(scene: Scene, session: Session) -> None:
    there = supervision.join(session, scene.call.id, scene.ben.id, COACH, "always")
    supervision.has_left(session, there.id)
    assert supervision.is_in(session, there.id) is None
    assert joins(scene, LISTEN).id != there.id

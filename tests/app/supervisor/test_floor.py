"""The floor as supervisors see it: read from the real tables, and agreeing with what the router says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from app.db import database_now, sessions, unit_of_work
from app.interactions.models import Interaction, State
from app.interactions.move import move
from app.routing import expire, transfers
from app.routing.dispatch import dispatch
from app.routing.in_hand import Consult
from app.routing.models import AgentState, Offer, Queue
from app.routing.offers import accept_offer
from app.routing.presence import park, set_presence
from app.supervisor.agents import STATUSES, status_of
from app.supervisor.alerts import watch_queues
from app.supervisor.floor import Lookout, read_floor
from app.supervisor.queues import Tally
from tests import factories
from tests.app.conftest import Browser


def floor_of(sam: Browser) -> dict[str, Any]:
    reply = sam.get("/supervisor/floor")
    assert reply.status_code == 200
    found: dict[str, Any] = reply.json
    return found


def agent_named(sam: Browser, name: str) -> dict[str, Any]:
    return next(each for each in floor_of(sam)["agents"] if each["name"] == name)


STANDINGS: list[tuple[str, dict[str, Any]]] = [
    ("offline", {"presence": "offline", "not_responding": False, "can_ring": False, "work": []}),
    ("break", {"presence": "break", "not_responding": False, "can_ring": True, "work": []}),
    ("ready", {"presence": "available", "not_responding": False, "can_ring": True, "work": []}),
    ("resting", {"presence": "available", "not_responding": False, "can_ring": True, "work": [], "resting": True}),
    ("unreachable", {"presence": "available", "not_responding": False, "can_ring": False, "work": []}),
    ("not_responding", {"presence": "available", "not_responding": True, "can_ring": True, "work": []}),
    ("ringing", {"presence": "available", "not_responding": False, "can_ring": True, "work": ["offered"]}),
    ("talking", {"presence": "available", "not_responding": False, "can_ring": True, "work": ["active"]}),
    ("held", {"presence": "available", "not_responding": False, "can_ring": True, "work": ["held"]}),
    ("wrapping", {"presence": "available", "not_responding": False, "can_ring": True, "work": ["wrapping"]}),
    ("agent_lost", {"presence": "offline", "not_responding": False, "can_ring": False, "work": ["agent_lost"]}),
    ("talking", {"presence": "available", "not_responding": False, "can_ring": True, "work": ["offered", "active"]}),
    ("talking", {"presence": "available", "not_responding": False, "can_ring": False, "work": ["active"]}),
]


@pytest.mark.parametrize(("status", "standing"), STANDINGS)
def test_what_an_agent_does_follows_from_the_rows(status: str, standing: dict[str, Any]) -> None:
    assert status in STATUSES
    assert status_of(standing.pop("presence"), **standing) == status


def test_a_call_is_seen_from_the_wait_to_the_wrap_up(sam: Browser, ana: Browser, sales: int) -> None:
    with unit_of_work() as session:
        mira = factories.customer(session, name="Mira Chen")
        call = factories.waiting_call(session, session.get_one(Queue, sales), mira, waited_s=90)
    found = floor_of(sam)
    [waits] = found["waiting"]
    assert (waits["customer"], waits["state"], waits["queue_id"]) == ("Mira Chen", "queued", sales)
    assert found["totals"]["waiting"] == 1 and found["totals"]["oldest_since"] == waits["since"]
    with unit_of_work() as session:
        [offer] = dispatch(session)
    rings = agent_named(sam, "Ana")
    assert (rings["status"], rings["work"][0]["customer"]) == ("ringing", "Mira Chen")
    assert floor_of(sam)["waiting"][0]["state"] == "offered", "a caller whose call rings still waits"
    with unit_of_work() as session:
        accept_offer(session, offer.id)
    talks = agent_named(sam, "Ana")
    assert (talks["status"], talks["work"][0]["interaction_id"]) == ("talking", str(call.id))
    assert floor_of(sam)["waiting"] == []
    with unit_of_work() as session:
        from app.routing.release import caller_gone

        caller_gone(session, call.id)
    assert agent_named(sam, "Ana")["status"] == "wrapping"


def test_who_missed_a_call_or_cannot_ring_is_seen(sam: Browser, ana: Browser, app: Any) -> None:
    with unit_of_work() as session:
        assert ana.user_id
        park(session, ana.user_id)
        factories.agent(session, "Cy", phone_ready=False)
        factories.user(session, "Di")
    assert agent_named(sam, "Ana")["status"] == "not_responding"
    assert agent_named(sam, "Cy")["status"] == "unreachable"
    assert agent_named(sam, "Di")["status"] == "offline"
    assert "Sam" not in [each["name"] for each in floor_of(sam)["agents"]], "who takes no calls is not listed"


def test_the_next_presence_is_seen_while_there_is_work(sam: Browser, ana: Browser, sales: int) -> None:
    with unit_of_work() as session:
        factories.waiting_call(session, session.get_one(Queue, sales))
        [offer] = dispatch(session)
        accept_offer(session, offer.id)
        set_presence(session, offer.user_id, "break", "lunch")
    seen = agent_named(sam, "Ana")
    assert (seen["status"], seen["next_presence"]) == ("talking", "break")


def test_a_break_counts_from_its_beginning_and_work_from_its_own(sam: Browser, ana: Browser) -> None:
    with unit_of_work() as session:
        assert ana.user_id
        long_ago = database_now(session) - timedelta(minutes=50)
        session.execute(update(AgentState).values(idle_since=long_ago, changed_at=long_ago))
        set_presence(session, ana.user_id, "break", "lunch")
        now = database_now(session)
    seen = agent_named(sam, "Ana")
    assert seen["reason"] == "lunch" and seen["since"] > (now - timedelta(seconds=5)).isoformat()


def test_a_missed_call_counts_from_its_end(sam: Browser, ana: Browser) -> None:
    with unit_of_work() as session:
        assert ana.user_id
        long_ago = database_now(session) - timedelta(minutes=50)
        session.execute(update(AgentState).values(idle_since=long_ago, changed_at=long_ago))
        park(session, ana.user_id)
        now = database_now(session)
    seen = agent_named(sam, "Ana")
    assert seen["status"] == "not_responding" and seen["since"] > (now - timedelta(seconds=5)).isoformat()


def test_service_level_counts_who_gave_up_but_not_at_once() -> None:
    asked = Tally(answered=1000, in_time=860, abandoned=60, short=10)
    assert asked.service_level == 81.9  # DOMAIN 5: 860 of 1000 + 60 - 10
    assert Tally().service_level is None
    assert (asked + Tally(answered=50, in_time=50)).service_level == 82.7


def test_the_days_figures_come_from_what_happened(sam: Browser, sales: int, support: int) -> None:
    with unit_of_work() as session:
        queue = session.get_one(Queue, sales)
        for waited_s, gave_up in ((5, False), (15, False), (60, False), (40, True), (2, True)):
            _past(session, queue, waited_s, gave_up)
        _past(session, session.get_one(Queue, support), 500, True)
    [seen] = [each for each in floor_of(sam)["queues"] if each["id"] == sales]
    assert (seen["answered_today"], seen["abandoned_today"]) == (3, 2)
    assert seen["service_level"] == seen["service_level_today"] == 50.0  # 2 in time of 3 + 2 - 1 who gave up at once
    assert floor_of(sam)["totals"]["abandoned_today"] == 3


def _past(session: Any, queue: Queue, waited_s: float, gave_up: bool) -> None:
    call = factories.waiting_call(session, queue, waited_s=waited_s)
    if gave_up:
        move(session, call, State.ABANDONED, actor="caller")
        return
    move(session, call, State.OFFERED, actor="system")
    move(session, call, State.ACTIVE, actor="user:1")
    move(session, call, State.COMPLETED, actor="user:1")


def test_staff_and_estimate_agree_with_what_a_caller_is_told(sam: Browser, ana: Browser, sales: int) -> None:
    from app.routing.wait import waiting

    with unit_of_work() as session:
        queue = session.get_one(Queue, sales)
        factories.agent(session, "Bo", [queue], presence="break")
        for _ in range(3):
            factories.waiting_call(session, queue)
        last = factories.waiting_call(session, queue)
        told = waiting(session, last)
    [seen] = floor_of(sam)["queues"]
    assert (seen["members"], seen["staffed"], seen["idle"], seen["waiting"]) == (2, 1, 1, 4)
    with unit_of_work() as session:
        newcomer = factories.waiting_call(session, session.get_one(Queue, sales))
        told = waiting(session, newcomer)
    assert seen["estimate_min"] == [told.low_min, told.high_min]


def test_a_queue_that_nobody_staffs_has_no_estimate(sam: Browser, support: int) -> None:
    [seen] = floor_of(sam)["queues"]
    assert seen["staffed"] == 0 and seen["estimate_min"] is None


def test_two_hundred_agents_cost_no_more_queries_than_two(database: str) -> None:
    with unit_of_work() as session:
        queues = [factories.queue(session, f"queue{place}") for place in range(3)]
        for place in range(2):
            factories.agent(session, f"Agent {place}", queues)
    few = _queries_of_a_look()
    with unit_of_work() as session:
        queues = list(session.scalars(select(Queue)))
        for place in range(198):
            factories.agent(session, f"Other {place}", queues)
        for place in range(20):
            factories.waiting_call(session, queues[place % 3])
    assert _queries_of_a_look() == few


def _queries_of_a_look() -> int:
    asked: list[str] = []
    with sessions() as session:
        engine = session.get_bind()

        def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            asked.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        try:
            read_floor(session)
        finally:
            event.remove(engine, "before_cursor_execute", note)
    return len(asked)


def test_one_reading_serves_everybody_until_something_happens(sam: Browser, ana: Browser, sales: int) -> None:
    lookout = Lookout()
    with sessions() as session:
        first = lookout.look(session)
        assert lookout.look(session) is first
    with unit_of_work() as session:
        factories.waiting_call(session, session.get_one(Queue, sales))
    with sessions() as session:
        assert lookout.look(session)["totals"]["waiting"] == 1


def test_thousands_who_wait_are_counted_and_only_the_first_are_told(database: str) -> None:
    with unit_of_work() as session:
        queue = factories.queue(session)
        first = factories.waiting_call(session, queue, waited_s=900)
        rows = session.execute(
            select(Interaction.customer_id, Interaction.remote_address).where(Interaction.id == first.id)
        ).one()
        session.execute(
            Interaction.__table__.insert().from_select(
                ["id", "customer_id", "channel", "direction", "remote_address", "our_address", "state", "queue_id",
                 "virtual_start", "priority_min", "version"],
                select(
                    _uuid(), _const(rows[0]), _const("voice"), _const("inbound"), _const(rows[1]), _const("+1"),
                    _const("queued"), _const(queue.id), _now(), _const(0), _const(1),
                ).select_from(_numbers(2000)),
            )
        )  # fmt: skip
        found = read_floor(session)
    assert found["totals"]["waiting"] == 2001
    assert len(found["waiting"]) == 200 and found["waiting"][0]["interaction_id"] == str(first.id)


def _uuid() -> Any:
    from sqlalchemy import func

    return func.gen_random_uuid()


def _const(value: Any) -> Any:
    from sqlalchemy import literal

    return literal(value)


def _now() -> Any:
    from sqlalchemy import func

    return func.clock_timestamp()


def _numbers(count: int) -> Any:
    from sqlalchemy import func

    return func.generate_series(1, count).alias("numbers")


@pytest.mark.parametrize("path", ["/supervisor", "/supervisor/floor", "/supervisor/wall"])
def test_who_is_no_supervisor_does_not_see_the_floor(ana: Browser, path: str) -> None:
    assert ana.get(path).status_code == 403


@pytest.mark.parametrize("path", ["/supervisor", "/supervisor/wall", "/supervisor/wall?queues=1,2"])
def test_the_pages_are_drawn(sam: Browser, ana: Browser, path: str) -> None:
    page = sam.get(path, headers={"Accept": "text/html"})
    assert page.status_code == 200 and "page-data" in page.text


@pytest.mark.parametrize("asked", ["x", "1,", "1;2", "1" * 400, "-1", "1, 2", "<script>"])
def test_a_wallboard_of_nonsense_is_refused(sam: Browser, asked: str) -> None:
    assert sam.get("/supervisor/wall", query_string={"queues": asked}).status_code == 400


def test_an_offer_that_rings_at_two_phones_is_one_caller(sam: Browser, sales: int) -> None:
    with unit_of_work() as session:
        queue = session.get_one(Queue, sales)
        one, two = (factories.agent(session, name, [queue]) for name in ("Ana", "Bo"))
        call = factories.waiting_call(session, queue)
        move(session, call, State.OFFERED, actor="system", agent_id=one.id)
        for lane, user in enumerate((one, two)):
            session.add(
                Offer(
                    interaction_id=call.id,
                    queue_id=queue.id,
                    user_id=user.id,
                    lane=lane,
                    state="pending",
                    expires_at=database_now(session) + timedelta(seconds=20),
                )
            )
    found = floor_of(sam)
    assert found["totals"]["waiting"] == 1 and len(found["waiting"]) == 1
    assert [each["status"] for each in found["agents"]] == ["ringing", "ringing"]


@pytest.fixture
def asks(app: Any, database: str) -> dict[str, Any]:
    """Ana has Mira on hold and asks sales, where Bo is on a call; ids and names by what they are."""
    with unit_of_work() as session:
        sales, support = factories.queue(session, "sales"), factories.queue(session, "support")
        factories.agent(session, "Ana", [support])
        bo = factories.agent(session, "Bo", [sales])
        factories.waiting_call(session, sales)
        call = factories.waiting_call(session, support, factories.customer(session, name="Mira Chen"), waited_s=300)
        for offer in dispatch(session):
            accept_offer(session, offer.id)
        transfers.ask_queue(session, call.id, call.agent_id or 0, "sales")
        return {"sales": sales.id, "call": str(call.id), "bo": bo.id}


def queue_of(sam: Browser, queue_id: int) -> dict[str, Any]:
    return next(each for each in floor_of(sam)["queues"] if each["id"] == queue_id)


def test_a_colleague_who_asks_a_queue_is_seen_waiting_and_is_no_customer(sam: Browser, asks: dict[str, Any]) -> None:
    found = floor_of(sam)
    [waits] = found["waiting"]
    assert (waits["by"], waits["customer"], waits["queue_id"]) == ("Ana", "Mira Chen", asks["sales"])
    assert waits["state"] == "queued"
    queue = queue_of(sam, asks["sales"])
    assert (queue["waiting"], queue["asking"], queue["oldest_since"]) == (0, 1, None)
    assert (found["totals"]["waiting"], found["totals"]["asking"]) == (0, 1)
    tally = dict(queue["tally"])
    with unit_of_work() as session:
        expire_at_once(session)
    queue = queue_of(sam, asks["sales"])
    assert (queue["asking"], queue["tally"], floor_of(sam)["waiting"]) == (0, tally, [])


def expire_at_once(session: Any) -> None:
    """The longest wait of every queue is over."""
    session.execute(update(Consult).values(created_at=database_now(session) - timedelta(days=1)))
    assert expire.expire_asking(session) == 1


def test_an_alert_for_callers_does_not_count_who_asks(sam: Browser, asks: dict[str, Any]) -> None:
    with unit_of_work() as session:
        session.get_one(Queue, asks["sales"]).alerts = {"waiting": 1, "oldest_wait_s": 1}
        assert watch_queues(session) == 0
    assert floor_of(sam)["alerts"] == []


def test_who_asks_first_is_ahead_of_a_later_caller_in_what_both_are_told(sam: Browser, asks: dict[str, Any]) -> None:
    from app.routing.wait import queue_status, waiting

    with unit_of_work() as session:
        queue = session.get_one(Queue, asks["sales"])
        later = factories.waiting_call(session, queue, waited_s=1)
        sooner = factories.waiting_call(session, queue, waited_s=900)
        assert (waiting(session, sooner).position, waiting(session, later).position) == (1, 3)
        told = queue_status(session, queue)
    assert queue_of(sam, asks["sales"])["estimate_min"] == [told.low_min, told.high_min]


def test_a_colleague_who_is_asked_rings_and_talks_on_the_floor(sam: Browser, asks: dict[str, Any]) -> None:
    with unit_of_work() as session:
        cho = factories.agent(session, "Cho", [session.get_one(Queue, asks["sales"])])
        [offer] = dispatch(session)
        assert offer.user_id == cho.id
    assert (agent_named(sam, "Cho")["status"], agent_named(sam, "Ana")["status"]) == ("ringing", "held")
    assert floor_of(sam)["waiting"][0]["state"] == "offered"
    with unit_of_work() as session:
        accept_offer(session, offer.id)
    talks = agent_named(sam, "Cho")
    assert (talks["status"], talks["work"][0]["asked"]) == ("talking", True)
    assert (floor_of(sam)["waiting"], queue_of(sam, asks["sales"])["asking"]) == ([], 0)

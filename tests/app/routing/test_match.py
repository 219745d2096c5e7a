"""The match over plain data: which contact, which agent, in which order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.capacity import read_capacity
from app.routing.match import Line, hindrance, match
from app.routing.plain import Agent, Contact, Membership, Rules
from app.routing.skills import Ring

NOW = 1000.0
SALES, SUPPORT = 1, 2


def agent(id: int, idle_s: float = 0, queues: tuple[int, ...] = (SALES,), **facts: Any) -> Agent:
    return Agent(id, NOW - idle_s, {queue: Membership() for queue in queues}, **facts)


def contact(id: int, waited_s: float = 10, queue: int = SALES, **facts: Any) -> Contact:
    return Contact(id, queue, NOW - waited_s, NOW - waited_s, **facts)


def lines(*contacts: Contact, rules: dict[int, Rules]) -> list[Line]:
    """As the dispatch has them: one line for each queue, channel and needs, most urgent first."""
    sorted_in: dict[Any, list[Contact]] = {}
    for each in sorted(contacts, key=lambda one: one.urgency(rules[one.queue_id].weight_s)):
        key = (each.queue_id, each.channel, tuple(sorted(each.needs.items())))
        sorted_in.setdefault(key, []).append(each)
    return [Line(each) for each in sorted_in.values()]


def pairs(contacts: list[Contact], agents: list[Agent], *rules: Rules, most: int = 50) -> list[tuple[Any, list[int]]]:
    queues = {each.id: each for each in rules or (Rules(SALES), Rules(SUPPORT))}
    found = match(lines(*contacts, rules=queues), agents, queues, NOW, most)
    return [(each.contact.id, [one.user_id for one in each.agents]) for each in found]


def asked_first(rules: Rules, *agents: Agent, **facts: Any) -> int | None:
    found = pairs([contact(7, **facts)], list(agents), rules, Rules(SUPPORT))
    return found[0][1][0] if found else None


BUSY = {"chat": 2}
METHOD_CASES = [
    pytest.param(Rules(SALES), [agent(1, 10), agent(2, 90), agent(3, 40)], {}, 2, id="longest idle"),
    pytest.param(Rules(SALES), [agent(2, 10), agent(1, 10)], {}, 1, id="ties by id"),
    pytest.param(Rules(SALES, method="round_robin", last_offered=2), [agent(1), agent(2), agent(3)], {}, 3, id="next"),
    pytest.param(Rules(SALES, method="round_robin", last_offered=3), [agent(2), agent(3)], {}, 2, id="round again"),
    pytest.param(
        Rules(SALES, method="least_occupied"),
        [agent(1, 90, open_work=dict(BUSY)), agent(2, 10)],
        {"channel": "sms"},
        2,
        id="least occupied",
    ),
    pytest.param(
        Rules(SALES, method="fewest_today", handled={1: 5, 2: 3, 3: 3}),
        [agent(1, 99), agent(2, 10), agent(3, 20)],
        {},
        3,
        id="fewest today, then longest idle",
    ),
    pytest.param(
        Rules(SALES, method="skills"),
        [agent(1, 99, skills={"fr": 2}), agent(2, 1, skills={"fr": 5}), agent(3, 50)],
        {"needs": {"fr": 2}},
        2,
        id="best at what is needed",
    ),
    pytest.param(
        Rules(SALES, skill_rule="best"),
        [agent(1, 99), agent(2, 1, skills={"fr": 1})],
        {"needs": {"fr": 1}},
        2,
        id="whoever holds it goes first",
    ),
    pytest.param(Rules(SALES, skill_rule="best"), [agent(1)], {"needs": {"fr": 1}}, 1, id="but nobody is kept out"),
    pytest.param(
        Rules(SALES, skill_rule="disregard"),
        [agent(1, 9), agent(2, 1, skills={"fr": 5})],
        {"needs": {"fr": 1}},
        1,
        id="disregarded",
    ),
    pytest.param(Rules(SALES), [agent(1)], {"needs": {"fr": 1}}, None, id="all skills, nobody has them"),
    pytest.param(Rules(SALES, method="linear"), [agent(9, 99), agent(4)], {}, 4, id="always the same order"),
    pytest.param(Rules(SALES, sticky_s=30), [agent(1, 99), agent(2)], {"preferred": 2}, 2, id="the preferred one"),
    pytest.param(Rules(SALES, sticky_s=30), [agent(1)], {"preferred": 2}, None, id="kept for the preferred one"),
    pytest.param(Rules(SALES, sticky_s=10), [agent(1)], {"preferred": 2}, 1, id="but not for ever"),
    pytest.param(
        Rules(SALES, sticky_s=30),
        [agent(1)],
        {"preferred": 2, "tried": frozenset({2})},
        1,
        id="nor once they declined",
    ),
    pytest.param(Rules(SALES), [agent(1, 9), agent(2)], {"tried": frozenset({1})}, 2, id="not who just declined"),
]


@pytest.mark.parametrize(("rules", "agents", "facts", "first"), METHOD_CASES)
def test_each_method_asks_its_own_agent_first(
    rules: Rules, agents: list[Agent], facts: dict[str, Any], first: int | None
) -> None:
    fresh = [Agent(a.user_id, a.idle_since, a.members, a.skills, a.capacity, dict(a.open_work)) for a in agents]
    assert asked_first(rules, *fresh, **facts) == first


def test_random_draws_anew_for_each_contact_and_the_same_for_one() -> None:
    rules = Rules(SALES, method="random")
    drawn = [pairs([contact(n)], [agent(1), agent(2), agent(3)], rules, Rules(SUPPORT))[0][1][0] for n in range(60)]
    assert drawn == [
        pairs([contact(n)], [agent(1), agent(2), agent(3)], rules, Rules(SUPPORT))[0][1][0] for n in range(60)
    ]
    assert min(drawn.count(each) for each in (1, 2, 3)) > 8


TWO_RINGS = (Ring(30, frozenset({"a"})), Ring(30, frozenset({"b"})))


@pytest.mark.parametrize(
    ("waited_s", "asked"),
    [
        pytest.param(29, None, id="the inner ring only"),
        pytest.param(30, 2, id="who holds b"),
        pytest.param(60, 3, id="anybody"),
    ],
)
def test_a_bullseye_widens_ring_by_ring(waited_s: float, asked: int | None) -> None:
    rules = Rules(SALES, method="bullseye", rings=TWO_RINGS)
    people = [agent(3, 99), agent(2, 1, skills={"b": 1})] if waited_s < 60 else [agent(3, 99)]
    assert asked_first(rules, *people, waited_s=waited_s, needs={"a": 1, "b": 1}) == asked


def test_an_agent_of_the_inner_ring_wins_however_long_the_wait() -> None:
    rules = Rules(SALES, method="bullseye", rings=TWO_RINGS)
    inner = agent(1, 1, skills={"a": 1, "b": 1})
    assert (
        asked_first(rules, agent(3, 99), inner, agent(2, 50, skills={"b": 1}), waited_s=65, needs={"a": 1, "b": 1}) == 1
    )


def test_members_of_a_lower_level_go_first_and_delayed_ones_see_it_late() -> None:
    second = Agent(1, NOW - 99, {SALES: Membership(level=2)})
    late = Agent(2, NOW - 99, {SALES: Membership(delay_s=30)})
    assert pairs([contact(7), contact(8)], [second, agent(3)]) == [(7, [3]), (8, [1])]
    assert pairs([contact(7, 29)], [late]) == []
    assert pairs([contact(7, 30)], [late]) == [(7, [2])]


def test_a_ring_group_asks_several_at_once() -> None:
    rules = Rules(SALES, ring_group_n=2)
    assert pairs([contact(7)], [agent(1, 5), agent(2, 9), agent(3, 7)], rules, Rules(SUPPORT)) == [(7, [2, 3])]


def test_round_robin_goes_on_within_one_match() -> None:
    rules = Rules(SALES, method="round_robin", last_offered=1)
    calls = [contact(n, 50 - n) for n in range(3)]
    assert pairs(calls, [agent(1), agent(2), agent(3)], rules, Rules(SUPPORT)) == [(0, [2]), (1, [3]), (2, [1])]


def test_queues_of_more_weight_go_before() -> None:
    queues = (Rules(SALES), Rules(SUPPORT, weight_s=60))
    both = agent(1, queues=(SALES, SUPPORT))
    assert pairs([contact(1, 50), contact(2, 10, SUPPORT)], [both], *queues) == [(2, [1])]


def test_one_agent_gets_as_many_texts_as_fit() -> None:
    texts = [contact(n, 50 - n, channel="sms") for n in range(5)]
    assert pairs(texts, [agent(1)]) == [(0, [1]), (1, [1]), (2, [1])]


def test_a_call_that_waits_too_long_gets_a_drained_agent() -> None:
    """Voice is kept from starving: who could take the call gets no more texts."""
    texts, call = [contact(n, 50, channel="sms") for n in range(2)], contact(9, 21, needs={"fr": 1})
    later = contact(10, 5, channel="sms")
    assert pairs([call, later], [agent(1, skills={"fr": 1}, open_work={"chat": 1})]) == [], (
        "also a text that came later"
    )
    speaks = agent(1, skills={"fr": 1}, open_work={"chat": 1})
    assert pairs([*texts, call], [speaks]) == []
    assert pairs([*texts, contact(9, 19, needs={"fr": 1})], [agent(1, skills={"fr": 1}, open_work={"chat": 1})]) == [
        (0, [1]),
        (1, [1]),
    ]
    assert pairs([*texts, call], [agent(1, open_work={"chat": 1})]) == [(0, [1]), (1, [1])], "who cannot take the call"
    over = read_capacity({"chat": 3, "interruptible_by": {"chat": ["voice"]}})
    assert pairs([*texts, call], [agent(1, skills={"fr": 1}, capacity=over)]) == [(0, [1]), (1, [1]), (9, [1])]


def test_an_idle_agent_takes_the_long_waiting_call_before_an_older_text() -> None:
    assert pairs([contact(1, 60, channel="sms"), contact(2, 30)], [agent(1)]) == [(2, [1])]


def test_a_line_nobody_here_can_serve_does_not_hold_up_others() -> None:
    french = [contact(n, 900 - n, needs={"fr": 1}) for n in range(300)]
    assert pairs([*french, contact(999, 1)], [agent(1)]) == [(999, [1])]


def test_a_contact_nobody_may_take_now_does_not_hold_up_its_own_line() -> None:
    assert pairs([contact(1, 60, tried=frozenset({1})), contact(2, 30)], [agent(1)]) == [(2, [1])]


def test_people_without_a_phone_get_texts_only() -> None:
    assert pairs([contact(1, 60), contact(2, 30, channel="sms")], [agent(1, can_ring=False)]) == [(2, [1])]


@pytest.mark.parametrize(
    ("who", "facts", "word"),
    [
        (agent(1, away="on_break"), {}, "on_break"),
        (agent(1, queues=(SUPPORT,)), {}, "not_member"),
        (agent(1, can_ring=False), {}, "no_phone"),
        (agent(1, open_work={"voice": 1}), {}, "at_capacity"),
        (agent(1), {"preferred": 2}, "kept_for:2"),
        (agent(1, skills={"fr": 1}), {"needs": {"fr": 2}}, "skill:fr<2"),
        (Agent(1, 0, {SALES: Membership(delay_s=30)}), {}, "delay:30"),
        (agent(1), {"tried": frozenset({1})}, "declined_recently"),
        (agent(1), {}, None),
    ],
)
def test_the_hindrance_is_named(who: Agent, facts: dict[str, Any], word: str | None) -> None:
    assert hindrance(contact(7, **facts), Rules(SALES, sticky_s=30), who, NOW) == word


people = st.lists(
    st.tuples(st.integers(0, 500), st.sets(st.sampled_from([SALES, SUPPORT]), min_size=1), st.booleans()), max_size=6
)
waiting = st.lists(
    st.tuples(st.integers(0, 500), st.sampled_from([SALES, SUPPORT]), st.integers(0, 3), st.booleans()), max_size=10
)


@given(people, waiting, st.sampled_from(["longest_idle", "round_robin", "linear", "random", "skills"]))
def test_nobody_waits_beside_a_free_agent_and_nobody_is_passed_over(
    who: list[Any], calls: list[Any], method: str
) -> None:
    """A-2, A-7 and A-11 of one match."""
    agents = [
        agent(n, idle, tuple(queues), skills={"fr": 3} if french else {})
        for n, (idle, queues, french) in enumerate(who)
    ]
    contacts = [
        contact(n, waited, queue, priority_min=minutes, needs={"fr": 1} if french else {})
        for n, (waited, queue, minutes, french) in enumerate(calls)
    ]
    rules = {id: Rules(id, method=method) for id in (SALES, SUPPORT)}
    found = match(lines(*contacts, rules=rules), agents, rules, NOW, 50)
    served = {each.contact.id for each in found}
    assert all(each.open_work.get("voice", 0) <= 1 for each in agents)
    for each in contacts:
        for other in agents:
            if each.id not in served:
                assert hindrance(each, rules[each.queue_id], other, NOW) is not None, "A-7"
    for earlier in contacts:
        for later in contacts:
            alike = (earlier.queue_id, earlier.priority_min, earlier.needs) == (
                later.queue_id,
                later.priority_min,
                later.needs,
            )
            if alike and earlier.virtual_start < later.virtual_start and later.id in served:
                assert earlier.id in served, "A-11"

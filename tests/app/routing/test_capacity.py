"""How much work fits beside what an agent has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.capacity import (
    FULL,
    HOUSE,
    KINDS,
    CapacityRefused,
    has_room,
    kind_of,
    load_percent,
    read_capacity,
)

VOICE_OVER_CHAT = {"voice": 1, "chat": 2, "interruptible_by": {"chat": ["voice"]}}
MIXED = {"voice": 1, "chat": 4, "email": 2, "interruptible_by": {"email": ["voice"]}}


@pytest.mark.parametrize(
    ("capacity", "open_work", "kind", "fits"),
    [
        pytest.param(None, {}, "voice", True, id="nothing at hand"),
        pytest.param(None, {"voice": 1}, "voice", False, id="one voice"),
        pytest.param(None, {"voice": 1}, "chat", False, id="no chat beside a call"),
        pytest.param(None, {"chat": 2}, "chat", True, id="a third chat"),
        pytest.param(None, {"chat": 3}, "chat", False, id="a fourth chat"),
        pytest.param(None, {"chat": 1}, "voice", False, id="no call beside a chat"),
        pytest.param(None, {"email": 3}, "voice", True, id="letters lie aside for a call"),
        pytest.param(None, {"voice": 1}, "email", False, id="but no letter during a call"),
        pytest.param(VOICE_OVER_CHAT, {"chat": 2}, "voice", True, id="a call on top of chats"),
        pytest.param(VOICE_OVER_CHAT, {"chat": 1, "voice": 1}, "chat", False, id="no more chats during that call"),
        pytest.param(MIXED, {"chat": 2}, "email", True, id="half chats, half letters"),
        pytest.param(MIXED, {"chat": 3}, "email", False, id="three quarters chats"),
        pytest.param({"voice": 0}, {}, "voice", False, id="takes no calls"),
        pytest.param({"chat": 1}, {"chat": 2}, "chat", False, id="has more than they may"),
    ],
)
def test_more_work_fits_only_beside_what_it_may_interrupt(
    capacity: Any, open_work: dict[str, int], kind: str, fits: bool
) -> None:
    assert has_room(read_capacity(capacity), open_work, kind) is fits


capacities = st.fixed_dictionaries(
    {"voice": st.integers(0, 1), "chat": st.integers(0, 5), "email": st.integers(0, 5)},
    optional={"interruptible_by": st.dictionaries(st.sampled_from(KINDS), st.lists(st.sampled_from(KINDS)))},
)


@given(capacities, st.lists(st.sampled_from(KINDS), max_size=20))
def test_kinds_that_may_not_interrupt_each_other_never_exceed_the_whole(value: Any, offered: list[str]) -> None:
    """A-2, whatever comes in whatever order."""
    capacity, open_work = read_capacity(value), dict.fromkeys(KINDS, 0)
    for kind in offered:
        if has_room(capacity, open_work, kind):
            open_work[kind] += 1
    assert all(open_work[kind] <= capacity.most[kind] for kind in KINDS)
    for first in KINDS:
        excluding = [
            other
            for other in KINDS
            if open_work[other]
            and first not in capacity.interruptible_by.get(other, ())
            and other not in capacity.interruptible_by.get(first, ())
        ]
        if open_work[first] and first in excluding and len(excluding) == 2:
            share = load_percent(capacity, {kind: open_work[kind] for kind in excluding})
            assert share <= FULL + 1e-6


def test_channels_are_calls_letters_or_conversations() -> None:
    assert [kind_of(channel) for channel in ("voice", "email", "sms", "wechat")] == ["voice", "email", "chat", "chat"]


def test_the_load_is_the_share_of_the_most() -> None:
    assert load_percent(HOUSE, {"chat": 3}) == pytest.approx(100)
    assert load_percent(HOUSE, {"voice": 1, "chat": 3}) == pytest.approx(200)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("much", "a number for each"),
        ({"fax": 1}, "no kind of work 'fax'"),
        ({"voice": 2}, "from 0 to 1"),
        ({"chat": True}, "whole number"),
        ({"chat": -1}, "from 0 to 25"),
        ({"chat": 10**9}, "from 0 to 25"),
        ({"interruptible_by": {"chat": "voice"}}, "interruptible_by lists"),
        ({"interruptible_by": {"chat": ["fax"]}}, "no kind of work"),
    ],
)
def test_a_capacity_that_cannot_be_is_refused_in_words(value: Any, says: str) -> None:
    with pytest.raises(CapacityRefused, match=says):
        read_capacity(value)

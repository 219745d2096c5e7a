from __future__ import annotations

from collections import Counter

import pytest

from ivr_flows import FlowError
from tests.ivr_flows.nodes.case import Case

THIRDS = (
    "{kind: split, shares: [{percent: 10, to: after}, {percent: 30, to: other}, {percent: 59.5, to: third}, "
    "{percent: 0.5, to: desk}]}"
)


def test_the_shares_hold_over_many_calls():
    ends = Counter(Case("", THIRDS, call_id=f"call-{n}").call().state.node for n in range(4000))
    assert abs(ends["after"] - 400) < 60
    assert abs(ends["other"] - 1200) < 90
    assert 5 <= ends["desk"] <= 40


def test_two_splits_fall_independently():
    node = (
        "it: {kind: split, shares: [{percent: 50, to: again}, {percent: 50, to: other}]}\n"
        "again: {kind: split, shares: [{percent: 50, to: after}, {percent: 50, to: third}]}"
    )
    ends = Counter(Case("", node, call_id=f"call-{n}").call().state.node for n in range(1000))
    assert 200 < ends["after"] < 300
    assert 200 < ends["third"] < 300


@pytest.mark.parametrize(("percents", "total"), [((50, 49), "99"), ((60, 60), "120"), ((33.3, 33.3), "66.6")])
def test_shares_that_are_not_a_whole_are_refused(percents, total):
    shares = ", ".join(f"{{percent: {percent}, to: after}}" for percent in percents)
    with pytest.raises(FlowError, match=f"the shares add up to {total} %, not to 100"):
        Case("", f"{{kind: split, shares: [{shares}]}}").flow()

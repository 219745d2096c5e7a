from __future__ import annotations

import pytest

from ivr_flows.nodes.hours import HoursNode


@pytest.mark.parametrize(
    ("weekly", "message"),
    [
        ({"mon": "9-17"}, "'9-17' is not a time span; write it as 08:00-17:30, or closed"),
        ({"mon": "09:00-25:00"}, "'09:00-25:00' is not a time span; write it as 08:00-17:30, or closed"),
        ({"mon": "09:00-09:00"}, "'09:00-09:00' begins when it ends; for a whole day write 00:00-24:00"),
        (
            {"monday": "09:00-17:00"},
            "'monday' is not a day; use one of mon, tue, wed, thu, fri, sat, sun, or a range such as mon-fri",
        ),
        ({"fri-mon": "09:00-17:00"}, "'fri-mon' runs backwards; write it as two ranges"),
        ({"mon-fri": "09:00-17:00", "wed": "closed"}, "names wed twice"),
        ("always", "must be 24/7, or times by day, for instance {mon-fri: 08:00-20:00, sat: closed}"),
        ({}, "must be 24/7, or times by day, for instance {mon-fri: 08:00-20:00, sat: closed}"),
    ],
)
def test_hours_that_cannot_be_read_are_refused_with_a_way_to_write_them(weekly, message):
    with pytest.raises(ValueError) as refused:
        HoursNode.model_validate(
            {"id": "it", "kind": "hours", "zone": "UTC", "weekly": weekly, "open": "a", "closed": "b"}
        )
    assert [error["msg"] for error in refused.value.errors()] == [message]

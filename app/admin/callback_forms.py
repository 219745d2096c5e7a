"""What the page of callback rules may send, in the units that people think in, and the way to the stored rules."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from app.admin.hours import Times
from app.admin.queue_forms import Empty
from app.callbacks.policy import MOST_MACHINE_TEXT, Days, Policy
from app.forms import Form, Words

ROW = re.compile(r"countries-(\d{1,2})-(country|hours|days)\Z")
HOURS_OF_QUEUE, ALWAYS, OWN_HOURS = "@queue", "@always", "@own"
"""What the list of hours offers besides shared ones, whose keys look otherwise."""
HOUR_S, MINUTE_S = 3600, 60


def _minutes(value: Any) -> Any:
    """`10, 60` as people write it."""
    if not isinstance(value, str):
        return value
    return [each.strip() for each in value.split(",") if each.strip()]


class CountryForm(Form):
    """Calling times of one country: `{country: "FR", hours: "10:00-13:00, 14:00-20:00", days: "mon-fri"}`."""

    country: Annotated[Words, StringConstraints(to_upper=True, max_length=2)]
    hours: Times
    days: Days = "mon-sun"


class RulesForm(Form):
    """All rules of a queue, or of the house. A page sends `countries-0-country`, `-hours`, `-days` for the list."""

    seen: Annotated[str, StringConstraints(max_length=64)] | None = None
    hours: Annotated[Annotated[Words, StringConstraints(max_length=60)] | None, Empty] = None
    """The key of shared hours, `@always`, or `@queue`: those of the queue's calls."""
    quiet: Times
    quiet_days: Days
    countries: Annotated[list[CountryForm], Field(max_length=60)] = Field(default_factory=list)
    stop_before_close_min: int
    offer_over_s: Annotated[int | None, Empty] = None
    offer_over_waiting: Annotated[int | None, Empty] = None
    offer_share: int
    mode: Literal["auto", "agent_first", "customer_first"]
    max_attempts: int
    gaps_min: Annotated[
        list[Annotated[int, Field(ge=1, le=4320)]], BeforeValidator(_minutes), Field(min_length=1, max_length=8)
    ]
    ring_s: int
    snooze_min: int
    life_h: Annotated[int, Field(ge=1, le=720)]
    own_for_min: Annotated[int, Field(ge=0, le=43_200)]
    detect_machines: bool
    machine: Literal["message", "hang_up"]
    machine_text: Annotated[Words, StringConstraints(max_length=MOST_MACHINE_TEXT)] = ""
    slot_min: int
    per_slot: Annotated[int | None, Empty] = None
    ahead_days: int
    web: bool
    texts: bool
    remind_min: int
    abandon_recovery: bool
    follow_up_min: int
    follow_up_text: bool

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, sent: Any) -> Any:
        """The rows of the page's list; one without a country was not filled in."""
        if not isinstance(sent, dict) or "countries" in sent:
            return sent
        rows: dict[int, dict[str, Any]] = {}
        for name, value in sent.items():
            if match := ROW.match(str(name)):
                rows.setdefault(int(match[1]), {})[match[2]] = value
        filled = [row for _, row in sorted(rows.items()) if str(row.get("country") or "").strip()]
        return sent | {"countries": filled}

    def rules(self) -> dict[str, Any]:
        """As they are stored, all of them but `hours`. The values are checked where they are kept."""
        kept = self.model_dump(mode="json", exclude={"seen", "hours", "countries", "gaps_min", "life_h", "own_for_min"})
        return kept | {
            "countries": {each.country: {"hours": each.hours, "days": each.days} for each in self.countries},
            "gaps_s": [each * MINUTE_S for each in self.gaps_min],
            "life_s": self.life_h * HOUR_S,
            "own_for_s": self.own_for_min * MINUTE_S,
        }


def as_written(policy: Policy) -> dict[str, Any]:
    """A policy as the form shows it."""
    return policy.model_dump(mode="json", exclude={"zone", "hours", "quiet", "countries"}) | {
        "quiet": _times(policy.quiet),
        "countries": [
            {"country": code, "hours": _times(times.hours), "days": times.days}
            for code, times in sorted(policy.countries.items())
        ],
        "gaps_min": ", ".join(str(max(1, gap // MINUTE_S)) for gap in policy.gaps_s),
        "life_h": max(1, policy.life_s // HOUR_S),
        "own_for_min": policy.own_for_s // MINUTE_S,
    }


def _times(spans: tuple[tuple[int, int], ...]) -> str:
    return ", ".join(f"{a // 60:02d}:{a % 60:02d}-{b // 60:02d}:{b % 60:02d}" for a, b in spans)

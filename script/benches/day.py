"""A simulated day of 10,000 calls, routed by the real match: beside queueing theory, and beside plainer methods.

One group of agents with one skill must wait, give up and be served as Erlang A says (its figures within the 95 %
interval of the simulation). With several languages, the queue's rules must answer more callers in time than plain
longest idle and plain round robin. Callbacks that keep their place overtake nobody, and nobody is dialled without a
free agent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from random import Random

from _common import machine, show

from app.routing.plain import Agent, Contact, Membership, Rules
from tests.support.simulated_floor import DAY_S, Call, Floor, Outcome, arrivals, erlang_a, interval

CALLS = 10_000
QUEUE = 1
ANSWER_WITHIN_S = 20
DAYS, WARM_UP = 12, 1000
"""Days of one group, and the callers at the start of each who find the floor still empty and do not count."""
PAIRED_DAYS = 10
CALLBACK_DAYS = 3
WAYS = {"most skilled first": "skills", "plain longest idle": "longest_idle", "plain round robin": "round_robin"}

HANDLE_S, PATIENCE_S, AGENTS, PER_S = 240.0, 300.0, 50, 0.21

LANGUAGES = {"en": 0.62, "es": 0.25, "fr": 0.13}
SPECIALISTS = {"en": 26, "es": 8, "fr": 3}
GENERALISTS = 12
EXPERT, FAIR = 5, 3
SPOKEN_S, SWING = 165, 0.2


def main() -> None:
    machine()
    agree = one_group()
    better = many_skills()
    clean = with_callbacks()
    show("all of the day's promises kept", float(agree and better and clean), "of 1", "goal 1")


def one_group() -> bool:
    """M/M/n+M: the same figures as theory, over so many independent days."""
    days = [_play(seed) for seed in range(DAYS)]
    level, abandoned, wait = erlang_a(PER_S, HANDLE_S, PATIENCE_S, AGENTS, ANSWER_WITHIN_S)
    held = True
    for name, theory, values, unit, factor in (
        ("service level, one group", level, [day.service_level(ANSWER_WITHIN_S) for day in days], "%", 100),
        ("abandoned, one group", abandoned, [day.abandoned() for day in days], "%", 100),
        ("mean wait, one group", wait, [day.mean_wait_s() for day in days], "s", 1),
    ):
        mean, half = interval(values)
        inside = abs(mean - theory) <= half
        held &= inside
        told = f"± {half * factor:.2f} (95 %, {DAYS} days); Erlang A {theory * factor:.2f}: "
        show(name, mean * factor, unit, told + ("inside" if inside else "OUTSIDE"))
    return held


def _play(seed: int) -> Outcome:
    chance = Random(seed)  # noqa: S311 - the same day every time
    people = [Agent(n, 0.0, {QUEUE: Membership()}) for n in range(1, AGENTS + 1)]
    came = arrivals(chance, CALLS, lambda t: PER_S, PER_S)
    calls = [
        Call(Contact(n, QUEUE, at, at), chance.expovariate(1 / PATIENCE_S), chance.expovariate(1 / HANDLE_S))
        for n, at in enumerate(came)
    ]
    day = Floor(people, {QUEUE: Rules(QUEUE)}, calls).run()
    return Outcome(day.calls[WARM_UP:])


def many_skills() -> bool:
    """The same days, caller by caller, under three rules: the queue's own and two plain ones."""
    best, *plain = WAYS
    levels = {
        name: [_in_languages(seed, WAYS[name]).service_level(ANSWER_WITHIN_S) for seed in range(PAIRED_DAYS)]
        for name in WAYS
    }
    for name, days in levels.items():
        mean, half = interval(days)
        show(f"service level, {len(LANGUAGES)} languages, {name}", 100 * mean, "%", f"± {100 * half:.2f}")
    better = True
    for name in plain:
        mean, half = interval([own - other for own, other in zip(levels[best], levels[name], strict=True)])
        better &= mean - half > 0
        told = f"± {100 * half:.2f} (95 %, {PAIRED_DAYS} days paired): " + ("better" if mean > half else "NOT BETTER")
        show(f"{best}, above {name}", 100 * mean, "points", told)
    return better


def _in_languages(seed: int, method: str) -> Outcome:
    return Floor(_speakers(), {QUEUE: Rules(QUEUE, method=method)}, _callers(seed)).run()


def _speakers() -> list[Agent]:
    """Specialists of one language, and a few who speak all of them, each less well."""
    skills: Sequence[dict[str, int]] = [
        *({language: EXPERT} for language, count in SPECIALISTS.items() for _ in range(count)),
        *(dict.fromkeys(LANGUAGES, FAIR) for _ in range(GENERALISTS)),
    ]
    return [Agent(n, 0.0, {QUEUE: Membership()}, each) for n, each in enumerate(skills, 1)]


def _callers(seed: int) -> list[Call]:
    """Ten thousand callers over twelve hours with a peak before noon and one after it."""
    chance = Random(seed)  # noqa: S311 - the same day every time
    mean = CALLS / DAY_S

    def per_s(t: float) -> float:
        return mean * (1 + SWING * math.sin(4 * math.pi * t / DAY_S - math.pi / 2))

    came = arrivals(chance, CALLS, per_s, (1 + SWING) * mean)
    languages = chance.choices(list(LANGUAGES), list(LANGUAGES.values()), k=CALLS)
    return [
        Call(
            Contact(n, QUEUE, at, at, needs={language: 1}),
            chance.expovariate(1 / PATIENCE_S),
            chance.expovariate(1 / SPOKEN_S),
        )
        for n, (at, language) in enumerate(zip(came, languages, strict=True))
    ]


def with_callbacks() -> bool:
    """Callers who would wait long hang up and keep their place; one of five does not answer when called."""
    clean = True
    overtaken = beyond = dials = 0
    for seed in range(CALLBACK_DAYS):
        chance = Random(f"answers {seed}")  # noqa: S311
        outcome = Floor(
            _speakers()[:-6],
            {QUEUE: Rules(QUEUE, method="skills")},
            _callers(seed),
            callback_over_s=60,
            unanswered=partial(_is_one_of_five, chance),
        ).run()
        overtaken += outcome.overtakings
        beyond += outcome.dials_beyond_free_agents
        dials += outcome.dials
        clean &= outcome.overtakings == outcome.dials_beyond_free_agents == 0
    show("callbacks dialled", dials, "calls")
    show("callbacks that overtook or were overtaken", overtaken, "calls", "goal 0")
    show("dials beyond free agents", beyond, "calls", "goal 0")
    return clean and dials > 0


def _is_one_of_five(chance: Random, call: Call) -> bool:
    return chance.random() < 0.2


if __name__ == "__main__":
    main()

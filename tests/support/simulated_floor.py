"""A contact centre in simulated time: its people are made up, its router is the real one (`app.routing.match`).

Arrivals, handle times and patience are drawn from given distributions; the clock jumps from event to event. Nothing of
the router is written again here: at every event the match is asked as the dispatch asks it.
"""

from __future__ import annotations

import heapq
import math
from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from app.routing.match import Line, match
from app.routing.plain import Agent, Contact, Rules
from app.routing.skills import missing

DAY_S = 12 * 3600.0
CALLBACK_RING_S = 25.0


@dataclass(slots=True)
class Call:
    """One caller: what they need, how long they stay, and what became of them (times in seconds)."""

    contact: Contact
    patience_s: float
    handle_s: float
    answered_at: float | None = None
    left_at: float | None = None
    called_back: bool = False
    """They hung up and kept their place (virtual hold)."""
    agent: int | None = None

    @property
    def arrived_at(self) -> float:
        return self.contact.virtual_start

    @property
    def wait_s(self) -> float:
        end = self.answered_at if self.answered_at is not None else self.left_at
        assert end is not None
        return end - self.arrived_at


@dataclass(slots=True)
class Outcome:
    """A day's calls, and what went wrong in it, which should be nothing."""

    calls: list[Call]
    overtakings: int = 0
    """A callback served before an earlier waiter whom the same agent could have served, or the other way round."""
    dials_beyond_free_agents: int = 0
    dials: int = 0

    def service_level(self, within_s: float) -> float:
        """The share of all callers who were answered within so many seconds."""
        return sum(each.answered_at is not None and each.wait_s <= within_s for each in self.calls) / len(self.calls)

    def abandoned(self) -> float:
        return sum(each.left_at is not None for each in self.calls) / len(self.calls)

    def mean_wait_s(self) -> float:
        return sum(each.wait_s for each in self.calls) / len(self.calls)


@dataclass
class Floor:
    """The simulation. `callback_over_s`: callers who would wait longer by a plain estimate take a callback instead."""

    agents: Sequence[Agent]
    rules: dict[int, Rules]
    calls: Sequence[Call]
    callback_over_s: float = math.inf
    unanswered: Callable[[Call], bool] = lambda call: False
    now: float = 0
    _events: list[tuple[float, int, str, Any]] = field(default_factory=list)
    _lines: dict[Any, list[tuple[Any, Contact]]] = field(default_factory=dict)
    _by_id: dict[Any, Call] = field(default_factory=dict)
    _free: dict[int, Agent] = field(default_factory=dict)
    _busy: set[int] = field(default_factory=set)
    """Who dials or talks: kept beside `_free`, so that the one is held against the other."""
    _serial: int = 0

    def run(self) -> Outcome:
        """Play the whole day, until the last caller is served or gone."""
        self.outcome = Outcome(list(self.calls))
        self._free = {agent.user_id: agent for agent in self.agents}
        self._agents = dict(self._free)
        for call in self.calls:
            self._by_id[call.contact.id] = call
            self._at(call.arrived_at, "arrive", call)
        while self._events:
            self.now, _, what, whom = heapq.heappop(self._events)
            getattr(self, f"_{what}")(whom)
            self._dispatch()
        return self.outcome

    def _at(self, when: float, what: str, whom: Any) -> None:
        self._serial += 1
        heapq.heappush(self._events, (when, self._serial, what, whom))

    def _arrive(self, call: Call) -> None:
        waiting = self._lines.setdefault(_line_of(call.contact), [])
        if self.callback_over_s < math.inf and self._would_wait(call, len(waiting)) > self.callback_over_s:
            call.called_back = True
        insort(waiting, self._place(call.contact))
        if not call.called_back:
            self._at(self.now + call.patience_s, "give_up", call)

    def _would_wait(self, call: Call, ahead: int) -> float:
        able = sum(set(call.contact.needs) <= set(agent.skills) for agent in self.agents)
        return call.handle_s * ahead / max(1, able)

    def _give_up(self, call: Call) -> None:
        if call.agent is None:
            call.left_at = self.now
            self._lines[_line_of(call.contact)].remove(self._place(call.contact))

    def _finish(self, agent: Agent) -> None:
        agent.open_work.clear()
        self._busy.remove(agent.user_id)
        agent.idle_since = self.now
        self._free[agent.user_id] = agent

    def _dispatch(self) -> None:
        """Ask the real match, as the dispatch does: the waiting in their lines, and who is free."""
        if not self._free or not any(self._lines.values()):
            return
        lines = [Line(contact for _, contact in line) for line in self._lines.values() if line]
        for found in match(lines, list(self._free.values()), self.rules, self.now, len(self._free)):
            self._serve(self._by_id[found.contact.id], found.agents[0])

    def _serve(self, call: Call, agent: Agent) -> None:
        line = self._lines[_line_of(call.contact)]
        line.remove(self._place(call.contact))
        self._look_for_overtaking(call, agent)
        if call.called_back:
            self.outcome.dials += 1
            self.outcome.dials_beyond_free_agents += agent.user_id in self._busy
        self._busy.add(agent.user_id)
        self._free.pop(agent.user_id, None)
        rules = self.rules[call.contact.queue_id]
        if rules.method == "round_robin":
            self.rules[rules.id] = Rules(rules.id, method=rules.method, last_offered=agent.user_id)
        call.agent = agent.user_id
        if call.called_back and self.unanswered(call):
            call.left_at = self.now + CALLBACK_RING_S
            self._at(call.left_at, "finish", agent)
        else:
            call.answered_at = self.now
            self._at(self.now + call.handle_s, "finish", agent)

    def _look_for_overtaking(self, served: Call, agent: Agent) -> None:
        """Who came earlier and still waits, though this agent could have served them: callbacks must not do that."""
        for line in self._lines.values():
            if line and missing(line[0][1].needs, agent.skills) is None:
                first = line[0][1]  # of those who came earlier the one who waits longest
                if self._by_id[first.id].called_back or served.called_back:
                    self.outcome.overtakings += first.virtual_start < served.arrived_at

    def _place(self, contact: Contact) -> tuple[Any, Contact]:
        return _Place(contact.urgency(self.rules[contact.queue_id].weight_s)), contact


class _Place(tuple[Any, ...]):
    """Sorts by urgency alone: contacts themselves have no order, and ids are never equal."""

    __slots__ = ()


def _line_of(contact: Contact) -> Any:
    return contact.queue_id, contact.channel, tuple(sorted(contact.needs.items()))


def arrivals(chance: Random, count: int, per_s: Callable[[float], float], peak: float) -> list[float]:
    """`count` moments of a Poisson process whose intensity is `per_s(t)`, never more than `peak` (by thinning)."""
    moments: list[float] = []
    t = 0.0
    while len(moments) < count:
        t += chance.expovariate(peak)
        if chance.random() * peak <= per_s(t):
            moments.append(t)
    return moments


def erlang_a(
    per_s: float, handle_s: float, patience_s: float, agents: int, within_s: float
) -> tuple[float, float, float]:
    """What queueing theory says of M/M/n+M: service level within so many seconds, share abandoned, mean wait.

    The stationary queue is a birth-death chain; whoever arrives behind j others is served when j + 1 have left ahead,
    each step at the rate of n agents and of j impatient people. Solved numerically (uniformisation).
    Source: Palm 1957; Garnett, Mandelbaum, Reiman 2002, "Designing a Call Center with Impatient Customers".
    """
    mu, theta = 1 / handle_s, 1 / patience_s
    weights = [1.0]
    while len(weights) <= agents or weights[-1] > 1e-15 * max(weights):
        k = len(weights)
        weights.append(weights[-1] * per_s / (min(k, agents) * mu + max(0, k - agents) * theta))
    total = sum(weights)
    share = [weight / total for weight in weights]
    waiting = share[agents:]
    mean_queue = sum(k * each for k, each in enumerate(waiting))
    at_once = sum(share[:agents])
    served = at_once + _served_within(waiting, agents * mu, theta, within_s)
    return served, theta * mean_queue / per_s, mean_queue / per_s


def _served_within(ahead: list[float], work: float, theta: float, within_s: float) -> float:
    """The chance to be served in time, by how many were ahead: a chain down to 0, left at `theta` on the way."""
    rate = work + (len(ahead) + 1) * theta
    chain, served, answer = list(ahead), 0.0, 0.0
    term, spent = math.exp(-rate * within_s), 0.0
    n = 0
    while spent < 1 - 1e-12:
        answer += term * served
        spent += term
        n += 1
        term *= rate * within_s / n
        down = [(work + k * theta) / rate for k in range(len(chain))]
        served += chain[0] * down[0]
        chain = [
            chain[k] * (1 - down[k] - theta / rate) + (chain[k + 1] * down[k + 1] if k + 1 < len(chain) else 0.0)
            for k in range(len(chain))
        ]
    return answer + (1 - spent) * served


STUDENT = {4: 3.182, 5: 2.776, 6: 2.571, 8: 2.365, 10: 2.262, 12: 2.201, 16: 2.131, 20: 2.093}
"""Student's t for 95 % by the number of values."""


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half width of the 95 % interval of independent values, such as the means of whole days."""
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return mean, STUDENT[len(values)] * spread / math.sqrt(len(values))

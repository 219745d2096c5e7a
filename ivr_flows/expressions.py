"""Variables in texts and conditions in branches: Jinja2's sandbox, cut down to what a flow needs.

No loops, no calls, no assignment, no attributes of Python objects, and only the filters below: what is left costs
time in proportion to its own length, so a hostile template can neither reach out of the sandbox nor hold up a call.
That is checked when the flow is loaded; lengths and numbers that depend on the caller are checked when the text is
filled in. So is the time it takes, counted in work done and not in seconds: a text that is asked for twice must come
out the same on a busy machine and on an idle one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote

from jinja2 import ChainableUndefined, TemplateSyntaxError, nodes
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS as JINJA_TESTS

from ivr_flows.said import said

NAMES = ("vars", "customer", "call", "now", "value", "queue")
MAX_TEMPLATE_CHARS = 4000
MAX_TEXT_CHARS = 3000
MAX_NUMBER = 10**15
MAX_NESTING = 50  # Python itself gives up at 200 brackets inside each other
MAX_WORK = 100_000  # characters handled by operators, filters and look-ups while one text is filled in: milliseconds
CLOCK_NAMES = frozenset({"hour", "minute", "weekday", "date"})
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.If,
    nodes.CondExpr,
    nodes.Name,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Const,
    nodes.List,
    nodes.Tuple,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Neg,
    nodes.Pos,
    nodes.Concat,
    nodes.Filter,
    nodes.Test,
)
_REFUSED_WORDS = {
    nodes.For: "loops",
    nodes.Call: "calls",
    nodes.Assign: "assignments",
    nodes.AssignBlock: "assignments",
    nodes.Macro: "macros",
    nodes.Import: "imports",
    nodes.FromImport: "imports",
    nodes.Include: "includes",
    nodes.Extends: "extends",
    nodes.Block: "blocks",
    nodes.Pow: "powers",
    nodes.Mod: "the % operator",
    nodes.Div: "division",
    nodes.FloorDiv: "division",
    nodes.Slice: "slices",
    nodes.Dict: "dictionaries",
}


class BadTemplate(ValueError):
    """The template cannot be used; the message says why in a sentence's rest ("uses loops; …")."""


class TooMuchWork(Exception):
    """A text or a condition took too long to work out."""


class TextTooLong(Exception):
    """A text grew over MAX_TEXT_CHARS while it was filled in."""


def spelled(value: object) -> str:
    """Characters one by one, with pauses, so that a voice reads 4071 as "4, 0, 7, 1"."""
    return ", ".join(char for char in str(value) if not char.isspace())


def _rounded(value: Any, digits: int = 0) -> float | int:
    if not 0 <= digits <= 6:
        raise ValueError("round takes 0 to 6 digits")
    rounded: float | int = round(value, digits) if digits else round(value)
    return rounded


def _kept_short(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same filter, refusing texts in and out that are too long."""

    def short(value: Any, *args: Any, **kwargs: Any) -> Any:
        for text in (value, *args, *kwargs.values()):
            _check_size(text)
        return _check_size(function(value, *args, **kwargs))

    return short


_Result = TypeVar("_Result")
_work_left: ContextVar[list[int] | None] = ContextVar("work_left", default=None)


def _within_limits(work: Callable[[], _Result]) -> _Result:
    """Do this with a fresh allowance of work."""
    token = _work_left.set([MAX_WORK])
    try:
        return work()
    finally:
        _work_left.reset(token)


def _spend(value: Any) -> None:
    """Count the handling of this value; TooMuchWork when the allowance is used up."""
    left = _work_left.get()
    if left is None:  # while the flow is read
        return
    left[0] -= 1 + (len(value) if isinstance(value, str | list | tuple | dict) else 0)
    if left[0] < 0:
        raise TooMuchWork(f"takes more than {MAX_WORK:,} steps to work out")


def _check_size(value: Any) -> Any:
    _spend(value)
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARS:
        raise TextTooLong
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise OverflowError("a number grew too large")
    return value


_FROM_JINJA = (
    "abs",
    "capitalize",
    "default",
    "first",
    "float",
    "int",
    "last",
    "length",
    "lower",
    "title",
    "trim",
    "upper",
)
FILTERS: dict[str, Callable[..., Any]] = {name: _kept_short(JINJA_FILTERS[name]) for name in _FROM_JINJA}
FILTERS |= {"spell": _kept_short(spelled), "round": _kept_short(_rounded)}
TESTS = {
    name: JINJA_TESTS[name]
    for name in ("defined", "undefined", "none", "number", "string", "in", "even", "odd", "true", "false")
}


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "+", "-"})

    def __init__(self, finalize: Callable[[Any], str] | None = None) -> None:
        super().__init__(undefined=ChainableUndefined, autoescape=False, keep_trailing_newline=False, finalize=finalize)
        self.filters = dict(FILTERS)
        self.tests = dict(TESTS)
        self.globals = {}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`a.b` looks into mappings and nowhere else: Python objects have nothing to give to a flow."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        _spend(None)
        if isinstance(obj, Mapping) and isinstance(argument, str) and argument in obj:
            return obj[argument]
        if isinstance(obj, list | tuple) and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "*" and not (_is_number(left) and _is_number(right)):
            raise TypeError("only numbers can be multiplied")
        _check_size(left)
        _check_size(right)
        return _check_size(super().call_binop(context, operator, left, right))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _printed(value: Any) -> str:
    """What goes into the text: a list or a mapping only as long as a text may be."""
    _spend(value)
    return str(_check_size(str(value)))


_SANDBOX = _Sandbox(finalize=_printed)
_URL_SANDBOX = _Sandbox(finalize=lambda value: quote(_printed(value), safe=""))


@lru_cache(maxsize=8192)
def check_template(source: str) -> None:
    """BadTemplate when the text is no safe template."""
    if len(source) > MAX_TEMPLATE_CHARS:
        raise BadTemplate(said("is longer than {most} characters", most=MAX_TEMPLATE_CHARS))
    if _is_plain(source):
        return
    _check_tree(_parsed(lambda: _SANDBOX.parse(source)))


@lru_cache(maxsize=8192)
def check_expression(source: str) -> None:
    """BadTemplate when the condition is no safe expression."""
    if len(source) > MAX_TEMPLATE_CHARS:
        raise BadTemplate(said("is longer than {most} characters", most=MAX_TEMPLATE_CHARS))
    _check_tree(_parsed(lambda: _whole_expression(source)))


def fill(source: str, names: Mapping[str, Any], *, in_url: bool = False) -> str:
    """The text with its variables filled in; missing ones become "". `in_url` percent-encodes what is filled in.

    TextTooLong when the result passes MAX_TEXT_CHARS; BadTemplate when it cannot be worked out (a word compared with
    a number).
    """
    if _is_plain(source):
        return source
    try:
        text = _within_limits(lambda: str(_template(source, in_url).render(names)))
    except TextTooLong:
        raise
    except Exception as error:  # whatever the author's template does must not end the call
        raise BadTemplate(_reason(error)) from error
    _check_size(text)
    return speakable(text)


def speakable(text: str) -> str:
    """The text on one line, without what neither XML nor PostgreSQL can hold: control characters, half pairs."""
    return " ".join("".join(" " if unicodedata.category(char) in ("Cc", "Cs") else char for char in text).split())


def evaluate(source: str, names: Mapping[str, Any]) -> bool:
    """Whether the condition holds. TextTooLong and BadTemplate as for `fill`."""
    try:
        return _within_limits(lambda: bool(_expression(source)(**names)))
    except TextTooLong:
        raise
    except Exception as error:  # as above
        raise BadTemplate(_reason(error)) from error


def clock_names(now: datetime) -> dict[str, Any]:
    """What `now` offers to expressions, in the zone of the given time.

    Hour 0-23, minute, weekday "mon", date "2026-03-09".
    """
    return {"hour": now.hour, "minute": now.minute, "weekday": _WEEKDAYS[now.weekday()], "date": now.date().isoformat()}


def variables_used(source: str) -> set[str]:
    """Names looked up in `vars`, for the linter: {{ vars.account }} uses "account"."""
    return names_used(source, "vars")


def names_used(source: str, of: str) -> set[str]:
    """What a text or a condition looks up in one of NAMES: `now.hour < 9` uses "hour" of "now"."""
    return set(re.findall(rf"(?<![\w.]){of}\.([A-Za-z_][A-Za-z0-9_]*)", source)) if f"{of}." in source else set()


def _is_plain(source: str) -> bool:
    return "{{" not in source and "{%" not in source and "{#" not in source


def _whole_expression(source: str) -> nodes.Node:
    parser = Parser(_SANDBOX, source, state="variable")
    expression = parser.parse_expression()
    if not parser.stream.eos:
        raise TemplateSyntaxError("there is more after the end of the condition", 1)
    return expression


def _parsed(parse: Callable[[], nodes.Node]) -> nodes.Node:
    try:
        return parse()
    except TemplateSyntaxError as error:
        raise BadTemplate(said("cannot be read: {problem}", problem=error.message)) from error
    except RecursionError as error:
        raise BadTemplate(said("is nested too deeply")) from error


def _check_tree(tree: nodes.Node) -> None:
    waiting = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_NESTING:
            raise BadTemplate(said("is nested too deeply"))
        _check_node(node)
        waiting.extend((child, depth + 1) for child in node.iter_child_nodes())


def _check_node(node: nodes.Node) -> None:
    if not isinstance(node, _ALLOWED):
        what = _REFUSED_WORDS.get(type(node), type(node).__name__.lower())
        raise BadTemplate(said("uses {what}; only variables, conditions and filters are allowed", what=what))
    if isinstance(node, nodes.Name) and node.name not in NAMES:
        raise BadTemplate(
            said("uses the unknown name '{name}'; use one of: {names}", name=node.name, names=", ".join(NAMES))
        )
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        raise BadTemplate(said("uses '{name}'; names that begin with _ are not allowed", name=node.attr))
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        raise BadTemplate(
            said(
                "uses the unknown filter '{name}'; use one of: {names}",
                name=node.name,
                names=", ".join(sorted(FILTERS)),
            )
        )
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        raise BadTemplate(
            said("uses the unknown test '{name}'; use one of: {names}", name=node.name, names=", ".join(sorted(TESTS)))
        )


def _reason(error: Exception) -> str:
    return f"{error}"[:200] or type(error).__name__


@lru_cache(maxsize=4096)
def _template(source: str, in_url: bool) -> Any:
    check_template(source)
    return (_URL_SANDBOX if in_url else _SANDBOX).from_string(source)


@lru_cache(maxsize=4096)
def _expression(source: str) -> Callable[..., Any]:
    check_expression(source)
    compiled: Callable[..., Any] = _SANDBOX.compile_expression(source, undefined_to_none=True)
    return compiled


__all__ = [
    "CLOCK_NAMES",
    "BadTemplate",
    "TextTooLong",
    "check_expression",
    "check_template",
    "clock_names",
    "evaluate",
    "fill",
    "names_used",
    "speakable",
    "spelled",
    "variables_used",
]

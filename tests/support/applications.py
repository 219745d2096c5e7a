"""Applications in a test's own process, made quickly.

A test may want an application of its own, with settings of its own. What is dear about one does not depend on its
settings: connections to the database, the statements its engine has compiled, the code that builds its addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from sqlalchemy import Engine
from werkzeug.routing import Rule

from app import db


@contextmanager
def made_quickly() -> Iterator[None]:
    """While the block runs, applications share an engine for each database, and how their addresses are built."""
    connect, compile_builder = db.connect, Rule._compile_builder
    one_for_each_url = cache(connect)
    builders: dict[Any, Callable[..., tuple[str, str]]] = {}

    def shared(url: str) -> Engine:
        engine = one_for_each_url(url)
        db.sessions.configure(bind=engine)
        return engine

    def builder(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        if rule.defaults:
            return compile_builder(rule, append_unknown)
        looks = (tuple(rule._trace), append_unknown)
        if looks not in builders:
            builders[looks] = compile_builder(rule, append_unknown)
        return builders[looks]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "connect", shared)
        patch.setattr(Rule, "_compile_builder", builder)
        yield

"""Callbacks: a promise to call somebody back, kept in order, at an allowed time, and never twice."""

from __future__ import annotations


def init() -> None:
    """Register the clock's questions: they stand beside their services."""
    import app.callbacks.expire  # noqa: F401 - imported for what it registers

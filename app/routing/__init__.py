"""The ACD: queues, presence, offers, and the match of callers and agents."""

from __future__ import annotations


def init() -> None:
    """Register the dispatch job and the clock's questions: they stand beside their services."""
    import app.interactions.messages
    import app.routing.dispatch
    import app.routing.expire  # noqa: F401 - imported for what they register

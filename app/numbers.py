"""Our numbers, as rooms other than the telephone's see them. Injected as `app.extensions["our_numbers"]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class OurNumber:
    """One number of ours and the flow that answers it."""

    id: int
    number: str
    label: str
    flow: str
    language: str
    is_at_carrier: bool
    """Whether the carrier knows it as ours, with our webhooks."""
    flow_version: str | None = None
    """The flow's live version; None when there is no such flow."""


class NumberRefused(Exception):
    """The change cannot be made; `field` names what is wrong with it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Numbers(Protocol):
    """Reads and edits our numbers in the caller's transaction."""

    def all(self, session: Session) -> list[OurNumber]:
        """Every number of ours, oldest first."""

    def flows(self) -> list[str]:
        """The names of the flows that a number may point to."""

    def edit(self, session: Session, number_id: int, *, label: str, flow: str, language: str) -> OurNumber:
        """Change a number. Raises NumberRefused; LookupError for an unknown id."""

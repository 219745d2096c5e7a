"""Our numbers, as rooms other than the telephone's see them. Injected as `app.extensions["our_numbers"]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import phonenumbers
from phonenumbers import PhoneNumberType
from sqlalchemy.orm import Session

COSTLY = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})


def callable_number(number: str, ours: str) -> bool:
    """Whether a stranger may have us call this number (E.164): of our own number's country, and no costly service."""
    try:
        theirs, own = phonenumbers.parse(number), phonenumbers.parse(ours)
    except phonenumbers.NumberParseException:
        return False
    possible = phonenumbers.is_possible_number(theirs) and theirs.country_code == own.country_code
    return possible and phonenumbers.number_type(theirs) not in COSTLY


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
    priority_min: int = 0
    """The head start in minutes that its callers have in every queue."""
    source: str = "page"
    """`file`: follows entry_points.yaml; `page`: an admin's word stands."""
    in_file: dict[str, Any] | None = None
    """What entry_points.yaml says of it, as in `state`; None when the file does not list it."""


NumberState = dict[str, Any]
"""What of a number can be changed, and taken back."""


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

    def add(
        self, session: Session, number: str, *, label: str, flow: str, language: str, priority_min: int
    ) -> OurNumber:
        """A number (E.164) is ours from now on. Raises NumberRefused."""

    def edit(
        self,
        session: Session,
        number_id: int,
        *,
        label: str,
        flow: str,
        language: str,
        priority_min: int | None = None,
    ) -> OurNumber:
        """Change a number; from now on the page's word stands. Raises NumberRefused; LookupError for an unknown id."""

    def remove(self, session: Session, number_id: int) -> None:
        """Its callers are told that the number is not in use. Raises LookupError."""

    def follow_file(self, session: Session, number_id: int) -> OurNumber:
        """Let entry_points.yaml say where it leads. NumberRefused when the file does not list it; LookupError."""

    def state(self, session: Session, number_id: int) -> NumberState | None:
        """`{number, label, flow, language, priority_min, source}` as it stands, held; None when it is not ours."""

    def restore(self, session: Session, number_id: int, state: NumberState | None) -> None:
        """Put an earlier state back, None for "not ours". Raises NumberRefused, LookupError."""

    def as_file(self, session: Session) -> str:
        """What stands now, as the text of entry_points.yaml."""

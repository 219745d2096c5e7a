"""What an agent does with a running call, at the carrier. States and events are written by whoever asks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from app.db import unit_of_work
from app.desktop.call_control import CallRefused
from telephony import legs
from telephony.carrier import CarrierError
from telephony.room import Room


class CarrierCalls:
    """Implements app.desktop.call_control.CallControl on conference participants."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def hold(self, interaction_id: uuid.UUID, *, held: bool) -> None:
        with _refusals():
            customer = self._call_of(interaction_id, "caller")
            self._room.carrier.hold(str(interaction_id), customer, held, self._room.urls.hold(interaction_id))

    def mute(self, interaction_id: uuid.UUID, user_id: int, *, muted: bool) -> None:
        with _refusals():
            agent = self._call_of(interaction_id, "agent", user_id)
            self._room.carrier.mute(str(interaction_id), agent, muted)

    def send_digits(self, interaction_id: uuid.UUID, digits: str) -> None:
        """An announcement to one participant whose document plays tones: the talk goes on meanwhile."""
        with _refusals():
            customer = self._call_of(interaction_id, "caller")
            tones = self._room.urls.tones(interaction_id, digits)
            self._room.carrier.announce(str(interaction_id), customer, tones)

    def _call_of(self, interaction_id: uuid.UUID, role: str, user_id: int | None = None) -> str:
        """The call of the connected leg in this role. Raises CallRefused when there is none."""
        with unit_of_work() as session:
            found = [
                leg
                for leg in legs.open_legs(session, interaction_id, role)
                if leg.state == "connected" and user_id in (None, leg.user_id)
            ]
        if not found or found[-1].call_sid is None:
            raise CallRefused(_NOBODY[role], gone=True)
        return found[-1].call_sid


_NOBODY = {
    "caller": "The customer is not on the line.",
    "agent": "Your phone is not on this call any more.",
}


@contextmanager
def _refusals() -> Iterator[None]:
    """The carrier's errors in words that an agent understands."""
    try:
        yield
    except CarrierError as error:
        if error.gone:
            raise CallRefused("The call is over.", gone=True) from error
        raise CallRefused("The carrier did not do it. The call stands as it was; try again.") from error

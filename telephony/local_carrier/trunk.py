"""A call from the account to one of its own numbers: two legs, back to back, without a phone between."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from telephony.local_carrier.calls import Call

if TYPE_CHECKING:
    from telephony.local_carrier.carrier import Carrier
    from telephony.local_carrier.numbers import IncomingNumber


class _End:
    """What a leg sees of the other leg."""

    def __init__(self, far: Call, answered: asyncio.Future[str]) -> None:
        self._far = far
        self._answered = answered

    def send_audio(self, frame: bytes) -> None:
        self._far.uplink.put(frame)

    def show_answered(self, call: Call) -> None:
        if call.direction == "inbound" and not self._answered.done():
            self._far.answer()
            self._answered.set_result("answered")

    def show_digits(self, call: Call, digits: str) -> None:
        self._far.uplink.press(digits)

    def show_ended(self, call: Call) -> None:
        if not self._answered.done():
            self._answered.set_result(call.status if call.status in {"busy", "no-answer"} else "failed")
            return
        self._far.end()


async def ring_own_number(carrier: Carrier, call: Call, number: IncomingNumber, timeout_s: float) -> str:
    """Let the number's own script take the call; the outcome is as for a phone."""
    answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    arriving = carrier.new_inbound_call(sender=call.sender, number=number)
    arriving.attach(_End(call, answered))
    call.attach(_End(arriving, answered))
    call.move_to("ringing")
    carrier.begin_inbound(arriving, number)
    try:
        async with asyncio.timeout(timeout_s):
            return await answered
    except TimeoutError:
        return "no-answer"
    finally:
        if not call.is_up:
            arriving.end("canceled")

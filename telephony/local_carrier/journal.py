"""A short diary of calls under way, so that a carrier that was killed can say after its restart that they failed."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telephony.local_carrier.callbacks import Callback, now

if TYPE_CHECKING:
    from telephony.local_carrier.calls import Call
    from telephony.local_carrier.carrier import Carrier

log = logging.getLogger(__name__)
_REWRITE_AFTER = 2000


class Journal:
    """One line when a call begins and one when it ends, in `calls.journal` under the data folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "calls.journal"
        self._open: dict[str, dict[str, Any]] = {}
        self._lines = 0

    def call_began(self, call: Call) -> None:
        """Note what must be said about the call if it cannot end properly."""
        self._open[call.sid] = _entry(call)
        self._append({"began": self._open[call.sid]})

    def call_changed(self, call: Call) -> None:
        """The call's callback became known later than the call."""
        if call.sid in self._open:
            self.call_began(call)

    def call_ended(self, call: Call) -> None:
        """Nothing more to say about it."""
        self._open.pop(call.sid, None)
        self._append({"ended": call.sid})

    def _append(self, line: dict[str, Any]) -> None:
        """Write one line; a full disk costs the diary, never a call."""
        self._lines += 1
        try:
            if self._lines > _REWRITE_AFTER:
                self._rewrite()
                return
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as problem:
            log.warning("the diary of calls could not be written: %s", problem.strerror)

    def _rewrite(self) -> None:
        beside = self._path.with_suffix(".new")
        beside.write_text("".join(json.dumps({"began": entry}) + "\n" for entry in self._open.values()), "utf-8")
        beside.replace(self._path)
        self._lines = len(self._open)

    def bury(self, carrier: Carrier) -> None:
        """After a restart: every call still open in the diary is kept as failed, and its callback told so."""
        from telephony.local_carrier.calls import Call  # calls need the carrier, which needs this module

        for entry in self._unfinished():
            callback = Callback(entry["url"], entry["method"], frozenset(entry["events"])) if entry["url"] else None
            call = Call(
                carrier, direction=entry["direction"], sender=entry["from"], to=entry["to"],
                callback=callback, phone_number_sid=entry["phone_number_sid"],
            )  # fmt: skip
            call.sid = entry["sid"]
            carrier.calls[call.sid] = call
            call.ended_at = now()
            call.end("failed")
        self._path.unlink(missing_ok=True)

    def _unfinished(self) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        unfinished: dict[str, dict[str, Any]] = {}
        for line in self._path.read_text("utf-8", errors="replace").splitlines():
            try:
                note = json.loads(line)
            except ValueError:
                continue  # the line that was being written when the power went
            if "began" in note:
                unfinished[note["began"]["sid"]] = note["began"]
            else:
                unfinished.pop(note.get("ended", ""), None)
        return list(unfinished.values())


def _entry(call: Call) -> dict[str, Any]:
    callback = call.callback
    return {
        "sid": call.sid,
        "direction": call.direction,
        "from": call.sender,
        "to": call.to,
        "phone_number_sid": call.phone_number_sid,
        "url": callback.url if callback else "",
        "method": callback.method if callback else "POST",
        "events": sorted(callback.events) if callback else [],
    }

"""The account's telephone numbers and TwiML applications, kept in one small file so that a restart forgets neither."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from telephony.local_carrier.callbacks import Callback, now
from telephony.local_carrier.sids import new_sid


@dataclass(frozen=True)
class Application:
    """A TwiML application: where calls of browser phones are sent to."""

    sid: str = field(default_factory=lambda: new_sid("AP"))
    friendly_name: str = ""
    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    voice_caller_id_lookup: bool = False
    status_callback: str = ""
    status_callback_method: str = "POST"
    sms_url: str = ""
    sms_method: str = "POST"
    sms_fallback_url: str = ""
    sms_fallback_method: str = "POST"
    sms_status_callback: str = ""
    message_status_callback: str = ""
    created_at: datetime.datetime = field(default_factory=now)
    updated_at: datetime.datetime = field(default_factory=now)

    @property
    def fallback(self) -> Callback | None:
        """Where to ask when the voice URL fails."""
        return Callback(self.voice_fallback_url, self.voice_fallback_method) if self.voice_fallback_url else None

    @property
    def at_end(self) -> Callback | None:
        """Whom to tell when a call has ended."""
        if not self.status_callback:
            return None
        return Callback(self.status_callback, self.status_callback_method, frozenset({"completed"}))


@dataclass(frozen=True)
class IncomingNumber(Application):
    """A number of the account: calls and messages to it are the application's."""

    sid: str = field(default_factory=lambda: new_sid("PN"))
    phone_number: str = ""
    voice_application_sid: str = ""
    sms_application_sid: str = ""


Kept = TypeVar("Kept", bound=Application)


class Shelf(Generic[Kept]):
    """Resources of one kind by SID, in the order in which they came."""

    def __init__(self, kind: type[Kept], save: Any) -> None:
        self._kind = kind
        self._items: dict[str, Kept] = {}
        self._save = save

    def __iter__(self) -> Iterator[Kept]:
        return iter(list(self._items.values()))

    def get(self, sid: str) -> Kept | None:
        """The resource, or None."""
        return self._items.get(sid)

    def put(self, item: Kept) -> Kept:
        """Add or replace, and save."""
        self._items[item.sid] = item
        self._save()
        return item

    def change(self, item: Kept, **changes: Any) -> Kept:
        """Save a changed copy."""
        return self.put(replace(item, updated_at=now(), **changes))

    def remove(self, sid: str) -> bool:
        """Forget it; False when it was not there."""
        there = self._items.pop(sid, None) is not None
        self._save()
        return there

    def load(self, rows: list[dict[str, Any]]) -> None:
        """Take what an earlier run saved; unknown fields of another version are ignored."""
        known = {column.name for column in fields(self._kind)}
        for row in rows:
            values = {name: value for name, value in row.items() if name in known}
            for name in ("created_at", "updated_at"):
                values[name] = datetime.datetime.fromisoformat(values[name])
            item = self._kind(**values)
            self._items[item.sid] = item

    def rows(self) -> list[dict[str, Any]]:
        """What is saved."""
        return [asdict(item) for item in self._items.values()]


class Numbers(Shelf[IncomingNumber]):
    """The account's numbers."""

    def by_number(self, number: str) -> IncomingNumber | None:
        """Who owns a number, if the account does."""
        return next((item for item in self._items.values() if item.phone_number == number), None)


class AccountFile:
    """Numbers and applications of the account, in `account.json` under the data folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "account.json"
        self.numbers = Numbers(IncomingNumber, self.save)
        self.applications: Shelf[Application] = Shelf(Application, self.save)
        self.opted_out: set[tuple[str, str]] = set()
        self.friendly_name = "Local carrier"
        self.created_at = now()

    def load(self) -> None:
        """Read what an earlier run saved. ValueError when the file is damaged: the message says what to do."""
        if not self._path.exists():
            return
        try:
            saved = json.loads(self._path.read_text("utf-8"))
            self.numbers.load(saved["numbers"])
            self.applications.load(saved["applications"])
            self.opted_out = {(pair[0], pair[1]) for pair in saved["opted_out"]}
        except (KeyError, TypeError, ValueError) as problem:
            raise ValueError(
                f"{self._path} is damaged ({problem}): repair it, or move it away to begin anew."
            ) from None

    def save(self) -> None:
        """Write everything; a crash leaves the old file or the new one, never half a file."""
        content = {
            "numbers": self.numbers.rows(),
            "applications": self.applications.rows(),
            "opted_out": sorted(self.opted_out),
        }
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps(content, default=lambda value: value.isoformat(), indent=1), "utf-8")
        beside.replace(self._path)

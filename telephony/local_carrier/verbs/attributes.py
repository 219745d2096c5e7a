"""Reading a verb's attributes: what is wrong is an alert and falls back to the verb's default, as at Twilio."""

from __future__ import annotations

from collections.abc import Iterable

from telephony.local_carrier.callbacks import Callback
from telephony.local_carrier.script import Stage
from telephony.local_carrier.twiml import Node

METHODS = frozenset({"GET", "POST"})


class Attributes:
    """One verb's attributes, typed. `code` is the alert for a value that cannot be used."""

    def __init__(self, verb: Node, stage: Stage, code: int = 12200) -> None:
        self._verb = verb
        self._stage = stage
        self._code = code

    def text(self, name: str, default: str = "") -> str:
        """The attribute as written."""
        return self._verb.attributes.get(name, default)

    def has(self, name: str) -> bool:
        """Whether it is written at all."""
        return name in self._verb.attributes

    def flag(self, name: str, default: bool) -> bool:
        """`true` or `false`."""
        return self.choice(name, "true" if default else "false", {"true", "false"}) == "true"

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number, not negative; beyond the bounds the nearer one."""
        value = self._verb.attributes.get(name)
        if value is None:
            return default
        if not value.isascii() or not value.isdigit():
            self._complain(name, value)
            return default
        return min(max(int(value[:10]), low), high)

    def choice(self, name: str, default: str, allowed: Iterable[str]) -> str:
        """One of some words."""
        value = self._verb.attributes.get(name, default)
        if value in allowed:
            return value
        self._complain(name, value)
        return default

    def method(self, name: str = "method", default: str = "POST") -> str:
        """GET or POST, in any case."""
        value = self._verb.attributes.get(name, default).upper()
        if value in METHODS:
            return value
        self._complain(name, value)
        return default

    def words(self, name: str, default: str, allowed: Iterable[str]) -> frozenset[str]:
        """Words with spaces between; unknown ones are left out."""
        known = frozenset(allowed)
        wanted = frozenset(self._verb.attributes.get(name, default).split())
        for word in sorted(wanted - known):
            self._complain(name, word)
        return wanted & known

    def callback(self, url: str, events: Iterable[str], method: str | None = None) -> Callback | None:
        """A status callback by the name of its URL attribute, made absolute; None when it is not written."""
        address = self.text(url)
        if not address:
            return None
        return Callback(self._stage.address(address), self.method(method or f"{url}Method"), frozenset(events))

    def _complain(self, name: str, value: str) -> None:
        self._stage.alert(
            self._code, f"<{self._verb.name}> {name}={value[:40]!r} cannot be used; the default is taken."
        )

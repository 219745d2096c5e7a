"""Settings that admins change, can look back on and can take back. The event log is the history."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import events
from app.accounts.models import User
from app.events import Event
from app.forms import Refusal
from app.routing.dispatch import request_dispatch

MOST_ID = 2**63 - 1
LINES = 50

Standing = dict[str, Any]
"""A thing's settings as JSON."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One kind of setting. `key` says which: the id of a queue, `<queue>:<user>` of a membership.

    `read` gives what stands, locked, or None when there is no such thing. `write(session, key, standing, actor)` makes
    it so, None removes it; it raises Refusal or BadInput where that cannot be. `label` is what people call it.
    """

    kind: str
    read: Callable[[Session, str], Standing | None]
    write: Callable[[Session, str, Standing | None, str], None]
    label: Callable[[Session, str, Standing], str]
    moves_work: bool = False
    """Whether callers and agents must be matched anew after a change."""


THINGS: dict[str, Thing] = {}
"""By the kind of their event."""


def register(thing: Thing) -> Thing:
    """Have a thing's changes looked back on and taken back."""
    THINGS[thing.kind] = thing
    return thing


def change(
    session: Session, thing: Thing, key: str, after: Standing | None, *, actor: str, undoes: int | None = None
) -> bool:
    """Make it so and tell it; False when it was so already."""
    before = thing.read(session, key)
    if before is None and after is None:
        raise LookupError("There is no such thing.")
    thing.write(session, key, after, actor)
    session.flush()
    return tell(session, thing, key, before, actor=actor, undoes=undoes)


def tell(
    session: Session, thing: Thing, key: str, before: Standing | None, *, actor: str, undoes: int | None = None
) -> bool:
    """Put a change that was made into the log; False when nothing changed."""
    after = thing.read(session, key)
    if before == after:
        return False
    about: dict[str, Any] = {"key": key, "before": before, "after": after} | ({"undoes": undoes} if undoes else {})
    label = thing.label(session, key, after or before or {})
    events.record(session, thing.kind, actor=actor, label=label, **about)
    if thing.moves_work:
        request_dispatch(session)
    return True


def undo(session: Session, event_id: int, *, actor: str) -> tuple[str, str]:
    """Take one change back, as a new change; the kind and key of what was changed.

    Refuses with 409 when it was changed again since: nobody's work is overwritten. LookupError for no such change.
    """
    event = session.get(Event, min(event_id, MOST_ID))
    thing = THINGS.get(event.kind) if event else None
    if event is None or thing is None or not {"key", "before", "after"} <= event.data.keys():
        raise LookupError("There is no such change.")
    key = str(event.data["key"])
    if thing.read(session, key) != event.data["after"]:
        raise Refusal(409, "changed_since", _("It was changed again since: take that back first."))
    change(session, thing, key, event.data["before"], actor=actor, undoes=event.id)
    return event.kind, key


def history(session: Session, kinds: Iterable[str], *, key: str | None = None) -> list[dict[str, Any]]:
    """The last changes, newest first: `{id, at, who, kind, label, how, changes: [{field, from, to}], undone, is_undo}`.

    With `key`, of this thing and of what belongs to it (`<key>:…`).
    """
    query = select(Event).where(Event.kind.in_(list(kinds)), Event.data.has_key("after"))
    if key is not None:
        which = Event.data["key"].astext
        query = query.where((which == key) | which.startswith(f"{key}:", autoescape=True))
    lines = list(session.scalars(query.order_by(Event.id.desc()).limit(LINES)))
    undone = {event.data.get("undoes") for event in lines}
    names = _names(session, {event.actor for event in lines})
    return [
        {
            "id": event.id,
            "at": event.at.isoformat(),
            "who": names.get(event.actor, event.actor),
            "kind": event.kind,
            "label": event.data["label"],
            "how": _how(event.data["before"], event.data["after"]),
            "changes": _changes(event.data["before"] or {}, event.data["after"] or {}),
            "undone": event.id in undone,
            "is_undo": "undoes" in event.data,
        }
        for event in lines
    ]


def fingerprint(standing: Standing) -> str:
    """What a form was drawn from: a save that knows another one would overwrite somebody's work."""
    return hashlib.sha256(json.dumps(standing, sort_keys=True).encode()).hexdigest()[:16]


def refuse_the_late(standing: Standing, seen: str | None) -> None:
    """409 when the page was drawn from something else than what stands now."""
    if seen and seen != fingerprint(standing):
        raise Refusal(409, "changed_since", _("Somebody changed this meanwhile. Look at what stands now, then save."))


def _how(before: Standing | None, after: Standing | None) -> str:
    return "added" if before is None else "removed" if after is None else "changed"


def _changes(before: Standing, after: Standing) -> list[dict[str, Any]]:
    names = [*before, *(name for name in after if name not in before)]
    return [
        {"field": name, "from": in_words(before.get(name)), "to": in_words(after.get(name))}
        for name in names
        if before.get(name) != after.get(name)
    ]


def in_words(value: Any) -> str:
    """A setting as a person reads it in the history."""
    if value is True or value is False:
        return str(_("yes") if value else _("no"))
    if value in (None, "", [], {}):
        return "–"
    match value:
        case dict():
            return ", ".join(f"{name} {in_words(part)}" for name, part in value.items() if part is not None)
        case list():
            return "; ".join(in_words(part) for part in value)
    return str(value)


def _names(session: Session, actors: set[str]) -> dict[str, str]:
    ids = [int(actor.removeprefix("user:")) for actor in actors if actor.startswith("user:")]
    return {f"user:{user.id}": user.name for user in session.scalars(select(User).where(User.id.in_(ids)))}

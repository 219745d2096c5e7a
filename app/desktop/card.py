"""The context card as the desktop draws it, made from what the customers' room knows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import format_datetime, ngettext
from flask_babel import gettext as _

MOST = 5
KINDS = {
    "tried_before": "retry",
    "voicemail": "open",
    "callback": "open",
    "waiting_for_answer": "open",
    "opted_out": "preference",
    "no_calls": "preference",
    "number_withheld": "note",
    "first_contact": "note",
}
"""What a fact looks like; one that is not listed is a note."""


def desktop_card(card: dict[str, Any], since: str) -> dict[str, Any]:
    """`{id, name, language, since, points, know (at most five, each with its look), say, last}` of `context_card()`."""
    facts = [{"text": _sentence(fact), "kind": KINDS.get(fact["code"], "note"), "at": None} for fact in card["know"]]
    facts += [{"text": _open_line(each), "kind": "open", "at": each["since"]} for each in card["open"]]
    last = card["last_contact"]
    return {
        "id": card["id"],
        "name": card["name"],
        "language": card["language"],
        "since": since,
        "points": card["contact_points"],
        "know": facts[:MOST],
        "say": _say({fact["code"] for fact in card["know"]}),
        "last": last and {**last, "line": (card["last_word"] or {}).get("text")},
    }


def _sentence(fact: dict[str, Any]) -> str:
    """A fact in the agent's language; one that is not known here reads as the customers' room wrote it."""
    values = fact["values"]
    match fact["code"]:
        case "tried_before":
            said = ngettext(
                "Tried %(num)s time in the last 30 minutes and gave up",
                "Tried %(num)s times in the last 30 minutes and gave up",
                values["times"],
            )
            return f"{said} ({', '.join(values['queues'])})" if values["queues"] else str(said)
        case "waiting_for_answer":
            return str(_("Their last text has no answer yet: “%(text)s”", text=values["text"]))
        case "voicemail":
            return str(_("Left a voicemail the last time: listen to it on the timeline."))
        case "callback" if values["at"]:
            at = datetime.fromisoformat(values["at"])
            when = {"number": values["number"], "time": format_datetime(at, "short")}
            return str(_("Waits for a call back at %(number)s, from %(time)s.", **when))
        case "callback":
            return str(_("Waits for a call back at %(number)s, as soon as somebody is free.", number=values["number"]))
        case "opted_out":
            return str(_("Asked for no more texts (STOP)."))
        case "no_calls" if values["reason"]:
            return str(_("Not to be called at %(number)s: %(reason)s", **values))
        case "no_calls":
            return str(_("Not to be called at %(number)s.", number=values["number"]))
        case "number_withheld":
            return str(_("The number is withheld: ask how to call back."))
        case "first_contact":
            return str(_("First contact: nothing is known yet."))
        case _code:
            return str(fact["text"])


def _open_line(contact: dict[str, Any]) -> str:
    who = contact["agent"] or contact["queue"]
    line = _("A call of theirs is open") if contact["channel"] == "voice" else _("A conversation by text is open")
    return f"{line} ({who})" if who else line


def _say(codes: set[str]) -> str | None:
    """A sentence to open with, where there is something to make good."""
    if "tried_before" in codes:
        return str(_("Say: “I see you tried to reach us just now. I am sorry for the wait.”"))
    return None

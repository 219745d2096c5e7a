"""Example records in the shapes of docs/contracts.md: typical, empty and overfull."""

# ruff: noqa: E501 - a record reads best in one line

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

PHONE = {
    "numbers": ["+15550102030", "+15550104477", "+15550109981"],
    "lines": [{"number": "+15550100100", "label": "Northwind Broadband"}],
}

MIRA = "0b8f6f0e-6a52-4f0e-9a3e-3f6f2b9c0001"
JOE = "0b8f6f0e-6a52-4f0e-9a3e-3f6f2b9c0002"
CALL = "7d1c2f8e-1111-4c1a-8f00-000000000001"
LONG_NAME = "Wilhelmina Anastasia Mira Chen-Featherstonehaugh of Harbour Street"
DISPOSITIONS = [
    {"code": "SALE", "label": "Sale made"},
    {"code": "INFO", "label": "Question answered"},
    {"code": "CALLBACK", "label": "Promised a call back"},
    {"code": "FAULT", "label": "Fault reported"},
    {"code": "CANCEL", "label": "Wants to cancel"},
    {"code": "WRONG", "label": "Wrong number"},
]


class Person:
    """The signed-in agent."""

    is_authenticated = True
    name = "Ana Costa"
    email = "ana@example.com"

    def has_role(self, role: str) -> bool:
        """She may see every page."""
        return True


def ago(**span: float) -> str:
    """An ISO time that long before now."""
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def _form_field(name: str, label: str) -> SimpleNamespace:
    return SimpleNamespace(id=name, name=name, label=SimpleNamespace(text=label), data="", errors=())


def sign_in() -> dict[str, Any]:
    """What Flask-Security hands to the sign-in page."""
    form = SimpleNamespace(
        hidden_tag=lambda: "",
        form_errors=[],
        email=_form_field("email", "Email"),
        password=_form_field("password", "Password"),
        remember=None,
    )
    people = [
        {"email": "ana@example.com", "password": "demo-ana", "role": "Agent"},
        {"email": "bo@example.com", "password": "demo-bo", "role": "Supervisor"},
        {"email": "root@example.com", "password": "demo-root", "role": "Admin"},
    ]
    return {"login_user_form": form, "demo_sign_ins": people}


def change_password() -> dict[str, Any]:
    """What Flask-Security hands to the page of one's own password: the new one was too short."""
    names = {"password": "Password", "new_password": "New Password", "new_password_confirm": "Retype Password"}
    fields = {name: _form_field(name, label) for name, label in names.items()}
    fields["new_password"].errors = ["Password must be at least 12 characters"]
    return {"change_password_form": SimpleNamespace(hidden_tag=lambda: "", form_errors=[], **fields)}


def customer(which: str = MIRA) -> dict[str, Any]:
    """A customer as /desktop/state names one."""
    if which == JOE:
        return {"id": JOE, "name": None, "number": "+15550104477", "language": None}
    return {"id": MIRA, "name": "Mira Chen", "number": "+15550102030", "language": "en"}


def state(case: str) -> dict[str, Any]:
    """GET /desktop/state for a case: idle, ringing, call, held, wrapping, missed, off or full.

    Offers: ringing-consult, ringing-text, calling (a callback whose customer is called first).
    Calls in hand: dialling (she calls), consult (she asked Ben), consult-waits (for a queue), consulted (Ben asked her),
    coached, parked, handed-on (her own wrap-up), supervising.
    """
    offer = _offer(case) if case in ("ringing", "ringing-consult", "ringing-text", "calling", "full") else None
    in_call = ("call", "held", "wrapping", "full", "consult-rings", "consult", "consulted", "joined", "coached")
    in_call = (*in_call, "handed-on", "consult-waits", "dialling")
    call = _call(case) if case in in_call else None
    status = {"ringing": "offered", "call": "interacting", "held": "interacting", "full": "interacting"}.get(case, case)
    routing = status if status in ("offered", "interacting", "wrapping") else "idle"
    if case == "missed":
        routing = "not_responding"
    reachable = case == "idle"
    presence = "offline" if case == "off" else "available"
    why = [] if reachable else ["You will not ring: you are offline - choose Available."]
    return {
        "me": {
            "id": 7,
            "name": "Ana Costa",
            "roles": ["agent"],
            "presence": presence,
            "reason": None,
            "next_presence": "break" if case == "full" else None,
            "since": ago(minutes=42),
            "set_by": "Sam Reed" if case == "full" else None,
            "reachability": {"reachable": reachable, "why": why, "routing_status": routing},
        },
        "offer": offer,
        "call": call,
        "parked": _parked() if case == "parked" else [],
        "supervising": _supervising() if case == "supervising" else None,
        "work": {"now": _work_now(call), "recent": [] if case in ("off", "idle-empty") else _recent(case)},
        "dispositions": DISPOSITIONS,
        "server_time": ago(),
        "last_event_id": "1-1",
    }


TARGETS = {
    "agents": [
        {"id": 8, "name": "Ben Okafor", "state": "free"},
        {"id": 9, "name": "Cho Min", "state": "busy"},
        {"id": 10, "name": "Dora Klein", "state": "break"},
    ],
    "queues": [
        {"key": "billing", "name": "Billing", "waiting": 4, "free": 0, "there": 3},
        {"key": "support", "name": "Support", "waiting": 0, "free": 2, "there": 2},
    ],
    "flows": [{"name": "main", "title": "Main line"}],
}


def _parked() -> list[dict[str, Any]]:
    """Her own, and a colleague's."""
    theirs = {"id": "00000009-0000-4000-8000-000000000000", "name": "Sofia Lindqvist", "number": "+15550108812"}
    return [
        {
            "interaction_id": CALL,
            "customer": customer(),
            "by": None,
            "since": ago(seconds=60),
            "until": ago(seconds=-540),
        },
        {
            "interaction_id": "7d1c2f8e-3333-4c1a-8f00-000000000001",
            "customer": theirs,
            "by": "Ben Okafor",
            "since": ago(seconds=200),
            "until": ago(seconds=-400),
        },
    ]


def _supervising() -> dict[str, Any]:
    return {
        "interaction_id": CALL,
        "agent": "Ben Okafor",
        "customer": customer(),
        "mode": "listen",
        "joined": True,
        "since": ago(seconds=40),
    }


def _consult(case: str) -> dict[str, Any] | None:
    if case == "consult-waits":
        asked = {"state": "waiting", "kind": "consult", "who": "Billing", "by": "Ana Costa", "outside": False}
        return asked | {"queue": "Billing", "since": ago(seconds=48)}
    state = {"consult-rings": "ringing", "consult": "talking", "consulted": "talking", "joined": "joined"}.get(case)
    if state is None:
        return None
    by, who = ("Ben Okafor", "Ana Costa") if case == "consulted" else ("Ana Costa", "Ben Okafor")
    return {"state": state, "kind": "consult", "who": who, "by": by, "outside": False, "since": ago(seconds=12)}


def _offer(case: str = "ringing") -> dict[str, Any]:
    asked = case == "ringing-consult"
    return {
        "role": "consult" if asked else "primary",
        "handed": {"by": "Ben Okafor", "note": "Wants the router exchanged"} if asked else None,
        "id": 12,
        "interaction_id": CALL,
        "expires_at": ago(seconds=-17),
        "seconds_left": 14.2,
        "ring_s": 20,
        "queue": "Sales",
        "customer": customer(),
        "why": "Said “a new plan” in the menu" if case != "ringing-text" else None,
        "waited_s": 42,
        "calling": case == "calling",
        "channel": "sms" if case == "ringing-text" else "voice",
    }


HELD = ("held", "consult-rings", "consult", "consulted", "consult-waits")
WRAPPING = ("wrapping", "handed-on")


def _call(case: str) -> dict[str, Any]:
    return {
        "interaction_id": CALL,
        "direction": "outbound" if case == "dialling" else "inbound",
        "state": "wrapping" if case in WRAPPING else "held" if case in HELD else "active",
        "since": _since(case),
        "answered_at": None if case == "dialling" else ago(minutes=3, seconds=12),
        "queue": None if case == "dialling" else "Sales",
        "customer": customer(),
        "muted": False,
        "path": [] if case == "dialling" else ["Welcome", "English", "Sales (said “a new plan”)"],
        "why": "a new plan",
        "hangup_requested": False,
        "wrap_up_ends_at": ago(seconds=-47) if case in WRAPPING else None,
        "wrap_up_mode": "timed",
        "wrap_up_asked": False,
        "role": {"consulted": "consult", "handed-on": "handed_on"}.get(case, "agent"),
        "outcome": DISPOSITIONS[0]["code"] if case == "handed-on" else None,
        "consult": _consult(case),
        "supervisors": [{"name": "Sam Reed", "mode": "coach", "since": ago(seconds=9)}] if case == "coached" else [],
        "help": {"at": ago(seconds=20), "note": None} if case == "coached" else None,
        "handed": {"by": "Ben Okafor", "note": "Wants the router exchanged"} if case == "consulted" else None,
    }


def _since(case: str) -> str:
    return ago(minutes=0 if case == "dialling" else 3, seconds={"held": 38, "dialling": 6}.get(case, 12))


def _work_now(call: dict[str, Any] | None) -> list[dict[str, Any]]:
    if not call:
        return []
    return [
        {
            "interaction_id": CALL,
            "customer": call["customer"],
            "channel": "voice",
            "state": call["state"],
            "since": call["answered_at"] or call["since"],
        }
    ]


def _recent(case: str) -> list[dict[str, Any]]:
    lines = [
        _recent_line(JOE, "sms", "Is the line down in Harbour Street again?", 9, unanswered=True),
        _recent_line(MIRA, "voice", "Promised a call back", 64),
    ]
    more = [
        ("Sofia Lindqvist", "+15550108812", "sms", "Thanks, that worked.", 60 * 5),
        ("Theodore Maximilian Featherstonehaugh-Cholmondeley the Third", "+15550107719", "voice", "completed", 60 * 26),
        ("王小明", "+8613912345678", "sms", "好的，谢谢您！", 60 * 30),
    ]
    for name, number, channel, line, minutes in more * (40 if case == "full" else 1):
        about = {"id": f"{len(lines):08d}-0000-4000-8000-000000000000", "name": name, "number": number}
        entry = {"customer": about, "channel": channel, "at": ago(minutes=minutes), "line": line, "unanswered": False}
        lines.append(entry)
    return lines


def _recent_line(who: str, channel: str, line: str, minutes: float, *, unanswered: bool = False) -> dict[str, Any]:
    about = customer(who)
    return {"customer": about, "channel": channel, "at": ago(minutes=minutes), "line": line, "unanswered": unanswered}


def record(which: str, case: str) -> dict[str, Any]:
    """What the record's fragment is drawn from."""
    if which == JOE:
        return {"card": _joe_card(), "timeline": _joe_line(), "more": False}
    line = _mira_line()
    if case == "full":
        line = [*line, *(_text("+", "long " * 300, minutes=60 * 24 * 20 + n, ident=1000 + n) for n in range(200))]
    return {"card": _mira_card(case), "timeline": line, "more": True}


def older(which: str) -> dict[str, Any]:
    """The page of the timeline before the first one: the oldest."""
    texts = [_text("inbound", f"Long ago, number {n}", minutes=60 * 24 * (30 + n), ident=500 + n) for n in range(3)]
    return {"card": {"id": which}, "timeline": texts, "more": False}


def _mira_card(case: str) -> dict[str, Any]:
    return {
        "id": MIRA,
        "name": LONG_NAME if case == "full" else "Mira Chen",
        "language": "en",
        "since": ago(days=210),
        "points": [
            {"kind": "phone", "value": "+15550102030", "sms_opted_out": False},
            {"kind": "phone", "value": "+15550109090", "sms_opted_out": True},
            {"kind": "email", "value": "mira.chen@example.com", "sms_opted_out": False},
        ],
        "know": [
            {"text": "Tried support twice in 30 minutes", "kind": "retry", "at": ago(minutes=70)},
            {"text": "Bo promised a call by Friday", "kind": "promise", "at": ago(days=1)},
            {"text": "Open: router exchange", "kind": "open", "at": None},
            {"text": "Prefers texts after 18:00", "kind": "preference", "at": None},
        ],
        "say": "Say: “I see you tried to reach us just now. I am sorry for the wait.”",
        "last": {"channel": "voice", "direction": "inbound", "at": ago(minutes=64), "line": "Promised a call back"},
    }


def _joe_card() -> dict[str, Any]:
    points = [{"kind": "phone", "value": "+15550104477", "sms_opted_out": True}]
    return {"id": JOE, "name": None, "language": None, "since": ago(minutes=9), "points": points, "know": [], "say": None, "last": None}  # fmt: skip


def _joe_line() -> list[dict[str, Any]]:
    return [_text("inbound", "Is the line down in Harbour Street again?", minutes=9, ident=900)]


def _text(direction: str, body: str, *, minutes: float, ident: int, status: str = "delivered") -> dict[str, Any]:
    item = {
        "id": ident,
        "direction": "outbound" if direction == "outbound" else "inbound",
        "body": body,
        "status": status,
        "error_text": None,
        "at": ago(minutes=minutes),
        "sent_by": "Bo" if direction == "outbound" else None,
        "segments": 1,
    }
    return {"kind": "messages", "at": item["at"], "interaction_id": None, "items": [item]}


HANDS = [
    {"kind": "menu", "name": None, "seconds": 22.0},
    {"kind": "queue", "name": "Sales", "seconds": 31.0},
    {"kind": "agent", "name": "Ana Costa", "seconds": 184.0},
    {"kind": "consult", "name": "Ben Okafor", "seconds": 41.0},
    {"kind": "parked", "name": None, "seconds": 75.0},
    {"kind": "agent", "name": "Cy Adler", "seconds": 189.0},
]


def _mira_line() -> list[dict[str, Any]]:
    texts = _text("inbound", "Hi, the router you sent does not switch on. What now?", minutes=60 * 20, ident=1)
    texts["items"] += _text("outbound", "Sorry about that. We will send another one today, and I call you by Friday to see that it works. Bo, Northwind", minutes=60 * 19.8, ident=2)["items"]  # fmt: skip
    texts["items"] += _text("outbound", "It is on its way: NW-2231", minutes=60 * 18, ident=3, status="sent")["items"]
    failed = _text("outbound", "Your new router should be there by now.", minutes=60 * 3, ident=4, status="undelivered")
    failed["items"][0]["error_text"] = "the phone was off"
    return [
        _call_entry(minutes=64, state="completed", talk_s=251, wait_s=42, agent="Ana Costa", disposition="Promised a call back",
                    path=["Welcome", "English", "Sales (pressed 1)"], recording=_tape(31, "done", 251.0)),
        _call_entry(minutes=90, state="abandoned", wait_s=187, path=["Welcome", "English", "Support (said “my router”)"]),
        failed,
        texts,
        {"kind": "note", "at": ago(days=2), "id": 5, "author": "Bo Nilsson", "body": "New router sent on Tuesday, number NW-2231.\nShe works nights: do not call before noon."},
        _call_entry(minutes=60 * 24 * 3, state="voicemail", wait_s=0, path=["Welcome", "Out of hours"],
                    recording=_tape(30, "running", 23.4) | {"kind": "voicemail"}),
        _call_entry(minutes=60 * 24 * 5, state="completed", talk_s=489, wait_s=31, agent="Cy Adler", hands=HANDS),
        _call_entry(minutes=60 * 24 * 9, state="completed", direction="outbound", talk_s=64, agent="Bo Nilsson"),
    ]  # fmt: skip


def _tape(ident: int, transcript: str, seconds: float) -> dict[str, Any]:
    return {"id": ident, "kind": "call", "duration_s": seconds, "state": "stored", "transcript_state": transcript}


def _call_entry(*, minutes: float, state: str, direction: str = "inbound", **more: Any) -> dict[str, Any]:
    outcome = "answered" if state == "completed" else state
    entry = {
        "kind": "call",
        "at": ago(minutes=minutes),
        "interaction_id": f"7d1c2f8e-2222-4c1a-8f00-{int(minutes):012d}",
        "direction": direction,
        "number": "+15550102030",
        "state": state,
        "queue": "Sales" if direction == "inbound" else None,
        "agent": None,
        "started_at": ago(minutes=minutes),
        "ended_at": ago(minutes=minutes - 4),
        "talk_s": None,
        "wait_s": None,
        "outcome": outcome,
        "path": [],
        "recording": None,
        "disposition": None,
    }
    return entry | more


TALK = [
    ("agent", "Northwind sales, this is Ana. How can I help?"),
    ("customer", "Hello. I called this morning about a new plan, and nobody rang me back."),
    ("agent", "I can see that, and I am sorry. Let me look at what was promised."),
    (
        "customer",
        "The router you sent does not switch on either, so I would rather have the bigger plan with a new one.",
    ),
    ("agent", "That is possible. The plan with the exchange is thirty nine a month, and the router comes tomorrow."),
    ("customer", "Good. Then call me on Friday when it is there."),
]


def transcript(source: str) -> dict[str, Any]:
    """Turns with word times, as the transcript route gives them."""
    turns, at = [], 2.0
    for speaker, text in TALK:
        words = []
        for word in text.split():
            words.append({"text": word, "start": at, "end": at + 0.3, "conf": 0.4 if word == "thirty" else 0.93})
            at += 0.36
        turns.append({"speaker": speaker, "start_s": words[0]["start"], "end_s": at, "text": text, "words": words})
        at += 1.1
    return {"turns": turns, "source": source}


ERROR = "There is nothing here. It may have been moved or merged."


def found(which: str) -> SimpleNamespace:
    """A customer as search finds one."""
    about = customer(which)
    return SimpleNamespace(
        id=about["id"], name=about["name"], contact_points=[SimpleNamespace(kind="phone", value=about["number"])]
    )


SYSTEM = {
    "processes": [
        {"name": "web", "state": "ok", "detail": "answering, 2 browsers listen"},
        {"name": "worker", "state": "ok", "detail": "leads the clock, 0 jobs wait"},
        {"name": "carrier", "state": "warn", "detail": "local, 18 ms late at times: other programs keep this machine busy"},
        {"name": "database", "state": "ok", "detail": "PostgreSQL 18, migrations up to date"},
    ],
    "speech": [
        {"language": "English", "listens": "Whisper base.en", "speaks": "hibari", "state": "ok", "detail": "text after each sentence"},
        {"language": "한국어", "listens": "Vosk", "speaks": "espeak", "state": "ok", "detail": ""},
        {"language": "Español", "listens": None, "speaks": "espeak", "state": "down", "detail": "No model: set VOSK_MODELS to a folder with one."},
    ],
    "flows": ["northwind", "support"],
    "numbers": [{"number": "+15550100100", "label": "Northwind Broadband", "flow": "northwind", "version": "669b273faef867f4", "queue": "Sales", "id": 1, "language": "en"}],
    "people": [
        {"name": "Ana Costa", "email": "ana@example.com", "roles": ["agent"], "presence": "available", "queues": ["Sales", "Support"], "id": 1, "active": True, "queue_ids": [1]},
        {"name": "Bo Nilsson", "email": "bo@example.com", "roles": ["agent", "supervisor"], "presence": "break", "queues": ["Support"], "id": 2, "active": True, "queue_ids": [2]},
        {"name": "Ruth Okafor", "email": "ruth@example.com", "roles": ["admin"], "presence": "offline", "queues": [], "id": 3, "active": False, "queue_ids": [3]},
    ],
    "queues": [
        {"id": 1, "name": "Sales", "members": 2, "waiting": 1, "service_level_s": 20, "max_wait_s": 1200, "wrap_up_s": 60},
        {"id": 2, "name": "Support", "members": 1, "waiting": 0, "service_level_s": 20, "max_wait_s": 1200, "wrap_up_s": 60},
    ],
    "settings": [{"name": "PUBLIC_BASE_URL", "value": "http://localhost:8000", "meaning": "Where browsers and the carrier reach this house."}],
}  # fmt: skip

REASONS = [
    {"key": "lunch", "name": "Lunch"},
    {"key": "pause", "name": "Short break"},
    {"key": "meeting", "name": "Meeting"},
    {"key": "training", "name": "Training"},
]

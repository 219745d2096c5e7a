"""All that the desktop needs to draw itself from nothing: GET /desktop/state."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, desc, func, or_, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.callbacks.who_first import customer_is_called
from app.customers.models import Customer
from app.db import database_now
from app.desktop.hand_over import consulting, in_hand, parked_json, state_since, supervision_json
from app.events import Event
from app.interactions.models import Disposition, Interaction, Message, Segment, State
from app.routing.consults import ROLE as CONSULT
from app.routing.models import TAKEN_OFFER, AgentState, Offer, OfferState, Presence, Queue, WrapUpMode
from app.routing.parts import ROLE as HANDED_ON
from app.routing.parts import open_part, own_work
from app.routing.presence import Reachability, reachability
from app.words import in_their_language

LIVE = (State.ACTIVE, State.HELD, State.AGENT_LOST)
AT_WORK = (*LIVE, State.WRAPPING)
RECENT_DAYS = 14
RECENT_MOST = 20
LINE_CHARS = 120
NEW_AGENT = ("transfer.made", "transfer.handed_over", "supervisor.took_over", "call.parked")
"""After these somebody else has the call, whose line is not muted."""
NOTHING_IN_HAND: dict[str, Any] = {"role": HANDED_ON, "consult": None, "supervisors": [], "help": None, "handed": None}
"""What is left of a call to whoever handed it on."""


def desktop_state(session: Session, user: User) -> dict[str, Any]:
    """The shape of docs/contracts.md. Take `/live` from `last_event_id`: nothing is missed, some may come twice."""
    last_event_id = newest_event_id(session)  # before the reading: an event in between comes twice rather than never
    now = database_now(session)
    call = call_at_hand(session, user.id)
    return {
        "me": _me(session, user),
        "offer": _offer(session, user.id, now),
        "call": call and call_json(session, call, user.id),
        "parked": parked_json(session, user.id),
        "supervising": supervision_json(session, user.id),
        "work": {"now": _work_now(session, user.id), "recent": _recent(session, user.id)},
        "dispositions": dispositions(session),
        "server_time": now.isoformat(),
        "last_event_id": last_event_id,
    }


NEWEST = text(
    "SELECT xid::text || '-' || id FROM event WHERE xid < pg_snapshot_xmin(pg_current_snapshot()) "
    "ORDER BY xid DESC, id DESC LIMIT 1"
)


def newest_event_id(session: Session) -> str:
    """The place in the event log before which nothing can change any more (app/live.py)."""
    return str(session.execute(NEWEST).scalar() or "0-0")


def dispositions(session: Session) -> list[dict[str, str]]:
    """The outcome codes to choose from, in their order."""
    rows = session.scalars(
        select(Disposition).where(Disposition.active).order_by(Disposition.position, Disposition.label)
    )
    return [{"code": row.code, "label": in_their_language(row.label)} for row in rows]


def _me(session: Session, user: User) -> dict[str, Any]:
    state = session.get(AgentState, user.id)
    return {
        "id": user.id,
        "name": user.name,
        "roles": sorted(role.name for role in user.roles),
        "presence": state.presence if state else Presence.OFFLINE.value,
        "reason": state.reason if state else None,
        "next_presence": state.next_presence if state else None,
        "since": state and _iso(state.changed_at),
        "set_by": session.get_one(User, state.set_by).name if state and state.set_by else None,
        "reachability": reachability_json(reachability(session, user.id)),
    }


def reachability_json(found: Reachability) -> dict[str, Any]:
    """`{reachable, why, routing_status}`."""
    return {
        "reachable": found.reachable,
        "why": [in_their_language(sentence) for sentence in found.why],
        "routing_status": str(found.routing_status),
    }


def _offer(session: Session, user_id: int, now: datetime) -> dict[str, Any] | None:
    """The call that rings for this agent now. Past its deadline it rings no more, seen by a clock or not."""
    pending = and_(Offer.user_id == user_id, Offer.state == OfferState.PENDING, Offer.expires_at > now)
    offer = session.scalars(select(Offer).where(pending).order_by(Offer.id.desc())).first()
    if not offer:
        return None
    interaction = session.get_one(Interaction, offer.interaction_id)
    queue = session.get(Queue, offer.queue_id) if offer.queue_id else None
    return {
        "id": offer.id,
        "interaction_id": str(interaction.id),
        "expires_at": _iso(offer.expires_at),
        "seconds_left": round((offer.expires_at - now).total_seconds(), 1),
        "ring_s": round((offer.expires_at - offer.created_at).total_seconds()),
        "queue": queue.name if queue else None,
        "customer": customer_json(session.get_one(Customer, interaction.customer_id), interaction.remote_address),
        "why": why(interaction),
        "waited_s": round((now - (interaction.virtual_start or interaction.created_at)).total_seconds()),
        "role": offer.role,
        "calling": customer_is_called(session, interaction),
        "channel": offer.channel,
        "handed": interaction.context.get("handed"),
    }


def why(interaction: Interaction) -> str | None:
    """In one line why they call: what the flow noted as the reason, else the last step of the path."""
    said = interaction.context.get("reason")
    return str(said) if said else next(iter(reversed(path_of(interaction))), None)


def path_of(interaction: Interaction) -> list[str]:
    """The way through the IVR, in words."""
    return [str(step) for step in interaction.context.get("path", [])]


def call_at_hand(session: Session, user_id: int) -> Interaction | None:
    """The call at hand: one's own that lives, one that a colleague asked into, or one that is being wrapped up."""
    own = session.scalars(
        select(Interaction)
        .where(_mine(user_id), Interaction.channel == "voice", Interaction.state.in_(AT_WORK))
        .order_by(Interaction.state == State.WRAPPING, Interaction.created_at.desc())
        .limit(1)
    ).first()
    part = open_part(session, user_id) if own is None else None
    return session.get_one(Interaction, part.interaction_id) if part else own or consulting(session, user_id)


def own_call_id(session: Session, user_id: int) -> uuid.UUID | None:
    """The call this agent has at hand, or the one that rings for them."""
    call = call_at_hand(session, user_id)
    if call:
        return call.id
    pending = select(Offer.interaction_id).where(Offer.user_id == user_id, Offer.state == OfferState.PENDING)
    return session.scalars(pending.order_by(Offer.id.desc())).first()


def call_json(session: Session, interaction: Interaction, user_id: int) -> dict[str, Any]:
    """A call as this agent's desktop draws it: `since` its state began; `answered_at` the talk, null while it rings.

    For whoever handed it on, it is their own wrap-up, wherever the call is by then.
    """
    work = own_work(session, interaction.id, user_id)
    part = work if work is not None and work.role == HANDED_ON else None
    queue_id = part.queue_id if part else interaction.queue_id
    queue = session.get(Queue, queue_id) if queue_id else None
    wrapping = part is not None or interaction.state == State.WRAPPING
    return {
        "interaction_id": str(interaction.id),
        "direction": interaction.direction,
        "state": State.WRAPPING.value if part else interaction.state,
        "since": _iso(part.wrapping_at if part else state_since(session, interaction)),
        "answered_at": _iso(interaction.answered_at),
        "queue": queue.name if queue else None,
        "customer": customer_json(session.get_one(Customer, interaction.customer_id), interaction.remote_address),
        "muted": not wrapping and is_muted(session, interaction.id),
        "path": path_of(interaction),
        "why": why(interaction),
        "language": interaction.language,
        "hangup_requested": part is None and interaction.hangup_requested_by is not None,
        "wrap_up_ends_at": _iso(part.wrap_until if part else interaction.wake_at) if wrapping else None,
        "wrap_up_mode": queue.wrap_up_mode if queue else WrapUpMode.TIMED.value,
        "wrap_up_asked": work is not None and work.wrap_asked,
        "outcome": _outcome(interaction, work, user_id),
        **(NOTHING_IN_HAND if part else in_hand(session, interaction, user_id)),
    }


def _outcome(interaction: Interaction, work: Offer | None, user_id: int) -> str | None:
    """What the agent chose until now; a consulted colleague chooses nothing."""
    given = interaction.disposition_code if interaction.agent_id == user_id else None
    return given or (work.disposition_code if work else None)


def is_muted(session: Session, interaction_id: uuid.UUID) -> bool:
    """What the log says last: a leg that was lost comes back unmuted."""
    kinds = ("call.muted", "call.agent_lost", "call.agent_back", *NEW_AGENT)
    last = session.scalars(
        select(Event)
        .where(Event.interaction_id == interaction_id, Event.kind.in_(kinds))
        .order_by(Event.id.desc())
        .limit(1)
    ).first()
    return bool(last and last.kind == "call.muted" and last.data.get("muted"))


def customer_json(customer: Customer, number: str | None = None) -> dict[str, Any]:
    """`{id, name, number, language}`; `number` is the one in use, else the first known."""
    first = next((point.value for point in customer.contact_points if point.kind == "phone"), None)
    return {
        "id": str(customer.id),
        "name": customer.name,
        "number": number or first,
        "language": customer.language,
    }


def _work_now(session: Session, user_id: int) -> list[dict[str, Any]]:
    rows = session.execute(
        select(Interaction, Segment.started_at)
        .join(Segment, and_(Segment.interaction_id == Interaction.id, Segment.ended_at.is_(None)), isouter=True)
        .where(_mine(user_id), Interaction.state.in_(AT_WORK))
        .order_by(Interaction.created_at)
    ).all()
    found: list[tuple[Interaction, str, datetime | None]] = [
        (interaction, interaction.state, since or interaction.created_at) for interaction, since in rows
    ]
    part = open_part(session, user_id)
    if part is not None:
        found.append((session.get_one(Interaction, part.interaction_id), State.WRAPPING.value, part.wrapping_at))
    people = _customers(session, (interaction.customer_id for interaction, *_ in found))
    return [
        {
            "interaction_id": str(interaction.id),
            "customer": customer_json(people[interaction.customer_id], interaction.remote_address),
            "channel": interaction.channel,
            "state": state,
            "since": _iso(since),
        }
        for interaction, state, since in found
    ]


def _recent(session: Session, user_id: int) -> list[dict[str, Any]]:
    """The last word of each customer this agent dealt with, and of those whose texts nobody has taken up yet."""
    lines = [*_recent_calls(session, user_id), *_recent_texts(session, user_id)]
    newest: dict[uuid.UUID, dict[str, Any]] = {}
    for line in sorted(lines, key=lambda line: line["at"], reverse=True):
        newest.setdefault(line["customer_id"], line)
    chosen = list(newest.values())[:RECENT_MOST]
    people = _customers(session, (line["customer_id"] for line in chosen))
    return [
        {
            "customer": customer_json(people[line["customer_id"]], line["number"]),
            "channel": line["channel"],
            "at": _iso(line["at"]),
            "line": line["line"],
            "unanswered": line["unanswered"],
        }
        for line in chosen
    ]


def _recent_calls(session: Session, user_id: int) -> list[dict[str, Any]]:
    """Every call that the agent had a part in and has no more, with their own outcome of it."""
    part = _own_parts(user_id).subquery()
    rows = session.execute(
        select(Interaction, part.c.role, part.c.ended_at, Disposition.label)
        .join(part, part.c.interaction_id == Interaction.id)
        .join(Disposition, Disposition.code == part.c.disposition_code, isouter=True)
        .where(part.c.state == OfferState.COMPLETED, Interaction.channel == "voice", Interaction.state != State.PARKED)
        .order_by(part.c.created_at.desc())
        .limit(RECENT_MOST)
    )
    return [
        {
            "customer_id": call.customer_id,
            "number": call.remote_address,
            "channel": "voice",
            "at": ended_at or call.created_at,
            "line": in_their_language(label) if label else _how_it_ended(call, role, user_id),
            "unanswered": False,
        }
        for call, role, ended_at, label in rows
    ]


def _how_it_ended(call: Interaction, role: str, user_id: int) -> str:
    """For this agent: as the call did where they were its last, else by their leaving it."""
    if call.agent_id == user_id:
        return call.state
    return "asked" if role == CONSULT else "handed_on"


def _own_parts(user_id: int) -> Any:
    """The agent's newest offer of each contact they took lately."""
    return (
        select(Offer)
        .where(Offer.user_id == user_id, Offer.state.in_(TAKEN_OFFER), Offer.created_at > _days_ago())
        .ext(distinct_on(Offer.interaction_id))
        .order_by(Offer.interaction_id, Offer.id.desc())
    )


def _recent_texts(session: Session, user_id: int) -> list[dict[str, Any]]:
    wrote = select(Message.customer_id).where(Message.sent_by == user_id, Message.created_at > _days_ago())
    part = _own_parts(user_id).subquery()
    spoke = select(Interaction.customer_id).join(part, part.c.interaction_id == Interaction.id)
    answered = select(Message.customer_id).where(Message.sent_by.is_not(None))
    last = (
        select(Message)
        .where(
            Message.created_at > _days_ago(),
            or_(
                Message.customer_id.in_(wrote),
                Message.customer_id.in_(spoke),
                Message.customer_id.not_in(answered),
            ),
        )
        .ext(distinct_on(Message.customer_id))
        .order_by(Message.customer_id, Message.created_at.desc(), Message.id.desc())
        .subquery()
    )
    rows = session.execute(select(last).order_by(desc(last.c.created_at)).limit(RECENT_MOST))
    return [
        {
            "customer_id": row.customer_id,
            "number": row.remote_address,
            "channel": row.channel,
            "at": row.created_at,
            "line": row.body[:LINE_CHARS],
            "unanswered": row.direction == "inbound",
        }
        for row in rows
    ]


def _mine(user_id: int) -> ColumnElement[bool]:
    return Interaction.agent_id == user_id


def _days_ago() -> ColumnElement[datetime]:
    return func.now() - func.make_interval(0, 0, 0, RECENT_DAYS)


def _customers(session: Session, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Customer]:
    wanted = set(ids)
    if not wanted:
        return {}
    return {row.id: row for row in session.scalars(select(Customer).where(Customer.id.in_(wanted)))}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None

"""Contacts that nobody answered become follow-ups, one each, whoever asks and however often.

The clock looks at what ended, so that no hand-over between two rooms can lose one.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import Select, exists, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from app import events
from app.accounts.models import User
from app.callbacks import links, texts
from app.callbacks.expire import NOT_CONFIRMED
from app.callbacks.judge import Terms, next_time
from app.callbacks.models import Callback, CallbackState, Kind
from app.callbacks.policy import Policy, policy_of
from app.callbacks.request import CallbackRefused, request, wants_no_calls
from app.clock import tick
from app.db import database_now
from app.events import Event
from app.follow_ups.models import FollowUp, Reason
from app.interactions.messages import MessageRefused, send_message
from app.interactions.models import UNANSWERED, Interaction, State
from app.routing.models import Offer, OfferState, Queue, QueueMember

LOOK_BACK = timedelta(days=3)
"""How long the clock may have stood still without a contact being forgotten."""
KNOWN_FOR = timedelta(days=30)
"""Whoever talked with the person so lately looks after them again."""
AT_ONCE = 100
ANY_TIME = ((0, 24 * 60),)


@tick("follow_ups.open", every_s=2)
def open_follow_ups(session: Session) -> int:
    """Open what is owed; how many."""
    contacts = session.scalars(_unanswered().limit(AT_ONCE)).all()
    callbacks = session.scalars(_unkept().limit(AT_ONCE)).all()
    for interaction in contacts:
        reason = _reason(session, interaction)
        if reason is not None:
            _open(session, interaction.customer_id, reason, interaction.queue_id, interaction=interaction)
    for callback in callbacks:
        _open(session, callback.customer_id, Reason.CALLBACK, callback.queue_id, callback=callback)
    return len(contacts) + len(callbacks)


def owner_of(session: Session, customer_id: uuid.UUID, queue_id: int | None) -> int | None:
    """Who looks after a person: who talked with them last and still works in the queue, else the least burdened there.

    None when nobody works there.
    """
    members = select(QueueMember.user_id).join(User, User.id == QueueMember.user_id).where(User.active)
    if queue_id is not None:
        members = members.where(QueueMember.queue_id == queue_id)
    talked = (
        select(Interaction.agent_id)
        .where(
            Interaction.customer_id == customer_id,
            Interaction.answered_at > func.clock_timestamp() - KNOWN_FOR,
            Interaction.agent_id.in_(members),
        )
        .order_by(Interaction.answered_at.desc())
        .limit(1)
    )
    last = session.scalars(talked).first()
    if last is not None:
        return last
    theirs = aliased(FollowUp)
    burden = (
        select(func.count())
        .where(theirs.owner_id == QueueMember.user_id, theirs.closed_at.is_(None))
        .correlate(QueueMember)
        .scalar_subquery()
    )
    return session.scalars(members.order_by(burden, QueueMember.user_id).limit(1)).first()


def due_at(policy: Policy, now: datetime) -> datetime:
    """By when somebody must have looked: so many minutes on, in the opening hours."""
    wanted = now + timedelta(minutes=policy.follow_up_min)
    terms = Terms(now, now + timedelta(days=30), (), ANY_TIME, policy.hours)
    return next_time(wanted, terms) or wanted


def _unanswered() -> Select[Interaction]:
    promised = exists().where(Callback.origin_id == Interaction.id)
    closed = exists().where(
        Event.interaction_id == Interaction.id,
        Event.kind == "flow.step",
        Event.data["kind"].astext == "hours_checked",
        Event.data["text"].astext.startswith("closed"),
    )
    return (
        select(Interaction)
        .where(
            text(UNANSWERED),
            Interaction.ended_at > func.clock_timestamp() - LOOK_BACK,
            Interaction.channel == "voice",
            Interaction.direction == "inbound",
            ~exists().where(FollowUp.interaction_id == Interaction.id),
            ~((Interaction.state == State.CALLBACK) & promised),
            or_(Interaction.state != State.ABANDONED_IN_FLOW, closed),
            or_(Interaction.remote_address.startswith("+"), Interaction.state == State.VOICEMAIL),
            ~Interaction.context.has_key("draft"),
        )
        .order_by(Interaction.ended_at)
    )


def _unkept() -> Select[Callback]:
    return (
        select(Callback)
        .where(
            Callback.state.in_((CallbackState.EXPIRED, CallbackState.EXHAUSTED)),
            Callback.ended_at > func.clock_timestamp() - LOOK_BACK,
            Callback.end_reason.is_distinct_from(NOT_CONFIRMED),
            ~exists().where(FollowUp.callback_id == Callback.id),
            ~((Callback.kind == Kind.ABANDON) & exists().where(FollowUp.interaction_id == Callback.origin_id)),
        )
        .order_by(Callback.ended_at)
    )


def _reason(session: Session, interaction: Interaction) -> Reason | None:
    match State(interaction.state):
        case State.VOICEMAIL:
            return Reason.VOICEMAIL
        case State.ABANDONED:
            return Reason.MISSED if _rang_out(session, interaction) else Reason.ABANDONED
        case State.ABANDONED_IN_FLOW:
            return Reason.OUT_OF_HOURS
        case State.FAILED | State.CALLBACK:  # a callback that could not be made was promised all the same
            return Reason.FAILED
        case _:
            return None


def _rang_out(session: Session, interaction: Interaction) -> bool:
    missed = exists().where(Offer.interaction_id == interaction.id, Offer.state == OfferState.TIMEOUT)
    return bool(session.scalar(select(missed)))


def _open(
    session: Session,
    customer_id: uuid.UUID,
    reason: Reason,
    queue_id: int | None,
    *,
    interaction: Interaction | None = None,
    callback: Callback | None = None,
) -> None:
    policy = policy_of(session, queue_id)
    now = database_now(session)
    number = interaction.remote_address if interaction else callback.number if callback else ""
    row = insert(FollowUp).values(
        customer_id=customer_id,
        interaction_id=interaction.id if interaction else None,
        callback_id=callback.id if callback else None,
        reason=reason.value,
        queue_id=queue_id,
        number=number,
        path=list(interaction.context.get("path", [])) if interaction else [],
        owner_id=owner_of(session, customer_id, queue_id),
        due_at=due_at(policy, now),
    )
    follow_up_id = session.execute(row.on_conflict_do_nothing().returning(FollowUp.id)).scalar()
    if follow_up_id is None:
        return
    follow_up = session.get_one(FollowUp, follow_up_id)
    tell(session, follow_up, "follow_up.opened", actor="system", reason=reason.value)
    if interaction is None:
        return
    if policy.abandon_recovery and reason in (Reason.ABANDONED, Reason.MISSED):
        _call_back(session, interaction)
    if policy.follow_up_text:
        _text(session, follow_up, interaction)


def _call_back(session: Session, interaction: Interaction) -> None:
    """Call back who gave up waiting, in their place; not who wants no calls, and nobody twice (C-9, C-1)."""
    queue = session.get(Queue, interaction.queue_id)
    if queue is None:
        return
    try:
        with session.begin_nested():
            request(
                session,
                queue,
                kind=Kind.ABANDON,
                customer_id=interaction.customer_id,
                number=interaction.remote_address,
                our_address=interaction.our_address,
                actor="system",
                virtual_start=interaction.virtual_start,
                kept_min=interaction.priority_min,
                language=interaction.language,
                origin_id=interaction.id,
            )
    except CallbackRefused:
        return


def tell(session: Session, follow_up: FollowUp, kind: str, *, actor: str, **data: object) -> None:
    """One event of a follow-up."""
    events.record(
        session,
        kind,
        actor=actor,
        customer_id=follow_up.customer_id,
        interaction_id=follow_up.interaction_id,
        users=(follow_up.owner_id,) if follow_up.owner_id is not None else (),
        queue_id=follow_up.queue_id,
        follow_up_id=follow_up.id,
        due_at=follow_up.due_at.isoformat(),
        **data,
    )


def _text(session: Session, follow_up: FollowUp, interaction: Interaction) -> None:
    """An automatic answer with a link, once; not to who wants nothing of us (C-9)."""
    if wants_no_calls(session, interaction.remote_address):
        return
    body = texts.text_of("missed", interaction.language, link=links.link_to_ask(follow_up.id))
    try:
        with session.begin_nested():
            send_message(
                session,
                None,
                interaction.customer_id,
                body,
                f"follow-up:{follow_up.id}",
                to=interaction.remote_address,
                our_address=interaction.our_address,
            )
    except MessageRefused:
        return

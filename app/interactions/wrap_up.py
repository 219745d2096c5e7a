"""After the talk: an outcome and a note, or the timer's `WRAP_UP_TIMEOUT`. Nothing completes without one (A-12).

Every agent who had the call wraps up their own part: the last one with the interaction itself (`wrapping`), those who
handed it on by their own offer (app/routing/parts.py) while it goes on. What was chosen or begun during the talk is
kept, and taken over when the time is over.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import events
from app.interactions.drafts import drafts_of, forget_draft
from app.interactions.due import each_due
from app.interactions.models import WRAP_UP_TIMEOUT, Disposition, Interaction, State
from app.interactions.move import lock_interaction
from app.interactions.notes import LONGEST_NOTE, add_note
from app.routing.models import Offer, OfferState, WrapUpMode
from app.routing.parts import ROLE, complete_part, handed_on_part, mode_of, own_work, taken_offer
from app.routing.release import end_work
from app.words import N_

log = structlog.get_logger()

EXTENSION_S = 60
MOST_EXTENSIONS = 10
AT_ONCE = 100
TALKING = (State.ACTIVE, State.HELD, State.AGENT_LOST)


class WrapUpRefused(ValueError):
    """The wrap-up cannot be finished like this; the message says what stands. `code` is for machines.

    `state` is the call's, or the part's, where that is what stands in the way.
    """

    def __init__(self, code: str, message: str, state: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.state = state


def finish_wrap_up(
    session: Session, interaction_id: uuid.UUID, user_id: int, code: str, note: str | None = None
) -> Interaction | Offer:
    """The agent gives the outcome (an active disposition's code) and maybe a note; their work is done.

    Gives what was wrapped up: the interaction, or the agent's own part of it. In a queue whose wrap-up has no early
    exit (`timed_no_exit`) the outcome is kept and the time runs on. Late, after the timer, the code still replaces
    WRAP_UP_TIMEOUT. The same code again changes nothing.
    Raises WrapUpRefused, LookupError for an unknown interaction, and NoteRefused.
    """
    interaction = _held(session, interaction_id)
    work = _work_of(session, interaction, user_id)
    _refuse_an_unknown_code(session, code)
    if work.state == State.COMPLETED and work.disposition_code == code:
        return work
    _refuse_a_wrong_time(work)
    if note and note.strip():
        add_note(session, interaction.customer_id, user_id, note, interaction_id)
    forget_draft(session, user_id, interaction.customer_id, "wrap")
    work.disposition_code = code
    session.flush()
    if work.state == State.WRAPPING and _mode(session, work) != WrapUpMode.TIMED_NO_EXIT:
        _end(session, interaction, work, actor=f"user:{user_id}", reason="wrapped_up")
    elif isinstance(work, Interaction):
        _note_on_last_offer(session, work, user_id)
    _tell(session, interaction, work, actor=f"user:{user_id}")
    return work


def choose_outcome(session: Session, interaction_id: uuid.UUID, user_id: int, code: str | None) -> None:
    """During the talk, or its wrap-up: the outcome that counts unless the agent gives another; None takes it back.

    Raises WrapUpRefused, and LookupError for an unknown interaction.
    """
    _held(session, interaction_id)
    work = own_work(session, interaction_id, user_id)
    if work is None or work.role == "consult" or work.state == OfferState.PENDING:
        raise WrapUpRefused("not_yours", NOT_YOURS)
    if code is not None:
        _refuse_an_unknown_code(session, code)
    work.disposition_code = code
    session.flush()


def ask_for_wrap_up(session: Session, interaction_id: uuid.UUID, user_id: int, *, wanted: bool) -> None:
    """During the talk: the agent will need time afterwards, where the queue gives it only on request; or will not.

    Raises WrapUpRefused, and LookupError for an unknown interaction.
    """
    interaction = _held(session, interaction_id)
    work = _work_of(session, interaction, user_id)
    offer = taken_offer(session, interaction)
    if work is not interaction or interaction.state not in TALKING or offer is None:
        raise WrapUpRefused("over", "The call is over: its wrap-up has begun already.")
    offer.wrap_asked = wanted
    session.flush()


def extend_wrap_up(session: Session, interaction_id: uuid.UUID, user_id: int) -> datetime:
    """A minute more, ten times at most; not where the time may not be left early either. Gives the new end.

    Raises WrapUpRefused, and LookupError for an unknown interaction.
    """
    interaction = _held(session, interaction_id)
    work = _work_of(session, interaction, user_id)
    offer = own_work(session, interaction_id, user_id)
    until = work.wake_at if isinstance(work, Interaction) else work.wrap_until
    if work.state != State.WRAPPING or until is None or offer is None:
        raise WrapUpRefused("not_wrapping", "There is no wrap-up to extend: its time is over.")
    if offer.wrap_extended >= MOST_EXTENSIONS:
        raise WrapUpRefused("longest", "This wrap-up has been extended ten times: choose an outcome now.")
    if _mode(session, work) == WrapUpMode.TIMED_NO_EXIT:
        raise WrapUpRefused("fixed", "This queue's wrap-up time is fixed.")
    offer.wrap_extended += 1
    until += timedelta(seconds=EXTENSION_S)
    if isinstance(work, Interaction):
        work.wake_at = until
    else:
        work.wrap_until = until
    session.flush()
    events.record(
        session,
        "wrap_up.extended",
        actor=f"user:{user_id}",
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=(user_id,),
        queue_id=work.queue_id,
        until=until.isoformat(),
    )
    return until


def force_complete(
    session: Session,
    interaction_id: uuid.UUID,
    supervisor_id: int,
    *,
    agent_id: int | None = None,
    code: str | None = None,
) -> Interaction | Offer:
    """A supervisor ends a wrap-up that is stuck, with the outcome chosen, else `code`, else WRAP_UP_TIMEOUT.

    `agent_id` says whose, where several wrap up their parts; None is the call's own agent. Twice, it is done once.
    Raises WrapUpRefused while people still talk, and LookupError for an unknown interaction.
    """
    interaction = _held(session, interaction_id)
    work = interaction if agent_id is None else _work_of(session, interaction, agent_id)
    if work.state == State.COMPLETED:
        return work
    if work.state != State.WRAPPING:
        raise WrapUpRefused("not_over", "The call is not over yet: only a wrap-up can be completed.")
    actor = f"user:{supervisor_id}"
    whose = _whose(work)
    _complete(session, interaction, work, actor=actor, reason="completed_by_supervisor", code=code)
    events.record(
        session,
        "supervisor.completed",
        actor=actor,
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=(whose,) if whose is not None else (),
        queue_id=work.queue_id,
        code=work.disposition_code,
        agent_id=whose,
    )
    return work


def expire_wrap_ups(session: Session) -> int:
    """Complete every wrap-up whose time is over, with WRAP_UP_TIMEOUT where no outcome was given; how many."""
    return each_due(session, Interaction.state == State.WRAPPING, _time_out) + _time_out_parts(session)


def _time_out(session: Session, interaction: Interaction) -> None:
    _complete(session, interaction, interaction, actor="system", reason="wrap_up_timeout")


def _time_out_parts(session: Session) -> int:
    """The same for the parts of those who handed a call on; one that fails is undone by itself and logged."""
    due = select(Offer.id, Offer.interaction_id).where(
        Offer.role == ROLE, Offer.state == OfferState.WRAPPING, Offer.wrap_until <= func.clock_timestamp()
    )
    done = 0
    for offer_id, interaction_id in session.execute(due.order_by(Offer.wrap_until).limit(AT_ONCE)).all():
        try:
            with session.begin_nested():
                done += _time_out_part(session, interaction_id, offer_id)
        except Exception:
            log.exception("wrap_up.expiry_failed", offer_id=offer_id)
    return done


def _time_out_part(session: Session, interaction_id: uuid.UUID, offer_id: int) -> bool:
    interaction = _held(session, interaction_id)
    still_due = select(Offer).where(
        Offer.id == offer_id, Offer.state == OfferState.WRAPPING, Offer.wrap_until <= func.clock_timestamp()
    )
    part = session.scalars(still_due.execution_options(populate_existing=True)).one_or_none()
    if part is None:
        return False
    _complete(session, interaction, part, actor="system", reason="wrap_up_timeout")
    return True


def _complete(
    session: Session,
    interaction: Interaction,
    work: Interaction | Offer,
    *,
    actor: str,
    reason: str,
    code: str | None = None,
) -> None:
    """The time is over: what was begun or chosen until now stands."""
    agent_id = _whose(work)
    if agent_id is not None:
        _keep_begun_note(session, interaction, agent_id)
    chosen = taken_offer(session, interaction) if isinstance(work, Interaction) else work
    kept = work.disposition_code or (chosen.disposition_code if chosen else None)
    work.disposition_code = kept or code or WRAP_UP_TIMEOUT
    session.flush()
    _end(session, interaction, work, actor=actor, reason=reason)
    _tell(session, interaction, work, actor=actor)


def _whose(work: Interaction | Offer) -> int | None:
    return work.agent_id if isinstance(work, Interaction) else work.user_id


def _end(session: Session, interaction: Interaction, work: Interaction | Offer, *, actor: str, reason: str) -> None:
    if isinstance(work, Interaction):
        end_work(session, work, actor=actor, reason=reason)
    else:
        complete_part(session, interaction, work, actor=actor, reason=reason)


def _held(session: Session, interaction_id: uuid.UUID) -> Interaction:
    interaction = lock_interaction(session, interaction_id)
    if interaction is None:
        raise LookupError("There is no such interaction.")
    return interaction


NOT_YOURS = N_("This call is not yours: its own agent writes the outcome.")


def _work_of(session: Session, interaction: Interaction, user_id: int) -> Interaction | Offer:
    """What this agent has to wrap up: the call, where it is theirs, else the part of it that they handed on."""
    if interaction.agent_id == user_id:
        return interaction
    part = handed_on_part(session, interaction.id, user_id)
    if part is None:
        raise WrapUpRefused("not_yours", NOT_YOURS)
    return part


def _mode(session: Session, work: Interaction | Offer) -> WrapUpMode:
    return mode_of(session, work.queue_id)


def _keep_begun_note(session: Session, interaction: Interaction, agent_id: int) -> None:
    begun = drafts_of(session, agent_id, interaction.customer_id)["wrap"].strip()
    if begun and len(begun) <= LONGEST_NOTE:
        add_note(session, interaction.customer_id, agent_id, begun, interaction.id)
        forget_draft(session, agent_id, interaction.customer_id, "wrap")


def _note_on_last_offer(session: Session, interaction: Interaction, user_id: int) -> None:
    """An outcome given late replaces the timer's in the agent's own row as well."""
    last = select(Offer).where(
        Offer.interaction_id == interaction.id,
        Offer.user_id == user_id,
        Offer.role == "primary",
        Offer.state.in_((OfferState.WRAPPING, OfferState.COMPLETED)),
    )
    offer = session.scalars(last.order_by(Offer.id.desc()).limit(1)).first()
    if offer is not None:
        offer.disposition_code = interaction.disposition_code
        session.flush()


def _refuse_an_unknown_code(session: Session, code: str) -> None:
    known = session.scalars(select(Disposition).where(Disposition.code == code, Disposition.active)).first()
    if known is None:
        raise WrapUpRefused("unknown_code", "There is no such outcome any more: choose one of the list.")


def _refuse_a_wrong_time(work: Interaction | Offer) -> None:
    if work.state == State.COMPLETED and work.disposition_code != WRAP_UP_TIMEOUT:
        raise WrapUpRefused("already_done", f"The outcome is already written: {work.disposition_code}.", work.state)
    if work.state not in (State.WRAPPING, State.COMPLETED):
        raise WrapUpRefused("not_over", "The call is not over yet: hang up first.", work.state)


def _tell(session: Session, interaction: Interaction, work: Interaction | Offer, *, actor: str) -> None:
    agent_id = _whose(work)
    events.record(
        session,
        "wrap_up.done",
        actor=actor,
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=(agent_id,) if agent_id is not None else (),
        queue_id=work.queue_id,
        code=work.disposition_code,
        **({"part": True} if isinstance(work, Offer) else {}),
    )

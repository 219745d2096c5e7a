"""One try to reach somebody: begun when the agent (or the reserved agent's turn) is there, ended by what the line did.

The caller of each of these holds the interaction.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.callbacks.judge import may_dial, next_time
from app.callbacks.models import TRYING, Callback, CallbackAttempt, CallbackState, Outcome
from app.callbacks.places import end_place
from app.callbacks.policy import MOST_ATTEMPTS, policy_of
from app.callbacks.request import still_wanted, terms_of
from app.callbacks.rows import go, lock, open_try, tell
from app.db import database_now
from app.interactions.models import Interaction
from app.routing import outbound, release

SOON = timedelta(seconds=15)
"""When to try again where the agent, not the customer, was the trouble."""
BY_THE_LINE = {"no-answer": Outcome.NO_ANSWER, "busy": Outcome.BUSY, "failed": Outcome.FAILED}
OVER_BY_US = (Outcome.AGENT_GONE, Outcome.CANCELED)


def begin_try(session: Session, interaction: Interaction, mode: str) -> bool:
    """May this place's number be dialled now? If so the try is written, once however often this is asked.

    Otherwise the place closes: too late, too early where the person is, or the callback is over.
    """
    callback = _of(session, interaction)
    known = open_try(session, callback)
    if known is not None:
        return known.interaction_id == interaction.id and callback.state in TRYING
    now = database_now(session)
    if callback.state != CallbackState.DUE:
        end_place(session, interaction, "callback_over")
        return False
    if not still_wanted(session, callback):
        end_place(session, interaction, "no_calls")
        go(session, callback, CallbackState.CANCELED_BY_SYSTEM, actor="system", reason="no_calls")
        return False
    policy = policy_of(session, callback.queue_id)
    if not may_dial(now, terms_of(callback, policy)) or callback.attempts >= callback.max_attempts:
        end_place(session, interaction, "not_now")
        _look_again(session, callback, now, "not_now")
        return False
    n = callback.attempts + 1
    session.add(CallbackAttempt(callback_id=callback.id, n=n, interaction_id=interaction.id, mode=mode, started_at=now))
    go(session, callback, CallbackState.DIALING, actor="system", attempts=n)
    return True


def picked_up(session: Session, interaction: Interaction) -> bool:
    """Somebody or something answered; False when the try is over, so that the line should end."""
    callback = _of(session, interaction)
    tried = open_try(session, callback)
    if tried is None or tried.interaction_id != interaction.id:
        return False
    tried.answered_at = tried.answered_at or database_now(session)
    if callback.state == CallbackState.DIALING:
        go(session, callback, CallbackState.ANSWERED, actor="carrier")
    return callback.state in (CallbackState.ANSWERED, CallbackState.CONNECTED)


def accept(session: Session, interaction: Interaction) -> bool:
    """The person pressed 1: the promise is kept. False when the callback was over before.

    Whoever presses a key is no machine, whatever the carrier heard.
    """
    callback = _of(session, interaction)
    if callback.state == CallbackState.ANSWERED:
        tried = open_try(session, callback)
        assert tried is not None  # or it would not be answered
        tried.outcome = None
        outbound.customer_answered(session, interaction.id)
        go(session, callback, CallbackState.CONNECTED, actor="customer")
    return callback.state == CallbackState.CONNECTED


def snooze(session: Session, interaction: Interaction) -> bool:
    """The person pressed 2, later: another try, on top of the queue's own if there is none left."""
    callback = _of(session, interaction)
    if callback.state != CallbackState.ANSWERED:
        return False
    policy = policy_of(session, callback.queue_id)
    now = database_now(session)
    callback.max_attempts = max(callback.max_attempts, min(callback.attempts + 1, MOST_ATTEMPTS))
    later = timedelta(minutes=policy.snooze_min)
    if callback.window_end < now + later + later:
        callback.window_end = callback.expires_at = now + later + timedelta(seconds=policy.life_s)
    end_try(session, callback, Outcome.SNOOZED, now)
    _retry(session, callback, now + later, "snoozed", actor="customer")
    return True


def refuse(session: Session, interaction: Interaction) -> bool:
    """The person pressed 3: no callback any more."""
    callback = _of(session, interaction)
    if callback.state != CallbackState.ANSWERED:
        return False
    end_try(session, callback, Outcome.CANCELED, database_now(session))
    go(session, callback, CallbackState.CANCELED_BY_CUSTOMER, actor="customer", reason="pressed_3")
    return True


def nobody_spoke(session: Session, interaction: Interaction) -> bool:
    """Picked up, and no key came: a voicemail or somebody unsure. The try counts."""
    callback = _of(session, interaction)
    if callback.state != CallbackState.ANSWERED:
        return False
    _end_unheard(session, callback)
    return True


def machine_answered(session: Session, interaction: Interaction) -> bool:
    """The carrier heard an answering machine. False when somebody pressed a key before, or it was said before.

    Where it gets a message the try goes on: a person who was taken for a machine hears it, and may still press 1.
    """
    callback = _of(session, interaction)
    if not picked_up(session, interaction) or callback.state != CallbackState.ANSWERED:
        return False
    tried = open_try(session, callback)
    if tried is None or tried.outcome is not None:
        return False
    tried.outcome = Outcome.MACHINE.value
    session.flush()
    if policy_of(session, callback.queue_id).machine != "message":
        _end_unheard(session, callback)
    return True


def line_ended(session: Session, interaction: Interaction, end_reason: str | None) -> None:
    """The customer's line is over: kept, or to be tried again."""
    callback = _of(session, interaction)
    now = database_now(session)
    if callback.state == CallbackState.CONNECTED:
        end_try(session, callback, Outcome.CONNECTED, now)
        go(session, callback, CallbackState.COMPLETED, actor="system")
        release.caller_gone(session, interaction.id)
        return
    tried = open_try(session, callback)
    if tried is not None and tried.interaction_id == interaction.id:
        if tried.answered_at is not None:
            _end_unheard(session, callback)
        else:
            outcome = BY_THE_LINE.get(end_reason or "", Outcome.AGENT_GONE)
            end_try(session, callback, outcome, now)
            after_a_try(session, callback, outcome, now)
    end_place(session, interaction, "not_reached")


def lost_try(session: Session, callback: Callback, now: datetime) -> None:
    """A try whose place has ended in another way: it is closed and another one follows."""
    if open_try(session, callback) is not None:
        end_try(session, callback, Outcome.AGENT_GONE, now)
    if callback.state == CallbackState.CONNECTED:
        go(session, callback, CallbackState.COMPLETED, actor="system", reason="place_ended")
    elif callback.state in (*TRYING, CallbackState.DUE):
        after_a_try(session, callback, Outcome.AGENT_GONE, now)


def after_a_try(session: Session, callback: Callback, outcome: Outcome, now: datetime) -> None:
    """Another try after a pause, or none is left."""
    if callback.attempts >= callback.max_attempts:
        go(session, callback, CallbackState.EXHAUSTED, actor="system", reason=outcome.value)
        return
    policy = policy_of(session, callback.queue_id)
    pause = timedelta(seconds=policy.gaps_s[min(max(callback.attempts, 1), len(policy.gaps_s)) - 1])
    _retry(session, callback, now + (SOON if outcome in OVER_BY_US else pause), outcome.value)


def _look_again(session: Session, callback: Callback, now: datetime, reason: str) -> None:
    if callback.attempts >= callback.max_attempts:
        go(session, callback, CallbackState.EXHAUSTED, actor="system", reason=reason)
    else:
        _retry(session, callback, now, reason)


def _retry(session: Session, callback: Callback, not_before: datetime, reason: str, actor: str = "system") -> None:
    """Wait for the next moment when it may be dialled; without one its time is over."""
    moment = next_time(not_before, terms_of(callback, policy_of(session, callback.queue_id)))
    if moment is None:
        go(session, callback, CallbackState.EXPIRED, actor="system", reason=reason)
    else:
        go(session, callback, CallbackState.WAITING, actor=actor, reason=reason, due_at=moment)


def end_try(session: Session, callback: Callback, outcome: Outcome, now: datetime) -> None:
    tried = open_try(session, callback)
    assert tried is not None  # whoever ends a try has seen it
    tried.ended_at, tried.outcome = now, outcome.value
    session.flush()
    tell(session, callback, "callback.tried", actor="carrier", n=tried.n, outcome=outcome.value)


def _end_unheard(session: Session, callback: Callback) -> None:
    """Picked up, and nobody pressed 1: by a machine, as the carrier heard it, or by who knows."""
    now = database_now(session)
    tried = open_try(session, callback)
    outcome = Outcome(tried.outcome) if tried is not None and tried.outcome else Outcome.UNSURE
    end_try(session, callback, outcome, now)
    after_a_try(session, callback, outcome, now)


def _of(session: Session, interaction: Interaction) -> Callback:
    assert interaction.callback_id is not None
    callback = lock(session, interaction.callback_id)
    assert callback is not None  # the reference holds it
    return callback

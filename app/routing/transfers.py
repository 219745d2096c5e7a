"""An agent hands a customer on: to a colleague, a queue, a flow or a number, at once or after a word with them.

The customer is never in silence: they hear music from the moment one talk ends until the next begins. The record, the
path and the agent's words travel in the interaction, which stays one and the same. Refusals: app/forms.py.
"""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import events
from app.accounts.models import User
from app.customers.identify import BadAddress, normalise
from app.forms import BadInput, Refusal
from app.interactions.models import Interaction, State
from app.interactions.move import lock_interaction, move
from app.routing import consults
from app.routing.consults import enqueue, open_consult
from app.routing.dispatch import request_dispatch
from app.routing.enqueue import enqueue_interaction
from app.routing.hours import is_open
from app.routing.in_hand import Consult, ConsultKind, ConsultState
from app.routing.models import Queue
from app.routing.parts import hand_on, part_ended
from app.routing.presence import agent_state
from app.routing.release import queue_for
from app.routing.reserve import anybody_at_work, hold_if_free, make_offer, ring_instead
from app.routing.supervision import send_supervisors_away
from app.words import N_

RING_S = 25
"""How long a colleague's phone, or an outside number, rings."""
TALKING = (State.ACTIVE, State.HELD)
LONGEST_NOTE = 500


# --- at once --------------------------------------------------------------------------------------------------------


def to_queue(session: Session, interaction_id: uuid.UUID, user_id: int, key: str, note: str | None = None) -> None:
    """Send the customer to a queue, with the place in line and the priority that they have already earned (A-6)."""
    interaction = own_call(session, interaction_id, user_id)
    queue = session.scalars(select(Queue).where(Queue.key == key)).one_or_none()
    if queue is None:
        raise Refusal(404, "no_queue", "There is no such queue any more: choose another.")
    _refuse_during_consult(session, interaction)
    _let_go(session, interaction, user_id, note, {"queue": queue.name})
    enqueue_interaction(session, interaction, queue, actor=f"user:{user_id}", reason="transferred")
    enqueue(session, "voice.back_to_queue", interaction, reason="transferred")
    part_ended(session, user_id)


def to_agent(session: Session, interaction_id: uuid.UUID, user_id: int, target: int, note: str | None = None) -> None:
    """Ring a colleague while the customer hears music; unanswered, the customer waits in the queue, in their place."""
    interaction = own_call(session, interaction_id, user_id)
    colleague = _colleague(session, user_id, target)
    _refuse_during_consult(session, interaction)
    queue = queue_for(session, interaction, user_id) or queue_for(session, interaction, target)
    if queue is None:
        raise Refusal(
            409,
            "nowhere_to_wait",
            "If nobody answered, the customer had no queue to wait in: ask your colleague first.",
        )
    _refuse_unless_free(session, colleague)
    _let_go(session, interaction, user_id, note, {"agent": colleague.name})
    actor = f"user:{user_id}"
    if not ring_instead(session, interaction, colleague.id, queue, actor=actor, reason="transferred"):
        raise Refusal(409, "agent_busy", _BUSY)
    part_ended(session, user_id)


def to_flow(session: Session, interaction_id: uuid.UUID, user_id: int, flow: str, note: str | None = None) -> None:
    """Send the customer into a flow, from its start. The caller has made sure that there is such a flow."""
    interaction = own_call(session, interaction_id, user_id)
    _refuse_during_consult(session, interaction)
    _let_go(session, interaction, user_id, note, {"flow": flow})
    move(session, interaction, State.IN_FLOW, actor=f"user:{user_id}", reason="transferred", agent_id=None)
    enqueue(session, "voice.to_flow", interaction, flow=flow, turn=interaction.version)
    part_ended(session, user_id)


def to_number(session: Session, interaction_id: uuid.UUID, user_id: int, number: str, note: str | None = None) -> None:
    """Ring an outside number while the customer hears music; unanswered, the customer waits in the queue."""
    interaction = own_call(session, interaction_id, user_id)
    wanted = _outside(interaction, number)
    _refuse_during_consult(session, interaction)
    _let_go(session, interaction, user_id, note, {"number": wanted})
    move(session, interaction, State.OUTSIDE, actor=f"user:{user_id}", reason="transferred", agent_id=None)
    consult = _asked(session, interaction, user_id, ConsultKind.OUTSIDE, number=wanted)
    enqueue(session, "voice.hold", interaction)
    enqueue(session, "voice.let_go", interaction, user_id=user_id)
    enqueue(session, "voice.ring_third", interaction, consult_id=consult.id)
    part_ended(session, user_id)


# --- after a word ---------------------------------------------------------------------------------------------------


def ask_agent(
    session: Session, interaction_id: uuid.UUID, user_id: int, target: int, *, third: bool, note: str | None = None
) -> Consult:
    """Ring a colleague to talk with them first (the customer hears music), or, `third`, to have them join the talk.

    They see the customer's record while it rings: their offer has the role `consult`.
    """
    interaction = own_call(session, interaction_id, user_id)
    colleague = _colleague(session, user_id, target)
    _refuse_during_consult(session, interaction)
    _refuse_unless_free(session, colleague)
    _keep_words(session, interaction, user_id, note)
    kind = ConsultKind.THIRD if third else ConsultKind.CONSULT
    _hold_for(session, interaction, user_id, kind)
    actor = f"user:{user_id}"
    offer = make_offer(session, interaction, target, role=consults.ROLE, queue=None, ring_s=RING_S, actor=actor)
    if offer is None:
        raise Refusal(409, "agent_busy", _BUSY)
    return _asked(session, interaction, user_id, kind, target=target, offer_id=offer.id)


def ask_number(session: Session, interaction_id: uuid.UUID, user_id: int, number: str, *, third: bool) -> Consult:
    """Ring an outside number to talk with them first, or, `third`, to have them join the talk."""
    interaction = own_call(session, interaction_id, user_id)
    wanted = _outside(interaction, number)
    _refuse_during_consult(session, interaction)
    kind = ConsultKind.THIRD if third else ConsultKind.CONSULT
    _hold_for(session, interaction, user_id, kind)
    consult = _asked(session, interaction, user_id, kind, number=wanted)
    enqueue(session, "voice.ring_third", interaction, consult_id=consult.id)
    return consult


def ask_queue(session: Session, interaction_id: uuid.UUID, user_id: int, key: str, note: str | None = None) -> Consult:
    """Talk first with whoever of a queue is free, at once or as soon as somebody is; the customer hears music.

    They wait in the place that the customer has in line. Refused when nobody of the queue is at work.
    """
    interaction = own_call(session, interaction_id, user_id)
    queue = session.scalars(select(Queue).where(Queue.key == key)).one_or_none()
    if queue is None:
        raise Refusal(404, "no_queue", "There is no such queue any more: choose another.")
    _refuse_during_consult(session, interaction)
    if not queue.active or not is_open(session, queue):
        raise Refusal(409, "closed", "This queue is closed now: ask somebody else.")
    if not anybody_at_work(session, queue.id, but=user_id):
        raise Refusal(409, "nobody_there", "Nobody of this queue is at work now: ask somebody else.")
    _keep_words(session, interaction, user_id, note)
    _hold_for(session, interaction, user_id, ConsultKind.CONSULT)
    consult = _asked(session, interaction, user_id, ConsultKind.CONSULT, queue_id=queue.id)
    request_dispatch(session)
    return consult


def join_all(session: Session, interaction_id: uuid.UUID, user_id: int) -> Consult:
    """The customer comes back into the talk, and all three hear each other."""
    interaction = own_call(session, interaction_id, user_id)
    consult = _talking_consult(session, interaction)
    if consult.state == ConsultState.TALKING:
        consult.state = ConsultState.JOINED.value
        session.flush()
        _take_back(session, interaction, user_id)
        consults.tell(session, interaction, consult, "transfer.joined")
    return consult


def finish(session: Session, interaction_id: uuid.UUID, user_id: int) -> None:
    """The customer is theirs now, and the agent who asked wraps up their own part.

    While nobody of the queue that was asked is free, the customer waits for them there in the agent's stead.
    """
    interaction = own_call(session, interaction_id, user_id)
    if _waits_for_a_queue(session, interaction, user_id):
        return
    consult = _talking_consult(session, interaction)
    hand_to(session, interaction, consult, reason="handed_over", actor=f"user:{user_id}")
    part_ended(session, user_id)


def _waits_for_a_queue(session: Session, interaction: Interaction, user_id: int) -> bool:
    """Leave the customer to the queue that was asked, if nobody of it rings yet; False otherwise."""
    consult = open_consult(session, interaction.id)
    if consult is None or consult.state != ConsultState.WAITING:
        return False
    queue = session.get_one(Queue, consult.queue_id)
    consults.close(session, interaction, consult, "handed_on")
    to_queue(session, interaction.id, user_id, queue.key, interaction.context.get("handed", {}).get("note"))
    return True


def hand_to(session: Session, interaction: Interaction, consult: Consult, *, reason: str, actor: str) -> None:
    """Put the one who was asked in the agent's place."""
    before = interaction.agent_id
    hand_on(session, interaction, reason)
    send_supervisors_away(session, interaction)
    consults.hand_over(session, interaction, consult, actor=actor, reason=reason)
    if before is not None:
        enqueue(session, "voice.let_go", interaction, user_id=before)


def back_out(session: Session, interaction_id: uuid.UUID, user_id: int) -> None:
    """Either side changes its mind: the one who was asked leaves, and the customer comes back from the music.

    When the one who was asked leaves, the customer stays on hold until their agent takes them back.
    """
    interaction = lock_interaction(session, interaction_id)
    consult = open_consult(session, interaction_id)
    if interaction is None or consult is None or user_id not in (interaction.agent_id, consult.user_id):
        raise Refusal(409, "no_consult", "Nobody is asked into this call any more.")
    if user_id == consult.user_id:
        consults.close(session, interaction, consult, "left")
        return
    consults.close(session, interaction, consult, "backed_out")
    _take_back(session, interaction, user_id)


# --- what they share ------------------------------------------------------------------------------------------------


def own_call(
    session: Session, interaction_id: uuid.UUID, user_id: int, states: tuple[State, ...] = TALKING
) -> Interaction:
    """This agent's own call, held, in one of `states`. Raises Refusal: 404, 403 or 409."""
    interaction = lock_interaction(session, interaction_id)
    if interaction is None:
        raise Refusal(404, "not_found", "There is no such call.")
    if interaction.agent_id != user_id:
        raise Refusal(403, "not_yours", "This call is not with you any more.")
    if interaction.state not in states:
        raise Refusal(409, "wrong_state", "The customer is not on the line any more, so there is nobody to hand on.")
    if interaction.hangup_requested_by is not None:
        raise Refusal(409, "hanging_up", "This call is being hung up.")
    return interaction


_BUSY = N_("Your colleague has just been given another call. The customer is still with you.")


def _let_go(session: Session, interaction: Interaction, user_id: int, note: str | None, to: dict[str, str]) -> None:
    """The agent's part in the call ends here and they wrap it up; what they wanted to pass on is kept, and the log says
    where it goes.
    """
    _keep_words(session, interaction, user_id, note)
    hand_on(session, interaction, "transferred")
    send_supervisors_away(session, interaction)
    events.record(
        session,
        "transfer.made",
        actor=f"user:{user_id}",
        customer_id=interaction.customer_id,
        interaction_id=interaction.id,
        users=(user_id,),
        queue_id=interaction.queue_id,
        kind=next(iter(to)),
        to=next(iter(to.values())),
        note=note,
    )


def _keep_words(session: Session, interaction: Interaction, user_id: int, note: str | None) -> None:
    by = session.get_one(User, user_id).name
    said = (note or "").strip()[:LONGEST_NOTE]
    interaction.context = {**interaction.context, "handed": {"by": by, "by_id": user_id, "note": said or None}}
    session.flush()


def _refuse_during_consult(session: Session, interaction: Interaction) -> None:
    if open_consult(session, interaction.id) is not None:
        raise Refusal(409, "consulting", "You have already asked somebody into this call: finish that first.")


def _colleague(session: Session, user_id: int, target: int) -> User:
    found = session.get(User, target) if 0 < target < 1 << 63 else None
    if found is None or not found.active or target == user_id:
        raise Refusal(404, "no_agent", "There is no such colleague any more: choose another.")
    return found


def _refuse_unless_free(session: Session, colleague: User) -> None:
    """Hold the colleague, who must be able to take a call now."""
    agent_state(session, colleague.id)
    if not hold_if_free(session, colleague.id):
        raise Refusal(
            409,
            "agent_busy",
            "Your colleague cannot take a call now: they are busy, away or without a phone. Choose somebody else.",
        )


def _outside(interaction: Interaction, number: str) -> str:
    try:
        wanted = normalise("phone", number)
    except BadAddress as wrong:
        raise BadInput("number", str(wrong)) from wrong
    if wanted is None or not wanted.startswith("+"):
        raise BadInput("number", "This number takes no calls. Give one with + and its country.")
    if wanted in (interaction.remote_address, interaction.our_address):
        raise BadInput("number", "This is the number of the call itself. Give another one.")
    return wanted


def _hold_for(session: Session, interaction: Interaction, user_id: int, kind: ConsultKind) -> None:
    """Before a consult the customer goes to the music; the job is in line before the ring."""
    if kind is not ConsultKind.CONSULT:
        return
    if interaction.state == State.ACTIVE:
        move(session, interaction, State.HELD, actor=f"user:{user_id}", reason="consult")
    enqueue(session, "voice.hold", interaction)


def _take_back(session: Session, interaction: Interaction, user_id: int) -> None:
    if interaction.state == State.HELD:
        move(session, interaction, State.ACTIVE, actor=f"user:{user_id}", reason="taken_back")
        enqueue(session, "voice.end_hold", interaction)


def _asked(
    session: Session,
    interaction: Interaction,
    user_id: int,
    kind: ConsultKind,
    *,
    target: int | None = None,
    number: str | None = None,
    offer_id: int | None = None,
    queue_id: int | None = None,
) -> Consult:
    waits = queue_id is not None
    consult = Consult(
        interaction_id=interaction.id,
        asked_by=user_id,
        kind=kind.value,
        user_id=target,
        number=number,
        offer_id=offer_id,
        queue_id=queue_id,
        state=(ConsultState.WAITING if waits else ConsultState.RINGING).value,
    )
    session.add(consult)
    session.flush()
    consults.tell(session, interaction, consult, "transfer.asked")
    return consult


def _talking_consult(session: Session, interaction: Interaction) -> Consult:
    consult = open_consult(session, interaction.id)
    if consult is None:
        raise Refusal(409, "no_consult", "Nobody is asked into this call any more.")
    if consult.state in (ConsultState.WAITING, ConsultState.RINGING):
        raise Refusal(409, "still_ringing", "They have not answered yet.")
    return consult

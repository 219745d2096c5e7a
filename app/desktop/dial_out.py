"""An agent calls a customer: the interaction opens, and the agent is busy with it from this moment."""

from __future__ import annotations

import uuid

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app import jobs
from app.accounts.models import User
from app.callbacks.request import must_not_be_called
from app.customers.identify import BadAddress, normalise
from app.customers.models import Customer
from app.forms import BadInput, Refusal
from app.interactions.models import Interaction, State
from app.interactions.move import move
from app.interactions.open import open_interaction
from app.routing.models import Offer, OfferState
from app.routing.presence import live_phone


def dial_out(session: Session, user: User, customer_id: uuid.UUID, number: str, our_numbers: list[str]) -> Interaction:
    """Open the call and enqueue `voice.dial_out`, which rings the agent's own phone first.

    Only numbers on the customer's record are called. The agent's one open offer is this call's, so that nothing is
    routed to them meanwhile; it also decides between two clicks at once. Raises BadInput and Refusal.
    """
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise Refusal(404, "not_found", "There is no such customer. They may have been merged with another.")
    called = _number_of(customer, number)
    if must_not_be_called(session, called):
        raise Refusal(409, "no_calls", "This number is on the list of those not to be called: take it off first.")
    if not live_phone(session, user.id):
        raise Refusal(409, "phone_not_ready", "Your phone is not ready, so this call could not reach you.")
    interaction = open_interaction(
        session,
        channel="voice",
        direction="outbound",
        customer_id=customer.id,
        remote_address=called,
        our_address=_our_address(session, customer, our_numbers),
        language=customer.language,
    )
    _occupy(session, user, interaction)
    move(session, interaction, State.ACTIVE, actor=f"user:{user.id}", reason="dial_out", agent_id=user.id)
    jobs.enqueue(session, "voice.dial_out", lock=f"interaction:{interaction.id}", interaction_id=str(interaction.id))
    return interaction


def _number_of(customer: Customer, number: str) -> str:
    try:
        wanted = normalise("phone", number)
    except BadAddress as wrong:
        raise BadInput("number", str(wrong)) from wrong
    if wanted is None or not wanted.startswith("+"):
        raise BadInput("number", "This number takes no calls. Give one with + and its country.")
    if wanted not in [point.value for point in customer.contact_points if point.kind == "phone"]:
        raise BadInput("number", "This number is not on the customer's record. Add it there first.")
    return wanted


def _our_address(session: Session, customer: Customer, our_numbers: list[str]) -> str:
    """The number this customer knows us by, else our first."""
    if not our_numbers:
        raise Refusal(409, "no_number", "There is no number of ours to call from. Ask an admin to add one.")
    known = session.scalars(
        select(Interaction.our_address)
        .where(Interaction.customer_id == customer.id, Interaction.our_address.in_(our_numbers))
        .order_by(Interaction.created_at.desc())
        .limit(1)
    ).first()
    return known or our_numbers[0]


def _occupy(session: Session, user: User, interaction: Interaction) -> None:
    taken = session.execute(
        insert(Offer)
        .values(
            interaction_id=interaction.id,
            user_id=user.id,
            role="primary",
            state=OfferState.ACCEPTED.value,
            reason="dial_out",
            expires_at=func.clock_timestamp(),
        )
        .on_conflict_do_nothing()
        .returning(Offer.id)
    ).scalar()
    if taken is None:
        raise Refusal(409, "busy", "Finish the work at hand first, its wrap-up too.")

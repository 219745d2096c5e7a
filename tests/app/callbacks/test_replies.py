"""A word by text: cancel, later, the place, or a callback. Anything else is a text for people."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.callbacks.models import Callback, CallbackState
from app.callbacks.replies import wish_of
from app.customers.models import ContactPoint
from app.interactions.models import Message
from digital_channels.base import InboundMessage
from digital_channels.inbox import take
from tests import factories as make
from tests.app.callbacks.conftest import MIRA, a_callback, a_queue

_serial = itertools.count(1)


def writes(session: Session, body: str, number: str = MIRA) -> None:
    inbound = InboundMessage(f"SM{next(_serial):032x}", number, make.OUR_NUMBER, body, ())
    assert take(session, inbound) is not None


def answers(session: Session) -> list[str]:
    query = select(Message.body).where(Message.direction == "outbound").order_by(Message.id)
    return list(session.scalars(query))


@pytest.mark.parametrize(
    ("body", "wish"),
    [
        ("nocall", "cancel"),
        (" No  Call. ", "cancel"),
        ("LATER", "later"),
        ("luego", "later"),
        ("Place", "place"),
        ("call me", "ask"),
        ("回电", "ask"),
        ("不用回电。", "cancel"),
        ("cancel", None),  # the carriers' word for no more texts
        ("stop", None),
        ("Can you call me at five?", None),
        ("", None),
    ],
)
def test_a_whole_text_says_one_thing(body: str, wish: str | None) -> None:
    assert wish_of(body) == wish


def test_who_texts_for_a_callback_has_one_and_is_told_how_to_change_it(session: Session) -> None:
    queue = a_queue(session)
    make.our_number(session)
    writes(session, "Call me")
    callback = session.scalars(select(Callback)).one()
    assert (callback.kind, callback.state, callback.queue_id) == ("sms", "due", queue.id)
    [text] = answers(session)
    assert "as soon as somebody is free" in text and "/c/" in text
    writes(session, "Place")
    assert "about to call you" in answers(session)[-1]
    writes(session, "nocall")
    session.refresh(callback)
    assert callback.state == CallbackState.CANCELED_BY_CUSTOMER
    assert "is canceled" in answers(session)[-1]


def test_later_moves_it_to_the_next_free_time(session: Session) -> None:
    queue = a_queue(session, per_slot=3)
    make.our_number(session)
    callback = a_callback(session, queue, in_min=30)
    before = callback.window_start
    writes(session, "later")
    session.refresh(callback)
    assert callback.window_start > before
    assert "We will call you back" in answers(session)[-1]


def test_later_without_a_free_time_says_so_and_keeps_the_promise(session: Session) -> None:
    queue = a_queue(session, per_slot=0)
    make.our_number(session)
    callback = a_callback(session, queue)
    writes(session, "later")
    session.refresh(callback)
    assert callback.state == CallbackState.DUE
    assert "no other time" in answers(session)[-1]


def test_the_word_of_somebody_who_waits_for_no_call_is_left_to_people(session: Session) -> None:
    a_queue(session)
    make.our_number(session)
    writes(session, "later")
    assert answers(session) == []


def test_who_opted_out_is_called_back_as_asked_and_not_texted(session: Session) -> None:
    a_queue(session)
    make.our_number(session)
    writes(session, "STOP")
    assert session.scalars(select(ContactPoint.sms_opted_out_at)).one() is not None
    writes(session, "call me")
    assert session.scalars(select(Callback.state)).one() == "due"
    assert answers(session) == []

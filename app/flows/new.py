"""A flow that nobody has heard yet."""

from __future__ import annotations

import json

from sqlalchemy.orm import Session

from app.accounts.models import User
from app.flows.archive import hold, known_queues
from app.flows.drafts import save_draft
from app.flows.models import Draft, KnownFlow
from app.flows.publish import House
from app.forms import BadInput, Refusal
from app.words import N_
from ivr_flows.store import ENTRY_POINTS

TAKEN = N_("There is a flow of this name already.")
NOT_A_NAME = N_("This name is used for something else.")

STARTER = """\
title: {title}
languages: [en]
start: welcome
fallback: message

nodes:
  welcome:
    kind: say
    text: Thank you for calling.
    next: message

  message:
    kind: voicemail
    prompt: Please leave a message after the tone.
    mailbox: {mailbox}
    thanks: Thank you. Goodbye.
"""
"""The smallest flow that passes the check: something to hear, and a message to leave."""


def create_flow(session: Session, house: House, user: User, name: str, title: str, text: str = "") -> int:
    """Begin a flow with a draft; the draft's `rev`. Refusal 409 when there is one of this name."""
    if name == ENTRY_POINTS:
        raise BadInput("name", NOT_A_NAME)
    flow, thrown_away = session.get(KnownFlow, name), _thrown_away(session, name)
    if house.files.path(name).exists() or (flow is not None and (flow.live_version or not thrown_away)):
        raise Refusal(409, "taken", TAKEN)
    hold(session, name)
    queues = sorted(known_queues() or ["general"])
    title = title or name.replace("_", " ").replace("-", " ").capitalize()
    starter = STARTER.format(title=json.dumps(title, ensure_ascii=False), mailbox=queues[0])
    return save_draft(session, house.files, name, user, text or starter, thrown_away.rev if thrown_away else 0)


def _thrown_away(session: Session, name: str) -> Draft | None:
    """The draft of this name that somebody threw away: its name is free again."""
    draft = session.get(Draft, name)
    return draft if draft is not None and draft.state == "discarded" else None

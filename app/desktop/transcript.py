"""What was said on a call: from its recording once that is transcribed, else as it was heard live."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.interactions.models import Utterance

MOST_TURNS = 5_000


def transcript_of(session: Session, interaction_id: uuid.UUID) -> dict[str, Any]:
    """`{source: "live" | "recording", turns: [{speaker, start_s, end_s, text, words, recording_id}]}` as they came."""
    spoken = list(
        session.scalars(
            select(Utterance)
            .where(Utterance.interaction_id == interaction_id)
            .order_by(Utterance.recording_id.nulls_first(), Utterance.start_s, Utterance.id)
            .limit(MOST_TURNS)
        )
    )
    recorded = [each for each in spoken if each.recording_id is not None]
    return {
        "source": "recording" if recorded else "live",
        "turns": [_turn(each) for each in recorded or spoken],
    }


def _turn(said: Utterance) -> dict[str, Any]:
    return {
        "speaker": said.speaker,
        "start_s": said.start_s,
        "end_s": said.end_s,
        "text": said.text,
        "words": said.words,
        "recording_id": said.recording_id,
    }

"""Where a caller stands in a flow: read and locked in one statement, kept in one."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import events
from app.db import as_json, database_now, driver
from app.flows.trace import Position
from app.interactions.models import Interaction, State
from ivr_flows.instructions import EnterQueue, LookUp, RecordVoicemail, TransferToAgent
from ivr_flows.state import State as FlowState
from telephony.models import FlowSession

READ = """
    SELECT i.id, i.customer_id, i.queue_id, i.our_address, i.state, i.language, i.context, i.created_at,
           f.call_sid, f.state::text AS flow, f.step, f.twiml, clock_timestamp() AS now
    FROM interaction i JOIN flow_session f ON f.interaction_id = i.id
    WHERE i.id = %(id)s
    """
HOLD = READ + "FOR NO KEY UPDATE"  # of both: one that waited for the lock must see the other's step
KEEP = f"""
    WITH {events.TOLD}, noted AS (
        UPDATE interaction SET language = %(language)s, context = CAST(%(context)s AS jsonb) WHERE id = %(id)s
    ), traced AS (
        INSERT INTO flow_trace (interaction_id, called_at, flow, version, what, node, came_from)
        SELECT %(id)s, %(called_at)s, flow, version, what, node, came_from
        FROM jsonb_to_recordset(CAST(%(traced)s AS jsonb))
            AS (flow text, version text, what text, node text, came_from text)
    )
    INSERT INTO flow_session (interaction_id, call_sid, flow, flow_version, state, step, twiml)
    VALUES (%(id)s, %(call_sid)s, %(flow)s, %(version)s, CAST(%(state)s AS jsonb), %(step)s, %(twiml)s)
    ON CONFLICT (interaction_id) DO UPDATE
    SET flow = excluded.flow, flow_version = excluded.flow_version, state = excluded.state, step = excluded.step,
        twiml = excluded.twiml, updated_at = clock_timestamp()
    RETURNING {events.WAKE}
    """  # noqa: S608 - constants


@dataclass(slots=True)
class Place:
    """A call's place. `flow` is the engine's state; `twiml` answers whoever asks for `step` again."""

    interaction_id: uuid.UUID
    customer_id: uuid.UUID
    queue_id: int | None
    our_address: str
    state: str
    context: dict[str, Any]
    call_sid: str
    flow: FlowState | None
    step: int
    twiml: str
    now: datetime
    language: str | None
    called_at: datetime
    position: Position | None = None
    """How far the caller's way is traced; None before the first node."""
    traced: list[dict[str, str]] = field(default_factory=list)
    """What the step at hand adds to the traces."""

    @classmethod
    def begin(cls, session: Session, interaction: Interaction, call_sid: str) -> Place:
        """The place of a call that has just arrived."""
        session.flush()
        return cls(
            interaction_id=interaction.id,
            customer_id=interaction.customer_id,
            queue_id=interaction.queue_id,
            our_address=interaction.our_address,
            state=interaction.state,
            context=dict(interaction.context),
            call_sid=call_sid,
            flow=None,
            step=0,
            twiml="",
            now=database_now(session),
            language=interaction.language,
            called_at=interaction.created_at,
        )

    def interaction(self, session: Session) -> Interaction:
        """The interaction itself, for services; it is held with the place."""
        return session.get_one(Interaction, self.interaction_id)

    def keep(self, session: Session) -> None:
        """Write the step, what the agent will see of it, and the events told so far, all in one statement."""
        assert self.flow is not None
        self.language = self.flow.language
        self.step = self.flow.step
        values = {
            "id": self.interaction_id,
            "language": self.language,
            "context": as_json(self.context),
            "call_sid": self.call_sid,
            "flow": self.flow.flow,
            "version": self.flow.version,
            "state": self.flow.dumps(),
            "step": self.step,
            "twiml": self.twiml,
            "recorded": events.take_recorded(session),
            "called_at": self.called_at,
            "traced": as_json(self.traced),
        }
        self.traced = []
        driver(session).execute(KEEP, values)

    def write_context(self, session: Session) -> None:
        """Keep what the agent will see, where the step itself stays."""
        self.interaction(session).context = dict(self.context)

    @property
    def has_ended(self) -> bool:
        return self.flow is not None and self.flow.ended

    @property
    def rings_an_agent(self) -> bool:
        """Whether the flow's last word was to put the caller through to one agent."""
        return self._waits_for(TransferToAgent)

    @property
    def waits_in_queue(self) -> bool:
        """Whether the flow's last word was to wait for a person, whatever became of that."""
        return self._waits_for(EnterQueue, TransferToAgent)

    @property
    def looks_up(self) -> LookUp | None:
        """What the flow waits to learn from a web service, if that is what it waits for."""
        last = self.flow.instructions[-1] if self.flow is not None and self.flow.instructions else None
        return last if isinstance(last, LookUp) else None

    @property
    def enters_queue(self) -> EnterQueue | None:
        """How the caller waits for a person, if that was the flow's last word."""
        last = self.flow.instructions[-1] if self.flow is not None and self.flow.instructions else None
        return last if isinstance(last, EnterQueue) else None

    @property
    def leaves_a_message(self) -> bool:
        return self.state == State.IN_FLOW and self._waits_for(RecordVoicemail)

    @property
    def ends_with_a_message(self) -> bool:
        """Whether the flow's last word is, or was, a message that the caller left."""
        return self.leaves_a_message or (self.flow is not None and self.flow.outcome == "voicemail")

    def _waits_for(self, *kinds: type) -> bool:
        return self.flow is not None and bool(self.flow.instructions) and isinstance(self.flow.instructions[-1], kinds)


def look_up(session: Session, interaction_id: uuid.UUID) -> Place | None:
    """A call's place without a lock, for answers that change nothing; None for a call that is in no flow."""
    return _read(session, READ, interaction_id)


def lock_place(session: Session, interaction_id: uuid.UUID) -> Place | None:
    """A call's place, held with its interaction until the transaction ends; None for a call that is in no flow."""
    return _read(session, HOLD, interaction_id)


def place_of_call(session: Session, call_sid: str) -> Place | None:
    """The place of this call, without a lock."""
    interaction_id = session.scalars(select(FlowSession.interaction_id).where(FlowSession.call_sid == call_sid)).first()
    return look_up(session, interaction_id) if interaction_id else None


def _read(session: Session, statement: str, interaction_id: uuid.UUID) -> Place | None:
    session.flush()
    row = driver(session).execute(statement, {"id": interaction_id}).fetchone()
    if row is None:
        return None
    state = FlowState.loads(row.flow)
    return Place(
        interaction_id=row.id,
        customer_id=row.customer_id,
        queue_id=row.queue_id,
        our_address=row.our_address,
        state=row.state,
        context=row.context,
        call_sid=row.call_sid,
        flow=state,
        step=row.step,
        twiml=row.twiml,
        now=row.now,
        language=row.language,
        called_at=row.created_at,
        position=Position.of(state),
    )

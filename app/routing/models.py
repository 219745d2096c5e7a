"""The ACD's tables: queues, members, presence, sessions and offers. Invariants A-1 to A-15 of DOMAIN."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Method(StrEnum):
    """In which order a queue's free agents are asked (`strategies`)."""

    LONGEST_IDLE = "longest_idle"
    ROUND_ROBIN = "round_robin"
    LEAST_OCCUPIED = "least_occupied"
    FEWEST_TODAY = "fewest_today"
    SKILLS = "skills"
    BULLSEYE = "bullseye"
    LINEAR = "linear"
    RANDOM = "random"


class SkillRule(StrEnum):
    """What a contact's required skills mean in a queue."""

    ALL = "all"
    """The agent must hold every one at its level."""
    BEST = "best"
    """Whoever holds most of them goes first; nobody is kept out."""
    DISREGARD = "disregard"


class AtClose(StrEnum):
    """What happens to those who wait when the queue closes."""

    DRAIN = "drain"
    """They are still served."""
    CLOSE_NOW = "close_now"
    """They leave at once, by the queue's last overflow step."""


class WrapUpMode(StrEnum):
    """How an agent's time after the talk ends. The limit is `wrap_up_s`."""

    OPTIONAL = "optional"
    DISCRETIONARY = "discretionary"
    TIMED = "timed"
    TIMED_NO_EXIT = "timed_no_exit"
    ON_REQUEST = "on_request"


def _one_of(column: str, words: type[StrEnum]) -> str:
    return f"{column} IN (" + ",".join(f"'{word}'" for word in words) + ")"


USUAL_PATIENCE_S = 120
"""A queue that nobody has given limits tells supervisors when somebody has waited for so long."""


class Queue(Base):
    """People waiting for one kind of help. Limits in seconds."""

    __tablename__ = "queue"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    """What flow files call it: sales, support."""
    name: Mapped[str] = mapped_column(Text)
    ring_s: Mapped[int] = mapped_column(default=20)
    retry_cooldown_s: Mapped[int] = mapped_column(default=30)
    """How long an agent who declined is not asked again for the same interaction."""
    wrap_up_s: Mapped[int] = mapped_column(default=60)
    max_wait_s: Mapped[int] = mapped_column(default=1200)
    default_aht_s: Mapped[int] = mapped_column(default=240)
    service_level_s: Mapped[int] = mapped_column(default=20)
    short_abandon_s: Mapped[int] = mapped_column(default=5)
    active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    """A queue that is not active takes nobody in; who waits in it is still served."""
    method: Mapped[str] = mapped_column(Text, default=Method.LONGEST_IDLE, server_default="longest_idle")
    skill_rule: Mapped[str] = mapped_column(Text, default=SkillRule.ALL, server_default="all")
    rings: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'"))
    """Bullseye, at most 6: [{"stay_s": 30, "drop": ["french"]}]; after `stay_s` of a ring its skills are not needed."""
    weight: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """So many seconds of waiting are added to everybody here, beside people of other queues."""
    value_rules: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'"))
    """[{"tier": "gold", "priority_min": 10}]: every rule whose words fit adds its minutes (`score.value_min`)."""
    ring_group_n: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    """How many agents ring at once; the first to accept has it."""
    sticky_s: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """How long a contact waits for its preferred or last agent alone; 0: no agent is preferred."""
    sticky_days: Mapped[int] = mapped_column(default=7, server_default=text("7"))
    """How long ago the customer may have talked to the last agent for that to count."""
    rest_s: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Cool-down after wrap-up: for so long the agent is offered nothing, by no queue."""
    voice_reserve_s: Mapped[int] = mapped_column(default=20, server_default=text("20"))
    """When a call has waited for so long, its agents get no more digital work, so that one of them drains."""
    max_length: Mapped[int] = mapped_column(default=200, server_default=text("200"))
    overflow: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'"))
    """Steps out of the queue (`overflow.read_steps`); `max_wait_s` ends in the last one, or else in a message."""
    hours: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """None: always open. {"use": key of shared hours}, or {"zone", "weekly", "exceptions", "holidays"} as in flows."""
    at_close: Mapped[str] = mapped_column(Text, default=AtClose.DRAIN, server_default="drain")
    zone: Mapped[str] = mapped_column(Text, default="UTC", server_default="UTC")
    """Whose midnight ends the day of `fewest_today`."""
    tell_position: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    """Whether callers are told their place in the line; a flow may say less than the queue, never more."""
    tell_position_to: Mapped[int] = mapped_column(default=5, server_default=text("5"))
    """The last place that is told as a number; behind it, only that so many or more wait before them."""
    tell_wait: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    """Whether callers are told how long they will wait, as a range."""
    tell_every_s: Mapped[int] = mapped_column(default=90, server_default=text("90"))
    """So long nothing is told again, unless the caller has moved up."""
    wrap_up_mode: Mapped[str] = mapped_column(Text, default=WrapUpMode.TIMED, server_default="timed")
    service_level_target: Mapped[int] = mapped_column(default=80, server_default=text("80"))
    """Per cent of contacts to be answered within `service_level_s`."""
    alerts: Mapped[dict[str, Any]] = mapped_column(
        default=lambda: {"oldest_wait_s": USUAL_PATIENCE_S}, server_default=text("'{}'")
    )
    """Limits that supervisors are told of: {"waiting": 5, "oldest_wait_s": 120, "service_level": 70, "staffed": 2}."""
    park_s: Mapped[int] = mapped_column(default=600, server_default=text("600"))
    """How long a call may be parked before it comes back to whoever parked it."""

    __table_args__ = (
        CheckConstraint(_one_of("method", Method), name="method"),
        CheckConstraint(_one_of("skill_rule", SkillRule), name="skill_rule"),
        CheckConstraint(_one_of("at_close", AtClose), name="at_close"),
        CheckConstraint(_one_of("wrap_up_mode", WrapUpMode), name="wrap_up_mode"),
        CheckConstraint("ring_group_n BETWEEN 1 AND 50", name="ring_group_n"),
    )


class OpeningHours(Base):
    """Hours that several queues share."""

    __tablename__ = "opening_hours"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    rules: Mapped[dict[str, Any]]
    """{"zone", "weekly", "exceptions", "holidays"} as in flows."""


class QueueMember(Base):
    __tablename__ = "queue_member"

    queue_id: Mapped[int] = mapped_column(ForeignKey("queue.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    level: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    """Members of level 1 are asked first, those of level 2 when none of them is free, and so on."""
    delay_s: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """This agent sees a contact only when it has waited for so long."""

    __table_args__ = (Index("ix_queue_member_user", "user_id"),)


class Skill(Base):
    """Something an agent can do: french, fibre."""

    __tablename__ = "skill"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    """What flow files call it."""
    name: Mapped[str] = mapped_column(Text)


class AgentSkill(Base):
    """How well an agent can do it: 1 (a little) to 5 (best)."""

    __tablename__ = "agent_skill"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    skill_id: Mapped[int] = mapped_column(ForeignKey("skill.id", ondelete="CASCADE"), primary_key=True)
    level: Mapped[int] = mapped_column(default=1)

    __table_args__ = (CheckConstraint("level BETWEEN 1 AND 5", name="level"),)


class BreakReason(Base):
    """Why agents may be on break, and how such time counts."""

    __tablename__ = "break_reason"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    productive: Mapped[bool] = mapped_column(default=False)
    shrinkage_class: Mapped[str] = mapped_column(Text, default="break")
    """break, lunch, meeting, training, coaching, back-office or system-issue."""
    active: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int] = mapped_column(default=0)


class Presence(StrEnum):
    """What the agent chose."""

    AVAILABLE = "available"
    BREAK = "break"
    OFFLINE = "offline"


FREE = "presence = 'available' AND NOT not_responding AND next_presence IS NULL AND NOT has_call"
"""Who may be free: what the dispatch reads by an index, however many others there are."""


BLENDED = "capacity #> '{interruptible_by,voice}' IS NOT NULL"
"""Of `user`: who may get other work beside a call."""


class AgentState(Base):
    """An agent's presence. Routing status (idle, offered, interacting, …) is derived."""

    __tablename__ = "agent_state"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    presence: Mapped[str] = mapped_column(Text, default=Presence.OFFLINE)
    reason: Mapped[str | None] = mapped_column(Text)
    """Why on break: lunch, meeting, training."""
    next_presence: Mapped[str | None] = mapped_column(Text)
    """Chosen while busy: stops new offers now, applied when the work at hand ends."""
    next_reason: Mapped[str | None] = mapped_column(Text)
    not_responding: Mapped[bool] = mapped_column(default=False)
    """An offer rang out; only the agent's own act clears it."""
    idle_since: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    """Longest idle goes first. A break does not better it."""
    changed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    """Since when the agent is what they are: there, on a break, away, or not responding."""
    rest_until: Mapped[datetime | None]
    """Cool-down after wrap-up, whatever queue the work came from."""
    set_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    """The supervisor who chose this presence, or the next one, for them; None when it was the agent."""
    has_call: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Whether an offer of a call is open, wrap-up included. The database keeps it, with the offers (migration 0013)."""
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        CheckConstraint("presence IN ('available','break','offline')", name="presence"),
        Index("ix_agent_state_free", "idle_since", postgresql_where=text(FREE)),
    )


class PresenceSpell(Base):
    """One stretch of an agent's presence. They neither overlap nor leave gaps; the open one has no end."""

    __tablename__ = "presence_spell"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    presence: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_presence_spell_user", "user_id", "started_at"),
        Index("uq_presence_spell_open", "user_id", unique=True, postgresql_where=text("ended_at IS NULL")),
    )


class AgentSession(Base):
    """A browser tab of an agent, alive until `expires_at` unless it is heard of again (the presence lease)."""

    __tablename__ = "agent_session"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    """Made by the tab."""
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    phone_ready: Mapped[bool] = mapped_column(default=False)
    """This tab owns the phone, the phone is registered and the microphone is allowed."""
    problem: Mapped[str | None] = mapped_column(Text)
    """Why it would not ring: `microphone_blocked`, `not_registered`, `other_tab`, `no_gesture`."""
    expires_at: Mapped[datetime]


class OfferState(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    WRAPPING = "wrapping"
    COMPLETED = "completed"
    REJECTED = "rejected"
    TIMEOUT = "timeout"
    RESCINDED = "rescinded"
    CANCELED = "canceled"


OPEN_OFFER = (OfferState.PENDING, OfferState.ACCEPTED, OfferState.WRAPPING)
TAKEN_OFFER = (OfferState.ACCEPTED, OfferState.WRAPPING, OfferState.COMPLETED)


class Offer(Base):
    """One attempt to give an interaction to one agent, with a deadline."""

    __tablename__ = "offer"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    interaction_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("interaction.id"))
    queue_id: Mapped[int | None] = mapped_column(ForeignKey("queue.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    role: Mapped[str] = mapped_column(Text, default="primary")
    """`primary`; `consult` for whoever is asked into the call; `handed_on` for an agent's part that is over while the
    call goes on: they wrap it up, and the interaction knows nothing of it."""
    channel: Mapped[str] = mapped_column(Text, default="voice", server_default="voice")
    """The interaction's, for the capacity of its agent."""
    lane: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """0, and 1, 2, … for the other agents of a ring group."""
    decision: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Why this agent, as it was when the offer was made (`why.Decision`)."""
    state: Mapped[str] = mapped_column(Text, default=OfferState.PENDING)
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it ended as it did: `no_answer`, `declined`, `unreachable`, `caller_hung_up`, …"""
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    expires_at: Mapped[datetime]
    """By the database's clock."""
    ended_at: Mapped[datetime | None]
    """When it left `pending` for good, or its work was completed."""
    disposition_code: Mapped[str | None] = mapped_column(Text)
    """This agent's own outcome: chosen while they talk, final when their work is completed."""
    wrapping_at: Mapped[datetime | None]
    """When this agent's wrap-up began."""
    wrap_until: Mapped[datetime | None]
    """When the server ends the wrap-up of a part handed on. The last agent's is the interaction's `wake_at`."""
    wrap_asked: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """The agent said during the talk that they need time after it."""
    wrap_extended: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """How often the wrap-up was made longer."""

    __table_args__ = (
        Index(
            "uq_offer_open_per_interaction",
            "interaction_id",
            "role",
            "lane",
            unique=True,
            postgresql_where=text("state IN ('pending','accepted','wrapping') AND role <> 'handed_on'"),
        ),
        Index(
            "uq_offer_taken_per_interaction",
            "interaction_id",
            "role",
            unique=True,
            postgresql_where=text("state IN ('accepted','wrapping') AND role <> 'handed_on'"),
        ),
        Index(
            "uq_offer_open_call_per_agent",
            "user_id",
            unique=True,
            postgresql_where=text("channel = 'voice' AND state IN ('pending','accepted','wrapping')"),
        ),
        Index(
            "uq_offer_open_per_agent_and_interaction",
            "user_id",
            "interaction_id",
            unique=True,
            postgresql_where=text("state IN ('pending','accepted','wrapping')"),
        ),
        Index("ix_offer_queue", "queue_id", "id"),
        Index(
            "ix_offer_taken",
            "queue_id",
            "created_at",
            postgresql_where=text("state IN ('accepted','wrapping','completed')"),
        ),
        Index(
            "ix_offer_taken_by",
            "user_id",
            "created_at",
            postgresql_where=text("state IN ('accepted','wrapping','completed')"),
        ),
        Index("ix_offer_pending", "expires_at", postgresql_where=text("state = 'pending'")),
        Index("ix_offer_interaction", "interaction_id", "id"),
        Index("ix_offer_wrap_until", "wrap_until", postgresql_where=text("state = 'wrapping'")),
        CheckConstraint("state IN (" + ",".join(f"'{s}'" for s in OfferState) + ")", name="state"),
    )

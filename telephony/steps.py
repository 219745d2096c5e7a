"""A caller's way through a flow: each step is one webhook, one transaction and one answer that can be given again.

The interaction's row lock makes the steps of one call follow each other; the step's number in the address tells a late
or repeated webhook from the one that is waited for.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app import crash, events
from app.accounts.models import User
from app.callbacks import texts
from app.callbacks.change import join_line
from app.callbacks.models import Kind
from app.callbacks.policy import policy_of
from app.callbacks.request import CallbackRefused, Window
from app.callbacks.request import request as request_callback
from app.customers.change import ChangeRefused, change_customer
from app.customers.identify import BadAddress, identify, normalise
from app.customers.models import Customer
from app.db import database_now
from app.flows import trace
from app.flows.trace import Position
from app.interactions.messages import send_message
from app.interactions.models import TERMINAL, Interaction, State
from app.interactions.move import lock_interaction, move
from app.interactions.open import open_interaction
from app.routing import release
from app.routing.dispatch import offer_to_agent
from app.routing.enqueue import enqueue_interaction, way_in
from app.routing.models import Queue
from ivr_flows import engine
from ivr_flows.entry_points import EntryPoint
from ivr_flows.events import CallerHungUp, CallEvent, QueueLeft, RecordingLeft, TransferEnded, TransferStatus
from ivr_flows.facts import (
    Fact,
    FlowEntered,
    KeyPressed,
    NotUnderstood,
    PersonAsked,
    Recorded,
    SurveyAnswered,
    WordsUnderstood,
)
from ivr_flows.instructions import (
    ChangeCustomer,
    EnterQueue,
    Instruction,
    Play,
    RecordVoicemail,
    RequestCallback,
    Say,
    SendSms,
    TransferToAgent,
)
from ivr_flows.schema import Flow
from ivr_flows.state import CallContext
from ivr_flows.state import State as FlowState
from telephony import callback_times, returning_caller
from telephony.findings import take_finding, wrong_verifications
from telephony.flows import entry_point, flows_for_call, live_version_for
from telephony.forms import CallForm
from telephony.models import Leg, WebhookReceipt
from telephony.place import Place, lock_place, place_of_call
from telephony.room import Room

log = structlog.get_logger()

WITHHELD = "anonymous"
UNANSWERED: dict[str, TransferStatus] = {"declined": "busy", "unreachable": "failed"}
"""How a ring to one agent ended, in the flow's words."""
CALLERS_WISH = ("voicemail", "callback_asked", "callback")
"""Why a caller leaves the line of their own will."""
CALLERS_OWN = (KeyPressed, WordsUnderstood, NotUnderstood, PersonAsked, Recorded, SurveyAnswered)


def start_call(session: Session, room: Room, form: CallForm) -> str:
    """Answer the first webhook of a call with its TwiML: the customer is found, the interaction opened, the flow begun.

    Asked again (a retry, the fallback, a second worker at the same moment), the call gets the document that stands.
    Raises FlowError when the number's flow cannot be used.
    """
    if not _is_first(session, form.call_sid):
        return standing_document(session, room, form.call_sid)
    crash.point("W2")
    point = entry_point(session, room.flows, form.to)
    if point is None or form.from_.startswith("client:"):
        return room.documents.goodbye("not_in_use", point.language if point else None)
    interaction = _open(session, form.from_, form.to, point)
    version = live_version_for(session, point.flow, interaction.remote_address, form.call_sid)
    flow = room.flows.get(point.flow, version)
    document = _begin(session, room, interaction, form.call_sid, flow)
    return returning_caller.greeting(session, room, interaction) or document


def start_draft(session: Session, room: Room, form: CallForm, flow: str, version: str) -> str:
    """Begin a call of a telephone that we rang with a draft: who picked up is its caller.

    Everything goes as it would for a real caller; the interaction says that it was a trial. Asked again, the call gets
    the document that stands. Raises FlowError when there is no such version.
    """
    if not _is_first(session, form.call_sid):
        return standing_document(session, room, form.call_sid)
    draft = room.flows.get(flow, version)
    interaction = _open(session, form.to, form.from_, EntryPoint(flow=flow))
    interaction.context = {"draft": {"flow": flow, "version": version}}
    return _begin(session, room, interaction, form.call_sid, draft, is_draft=True)


def _begin(
    session: Session, room: Room, interaction: Interaction, call_sid: str, flow: Flow, *, is_draft: bool = False
) -> str:
    session.add(_caller_leg(session, interaction, call_sid))
    move(session, interaction, State.IN_FLOW, actor="flow", reason=flow.name)
    return _enter(session, room, interaction, call_sid, flow, is_draft=is_draft)


def begin_again(session: Session, room: Room, interaction: Interaction, flow: str, turn: int) -> None:
    """An agent sent the customer into a flow: from its start. Said twice for one `turn`, the second changes nothing.

    Raises FlowError when the flow cannot be used.
    """
    if interaction.context.get("turn") == turn:
        return
    caller = select(Leg).where(Leg.interaction_id == interaction.id, Leg.role == "caller").order_by(Leg.id.desc())
    leg = session.scalars(caller.limit(1)).first()
    if leg is None or leg.call_sid is None:
        return
    version = live_version_for(session, flow, interaction.remote_address, leg.call_sid)
    interaction.context = {**interaction.context, "turn": turn}
    _enter(session, room, interaction, leg.call_sid, room.flows.get(flow, version))


def _enter(
    session: Session, room: Room, interaction: Interaction, call_sid: str, flow: Flow, *, is_draft: bool = False
) -> str:
    place = Place.begin(session, interaction, call_sid)
    mark: dict[str, Any] = {"draft": True} if is_draft else {}
    _record(session, place, "flow.entered", flow=flow.name, version=flow.version, **mark)
    place.position = Position(flow.name, flow.version)
    place.traced.append(trace.began(place.position))
    call = CallContext(
        caller=interaction.remote_address,
        called=interaction.our_address,
        now=place.now,
        customer=_snapshot(session, interaction),
        language=interaction.language,
        priority_min=interaction.priority_min,
        call_id=str(interaction.id),
    )
    flows = flows_for_call(session, room.flows, call.caller, call_sid)
    _save(session, room, place, engine.start(flow, call, flows=flows))
    return place.twiml


def resume_call(
    session: Session, room: Room, interaction_id: uuid.UUID, n: int, call_sid: str, event: CallEvent
) -> str:
    """The answer to step `n`: the next step's TwiML. A late or repeated answer gets the step that stands.

    Raises LookupError when there is no such call.
    """
    place = lock_place(session, interaction_id)
    if place is None or place.call_sid != call_sid:
        raise LookupError("no call of this id is in a flow")
    late_message = isinstance(event, RecordingLeft) and place.has_ended
    if (n != place.step and not late_message) or place.waits_in_queue:
        return standing(room, place)
    return _go_on(session, room, place, event)


def leave_queue(session: Session, room: Room, interaction_id: uuid.UUID, reason: str) -> str | None:
    """The caller stops waiting and the flow goes on: the next step's TwiML, None when it no longer waits.

    An offer that rings is left to ring: the caller may still be answered.
    """
    place = lock_place(session, interaction_id)
    if place is None or not place.waits_in_queue or place.has_ended:
        return None
    if place.state == State.QUEUED:
        actor = "caller" if reason in CALLERS_WISH else "system"
        move(session, place.interaction(session), State.IN_FLOW, actor=actor, reason=reason)
    elif place.state != State.IN_FLOW:
        return None
    if place.rings_an_agent:
        return _go_on(session, room, place, TransferEnded(UNANSWERED.get(reason, "no-answer")))
    return _go_on(session, room, place, QueueLeft(reason))


def agree_in_line(
    session: Session, room: Room, place: Place, asked: RequestCallback, instructions: Sequence[Instruction]
) -> str:
    """A callback was agreed while waiting: the wait is over, the flow's part too; what was said last is still said."""
    _owe_callback(session, place, asked)
    step = _resume(session, room, place, QueueLeft("callback"))
    place.flow = step.state
    _tell(session, room, place, step)
    place.twiml = room.renderer.render(
        (*instructions, *step.instructions),
        interaction_id=place.interaction_id,
        step=step.state.step,
        our_number=place.our_address,
    )
    place.keep(session)
    return place.twiml


def caller_left(session: Session, room: Room, interaction_id: uuid.UUID) -> None:
    """The caller's leg ended: the flow is told, then routing decides what follows.

    Somebody who hangs up while leaving a message has left it: the carrier brings the message a moment later
    (recording_news.settle).
    """
    place = lock_place(session, interaction_id)
    if place is None:
        release.caller_gone(session, interaction_id)
        return
    _send_follow_ups(session, place)
    leaves_a_message = place.leaves_a_message
    contained = place.flow is not None and place.flow.ended and place.flow.outcome in ("contained", "transferred")
    if place.state == State.IN_FLOW and not place.has_ended:
        _save(session, room, place, _resume(session, room, place, CallerHungUp()), quietly=True)
    if not leaves_a_message:
        release.caller_gone(session, interaction_id, contained=contained)


def message_left(session: Session, interaction_id: uuid.UUID) -> None:
    """A voicemail has arrived: the contact waits for somebody to hear it."""
    interaction = lock_interaction(session, interaction_id)
    if interaction is not None and interaction.state == State.IN_FLOW:
        move(session, interaction, State.VOICEMAIL, actor="caller", reason=interaction.context.get("mailbox"))


def standing_document(session: Session, room: Room, call_sid: str) -> str:
    """The document that this call should be running now, from what is committed. Unknown calls are said goodbye to."""
    place = place_of_call(session, call_sid)
    return standing(room, place) if place is not None else room.documents.goodbye("goodbye", None)


def standing(room: Room, place: Place) -> str:
    """What the state says the caller's leg should run: the flow's step, the queue's loop, or the conversation."""
    if place.state in (State.ACTIVE, State.HELD, State.AGENT_LOST):
        return room.documents.customer_room(place.interaction_id, place.language)
    if place.state in (State.PARKED, State.OUTSIDE):
        music = room.urls.hold(place.interaction_id)
        return room.documents.customer_room(place.interaction_id, place.language, wait_url=music)
    if place.state in TERMINAL | {State.WRAPPING} and place.waits_in_queue:
        return room.documents.goodbye("goodbye", place.language)
    if place.state in (State.QUEUED, State.OFFERED) and not place.waits_in_queue:  # in a callback's place
        return room.documents.try_again(room.urls.wait(place.interaction_id))
    return place.twiml


def _go_on(session: Session, room: Room, place: Place, event: CallEvent) -> str:
    step = _resume(session, room, place, event)
    if step.state.step != place.step:
        _save(session, room, place, step)
    return place.twiml


def _resume(session: Session, room: Room, place: Place, event: CallEvent) -> engine.Step:
    assert place.flow is not None
    flow = room.flows.get(place.flow.flow, place.flow.version)
    flows = flows_for_call(session, room.flows, place.flow.call.caller, place.call_sid)
    state = callback_times.without_full_times(session, flow, place.flow, place.now)
    return engine.resume(flow, state, event, now=place.now, flows=flows)


def _save(session: Session, room: Room, place: Place, step: engine.Step, *, quietly: bool = False) -> None:
    """Do what a step asks of the house and keep the place and its answer.

    A queue or an agent that cannot be had sends the call on at once; what was to be said before is still said.
    `quietly`: nobody listens any more, so only the facts and the state count.
    """
    spoken: tuple[Any, ...] = ()
    place.flow = step.state
    _tell(session, room, place, step)
    while not quietly and (event := _perform(session, place, step)) is not None:
        spoken += tuple(one for one in step.instructions if isinstance(one, Say | Play))
        step = _resume(session, room, place, event)
        place.flow = step.state
        _tell(session, room, place, step)
    place.context["path"] = _path_in_words(step.state)
    if "draft" in place.context:
        place.traced.clear()  # trials of a draft are nobody's traffic
    if not quietly:
        place.twiml = room.renderer.render(
            (*spoken, *step.instructions),
            interaction_id=place.interaction_id,
            step=step.state.step,
            our_number=place.our_address,
        )
    place.keep(session)


def _perform(session: Session, place: Place, step: engine.Step) -> CallEvent | None:
    """What the house must do for a step; an event when it cannot be done and the flow must go on."""
    for number, instruction in enumerate(step.instructions):
        match instruction:
            case SendSms() | ChangeCustomer() | RequestCallback():
                perform_once(session, place, instruction, f"flow:{place.interaction_id}:{step.state.step}:{number}")
            case RecordVoicemail():
                place.context["mailbox"] = instruction.mailbox
            case EnterQueue():
                return _enter_queue(session, place, instruction)
            case TransferToAgent():
                return _offer_to_agent(session, place, instruction)
            case _:
                pass
    if step.state.ended and step.state.outcome == "voicemail" and place.state == State.IN_FLOW:
        interaction = place.interaction(session)
        move(session, interaction, State.VOICEMAIL, actor="caller", reason=place.context.get("mailbox"))
    return None


def perform_once(session: Session, place: Place, instruction: Instruction, client_id: str) -> None:
    """Do what a step asks for beside what the caller hears. `client_id` is the same for the same step."""
    match instruction:
        case SendSms(when="after_call"):
            place.context.setdefault("follow_ups", []).append({"id": client_id, "text": instruction.text})
        case SendSms():
            _send_text(session, place.interaction(session), instruction.text, client_id)
        case ChangeCustomer():
            _change_customer(session, place, instruction)
        case RequestCallback():
            _owe_callback(session, place, instruction)
        case _:
            pass


def _change_customer(session: Session, place: Place, change: ChangeCustomer) -> None:
    """Write what the flow learnt. What the record cannot take never disturbs the call."""
    customer = session.get_one(Customer, place.customer_id)
    try:
        with session.begin_nested():
            change_customer(session, customer, own=change.changes, fields=change.fields, actor="flow")
    except ChangeRefused as refused:
        log.info("flow.record_not_changed", interaction_id=str(place.interaction_id), field=refused.field)


def _owe_callback(session: Session, place: Place, asked: RequestCallback) -> None:
    """A callback was agreed: the contact ends here and somebody owes a call. Everything needed for it is kept."""
    queue = session.scalars(select(Queue).where(Queue.key == asked.queue)).one_or_none()
    if queue is None:
        log.error("flow.unknown_queue", queue=asked.queue, interaction_id=str(place.interaction_id))
    interaction = place.interaction(session)
    waits_since = interaction.virtual_start or place.now
    waited_there = queue is not None and interaction.queued_at is not None and interaction.queue_id == queue.id
    agreed: dict[str, Any] = {
        "queue": asked.queue,
        "number": asked.number,
        "at": asked.at,
        "until": asked.until,
        "priority_min": asked.priority_min,
        "language": asked.language,
        "waits_since": waits_since.isoformat(),
    }
    place.context["callback"] = agreed
    place.context["facts"] = dict(asked.facts)
    kept_queue = queue.id if queue else interaction.queue_id
    move(session, interaction, State.CALLBACK, actor="caller", reason="callback", queue_id=kept_queue)
    place.state, place.queue_id = interaction.state, interaction.queue_id
    place.write_context(session)
    if queue is not None and not interaction.context.get("draft"):
        _promise(session, interaction, queue, asked, waits_since, interaction.priority_min if waited_there else None)


def _promise(
    session: Session,
    interaction: Interaction,
    queue: Queue,
    asked: RequestCallback,
    waits_since: datetime,
    kept_min: int | None,
) -> None:
    """Make it a callback. One that cannot be made becomes a follow-up, for somebody was promised a call."""
    window = None
    if asked.at and asked.until:
        start, end = datetime.fromisoformat(asked.at), datetime.fromisoformat(asked.until)
        zone = policy_of(session, queue.id).zone
        window = Window(start, max(1, round((end - start).total_seconds() / 60)), zone)
    try:
        with session.begin_nested():
            callback = request_callback(
                session,
                queue,
                kind=Kind.SCHEDULED if window else Kind.VIRTUAL_HOLD,
                customer_id=interaction.customer_id,
                number=asked.number,
                our_address=interaction.our_address,
                actor="caller",
                window=window,
                virtual_start=waits_since,
                priority_min=asked.priority_min,
                kept_min=kept_min,
                language=asked.language,
                origin_id=interaction.id,
                facts=dict(asked.facts),
                booked=True,
            )
            texts.confirm(session, callback)
    except CallbackRefused as refused:
        log.warning("callback.refused", interaction_id=str(interaction.id), code=refused.code)


def _send_follow_ups(session: Session, place: Place) -> None:
    """The texts that were to leave when the call is over."""
    for follow_up in place.context.get("follow_ups", []):
        _send_text(session, place.interaction(session), follow_up["text"], follow_up["id"])


def _enter_queue(session: Session, place: Place, entering: EnterQueue) -> CallEvent | None:
    queue = session.scalars(select(Queue).where(Queue.key == entering.queue)).one_or_none()
    if queue is None:
        log.error("flow.unknown_queue", queue=entering.queue, interaction_id=str(place.interaction_id))
        return QueueLeft("no_queue")
    kept_min = join_line(session, place.interaction(session), queue.id)
    place.context["facts"] = dict(entering.facts)
    if entering.skills:
        place.context["skills"] = list(entering.skills)
    taken_in = way_in(session, queue)
    if isinstance(taken_in, str):
        return QueueLeft(taken_in)
    enqueue_interaction(
        session,
        place.interaction(session),
        taken_in,
        priority_min=entering.priority_min,
        max_wait_s=entering.max_wait_s,
        skills=entering.skills,
    )
    if kept_min is not None and taken_in.id == queue.id:
        interaction = place.interaction(session)
        interaction.priority_min = max(interaction.priority_min, kept_min)
    return None


def _offer_to_agent(session: Session, place: Place, transfer: TransferToAgent) -> CallEvent | None:
    """Ring one named agent, if they can be rung; the caller hears it ring meanwhile."""
    agent = session.scalars(select(User).where(func.lower(User.email) == transfer.agent.strip().lower())).one_or_none()
    if agent is None:
        return TransferEnded("failed")
    place.context["facts"] = dict(transfer.facts)
    offer = offer_to_agent(session, place.interaction(session), agent.id, transfer.timeout_s)
    return None if offer else TransferEnded("no-answer")


def _send_text(session: Session, interaction: Interaction, body: str, client_id: str) -> None:
    """Text the caller, once per step. A number that cannot be texted, or opted out, never disturbs the call."""
    try:
        with session.begin_nested():
            send_message(
                session,
                None,
                interaction.customer_id,
                body,
                client_id,
                to=interaction.remote_address,
                our_address=interaction.our_address,
            )
    except ValueError as refused:
        log.info("flow.text_not_sent", interaction_id=str(interaction.id), why=type(refused).__name__)


def _is_first(session: Session, call_sid: str) -> bool:
    """Whether nobody answered this call before; a second worker waits here until the first has committed."""
    receipt = insert(WebhookReceipt).values(source="voice.incoming", dedupe_key=call_sid)
    return session.execute(receipt.on_conflict_do_nothing().returning(WebhookReceipt.id)).first() is not None


def _open(session: Session, caller: str, ours: str, point: EntryPoint) -> Interaction:
    number = number_of(caller)
    customer = identify(session, "phone", number)
    return open_interaction(
        session,
        channel="voice",
        direction="inbound",
        customer_id=customer.id,
        remote_address=number,
        our_address=ours,
        language=point.language or customer.language,
        priority_min=point.priority_min,
    )


def number_of(address: str) -> str:
    """The caller's number in E.164, or `anonymous` for one that is withheld or that nobody could call back."""
    try:
        return normalise("phone", address) or WITHHELD
    except BadAddress:
        return WITHHELD


def is_known(session: Session, interaction_id: uuid.UUID) -> bool:
    return session.get(Interaction, interaction_id) is not None


def _caller_leg(session: Session, interaction: Interaction, call_sid: str) -> Leg:
    return Leg(
        interaction_id=interaction.id,
        role="caller",
        call_sid=call_sid,
        state="connected",
        connected_at=database_now(session),
    )


def _snapshot(session: Session, interaction: Interaction) -> dict[str, Any]:
    """What a flow may know of the customer: plain values."""
    customer = session.get_one(Customer, interaction.customer_id)
    before = select(func.max(Interaction.created_at)).where(
        Interaction.customer_id == customer.id, Interaction.id != interaction.id
    )
    last = session.scalar(before)
    return {
        "name": customer.name or "",
        "is_known": bool(customer.name),
        "language": customer.language or "",
        "fields": dict(customer.fields),
        "last_interaction_at": last.isoformat() if last else "",
        "wrong_verifications": wrong_verifications(session, customer.id),
    }


def tell_aside(session: Session, place: Place, facts: Sequence[Fact]) -> None:
    """Tell what happened in a small flow beside the caller's own: on the timeline, and not on the caller's way."""
    for fact in facts:
        actor = "caller" if isinstance(fact, CALLERS_OWN) else "flow"
        node = getattr(fact, "node", "")
        _record(session, place, "flow.aside", actor=actor, node=node, kind=fact.kind, text=fact.describe())


def _tell(session: Session, room: Room, place: Place, step: engine.Step) -> None:
    """Write the step's facts into the log, each with what the caller hears after it, and trace the caller's way."""
    assert place.position is not None
    heard = trace.said(step)
    way = trace.follow(place.position, step.facts, room.flows.get)
    for (fact, position, origin), said in zip(way, heard, strict=True):
        place.position = position
        place.traced += trace.rows(fact, position, origin)
        if isinstance(fact, FlowEntered):
            _record(session, place, "flow.entered", flow=fact.flow, version=fact.version)
            continue
        _record(
            session,
            place,
            "flow.step",
            actor="caller" if isinstance(fact, CALLERS_OWN) else "flow",
            node=getattr(fact, "node", ""),
            kind=fact.kind,
            text=fact.describe(),
            flow=position.flow,
            version=position.version,
            about=trace.about(fact, origin),
            said=said,
        )
        take_finding(place.context, fact, partial(_record, session, place))


def _record(session: Session, place: Place, kind: str, /, *, actor: str = "flow", **data: Any) -> None:
    events.record(
        session,
        kind,
        actor=actor,
        customer_id=place.customer_id,
        interaction_id=place.interaction_id,
        queue_id=place.queue_id,
        **data,
    )


def _path_in_words(state: FlowState) -> list[str]:
    """The way through the flow as the agent reads it."""
    return [f"{stop.title} ({stop.because})" if stop.because else stop.title for stop in state.path]

"""What the worker does for messages: send, look up, follow, bring attachments home, adopt what was missed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from app import crash
from app.db import database_now, unit_of_work
from app.interactions.models import Message
from digital_channels import outbox
from digital_channels.base import FoundMessage, OutcomeUnknown, SendError
from digital_channels.inbox import take
from digital_channels.sms import SmsAdapter
from recordings.carrier_files import CarrierFiles
from recordings.problems import RecordingProblem
from recordings.store import Store
from telephony.models import PhoneNumber

log = structlog.get_logger()

LIMIT_BYTES = 16 << 20
"""Twilio takes and passes on at most 5 MB; 16 leaves room for other carriers."""
MISSED_WITHIN = timedelta(hours=24)


class TryAgain(Exception):
    """The message is queued again; the job's own pauses say when."""


@dataclass(frozen=True, slots=True)
class SmsHands:
    """The jobs of the SMS channel, with what they need."""

    adapter: SmsAdapter
    carrier: CarrierFiles
    store: Store
    base_url: str

    def send(self, message_id: int) -> None:
        """Send one text, exactly once whenever that can be known. Raises TryAgain when it was surely not sent."""
        crash.point("S1")
        with unit_of_work() as session:
            attempt = outbox.begin_attempt(session, message_id, self.base_url)
        if attempt is None:
            self.look_up(message_id)  # somebody died while sending it, or it is done
            return
        try:
            sent = self.adapter.send(attempt.message)
        except OutcomeUnknown:
            with unit_of_work() as session:
                outbox.note_unknown(session, message_id)
            return
        except SendError as error:
            self._note_refusal(attempt, error)
            return
        crash.point("S3")
        with unit_of_work() as session:
            outbox.note_sent(session, message_id, sent)
        crash.point("S4")

    def look_up(self, message_id: int) -> None:
        """Find out what became of a send whose answer was lost. Only what the carrier surely lacks is sent again."""
        with unit_of_work() as session:
            message = session.get(Message, message_id)
            now = database_now(session)
        if message is None or message.provider_id or message.status not in ("sending", "unknown"):
            return
        attempt = outbox.attempt_of(message, self.base_url)
        if now - attempt.began_at < outbox.ANSWER_IS_LATE:
            return
        try:
            found = self.adapter.find(attempt.message, attempt.began_at)
        except SendError as error:
            log.warning("sms.look_up_failed", message_id=message_id, reason=error.reason)
            found = None
        with unit_of_work() as session:
            if found and _tie(session, message_id, found):
                return
            message = session.get_one(Message, message_id, with_for_update=True)
            if message.provider_id or message.status not in ("sending", "unknown"):
                return
            if found is not None and now - attempt.began_at > outbox.LOOKED_UP_LONG_ENOUGH:
                log.warning("sms.never_left", message_id=message_id)
                outbox.put_back(session, message)
            else:
                outbox.note_unknown(session, message_id)

    def follow(self, message_id: int, round_: int) -> None:
        """Ask for a status that no callback brought."""
        with unit_of_work() as session:
            message = session.get(Message, message_id)
        if message is None or message.provider_id is None or message.status in outbox.OVER:
            return
        try:
            update = self.adapter.ask(message.provider_id)
        except SendError as error:
            log.warning("sms.follow_failed", message_id=message_id, reason=error.reason)
            update = None
        with unit_of_work() as session:
            outbox.follow_on(session, message_id, round_, update)

    def fetch_media(self, message_id: int) -> None:
        """Bring a message's attachments home. Raises RecordingProblem when trying again may help."""
        with unit_of_work() as session:
            message = session.get(Message, message_id)
        for number, entry in enumerate(message.media if message else []):
            if "path" not in entry and "problem" not in entry:
                self._fetch_one(message_id, number, entry["url"])

    def adopt_missed(self) -> None:
        """Take in what customers texted while no webhook of the carrier could reach us."""
        since = datetime.now(UTC) - MISSED_WITHIN
        with unit_of_work() as session:
            ours = list(session.scalars(select(PhoneNumber.number).where(PhoneNumber.removed_at.is_(None))))
        for number in ours:
            for inbound in self.adapter.received_since(number, since):
                with unit_of_work() as session:
                    take(session, inbound)

    def _note_refusal(self, attempt: outbox.Attempt, error: SendError) -> None:
        with unit_of_work() as session:
            again = outbox.note_refusal(session, attempt, error)
        log.warning("sms.refused", message_id=attempt.message_id, code=error.code, again=again)
        if again:
            raise TryAgain(error.reason)

    def _fetch_one(self, message_id: int, number: int, url: str) -> None:
        path = f"media/{message_id}/{number}"
        try:
            stored = self.store.keep(path, self.carrier.attachment(url, LIMIT_BYTES))
            known = {"path": stored.path, "bytes": stored.bytes, "sha256": stored.sha256}
        except RecordingProblem as problem:
            if not problem.gone:
                raise
            known = {"problem": str(problem)}
        with unit_of_work() as session:
            message = session.get_one(Message, message_id, with_for_update=True)
            message.media[number] |= known
            flag_modified(message, "media")


def _tie(session: Session, message_id: int, found: list[FoundMessage]) -> bool:
    """Tie the first message that no other of ours has."""
    return any(outbox.note_sent(session, message_id, each.update) for each in found)

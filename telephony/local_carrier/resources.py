"""Twilio's JSON for each resource: the keys, and which numbers are texts (https://www.twilio.com/docs/voice/api, …).

Addresses in `uri` are paths; the client puts its base before them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from telephony.local_carrier.callbacks import rfc2822
from telephony.local_carrier.calls import API_VERSION
from telephony.local_carrier.recordings import whole_seconds

if TYPE_CHECKING:
    from telephony.local_carrier.calls import Call
    from telephony.local_carrier.carrier import Carrier
    from telephony.local_carrier.conference import Conference, Seat
    from telephony.local_carrier.errors import Alert
    from telephony.local_carrier.messages import Medium, Message
    from telephony.local_carrier.numbers import Application, IncomingNumber
    from telephony.local_carrier.recordings import Recording
    from telephony.local_carrier.streams import Stream

Json = dict[str, Any]
_US = re.compile(r"\+1(\d{3})(\d{3})(\d{4})")


def base(carrier: Carrier) -> str:
    """The path of the account."""
    return f"/{API_VERSION}/Accounts/{carrier.settings.account_sid}"


def formatted(address: str) -> str:
    """A North American number as people write it there; anything else as it is."""
    return _US.sub(r"(\1) \2-\3", address)


def account(carrier: Carrier) -> Json:
    """The account itself. Its token is never told."""
    created = rfc2822(carrier.account.created_at)
    kinds = ("calls", "conferences", "recordings", "messages", "applications", "incoming_phone_numbers")
    return {
        "sid": carrier.settings.account_sid,
        "friendly_name": carrier.account.friendly_name,
        "owner_account_sid": carrier.settings.account_sid,
        "status": "active",
        "type": "Full",
        "auth_token": None,
        "date_created": created,
        "date_updated": created,
        "uri": f"{base(carrier)}.json",
        "subresource_uris": {kind: f"{base(carrier)}/{camel(kind)}.json" for kind in kinds},
    }


def camel(name: str) -> str:
    """`incoming_phone_numbers` as in addresses: `IncomingPhoneNumbers`."""
    return "".join(word.capitalize() for word in name.split("_"))


def call(carrier: Carrier, leg: Call) -> Json:
    """One leg."""
    uri = f"{base(carrier)}/Calls/{leg.sid}"
    return {
        "sid": leg.sid,
        "account_sid": carrier.settings.account_sid,
        "parent_call_sid": leg.parent.sid if leg.parent else None,
        "phone_number_sid": leg.phone_number_sid or None,
        "to": leg.to,
        "to_formatted": formatted(leg.to),
        "from": leg.sender,
        "from_formatted": formatted(leg.sender),
        "status": leg.status,
        "direction": leg.direction,
        "date_created": rfc2822(leg.created_at),
        "date_updated": rfc2822(leg.updated_at),
        "start_time": rfc2822(leg.answered_at or (leg.created_at if leg.has_ended else None)),
        "end_time": rfc2822(leg.ended_at),
        "duration": str(leg.duration_s) if leg.has_ended else None,
        "price": None,
        "price_unit": "USD",
        "answered_by": None,
        "annotation": None,
        "forwarded_from": None,
        "group_sid": None,
        "caller_name": None,
        "queue_time": "0",
        "trunk_sid": None,
        "api_version": API_VERSION,
        "uri": f"{uri}.json",
        "subresource_uris": {
            kind: f"{uri}/{camel(kind)}.json"
            for kind in ("notifications", "recordings", "streams", "transcriptions", "events", "payments", "siprec")
        },
    }


def conference(carrier: Carrier, room: Conference) -> Json:
    """One conference."""
    uri = f"{base(carrier)}/Conferences/{room.sid}"
    return {
        "sid": room.sid,
        "account_sid": carrier.settings.account_sid,
        "friendly_name": room.friendly_name,
        "status": room.status,
        "region": "us1",
        "date_created": rfc2822(room.created_at),
        "date_updated": rfc2822(room.updated_at),
        "api_version": API_VERSION,
        "reason_conference_ended": room.reason_ended,
        "call_sid_ending_conference": room.ended_by.call.sid if room.ended_by else None,
        "uri": f"{uri}.json",
        "subresource_uris": {kind: f"{uri}/{camel(kind)}.json" for kind in ("participants", "recordings")},
    }


_SEAT_STATUS = {"queued": "queued", "ringing": "ringing", "in-progress": "connecting"}


def participant(carrier: Carrier, seat: Seat) -> Json:
    """One leg's place in a conference."""
    status = "connected" if seat.is_in else _SEAT_STATUS.get(seat.call.status, "complete")
    return {
        "account_sid": carrier.settings.account_sid,
        "call_sid": seat.call.sid,
        "label": seat.label or None,
        "call_sid_to_coach": seat.coaching or None,
        "coaching": bool(seat.coaching),
        "conference_sid": seat.conference.sid,
        "date_created": rfc2822(seat.created_at),
        "date_updated": rfc2822(seat.updated_at),
        "end_conference_on_exit": seat.end_on_exit,
        "muted": seat.muted,
        "hold": seat.hold,
        "start_conference_on_enter": seat.start_on_enter,
        "status": status,
        "queue_time": "0",
        "uri": f"{base(carrier)}/Conferences/{seat.conference.sid}/Participants/{seat.call.sid}.json",
    }


def recording(carrier: Carrier, item: Recording) -> Json:
    """One recording; its parent's path is in `uri` when it is asked for by its parent."""
    facts = item.facts
    uri = f"{base(carrier)}/Recordings/{facts.sid}"
    done = facts.duration_s >= 0
    return {
        "sid": facts.sid,
        "account_sid": carrier.settings.account_sid,
        "call_sid": facts.call_sid or None,
        "conference_sid": facts.conference_sid or None,
        "status": facts.status,
        "channels": facts.channels,
        "track": facts.track,
        "source": facts.source,
        "duration": str(whole_seconds(facts.duration_s)) if done else None,
        "start_time": rfc2822(facts.started_at),
        "date_created": rfc2822(facts.started_at),
        "date_updated": rfc2822(facts.updated_at),
        "price": None,
        "price_unit": "USD",
        "error_code": facts.error_code,
        "encryption_details": None,
        "api_version": API_VERSION,
        "media_url": carrier.recordings.url(item),
        "uri": f"{uri}.json",
        "subresource_uris": {
            "transcriptions": f"{uri}/Transcriptions.json",
            "add_on_results": f"{uri}/AddOnResults.json",
        },
    }


def stream(carrier: Carrier, item: Stream) -> Json:
    """One Media Stream."""
    return {
        "sid": item.sid,
        "account_sid": carrier.settings.account_sid,
        "call_sid": item.call.sid,
        "name": item.order.name or None,
        "status": item.status,
        "date_updated": rfc2822(item.started_at),
        "uri": f"{base(carrier)}/Calls/{item.call.sid}/Streams/{item.sid}.json",
    }


def message(carrier: Carrier, item: Message) -> Json:
    """One text or picture message."""
    from telephony.local_carrier.messages import ERROR_TEXTS  # only needed here

    uri = f"{base(carrier)}/Messages/{item.sid}"
    return {
        "sid": item.sid,
        "account_sid": carrier.settings.account_sid,
        "messaging_service_sid": None,
        "to": item.to,
        "from": item.sender,
        "body": item.body,
        "status": item.status,
        "direction": item.direction,
        "num_segments": str(item.segments),
        "num_media": str(len(item.media)),
        "error_code": item.error_code,
        "error_message": ERROR_TEXTS.get(item.error_code or 0),
        "price": None,
        "price_unit": "USD",
        "date_created": rfc2822(item.created_at),
        "date_updated": rfc2822(item.updated_at),
        "date_sent": rfc2822(item.sent_at),
        "api_version": API_VERSION,
        "uri": f"{uri}.json",
        "subresource_uris": {"media": f"{uri}/Media.json", "feedback": f"{uri}/Feedback.json"},
    }


def medium(carrier: Carrier, item: Message, file: Medium) -> Json:
    """One file of a message."""
    return {
        "sid": file.sid,
        "account_sid": carrier.settings.account_sid,
        "parent_sid": item.sid,
        "content_type": file.content_type,
        "date_created": rfc2822(file.created_at),
        "date_updated": rfc2822(file.created_at),
        "uri": f"{base(carrier)}/Messages/{item.sid}/Media/{file.sid}.json",
    }


def _program(carrier: Carrier, item: Application) -> Json:
    """What numbers and applications have in common."""
    return {
        "sid": item.sid,
        "account_sid": carrier.settings.account_sid,
        "friendly_name": item.friendly_name,
        "api_version": API_VERSION,
        "date_created": rfc2822(item.created_at),
        "date_updated": rfc2822(item.updated_at),
        "voice_url": item.voice_url,
        "voice_method": item.voice_method,
        "voice_fallback_url": item.voice_fallback_url,
        "voice_fallback_method": item.voice_fallback_method,
        "voice_caller_id_lookup": item.voice_caller_id_lookup,
        "status_callback": item.status_callback,
        "status_callback_method": item.status_callback_method,
        "sms_url": item.sms_url,
        "sms_method": item.sms_method,
        "sms_fallback_url": item.sms_fallback_url,
        "sms_fallback_method": item.sms_fallback_method,
    }


def application(carrier: Carrier, item: Application) -> Json:
    """One TwiML application."""
    return {
        **_program(carrier, item),
        "sms_status_callback": item.sms_status_callback,
        "message_status_callback": item.message_status_callback,
        "public_application_connect_enabled": False,
        "uri": f"{base(carrier)}/Applications/{item.sid}.json",
    }


def number(carrier: Carrier, item: IncomingNumber) -> Json:
    """One telephone number."""
    return {
        **_program(carrier, item),
        "phone_number": item.phone_number,
        "voice_application_sid": item.voice_application_sid or None,
        "sms_application_sid": item.sms_application_sid or None,
        "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
        "address_requirements": "none",
        "address_sid": None,
        "beta": False,
        "bundle_sid": None,
        "emergency_address_sid": None,
        "emergency_address_status": "unregistered",
        "emergency_status": "Inactive",
        "identity_sid": None,
        "origin": "local",
        "status": "in-use",
        "trunk_sid": None,
        "voice_receive_mode": "voice",
        "uri": f"{base(carrier)}/IncomingPhoneNumbers/{item.sid}.json",
    }


def alert(carrier: Carrier, item: Alert) -> Json:
    """One problem, as the monitor tells it."""
    at = item.at.isoformat().replace("+00:00", "Z")
    return {
        "sid": item.sid,
        "account_sid": carrier.settings.account_sid,
        "error_code": str(item.code),
        "alert_text": item.message,
        "log_level": "error",
        "more_info": f"https://www.twilio.com/docs/errors/{item.code}",
        "resource_sid": item.resource_sid,
        "service_sid": None,
        "request_url": item.url,
        "request_method": None,
        "date_created": at,
        "date_generated": at,
        "date_updated": at,
        "api_version": API_VERSION,
        "url": f"{carrier.public_url}/monitor/v1/Alerts/{item.sid}",
    }

"""The fields that numbers and applications share: where calls and messages are sent."""

from __future__ import annotations

from typing import Any

from telephony.local_carrier.rest.common import Form

URLS = {
    "VoiceUrl": "voice_url",
    "VoiceFallbackUrl": "voice_fallback_url",
    "StatusCallback": "status_callback",
    "SmsUrl": "sms_url",
    "SmsFallbackUrl": "sms_fallback_url",
}
METHOD_FIELDS = {
    "VoiceMethod": "voice_method",
    "VoiceFallbackMethod": "voice_fallback_method",
    "StatusCallbackMethod": "status_callback_method",
    "SmsMethod": "sms_method",
    "SmsFallbackMethod": "sms_fallback_method",
}


def changes(form: Form) -> dict[str, Any]:
    """What a form changes of a number or application; fields that were not sent stay. RestError for bad addresses."""
    wanted: dict[str, Any] = {}
    for name, attribute in URLS.items():
        if form.has(name):
            wanted[attribute] = form.url(name, 21502)
    for name, attribute in METHOD_FIELDS.items():
        if form.text(name):
            wanted[attribute] = form.method(name)
    if form.has("FriendlyName"):
        wanted["friendly_name"] = form.text("FriendlyName", longest=64)
    if form.has("VoiceCallerIdLookup"):
        wanted["voice_caller_id_lookup"] = form.flag("VoiceCallerIdLookup")
    return wanted

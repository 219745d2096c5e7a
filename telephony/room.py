"""The voice room's belongings, made once per process and handed to whoever works in it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app

from app.config import Settings
from ivr_flows.store import FlowStore
from telephony.carrier import Carrier
from telephony.documents import Documents
from telephony.twiml import Renderer, Speak, say_with_carrier
from telephony.urls import Urls
from telephony.web_services import WebServices

EXTENSION = "voice_room"


@dataclass(frozen=True, slots=True)
class Room:
    """Settings, the carrier, the flows and the two writers of TwiML. Holds no state of any call."""

    settings: Settings
    urls: Urls
    carrier: Carrier
    flows: FlowStore
    renderer: Renderer
    documents: Documents
    web_services: WebServices


def open_room(settings: Settings, flows: FlowStore, speak: Speak = say_with_carrier) -> Room:
    """Furnish the room. `speak` decides who says texts: the carrier's voices or ours."""
    urls = Urls.of(settings)
    return Room(
        settings,
        urls,
        Carrier(settings),
        flows,
        Renderer(urls, speak),
        Documents(urls, speak),
        WebServices.of(settings),
    )


def room_of(app: Flask | None = None) -> Room:
    """The room of the application at hand."""
    room: Room = (app or current_app).extensions[EXTENSION]
    return room

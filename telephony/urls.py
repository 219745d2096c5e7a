"""The addresses that the carrier is given. Built from the public base, so that they are what it signs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from urllib.parse import urlencode

from itsdangerous import BadSignature, URLSafeSerializer

from app.config import Settings

MEDIA_SALT = "media-stream"


@dataclass(frozen=True, slots=True)
class StreamGrant:
    """What a media stream's address allows: to speak for one interaction."""

    interaction_id: uuid.UUID
    language: str


@dataclass(frozen=True, slots=True)
class Urls:
    """Absolute addresses of the voice room's webhooks."""

    base: str
    secret: str

    @classmethod
    def of(cls, settings: Settings) -> Urls:
        return cls(settings.public_base_url, settings.secret_key)

    def absolute(self, path: str) -> str:
        """A path on our own site in full; an absolute address stays as it is."""
        return self.base + path if path.startswith("/") else path

    def incoming(self) -> str:
        return f"{self.base}/voice/incoming"

    def status(self) -> str:
        return f"{self.base}/voice/status"

    def step(self, interaction_id: uuid.UUID, step: int, **query: str) -> str:
        return f"{self.base}/voice/step/{interaction_id}/{step}" + _query(query)

    def draft(self, token: str) -> str:
        return f"{self.base}/voice/draft/{token}"

    def look_up(self, interaction_id: uuid.UUID, step: int, **query: str) -> str:
        return f"{self.base}/voice/look-up/{interaction_id}/{step}" + _query(query)

    def wait(self, interaction_id: uuid.UUID, **query: str) -> str:
        return f"{self.base}/voice/wait/{interaction_id}" + _query(query)

    def after(self, interaction_id: uuid.UUID) -> str:
        return f"{self.base}/voice/after/{interaction_id}"

    def callback(self, interaction_id: uuid.UUID, round_: int) -> str:
        return f"{self.base}/voice/callback/{interaction_id}/{round_}"

    def machine(self, interaction_id: uuid.UUID) -> str:
        return f"{self.base}/voice/machine/{interaction_id}"

    def returning(self, interaction_id: uuid.UUID) -> str:
        return f"{self.base}/voice/returning/{interaction_id}"

    def hold(self, interaction_id: uuid.UUID, **query: str) -> str:
        return f"{self.base}/voice/hold/{interaction_id}" + _query(query)

    def agent(self, offer_id: int) -> str:
        return f"{self.base}/voice/agent/{offer_id}"

    def agent_status(self, offer_id: int) -> str:
        return f"{self.base}/voice/agent/{offer_id}/status"

    def leg(self, leg_id: int) -> str:
        return f"{self.base}/voice/leg/{leg_id}"

    def leg_status(self, leg_id: int) -> str:
        return f"{self.base}/voice/leg/{leg_id}/status"

    def conference(self, interaction_id: uuid.UUID) -> str:
        return f"{self.base}/voice/conference/{interaction_id}"

    def recording(self, interaction_id: uuid.UUID, kind: str = "call") -> str:
        return f"{self.base}/voice/recording/{interaction_id}" + _query({"kind": kind})

    def tones(self, interaction_id: uuid.UUID, digits: str) -> str:
        return f"{self.base}/voice/tones/{interaction_id}" + _query({"digits": digits})

    def fallback(self) -> str:
        return f"{self.base}/voice/fallback"

    def fallback_message(self) -> str:
        return f"{self.base}/voice/fallback/message"

    def moment(self) -> str:
        return f"{self.base}/voice/moment.wav"

    def music(self) -> str:
        return f"{self.base}/voice/music.wav"

    def ringback_tone(self) -> str:
        return f"{self.base}/voice/ringback.wav"

    def ringback(self) -> str:
        return f"{self.base}/voice/ringback"

    def media(self, grant: StreamGrant) -> str:
        """The media stream's socket. Its token is signed by us; Twilio allows no query string here."""
        token = _tokens(self.secret).dumps([str(grant.interaction_id), grant.language])
        return f"{self.base.replace('http', 'ws', 1)}/media/{token}"


def read_media_token(secret: str, token: str) -> StreamGrant | None:
    """What a media token allows; None when we did not make it."""
    try:
        interaction_id, language = _tokens(secret).loads(token)
        return StreamGrant(uuid.UUID(interaction_id), str(language))
    except (BadSignature, ValueError, TypeError):
        return None


def _tokens(secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt=MEDIA_SALT)


def _query(values: dict[str, str]) -> str:
    return f"?{urlencode(values)}" if values else ""

"""Languages as the carrier writes them, and its voices that speak them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CarrierVoice:
    """`language` as in `<Say language>` and `<Gather language>`; `voice` as in `<Say voice>`."""

    language: str
    voice: str


# Source: https://www.twilio.com/docs/voice/twiml/say/text-speech (standard voices, which every account has)
VOICES = {
    "en": CarrierVoice("en-US", "Polly.Joanna"),
    "en-us": CarrierVoice("en-US", "Polly.Joanna"),
    "en-gb": CarrierVoice("en-GB", "Polly.Amy"),
    "en-au": CarrierVoice("en-AU", "Polly.Nicole"),
    "es": CarrierVoice("es-ES", "Polly.Lucia"),
    "es-es": CarrierVoice("es-ES", "Polly.Lucia"),
    "es-mx": CarrierVoice("es-MX", "Polly.Mia"),
    "es-us": CarrierVoice("es-US", "Polly.Penelope"),
    "fr": CarrierVoice("fr-FR", "Polly.Lea"),
    "de": CarrierVoice("de-DE", "Polly.Vicki"),
    "it": CarrierVoice("it-IT", "Polly.Bianca"),
    "pt": CarrierVoice("pt-PT", "Polly.Ines"),
    "pt-br": CarrierVoice("pt-BR", "Polly.Camila"),
    "nl": CarrierVoice("nl-NL", "Polly.Lotte"),
    "ja": CarrierVoice("ja-JP", "Polly.Mizuki"),
    "ko": CarrierVoice("ko-KR", "Polly.Seoyeon"),
    "pl": CarrierVoice("pl-PL", "Polly.Ewa"),
    "ru": CarrierVoice("ru-RU", "Polly.Tatyana"),
    "tr": CarrierVoice("tr-TR", "Polly.Filiz"),
    "zh": CarrierVoice("cmn-CN", "Polly.Zhiyu"),
    "zh-cn": CarrierVoice("cmn-CN", "Polly.Zhiyu"),
    "zh-hans": CarrierVoice("cmn-CN", "Polly.Zhiyu"),
    "zh-tw": CarrierVoice("cmn-TW", "Google.cmn-TW-Standard-A"),
    "zh-hant": CarrierVoice("cmn-TW", "Google.cmn-TW-Standard-A"),
    "zh-hk": CarrierVoice("yue-HK", "Google.yue-HK-Standard-A"),
}


def carrier_voice(language: str) -> CarrierVoice:
    """The carrier's voice for a tag such as en, es-MX or zh_Hant: the exact one, else its language's, else English."""
    tag = language.replace("_", "-").lower()
    return VOICES.get(tag) or VOICES.get(tag.split("-")[0]) or VOICES["en"]

from tests.ivr_flows.nodes.case import Case

CASES = [
    Case(
        "plays and goes on",
        "{kind: play, audio: /audio/jingle.wav, next: after}",
        at="after",
        hears="[/audio/jingle.wav]",
    ),
    Case(
        "plays the recording of the caller's language",
        "{kind: play, audio: {en: https://example.com/en.mp3, es: https://example.com/es.mp3}, next: after}",
        speaks="es",
        hears="[https://example.com/es.mp3]",
    ),
]

from ivr_flows.instructions import Hangup
from tests.ivr_flows.nodes.case import Case

BOTH = "{kind: say, text: {en: Hello., es: Hola.}, next: after}"

CASES = [
    Case("speaks and goes on", BOTH, at="after", hears="Hello.", last=Hangup()),
    Case("speaks the caller's language", BOTH, speaks="es", hears="Hola."),
    Case("speaks the first language when the caller's is unknown", BOTH, speaks="fr", hears="Hello.", language="en"),
    Case(
        "fills in variables",
        '{kind: say, text: {en: "Hello {{ customer.name }}.", es: Hola.}, next: after}',
        customer={"name": "Ana"},
        hears="Hello Ana.",
    ),
    Case(
        "leaves out what is not known",
        '{kind: say, text: {en: "Hello {{ customer.name }}, welcome.", es: Hola.}, next: after}',
        hears="Hello , welcome.",
    ),
    Case(
        "says nothing rather than fail when a text cannot be worked out",
        '{kind: say, text: {en: "{{ customer.name + 1 }}", es: Hola.}, next: after}',
        customer={"name": "Ana"},
        at="after",
        hears="",
        told=('trouble: a text cannot be filled in: can only concatenate str (not "int") to str',),
    ),
    Case(
        "plays recordings between texts and speaks a part in its own language",
        "{kind: say, next: after, "
        "text: [{play: /audio/jingle.wav}, {say: {en: Hi., es: Hola.}}, {say: Bienvenido., language: es}]}",
        hears="[/audio/jingle.wav] Hi. Bienvenido.",
    ),
]

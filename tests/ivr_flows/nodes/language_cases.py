from ivr_flows.instructions import Listen, Say
from tests.ivr_flows.nodes.case import Case

CHOOSE = """
it:
  kind: language
  prompt: [{say: "For English, press 1.", language: en}, {say: "Para español, oprima el 2.", language: es}]
  choices:
    - {key: 1, words: [english, inglés], language: en}
    - {key: 2, words: {en: [spanish], es: [español]}, language: es}
  next: after
"""
WAYS = CHOOSE + "  tries: 1\n  no_input: other\n  no_match: third\n"
PERSON = CHOOSE.replace("next: after", "next: desk") + "  person: other\n"
KEYS_ONLY = "{kind: language, prompt: {en: A, es: B}, choices: [{key: 1, language: es}], next: after, person: null}"

CASES = [
    Case(
        "asks for a language",
        CHOOSE,
        last=Listen(
            prompts=(Say("For English, press 1.", "en"), Say("Para español, oprima el 2.", "es")),
            inputs=("digits", "speech"),
            language="en",
            max_digits=1,
            keys=("1", "2"),
            hints=("english", "inglés", "spanish", "español"),
        ),
    ),
    Case("sets one", "{kind: language, language: es, next: after}", language="es", told=("chose language es",)),
    Case("takes a key", CHOOSE, lambda c: c.presses("2"), at="after", language="es", told=("pressed 2",)),
    Case("takes a word of that language", CHOOSE, lambda c: c.says("español"), at="after", language="es"),
    Case(
        "takes a word of another language",
        CHOOSE,
        lambda c: c.says("Spanish please"),
        language="es",
        told=("said “Spanish please” (0.90)", "chose language es"),
    ),
    Case("can go back to the first", CHOOSE, lambda c: c.presses("1"), speaks="es", language="en"),
    Case("asks again on silence", CHOOSE, lambda c: c.stays_silent(), at="it", told=("gave no answer",)),
    Case(
        "asks again on a wrong key",
        CHOOSE,
        lambda c: c.presses("7"),
        at="it",
        told=("gave “7”: no such choice",),
    ),
    Case("asks again when the recogniser was unsure", CHOOSE, lambda c: c.says("español", 0.1), at="it"),
    Case("asks again on other words", CHOOSE, lambda c: c.says("banana"), at="it"),
    Case(
        "keeps the language of a caller who says nothing",
        CHOOSE,
        lambda c: c.stays_silent().stays_silent().stays_silent(),
        at="after",
        speaks="es",
        language="es",
    ),
    Case("goes elsewhere on silence where the flow says", WAYS, lambda c: c.stays_silent(), at="other"),
    Case("goes elsewhere on wrong keys where the flow says", WAYS, lambda c: c.presses("7"), at="third"),
    Case("takes 0 for a person", CHOOSE, lambda c: c.presses("0"), at="desk", told=("asked for a person",)),
    Case("has a person of its own", PERSON, lambda c: c.presses("0"), at="other"),
    Case(
        "takes keys alone when nothing can be said",
        KEYS_ONLY.replace("next: after", "next: desk"),
        lambda c: c.presses("1"),
        language="es",
    ),
]

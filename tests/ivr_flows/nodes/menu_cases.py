from ivr_flows.events import Continued
from ivr_flows.instructions import Listen, Say
from tests.ivr_flows.nodes.case import Case

MENU = """
it:
  kind: menu
  prompt: {en: Sales or support?, es: ¿Ventas o soporte?}
  retry_prompt: {en: Again., es: Otra vez.}
  choices:
    - {key: 1, words: {en: [sales, buy], es: [ventas, comprar]}, to: after}
    - {key: 2, words: {en: [support, technical sales support], es: [soporte técnico]}, to: other}
"""
WAYS = MENU + "  no_input: other\n  no_match: third\n  tries: 2\n"
OWN_ZERO = MENU + "    - {key: 0, to: third}\n"
NO_PERSON = MENU + "  person: null\n"
PERSON_ELSEWHERE = MENU + "  person: third\n"

CASES = [
    Case("takes a key", MENU, lambda c: c.presses("1"), at="after", told=("pressed 1",)),
    Case("takes a word", MENU, lambda c: c.says("sales"), at="after", told=("said “sales” (0.90)",)),
    Case("finds the word in a sentence", MENU, lambda c: c.says("I'd like to BUY a line, please!"), at="after"),
    Case("takes the longest phrase", MENU, lambda c: c.says("technical sales support"), at="other"),
    Case("does not find a word inside another", MENU, lambda c: c.says("wholesales"), at="it"),
    Case(
        "understands Spanish from a Spanish caller",
        MENU,
        lambda c: c.says("Quiero comprar, por favor"),
        speaks="es",
        at="after",
    ),
    Case("understands words without their accents", MENU, lambda c: c.says("soporte tecnico"), speaks="es", at="other"),
    Case("does not take Spanish words from an English caller", MENU, lambda c: c.says("ventas"), at="it"),
    Case("takes a key that is said", MENU, lambda c: c.says("number two please"), at="other"),
    Case("takes a key that is said in Spanish", MENU, lambda c: c.says("oprima el dos"), speaks="es", at="other"),
    Case(
        "believes a recogniser that gives no confidence",
        MENU,
        lambda c: c.says("sales", None),
        at="after",
        told=("said “sales”",),
    ),
    Case("takes zero confidence for none given", MENU, lambda c: c.says("sales", 0.0), at="after"),
    Case(
        "asks again when the recogniser was unsure",
        MENU,
        lambda c: c.says("sales", 0.1),
        at="it",
        hears="Again. Sales or support?",
        told=("gave “sales” (0.10): not heard clearly",),
    ),
    Case("asks again on a wrong key", MENU, lambda c: c.presses("7"), at="it", hears="Again. Sales or support?"),
    Case("asks again on silence", MENU, lambda c: c.stays_silent(), at="it", told=("gave no answer",)),
    Case("takes an empty result for silence", MENU, lambda c: c.presses(""), at="it", told=("gave no answer",)),
    Case(
        "takes a question that ran out for silence",
        MENU,
        lambda c: c.does(Continued()),
        at="it",
        told=("gave no answer",),
    ),
    Case("takes noise for silence", MENU, lambda c: c.says("  "), at="it", told=("gave no answer",)),
    Case("does not guess between two choices", MENU, lambda c: c.says("buy or sales or support one two"), at="it"),
    Case("gives up on silence where the flow says", WAYS, lambda c: c.stays_silent().stays_silent(), at="other"),
    Case("gives up on wrong keys where the flow says", WAYS, lambda c: c.presses("8").presses("9"), at="third"),
    Case("counts silence and wrong keys together", WAYS, lambda c: c.stays_silent().presses("9"), at="third"),
    Case(
        "gives up at the fallback when the flow says nothing",
        MENU,
        lambda c: c.presses("8").presses("8").presses("8"),
        at="desk",
    ),
    Case("takes 0 for a person", MENU, lambda c: c.presses("0"), at="desk", told=("asked for a person",)),
    Case("takes the word for a person", MENU, lambda c: c.says("let me speak to a person"), at="desk"),
    Case("takes the Spanish word for a person", MENU, lambda c: c.says("con una persona"), speaks="es", at="desk"),
    Case(
        "sends those who ask for a person where the flow says", PERSON_ELSEWHERE, lambda c: c.presses("0"), at="third"
    ),
    Case("lets a choice have the 0", OWN_ZERO, lambda c: c.presses("0"), at="third", told=("pressed 0",)),
    Case("can leave out the person", NO_PERSON, lambda c: c.presses("0"), at="it"),
    Case(
        "gives up at the fallback without a person key",
        NO_PERSON,
        lambda c: c.stays_silent().stays_silent().stays_silent(),
        at="desk",
    ),
    Case(
        "listens for one key and the words of the caller's language",
        NO_PERSON,
        speaks="es",
        last=Listen(
            prompts=(Say("¿Ventas o soporte?", "es"),),
            inputs=("digits", "speech"),
            language="es",
            max_digits=1,
            keys=("1", "2"),
            hints=("ventas", "comprar", "soporte técnico"),
        ),
    ),
    Case(
        "listens for keys alone when nothing can be said",
        "{kind: menu, prompt: {en: Press 1., es: Oprima 1.}, choices: [{key: '*', to: after}], timeout_s: 3}",
        last=Listen(
            prompts=(Say("Press 1.", "en"),),
            inputs=("digits",),
            language="en",
            timeout_s=3,
            max_digits=1,
            keys=("*", "0"),
        ),
    ),
    Case(
        "takes the star",
        "{kind: menu, prompt: {en: Press star., es: Oprima.}, choices: [{key: '*', to: after}]}",
        lambda c: c.presses("*"),
        at="after",
    ),
]

from ivr_flows.instructions import Listen, Say
from tests.ivr_flows.nodes.case import Case

ACCOUNT = """
it:
  kind: collect
  prompt: {en: Account number?, es: ¿Número de cuenta?}
  into: account
  min_length: 4
  max_length: 6
  tries: 2
  no_input: other
  no_match: third
  next: after
"""
CONFIRMED = ACCOUNT + "  confirm: {en: 'I have {{ value | spell }}.', es: 'Tengo {{ value | spell }}.'}\n"
SECRET = CONFIRMED + "  sensitive: true\n"
ONE_DIGIT = "{kind: collect, prompt: {en: How many?, es: ¿Cuántos?}, into: count, max_length: 2, next: after}"
PATTERN = ACCOUNT + "  pattern: '4[0-9]+'\n"
NAME = (
    "{kind: collect, expect: words, prompt: {en: Your name?, es: ¿Su nombre?}, into: name, max_length: 30, next: after}"
)
KEYS_ONLY = ACCOUNT + "  by_speech: false\n"
BOMB = ACCOUNT.replace("max_length: 6", "max_length: 64") + "  pattern: '(4+)+x'\n"
SHOUTED = """
it: {kind: collect, prompt: {en: PIN?, es: ¿PIN?}, into: pin, sensitive: true, min_length: 4, next: copy}
copy: {kind: set, variables: {same: "is {{ vars.pin }}"}, next: text}
text: {kind: sms, text: {en: "Your PIN is {{ vars.pin }}", es: No.}, next: desk}
"""

CASES = [
    Case(
        "keeps digits",
        ACCOUNT,
        lambda c: c.presses("4071"),
        at="after",
        variables={"account": "4071"},
        told=("gave account 4071",),
    ),
    Case("keeps spoken digits", ACCOUNT, lambda c: c.says("four oh seven one"), variables={"account": "4071"}),
    Case(
        "keeps digits that the recogniser wrote down",
        ACCOUNT,
        lambda c: c.says("It's 40-71."),
        variables={"account": "4071"},
    ),
    Case(
        "understands double and triple",
        ACCOUNT,
        lambda c: c.says("double four triple one"),
        variables={"account": "44111"},
    ),
    Case(
        "keeps digits spoken in Spanish",
        ACCOUNT,
        lambda c: c.says("es el cuatro cero siete uno"),
        speaks="es",
        variables={"account": "4071"},
    ),
    Case("asks again when too short", ACCOUNT, lambda c: c.presses("407"), at="it", told=("gave “407”: too short",)),
    Case("takes the shortest", ACCOUNT, lambda c: c.presses("4071"), at="after"),
    Case("takes the longest", ACCOUNT, lambda c: c.presses("407122"), at="after"),
    Case(
        "asks again when too long", ACCOUNT, lambda c: c.presses("4071225"), at="it", told=("gave “4071225”: too long",)
    ),
    Case("asks again when other things were said", ACCOUNT, lambda c: c.says("four oh seven banana"), at="it"),
    Case("asks again when the recogniser was unsure", ACCOUNT, lambda c: c.says("four oh seven one", 0.1), at="it"),
    Case("gives up on silence where the flow says", ACCOUNT, lambda c: c.stays_silent().stays_silent(), at="other"),
    Case("gives up on nonsense where the flow says", ACCOUNT, lambda c: c.presses("1").presses("1"), at="third"),
    Case("takes a lone 0 for a person", ACCOUNT, lambda c: c.presses("0"), at="desk", told=("asked for a person",)),
    Case(
        "takes a lone 0 for the answer where it can be one",
        ONE_DIGIT,
        lambda c: c.presses("0"),
        at="after",
        variables={"count": "0"},
    ),
    Case("takes the word for a person", ACCOUNT, lambda c: c.says("operator"), at="desk"),
    Case(
        "has a person of its own",
        ACCOUNT.replace("next: after", "person: other\n  next: desk"),
        lambda c: c.presses("0"),
        at="other",
    ),
    Case("asks again on silence", ACCOUNT, lambda c: c.stays_silent(), at="it", told=("gave no answer",)),
    Case("takes what fits the pattern", PATTERN, lambda c: c.presses("4071"), at="after"),
    Case(
        "asks again when the pattern does not fit",
        PATTERN,
        lambda c: c.presses("5071"),
        at="it",
        told=("gave “5071”: not in the expected form",),
    ),
    Case("wants the whole value to fit the pattern", PATTERN, lambda c: c.presses("40*1"), at="it"),
    Case("is not held up by a pattern that takes for ever elsewhere", BOMB, lambda c: c.presses("4" * 60), at="it"),
    Case(
        "reads the value back",
        CONFIRMED,
        lambda c: c.presses("4071"),
        at="it",
        hears="I have 4, 0, 7, 1.",
        variables={},
    ),
    Case(
        "keeps what is confirmed by key",
        CONFIRMED,
        lambda c: c.presses("4071").presses("1"),
        at="after",
        variables={"account": "4071"},
    ),
    Case(
        "keeps what is confirmed by word", CONFIRMED, lambda c: c.presses("4071").says("Yes, that's right"), at="after"
    ),
    Case(
        "keeps what is confirmed in Spanish",
        CONFIRMED,
        lambda c: c.presses("4071").says("¡Sí!"),
        speaks="es",
        at="after",
    ),
    Case(
        "keeps what is confirmed by a key that is said", CONFIRMED, lambda c: c.presses("4071").says("one"), at="after"
    ),
    Case(
        "asks anew when the value is refused by key",
        CONFIRMED,
        lambda c: c.presses("4071").presses("2"),
        at="it",
        hears="Account number?",
        variables={},
    ),
    Case(
        "asks anew when the value is refused by word",
        CONFIRMED,
        lambda c: c.presses("4071").says("no, that's not right"),
        at="it",
        hears="Account number?",
    ),
    Case(
        "gives up when the value is refused too often",
        CONFIRMED,
        lambda c: c.presses("4071").presses("2").presses("4072").presses("2"),
        at="third",
    ),
    Case(
        "reads the value back again when the answer is unclear",
        CONFIRMED,
        lambda c: c.presses("4071").presses("5"),
        at="it",
        hears="I have 4, 0, 7, 1.",
    ),
    Case(
        "reads the value back again when yes and no were said",
        CONFIRMED,
        lambda c: c.presses("4071").says("no yes"),
        at="it",
        hears="I have 4, 0, 7, 1.",
    ),
    Case(
        "gives up when nothing is confirmed",
        CONFIRMED,
        lambda c: c.presses("4071").stays_silent().stays_silent(),
        at="other",
    ),
    Case(
        "lets the caller ask for a person while confirming",
        CONFIRMED,
        lambda c: c.presses("4071").presses("0"),
        at="desk",
    ),
    Case(
        "masks what is sensitive",
        SECRET,
        lambda c: c.presses("4071").presses("1"),
        at="after",
        told=("gave account ••••",),
        not_told=("4071",),
    ),
    Case(
        "masks what was refused",
        SECRET,
        lambda c: c.presses("4071").presses("2"),
        told=("gave “••••”: the caller said it was wrong",),
        not_told=("4071",),
    ),
    Case(
        "masks what was too short",
        SECRET,
        lambda c: c.presses("407"),
        told=("gave “••••”: too short",),
        not_told=("407",),
    ),
    Case(
        "masks a sensitive value in other variables and texts",
        SHOUTED,
        lambda c: c.presses("9182"),
        told=("same is ••••",),
        not_told=("9182",),
    ),
    Case("keeps words", NAME, lambda c: c.says("Ana Ruiz"), at="after", variables={"name": "Ana Ruiz"}),
    Case("takes 0 for a person where words are asked for", NAME, lambda c: c.presses("0"), at="desk"),
    Case("does not take digits where words are asked for", NAME, lambda c: c.presses("12"), at="it"),
    Case(
        "listens for digits up to the longest, ended by #",
        ACCOUNT,
        last=Listen(
            prompts=(Say("Account number?", "en"),),
            inputs=("digits", "speech"),
            language="en",
            max_digits=6,
            finish_key="#",
        ),
    ),
    Case(
        "listens for keys alone when told so",
        KEYS_ONLY,
        last=Listen(
            prompts=(Say("Account number?", "en"),), inputs=("digits",), language="en", max_digits=6, finish_key="#"
        ),
    ),
    Case(
        "marks a sensitive question",
        SECRET,
        last=Listen(
            prompts=(Say("Account number?", "en"),),
            inputs=("digits", "speech"),
            language="en",
            max_digits=6,
            finish_key="#",
            sensitive=True,
        ),
    ),
]

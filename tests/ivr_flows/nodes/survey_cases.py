from ivr_flows.instructions import Listen, Say
from tests.ivr_flows.nodes.case import Case

SURVEY = """
it:
  kind: survey
  survey: satisfaction
  questions:
    - {id: rating, ask: {en: "From 0 to 10?", es: "¿De 0 a 10?"}, lowest: 0, highest: 10}
    - {id: solved, ask: {en: Solved?, es: ¿Resuelto?}, expect: yes_no}
    - id: reason
      ask: {en: Why?, es: ¿Por qué?}
      expect: choice
      choices: [{key: 1, words: {en: [price], es: [precio]}, value: price}, {key: 2, value: speed}]
    - {id: comment, ask: {en: Anything else?, es: ¿Algo más?}, expect: words}
  retry_prompt: {en: Again., es: Otra vez.}
  thanks: {en: Thanks., es: Gracias.}
  next: after
"""
WAYS = SURVEY.replace("next: after", "next: desk") + "  no_input: other\n  no_match: third\n  person: after\n"
ONE = "{kind: survey, survey: nps, questions: [{id: rating, ask: {en: A, es: B}}], next: after}"


def answers_all(caller):
    return caller.says("ten", 0.8).presses("2").says("the price").says("You were very kind to this person.")


CASES = [
    Case(
        "asks the first question",
        SURVEY,
        last=Listen(
            prompts=(Say("From 0 to 10?", "en"),),
            inputs=("digits", "speech"),
            language="en",
            max_digits=2,
            finish_key="#",
        ),
    ),
    Case(
        "keeps every answer, by key and voice",
        SURVEY,
        answers_all,
        at="after",
        hears="Thanks.",
        variables={
            "rating": 10,
            "solved": "no",
            "reason": "price",
            "comment": "You were very kind to this person.",
        },
        told=(
            "satisfaction, rating: 10",
            "satisfaction, solved: no",
            "satisfaction, reason: price",
            "satisfaction, comment: You were very kind to this person.",
        ),
    ),
    Case(
        "takes a 0 for an answer where it can be one",
        SURVEY,
        lambda c: c.presses("0"),
        told=("satisfaction, rating: 0",),
    ),
    Case(
        "takes a 0 for a person where it cannot", ONE, lambda c: c.presses("0"), at="desk", told=("asked for a person",)
    ),
    Case("takes the word for a person", SURVEY, lambda c: c.says("operator"), at="desk"),
    Case(
        "keeps the answers of a caller who asks for a person",
        WAYS,
        lambda c: c.presses("7").presses("0"),
        at="after",
        variables={"rating": 7},
    ),
    Case(
        "asks in Spanish",
        SURVEY,
        lambda c: c.says("diez"),
        speaks="es",
        hears="¿Resuelto?",
        told=("satisfaction, rating: 10",),
    ),
    Case(
        "takes yes in Spanish",
        SURVEY,
        lambda c: c.presses("7").says("¡Sí!"),
        speaks="es",
        told=("satisfaction, solved: yes",),
    ),
    Case(
        "takes a key of a choice",
        SURVEY,
        lambda c: c.presses("7").presses("1").presses("2"),
        told=("satisfaction, reason: speed",),
    ),
    Case(
        "asks again when a number is not on the scale",
        SURVEY,
        lambda c: c.presses("11"),
        at="it",
        hears="Again. From 0 to 10?",
        told=("gave “11”: no answer to the question",),
    ),
    Case(
        "asks again when the recogniser was unsure", SURVEY, lambda c: c.says("ten", 0.1), hears="Again. From 0 to 10?"
    ),
    Case(
        "asks again on silence",
        SURVEY,
        lambda c: c.stays_silent(),
        hears="Again. From 0 to 10?",
        told=("gave no answer",),
    ),
    Case(
        "passes over what is not understood twice",
        SURVEY,
        lambda c: c.presses("11").presses("11"),
        at="it",
        hears="Solved?",
        told=("satisfaction, rating: no answer",),
    ),
    Case(
        "ends where the flow says when it is not understood", WAYS, lambda c: c.presses("11").presses("11"), at="third"
    ),
    Case(
        "is over when the caller says nothing twice",
        SURVEY,
        lambda c: c.presses("7").stays_silent().stays_silent(),
        at="after",
        variables={"rating": 7},
    ),
    Case("ends where the flow says when nothing is said", WAYS, lambda c: c.stays_silent().stays_silent(), at="other"),
    Case(
        "counts tries anew at each question",
        SURVEY,
        lambda c: c.stays_silent().presses("7").stays_silent(),
        hears="Again. Solved?",
    ),
    Case(
        "keeps the answers of a caller who hangs up",
        SURVEY,
        lambda c: c.presses("7").hangs_up(),
        told=("satisfaction, rating: 7", "hung up"),
        outcome="caller_hung_up",
    ),
]

from __future__ import annotations

import pytest

from ivr_flows.spoken import asks_for_person, best_choice, digits_said, key_said, words_of, yes_or_no

MENU = {
    "sales": ["sales", "buy", "new service"],
    "support": ["support", "technical support", "not working"],
    "billing": ["billing", "bill", "pay my bill"],
}
MENÚ = {
    "ventas": ["ventas", "comprar"],
    "soporte": ["soporte", "soporte técnico", "no funciona"],
    "facturación": ["facturación", "pagar la factura"],
}
HEARD = [
    (MENU, "sales", "sales"),
    (MENU, "Sales.", "sales"),
    (MENU, "SALES!", "sales"),
    (MENU, "uh, I'd like to buy something", "sales"),
    (MENU, "my internet is not working", "support"),
    (MENU, "technical support please", "support"),
    (MENU, "I want to pay my bill", "billing"),
    (MENU, "the new service", "sales"),
    (MENU, "new and improved service", None),
    (MENU, "wholesale", None),
    (MENU, "salesman", None),
    (MENU, "sales or billing", None),
    (MENU, "", None),
    (MENU, "?!…", None),
    (MENÚ, "Ventas", "ventas"),
    (MENÚ, "quisiera COMPRAR una línea", "ventas"),
    (MENÚ, "facturacion", "facturación"),
    (MENÚ, "¿Facturación, por favor?", "facturación"),
    (MENÚ, "mi internet no funciona", "soporte"),
    (MENÚ, "quiero pagar la factura", "facturación"),
    (MENÚ, "no", None),
    ({"帮助": ["客服"], "买": ["购买"]}, "我要找客服谢谢", "帮助"),
    ({"판매": ["판매"], "지원": ["기술 지원"]}, "기술 지원 부탁합니다", "지원"),
]


@pytest.mark.parametrize(("menu", "heard", "choice"), HEARD)
def test_a_choice_is_found_in_what_was_said(menu, heard, choice):
    found = best_choice(heard, menu)
    assert (found and found[0]) == choice


def test_the_phrase_that_made_the_choice_is_told():
    assert best_choice("technical support", MENU) == ("support", "technical support")


DIGITS = [
    ("one two three", "en", "123"),
    ("1 2 3", "en", "123"),
    ("1-2-3.", "en", "123"),
    ("123", "en", "123"),
    ("four oh seven", "en", "407"),
    ("double seven triple one", "en", "77111"),
    ("my account number is four zero", "en", "40"),
    ("it's 40 71 please", "en", "4071"),
    ("one hundred", "en", None),
    ("twenty", "en", None),
    ("hello", "en", None),
    ("my account number", "en", None),
    ("", "en", None),
    ("uno dos tres", "es", "123"),
    ("el número es cuatro cero siete", "es", "407"),
    ("doble siete", "es", "77"),
    ("cuatro perros", "es", None),
    ("one two", "es-MX", None),
    ("uno", "es-MX", "1"),
    ("12", "fr", "12"),
    ("un deux", "fr", None),
]


@pytest.mark.parametrize(("heard", "language", "digits"), DIGITS)
def test_digits_are_understood(heard, language, digits):
    assert digits_said(heard, language) == digits


@pytest.mark.parametrize(
    ("heard", "language", "key"),
    [
        ("press two", "en", "2"),
        ("two", "en", "2"),
        ("number one please", "en", "1"),
        ("oprima el tres", "es", "3"),
        ("one two", "en", None),
    ],
)
def test_a_key_can_be_said(heard, language, key):
    assert key_said(heard, language) == key


ANSWERS = [
    ("yes", "en", True),
    ("Yeah, that's right.", "en", True),
    ("that’s correct", "en", True),
    ("no", "en", False),
    ("No, that is not correct", "en", False),
    ("that's not right", "en", False),
    ("incorrect", "en", False),
    ("no yes", "en", None),
    ("maybe", "en", None),
    ("north", "en", None),
    ("Sí", "es", True),
    ("si, correcto", "es", True),
    ("así es", "es", True),
    ("no", "es", False),
    ("no es correcto", "es", False),
    ("tal vez", "es", None),
    ("yes", "fr", None),
]


@pytest.mark.parametrize(("heard", "language", "answer"), ANSWERS)
def test_yes_and_no_are_told_apart(heard, language, answer):
    assert yes_or_no(heard, language) is answer


@pytest.mark.parametrize(
    ("heard", "language", "asks"),
    [
        ("operator", "en", True),
        ("Can I talk to a real person?", "en", True),
        ("personal", "en", False),
        ("quiero hablar con una persona", "es", True),
        ("operadora", "es-MX", True),
        ("ventas", "es", False),
        ("person", "zz", False),
    ],
)
def test_a_person_is_asked_for(heard, language, asks):
    assert asks_for_person(heard, language) is asks


def test_words_lose_case_accents_and_punctuation():
    assert words_of("¡Sí, FACTURACIÓN — it’s 40%!") == ("si", "facturacion", "its", "40")


def test_a_long_speech_is_searched_at_once():
    assert best_choice("blah " * 100 + "sales", MENU) == ("sales", "sales")

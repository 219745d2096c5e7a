"""Spoken numbers become the digits a caller means."""

import pytest

from telephony.speech.digits import digits_in


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("four two one seven", "4217"),
        ("Four, two, one, seven.", "4217"),
        ("forty two", "42"),
        ("forty-two", "42"),
        ("my code is four twenty one", "421"),
        ("double five, oh", "550"),
        ("triple zero seven", "0007"),
        ("five o five", "505"),
        ("4-2-1 7", "4217"),
        ("4,217", "4217"),
        ("It's 4217, thanks", "4217"),
        ("four to one for", "4214"),
        ("one hundred and five", "105"),
        ("twelve hundred", "1200"),
        ("one thousand two hundred and five", "1205"),
        ("two thousand and six", "2006"),
        ("twenty twenty five", "2025"),
        ("zero", "0"),
        ("ate ate seven", "887"),
    ],
)
def test_a_spoken_number_becomes_its_digits(said: str, meant: str) -> None:
    assert digits_in(said) == meant


@pytest.mark.parametrize("said", ["", "   ", "oh no", "I want to go for it", "to be or not to be", "\0😀", "press"])
def test_speech_without_numbers_has_no_digits(said: str) -> None:
    assert digits_in(said) == ""


def test_a_very_long_speech_is_read_quickly_and_whole() -> None:
    assert digits_in("one two " * 20_000) == "12" * 20_000

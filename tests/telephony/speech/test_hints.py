"""What a caller said is matched to the phrases that were expected."""

import pytest

from telephony.speech.hints import best_match


@pytest.mark.parametrize(
    ("said", "hints", "meant"),
    [
        ("Sales.", ["sales", "support"], "sales"),
        ("I'd like to talk to sales, please.", ["sales", "support"], "sales"),
        ("sails", ["sales", "support"], "sales"),
        ("Sales. No, support!", ["sales", "support"], "support"),
        ("I have a billing question", ["billing", "billing question"], "billing question"),
        ("my reservation", ["reservations", "accounts"], "reservations"),
        ("One.", ["1", "2"], "1"),
        ("press 2", ["one", "two"], "two"),
        ("DON'T KNOW", ["don't know"], "don't know"),
        ("我要找客服谢谢", ["客服", "销售"], "客服"),
        ("상담원 연결해 주세요", ["상담원", "예약"], "상담원"),
        ("yes", ["Yes", "No"], "Yes"),
    ],
)
def test_the_meant_hint_is_found(said: str, hints: list[str], meant: str) -> None:
    hint, score = best_match(said, hints)
    assert hint == meant
    assert score >= 0.74


@pytest.mark.parametrize(
    ("said", "hints"),
    [
        ("what's the weather like now", ["no", "yes", "sales"]),
        ("the cat sat on the mat", ["accounts", "returns"]),
        ("", ["sales"]),
        ("sales", []),
        ("sales", ["", "..."]),
        ("\0\ud83d😀", ["sales"]),
    ],
)
def test_unrelated_speech_matches_nothing(said: str, hints: list[str]) -> None:
    hint, score = best_match(said, hints)
    assert hint is None
    assert score < 1


def test_a_rambling_caller_is_understood_by_what_came_last_and_soon() -> None:
    hint, _ = best_match("well you know " * 5_000 + "returns", ["returns", "sales", "opening hours"])
    assert hint == "returns"

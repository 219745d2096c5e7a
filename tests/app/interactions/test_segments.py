"""How many texts a carrier makes of one message."""

from __future__ import annotations

import pytest

from app.interactions.segments import segments

CASES = [
    pytest.param("a" * 160, "GSM-7", 160, 1, id="160 letters"),
    pytest.param("a" * 161, "GSM-7", 161, 2, id="161 letters"),
    pytest.param("a" * 306, "GSM-7", 306, 2, id="306 letters"),
    pytest.param("a" * 307, "GSM-7", 307, 3, id="307 letters"),
    pytest.param("汉" * 70, "UCS-2", 70, 1, id="70 characters"),
    pytest.param("汉" * 71, "UCS-2", 71, 2, id="71 characters"),
    pytest.param("€" * 80, "GSM-7", 160, 1, id="80 euros"),
    pytest.param("€" * 81, "GSM-7", 162, 2, id="81 euros"),
    pytest.param("a" * 100 + "🙂", "UCS-2", 102, 2, id="an emoji among 100 letters"),
    pytest.param("", "GSM-7", 0, 1, id="nothing"),
    pytest.param("^{}\\[~]|€", "GSM-7", 18, 1, id="the extension table"),
    pytest.param("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3, id="a euro is not parted by a segment's end"),
    pytest.param("汉" * 66 + "🙂" + "汉" * 66, "UCS-2", 134, 3, id="an emoji is not parted by a segment's end"),
    pytest.param("Grüße, señor! ¿ça va? Å", "UCS-2", 23, 1, id="ç is not in the alphabet, Ç is"),
    pytest.param("Grüße, señor! ¿Ça va? Å", "GSM-7", 23, 1, id="accents of the alphabet"),
    pytest.param("it’s", "UCS-2", 4, 1, id="a typographic apostrophe"),
]


@pytest.mark.parametrize(("body", "encoding", "units", "count"), CASES)
def test_segments_are_counted_as_carriers_do(body: str, encoding: str, units: int, count: int) -> None:
    counted = segments(body)
    assert (counted.encoding, counted.units, counted.count) == (encoding, units, count)

"""Whatever is sent, the answer is a sentence: never a crash."""

from __future__ import annotations

import pytest


def send(who, body: bytes, kind: str = "application/json"):
    headers = {"X-CSRFToken": who.csrf, "Accept": "application/json", "Content-Type": kind}
    return who.client.post("/desktop/presence", data=body, headers=headers)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"null", "application/json"),
        (b'"available"', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"presence":' * 50_000, "application/json"),
        (b'{"presence": ' + b"9" * 10_000 + b"}", "application/json"),
        (b"\xff\xfe\x00", "application/json"),
        (b'{"presence": NaN}', "application/json"),
        (b"presence=away", "application/x-www-form-urlencoded"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"<presence/>", "application/xml"),
    ],
    ids=[
        "empty",
        "torn",
        "null",
        "text",
        "deep list",
        "deep object",
        "long number",
        "no text",
        "NaN",
        "form",
        "parts",
        "xml",
    ],
)
def test_a_body_that_is_no_presence_is_refused_with_a_sentence(ana, body, kind) -> None:
    reply = send(ana, body, kind)
    assert reply.status_code == 400
    assert reply.json["error"]["message"] and reply.json["error"]["field"] in ("body", "presence")


def test_a_body_that_is_too_large_is_refused(ana) -> None:
    reply = send(ana, b'{"presence": "' + b"x" * (3 * 1024 * 1024) + b'"}')
    assert reply.status_code == 413 and "too large" in reply.json["error"]["message"]


def test_fields_nobody_knows_are_passed_over_so_that_an_old_page_keeps_working(ana) -> None:
    assert send(ana, b'{"presence": "available", "mood": "good", "__proto__": {}}').status_code == 200

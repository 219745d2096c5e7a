"""Problems and changes are told in the language of the page; the terminal's stay English."""

from __future__ import annotations

import pytest

from tests.app.flows.conftest import BROKEN, MAIN, draft_of, save

HANS = {"Accept": "application/json", "Accept-Language": "zh-CN"}
TOLD = {
    "zh-CN": "没有节点“menue”；是指“menu”吗？",
    "zh-TW": "沒有節點「menue」；是指「menu」嗎？",
    "en": "there is no node 'menue'; did you mean 'menu'?",
}


@pytest.mark.parametrize("language", TOLD)
def test_problems_are_told_in_the_readers_language(alma, language) -> None:
    headers = {"X-CSRFToken": alma.csrf, "Accept": "application/json", "Accept-Language": language}
    answer = alma.client.post("/admin/flows/main/check", json={"text": BROKEN}, headers=headers).json
    assert [fault["message"] for fault in answer["faults"] if fault["severity"] == "error"] == [TOLD[language]]


def test_changes_are_told_in_the_readers_language(alma) -> None:
    save(alma, MAIN.replace("to: desk", "to: message").replace("text: Welcome.", "text: Hello."))
    changes = alma.get("/admin/flows/main/diff", headers=HANS).json["changes"]
    assert [change["words"] for change in changes] == [
        "提示语 welcome (en) 已更改",
        "menu menu: key 1 现在转到 message",
    ]


def test_a_broken_file_is_told_of_in_the_readers_language(alma, folder) -> None:
    draft_of(alma)
    (folder / "main.yaml").write_text(BROKEN)
    problem = alma.get("/admin/flows/main/draft", headers=HANS).json["problem"]
    assert problem.endswith("main.yaml:9:11: 节点 welcome, 字段 next: " + TOLD["zh-CN"])


def test_what_the_simulator_cannot_read_is_told_in_the_readers_language(alma) -> None:
    headers = HANS | {"X-CSRFToken": alma.csrf}
    answer = alma.client.post("/admin/flows/main/simulate", json={"acts": [{"press": "x"}]}, headers=headers)
    assert answer.status_code == 400 and "必须是按键" in answer.json["error"]["message"]

"""A draft is written, checked, published and taken back, and every step of it is remembered."""

from __future__ import annotations

from ivr_flows.loader import version_of
from tests.app.flows.conftest import BROKEN, FAILING, MAIN, draft_of, publish, save, told, worded

SHORTER = worded("Press 1.")


def versions(who) -> list[dict]:
    return who.get("/admin/flows/main/versions").json["versions"]


def test_a_draft_starts_from_what_is_live(alma) -> None:
    state = draft_of(alma)
    assert (state["text"], state["rev"], state["is_draft"]) == (MAIN, 0, False)
    assert state["live_version"] == state["base_version"] == version_of(MAIN)
    assert state["lock"] is None and state["conflict"] is None


def test_a_saved_draft_is_nobodys_call(alma, house_of_flows) -> None:
    assert save(alma, SHORTER) == 1
    state = draft_of(alma)
    assert (state["text"], state["is_draft"]) == (SHORTER, True)
    assert state["lock"]["mine"] is True
    assert house_of_flows.store.get("main").version == version_of(MAIN)


def test_a_draft_is_kept_to_the_last_space(alma) -> None:
    text = "\n\n" + MAIN + "\n  # the end  \n\n"
    save(alma, text)
    assert draft_of(alma)["text"] == text


def test_publishing_makes_the_draft_live_and_writes_the_file(alma, house_of_flows, folder) -> None:
    version = publish(alma, SHORTER, "Shorter")
    assert version == version_of(SHORTER)
    assert house_of_flows.store.get("main").version == version
    assert (folder / "main.yaml").read_text() == SHORTER
    newest, first = versions(alma)
    assert (newest["author"], newest["message"], newest["source"], newest["live"]) == ("Alma", "Shorter", "page", True)
    assert (first["version"], first["source"], first["live"]) == (version_of(MAIN), "file", False)
    assert told("flow.published")[-1]["message"] == "Shorter"
    assert draft_of(alma)["is_draft"] is False


def test_a_call_in_progress_finishes_on_its_version(alma, house_of_flows) -> None:
    pinned = house_of_flows.store.get("main").version
    publish(alma, SHORTER)
    assert (
        house_of_flows.store.get("main", pinned).nodes["menu"].prompt
        != house_of_flows.store.get("main").nodes["menu"].prompt
    )


def test_one_click_takes_it_back(alma, house_of_flows, folder) -> None:
    publish(alma, SHORTER)
    answer = alma.post("/admin/flows/main/rollback", {"version": version_of(MAIN), "message": "Too short"})
    assert answer.json == {"version": version_of(MAIN)}
    assert house_of_flows.store.get("main").version == version_of(MAIN)
    assert (folder / "main.yaml").read_text() == MAIN
    newest, *older = versions(alma)
    assert (newest["source"], newest["message"], newest["live"]) == ("rollback", "Too short", True)
    assert [line["live"] for line in older] == [False, False], "the same text was live before, but is so now once"
    assert told("flow.rolled_back")[0]["before"] == version_of(SHORTER)


def test_rolling_back_twice_is_done_once(alma) -> None:
    publish(alma, SHORTER)
    for _ in range(2):
        answer = alma.post("/admin/flows/main/rollback", {"version": version_of(MAIN)})
        assert answer.json == {"version": version_of(MAIN)}
    assert len(versions(alma)) == 3


def test_a_version_that_never_was_cannot_be_rolled_back_to(alma) -> None:
    answer = alma.post("/admin/flows/main/rollback", {"version": "0123456789abcdef"})
    assert answer.status_code == 404 and answer.json["error"]["code"] == "no_version"


def test_errors_stop_publishing_and_are_listed(alma, house_of_flows) -> None:
    rev = save(alma, BROKEN)
    answer = alma.post("/admin/flows/main/publish", {"message": "", "rev": rev})
    assert answer.status_code == 422
    (fault,) = [each for each in answer.json["faults"] if each["severity"] == "error"]
    assert fault["node"] == "welcome" and "menue" in fault["message"]
    assert house_of_flows.store.get("main").version == version_of(MAIN)
    assert draft_of(alma)["text"] == BROKEN, "what was written is kept"


def test_a_failing_test_call_stops_publishing_and_is_told(alma) -> None:
    rev = save(alma, FAILING)
    answer = alma.post("/admin/flows/main/publish", {"message": "", "rev": rev})
    assert answer.status_code == 422
    tests = answer.json["tests"]
    assert tests["failed"] == 1 and "“Welcome” is not heard" in tests["results"][0]["why"]


def test_test_calls_beside_the_flow_are_played_too(alma, folder) -> None:
    (folder / "main.scenarios.yaml").write_text(
        "scenarios:\n  - name: Longer\n    call: [hears: for sales]\n    ends: {node: menu}\n"
    )
    rev = save(alma, SHORTER)
    answer = alma.post("/admin/flows/main/publish", {"message": "", "rev": rev})
    assert answer.status_code == 422 and answer.json["tests"]["failed"] == 1


def test_the_same_text_is_not_published_again(alma) -> None:
    rev = save(alma, MAIN)
    answer = alma.post("/admin/flows/main/publish", {"message": "", "rev": rev})
    assert answer.status_code == 409 and answer.json["error"]["code"] == "nothing_new"


def test_without_a_draft_there_is_nothing_to_publish(alma) -> None:
    assert alma.post("/admin/flows/main/publish", {"message": "", "rev": 0}).json["error"]["code"] == "no_draft"


def test_a_draft_can_be_thrown_away_and_had_back(alma) -> None:
    save(alma, SHORTER)
    alma.delete("/admin/flows/main/draft")
    state = draft_of(alma)
    assert (state["text"], state["is_draft"], state["can_restore"]) == (MAIN, False, True)
    alma.post("/admin/flows/main/draft/restore")
    assert (draft_of(alma)["text"], draft_of(alma)["is_draft"]) == (SHORTER, True)


def test_the_check_draws_what_it_can_and_names_what_is_wrong(alma) -> None:
    answer = alma.post("/admin/flows/main/check", {"text": BROKEN}).json
    assert [fault["node"] for fault in answer["faults"] if fault["severity"] == "error"] == ["welcome"]
    assert {"welcome", "menu"} <= {node["id"] for node in answer["graph"]["nodes"]}
    standing = alma.post("/admin/flows/main/check").json["faults"]
    assert {fault["severity"] for fault in standing} <= {"warning"}, "without a text, the one in the editor"


def test_test_calls_are_played_on_any_text(alma) -> None:
    answer = alma.post("/admin/flows/main/test", {"text": FAILING}).json
    assert (answer["passed"], answer["failed"]) == (0, 1)
    assert alma.post("/admin/flows/main/test").json["passed"] == 1
    broken = alma.post("/admin/flows/main/test", {"text": BROKEN})
    assert broken.status_code == 422 and "menue" in broken.json["faults"][0]["message"]


def test_a_new_flow_begins_as_a_draft_that_passes(alma, house_of_flows, folder) -> None:
    assert alma.post("/admin/flows", {"name": "night", "title": 'Night "line"'}).status_code == 201
    state = draft_of(alma, "night")
    assert state["live_version"] is None and state["is_draft"]
    answer = alma.post("/admin/flows/night/publish", {"message": "First", "rev": state["rev"]})
    assert answer.status_code == 200, answer.text
    assert house_of_flows.store.get("night").title == 'Night "line"'
    assert (folder / "night.yaml").is_file()
    assert alma.post("/admin/flows", {"name": "night"}).status_code == 409
    assert {flow["name"] for flow in alma.get("/admin/flows").json["flows"]} == {"main", "night"}


def test_a_flow_that_was_never_live_is_gone_with_its_draft_until_that_is_had_back(alma, ben) -> None:
    def listed() -> set[str]:
        return {flow["name"] for flow in alma.get("/admin/flows").json["flows"]}

    alma.post("/admin/flows", {"name": "night", "title": "Night line"})
    alma.delete("/admin/flows/night/draft")
    assert listed() == {"main"}
    alma.post("/admin/flows/night/draft/restore")
    assert listed() == {"main", "night"} and "Night line" in draft_of(alma, "night")["text"]
    alma.delete("/admin/flows/night/draft")
    alma.delete("/admin/flows/night/lock")
    assert ben.post("/admin/flows", {"name": "night", "title": "Dusk"}).status_code == 201, "the name is free again"
    assert "Dusk" in draft_of(alma, "night")["text"]


def test_every_version_can_be_read(alma) -> None:
    publish(alma, SHORTER)
    assert alma.get(f"/admin/flows/main/versions/{version_of(MAIN)}").json["text"] == MAIN
    assert alma.get("/admin/flows/main/versions/live").json["text"] == SHORTER
    assert alma.get("/admin/flows/main/versions/0123456789abcdef").status_code == 404


def test_the_list_says_how_every_flow_stands(alma) -> None:
    save(alma, SHORTER)
    (flow,) = alma.get("/admin/flows").json["flows"]
    assert (flow["title"], flow["nodes"], flow["live_version"]) == ("Main line", 4, version_of(MAIN))
    assert flow["draft"]["by"] == "Alma" and flow["problem"] is None and flow["canary"] is None

"""Several people at one flow: the lock, its take-over, and saves and publishes at the same moment; odd and hostile
bodies."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.db import unit_of_work
from app.flows import publish as publishing
from app.flows.drafts import LOCK_LASTS, save_draft
from app.flows.models import Draft, EditLock, Release
from app.forms import Refusal
from app.pages import limiter
from ivr_flows.loader import version_of
from tests.app.flows.conftest import MAIN, draft_of, publish, save, told, worded

HERS, HIS = worded("Hers."), worded("His.")


def lock(who, **body):
    return who.post("/admin/flows/main/lock", body)


def let_lapse() -> None:
    with unit_of_work() as session:
        session.execute(update(EditLock).values(seen_at=EditLock.seen_at - LOCK_LASTS - timedelta(seconds=1)))


def test_one_writes_at_a_time_and_the_other_is_told_who(alma, ben) -> None:
    assert lock(alma).json["lock"]["mine"] is True
    refused = lock(ben)
    assert refused.status_code == 409 and refused.json["error"]["code"] == "locked"
    assert refused.json["lock"]["by"] == "Alma" and refused.json["lock"]["mine"] is False
    assert "Alma is writing here" in refused.json["error"]["message"]


def test_a_save_takes_the_lock_and_somebody_elses_save_is_refused(alma, ben) -> None:
    save(alma, HERS)
    refused = ben.put("/admin/flows/main/draft", {"text": HIS, "rev": 1})
    assert refused.status_code == 409 and refused.json["draft"]["text"] == HERS


def test_the_lock_is_taken_over_and_its_holder_hears_of_it(alma, ben) -> None:
    rev = save(alma, HERS)
    assert lock(ben, take_over=True).json["lock"]["by"] == "Ben"
    assert told("flow.lock_taken") == [{"flow": "main", "user_id": ben.user_id, "from_user_id": alma.user_id}]
    late = alma.put("/admin/flows/main/draft", {"text": HERS + "# more\n", "rev": rev})
    assert late.status_code == 409 and late.json["error"]["code"] == "locked"
    assert draft_of(ben)["text"] == HERS, "what was saved is kept"
    assert save(ben, HIS) == rev + 1


def test_a_silent_writer_loses_the_lock(alma, ben) -> None:
    save(alma, HERS)
    let_lapse()
    assert draft_of(ben)["lock"] is None
    assert save(ben, HIS) == 2


def test_who_leaves_frees_the_lock_and_nobody_elses(alma, ben) -> None:
    lock(alma)
    assert ben.delete("/admin/flows/main/lock").status_code == 204
    assert draft_of(ben)["lock"]["by"] == "Alma"
    alma.delete("/admin/flows/main/lock")
    assert draft_of(ben)["lock"] is None


def test_an_old_page_does_not_save_over_a_newer_draft(alma) -> None:
    save(alma, HERS)
    save(alma, HIS)
    refused = alma.put("/admin/flows/main/draft", {"text": MAIN + "# old page\n", "rev": 1})
    assert refused.status_code == 409 and refused.json["error"]["code"] == "draft_changed"
    assert refused.json["draft"]["text"] == HIS and draft_of(alma)["text"] == HIS


def test_a_repeated_save_is_one_save(alma) -> None:
    for _ in range(3):
        assert alma.put("/admin/flows/main/draft", {"text": HERS, "rev": 0}).json == {"rev": 1}


def test_a_page_left_open_does_not_save_into_a_published_draft(alma) -> None:
    publish(alma, HERS)
    assert alma.put("/admin/flows/main/draft", {"text": HIS, "rev": 1}).status_code == 409


def at_once(*acts) -> list[object]:
    """What each of the acts gave, or the refusal; all begin together."""
    start = threading.Barrier(len(acts))
    given: list[object] = [None] * len(acts)

    def run(place: int) -> None:
        start.wait()
        try:
            given[place] = acts[place]()
        except Refusal as refusal:
            given[place] = refusal

    threads = [threading.Thread(target=run, args=[place]) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return given


def test_of_two_publishers_at_once_one_wins_and_it_is_one_line_of_history(alma, house_of_flows) -> None:
    rev = save(alma, HERS)
    act = lambda: publishing.publish_draft(house_of_flows, alma.user_id, "main", "Once", rev)  # noqa: E731
    given = at_once(act, act, act)
    refusals = [each for each in given if isinstance(each, Refusal)]
    assert given.count(version_of(HERS)) == 1 and {each.code for each in refusals} == {"draft_changed"}
    with unit_of_work() as session:
        assert session.query(Release).filter_by(flow="main", source="page").count() == 1


def test_of_two_savers_at_once_one_wins_and_the_other_sees_it(app, alma, ben, house_of_flows) -> None:
    draft_of(alma)

    def saving(who, text):
        def act() -> int:
            with app.test_request_context(), unit_of_work() as session:
                from app.accounts.models import User

                user = session.get_one(User, who.user_id)
                return save_draft(session, house_of_flows.files, "main", user, text, 0)

        return act

    given = at_once(saving(alma, HERS), saving(ben, HIS))
    assert sorted(map(type, given), key=str) == sorted([int, Refusal], key=str)
    refused = next(each for each in given if isinstance(each, Refusal))
    assert refused.standing["draft"]["text"] in (HERS, HIS)


def test_publishing_and_rolling_back_at_once_follow_each_other(alma, house_of_flows) -> None:
    publish(alma, HERS)
    rev = save(alma, HIS)
    given = at_once(
        lambda: publishing.publish_draft(house_of_flows, alma.user_id, "main", "", rev),
        lambda: publishing.roll_back(house_of_flows, alma.user_id, "main", version_of(MAIN), ""),
    )
    lines = alma.get("/admin/flows/main/versions").json["versions"]
    assert lines[0]["live"] and lines[0]["version"] == draft_of(alma)["live_version"]
    if isinstance(given[0], Refusal):
        assert given[0].code == "live_moved"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": MAIN},
        {"rev": 0},
        {"text": None, "rev": 0},
        {"text": ["a"], "rev": 0},
        {"text": MAIN, "rev": -1},
        {"text": MAIN, "rev": 2**40},
        {"text": MAIN, "rev": "x"},
        {"text": "a\x00b", "rev": 0},
        {"text": "\ud800", "rev": 0},
        {"text": MAIN, "rev": 0, "base_version": "../../etc/passwd"},
    ],
)
def test_a_draft_that_is_none_is_refused_by_field(alma, body) -> None:
    answer = alma.put("/admin/flows/main/draft", body)
    assert answer.status_code == 400 and answer.json["error"]["field"] in ("text", "rev", "base_version")
    with unit_of_work() as session:
        assert session.query(Draft).count() == 0


def test_a_text_of_more_than_a_megabyte_is_refused(alma) -> None:
    answer = alma.put("/admin/flows/main/draft", {"text": "x" * 1_000_001, "rev": 0})
    assert answer.status_code == 413 and answer.json["error"]["code"] == "too_large"
    assert alma.post("/admin/flows/main/check", {"text": "x" * 1_000_001}).status_code == 413
    assert alma.put("/admin/flows/main/draft", {"text": "x" * 3_000_000, "rev": 0}).status_code == 413


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x]\nb: " + "[" * 5000,
        "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 'x'}]" for i in range(12)),
        "title: {{ ''.__class__.__mro__ }}\nnodes: {a: {kind: say, text: '{{ cycler.__init__.__globals__ }}'}}",
        "!!python/object/apply:os.system [id]",
        "- 1\n- 2",
        "",
    ],
)
def test_hostile_texts_are_kept_checked_and_never_published(alma, text) -> None:
    rev = save(alma, text)
    for route in ("check", "test", "simulate"):
        answer = alma.post(f"/admin/flows/main/{route}", {"text": text})
        assert answer.status_code in (200, 422), answer.text
        assert any(fault["severity"] == "error" for fault in answer.json["faults"])
    assert alma.get("/admin/flows/main/diff").status_code == 200
    assert alma.post("/admin/flows/main/publish", {"message": "", "rev": rev}).status_code == 422


@pytest.mark.parametrize("name", ["nowhere", "..%2Fmain", "Main", "entry_points.yaml", "x" * 3000, "main%00"])
@pytest.mark.parametrize("method, path", [("GET", "draft"), ("PUT", "draft"), ("POST", "publish"), ("GET", "versions")])
def test_a_flow_that_is_not_there_is_not_found(alma, name, method, path) -> None:
    body = {"json": {"text": MAIN, "rev": 0}} if method != "GET" else {}
    headers = {"X-CSRFToken": alma.csrf, "Accept": "application/json"}
    answer = alma.client.open(f"/admin/flows/{name}/{path}", method=method, headers=headers, **body)
    assert answer.status_code == 404 and "error" in answer.json


@pytest.mark.parametrize("name", ["entry_points", "Main", "../x", "", "a b", "x" * 61, 3])
def test_a_name_that_is_none_is_refused(alma, name) -> None:
    assert alma.post("/admin/flows", {"name": name}).status_code == 400


def test_writes_need_the_pages_token(alma) -> None:
    alma.csrf = ""
    assert alma.put("/admin/flows/main/draft", {"text": MAIN, "rev": 0}).status_code == 400
    assert alma.delete("/admin/flows/main/draft").status_code == 400


def test_publishing_too_often_is_refused_for_a_while(alma) -> None:
    limiter.enabled = True
    try:
        answers = [alma.post("/admin/flows/main/publish", {"message": "", "rev": 0}).status_code for _ in range(32)]
    finally:
        limiter.enabled = False
        limiter.reset()
    assert answers[-1] == 429

"""The customer's record: read as fragments, written as JSON."""

from __future__ import annotations

import uuid

import pytest

from app.db import unit_of_work
from app.events import Event
from app.interactions.models import Disposition, Interaction, Message, Utterance
from telephony.models import PhoneNumber
from tests import factories
from tests.app.conftest import OURS
from tests.app.desktop.scenes import caller_hangs_up, events_of, jobs_named, talking

HTML = {"Accept": "text/html"}


@pytest.fixture
def mira(database) -> uuid.UUID:
    with unit_of_work() as session:
        return factories.customer(session, "+15551230009", "Mira Chen").id


def write(who, customer_id, body="Hello", **more):
    sent = {"body": body, "client_id": str(uuid.uuid4())} | more
    return who.post(f"/desktop/customers/{customer_id}/messages", sent)


class TestReading:
    def test_the_record_shows_who_it_is_and_what_was_written(self, ana, mira) -> None:
        ana.post(f"/desktop/customers/{mira}/notes", {"body": "Prefers mornings"})
        page = ana.get(f"/desktop/customers/{mira}", headers=HTML)
        assert page.status_code == 200
        assert "Mira Chen" in page.text and "Prefers mornings" in page.text

    def test_what_a_stranger_wrote_is_text_and_never_markup(self, ana, mira) -> None:
        ana.patch(f"/desktop/customers/{mira}", {"name": "<script>alert(1)</script>"})
        ana.post(f"/desktop/customers/{mira}/notes", {"body": "<img src=x onerror=alert(1)>"})
        page = ana.get(f"/desktop/customers/{mira}", headers=HTML).text
        found = ana.get("/desktop/customers?q=script", headers=HTML).text
        assert "<script>alert" not in page and "<img src=x" not in page and "<script>alert" not in found

    def test_older_entries_are_asked_for_from_the_last_one_shown(self, ana, mira) -> None:
        for number in range(60):
            ana.post(f"/desktop/customers/{mira}/notes", {"body": f"Note number {number:03d}"})
        page = ana.get(f"/desktop/customers/{mira}", headers=HTML).text
        assert "Note number 059" in page and "Note number 009" not in page
        from app.customers.timeline import timeline

        with unit_of_work() as session:
            before = timeline(session, mira, limit=50)[-1]["before"]
        older = ana.get(f"/desktop/customers/{mira}/timeline", query_string={"before": before}, headers=HTML).text
        assert "Note number 009" in older and "Note number 010" not in older

    @pytest.mark.parametrize("before", ["yesterday", "2026-01-01T00:00:00", "9" * 100, "' OR 1=1"])
    def test_a_place_that_is_no_time_is_refused(self, ana, mira, before) -> None:
        reply = ana.get(f"/desktop/customers/{mira}/timeline", query_string={"before": before})
        assert reply.status_code == 400 and reply.json["error"]["field"] == "before"

    def test_a_customer_who_does_not_exist_is_not_found(self, ana) -> None:
        for path in ("", "/timeline"):
            assert ana.get(f"/desktop/customers/{uuid.uuid4()}{path}").status_code == 404

    def test_search_finds_by_name_and_number_and_says_when_nobody_is_there(self, ana, mira) -> None:
        for words in ("mira", "1230009", "+1 555 123 0009"):
            assert str(mira) in ana.get("/desktop/customers", query_string={"q": words}, headers=HTML).text, words
        assert str(mira) not in ana.get("/desktop/customers?q=nobody", headers=HTML).text

    @pytest.mark.parametrize("words", ["x" * 101, "a\x00b"])
    def test_a_search_nobody_would_type_is_refused(self, ana, words) -> None:
        assert ana.get("/desktop/customers", query_string={"q": words}).status_code == 400

    def test_the_page_opens_on_a_record(self, ana, mira) -> None:
        page = ana.get(f"/desktop?customer={mira}", headers=HTML)
        assert page.status_code == 200 and str(mira) in page.text
        assert ana.get("/desktop?customer=nonsense").status_code == 400


class TestWriting:
    def test_a_name_and_a_language_are_kept_and_the_log_holds_neither(self, ana, mira) -> None:
        reply = ana.patch(f"/desktop/customers/{mira}", {"name": "  Mira Q. Chen ", "language": "zh-TW"})
        assert (reply.json["name"], reply.json["language"]) == ("Mira Q. Chen", "zh-TW")
        with unit_of_work() as session:
            (event,) = session.query(Event).filter_by(kind="customer.changed").all()
            assert event.data == {"fields": ["language", "name"]} and event.actor == f"user:{ana.user_id}"

    def test_a_field_that_is_not_sent_stays(self, ana, mira) -> None:
        ana.patch(f"/desktop/customers/{mira}", {"language": "es"})
        reply = ana.patch(f"/desktop/customers/{mira}", {"name": ""})
        assert (reply.json["name"], reply.json["language"]) == (None, "es")

    @pytest.mark.parametrize(
        ("field", "value"),
        [("name", "x" * 201), ("name", 5), ("name", "a\x00"), ("language", "english please"), ("language", "e")],
    )
    def test_a_wrong_field_is_named_and_nothing_changes(self, ana, mira, field, value) -> None:
        reply = ana.patch(f"/desktop/customers/{mira}", {"name": "Other", field: value})
        assert reply.status_code == 400 and reply.json["error"]["field"] == field
        with unit_of_work() as session:
            assert session.get_one(factories.Customer, mira).name == "Mira Chen"

    def test_a_text_is_queued_once_however_often_the_browser_sends_it(self, ana, mira) -> None:
        with unit_of_work() as session:
            session.add(PhoneNumber(number=OURS, label="Demo line", flow="main"))
        same = str(uuid.uuid4())
        replies = [write(ana, mira, "Hello Mira", client_id=same) for _ in range(3)]
        assert {reply.status_code for reply in replies} == {201}
        assert len({reply.json["id"] for reply in replies}) == 1
        assert replies[0].json["body"] == "Hello Mira" and replies[0].json["direction"] == "outbound"
        assert jobs_named("sms.send") == 1

    @pytest.mark.parametrize(
        ("field", "value"),
        [("body", ""), ("body", "   "), ("body", "x" * 1601), ("body", None), ("client_id", "1"), ("client_id", None)],
    )
    def test_a_text_that_cannot_be_sent_is_refused_by_field(self, ana, mira, field, value) -> None:
        reply = write(ana, mira, **{field: value})
        assert reply.status_code == 400 and reply.json["error"]["field"] == field
        assert jobs_named("sms.send") == 0

    def test_a_number_that_is_not_theirs_gets_no_text(self, ana, mira) -> None:
        reply = write(ana, mira, to="+15559998888")
        assert reply.status_code == 409 and reply.json["error"]["code"] == "not_theirs"
        with unit_of_work() as session:
            assert session.query(Message).count() == 0

    def test_a_note_belongs_to_its_writer_and_its_call(self, ana, sales) -> None:
        call = talking(sales)
        with unit_of_work() as session:
            customer_id = session.get_one(Interaction, call).customer_id
        reply = ana.post(
            f"/desktop/customers/{customer_id}/notes", {"body": "Wants a new plan", "interaction_id": str(call)}
        )
        assert reply.status_code == 201
        assert (reply.json["author"], reply.json["interaction_id"]) == ("Ana", str(call))
        assert events_of(call)[-1] == "note.added"

    def test_a_note_on_somebody_elses_call_is_refused(self, ana, mira, sales) -> None:
        call = talking(sales)
        reply = ana.post(f"/desktop/customers/{mira}/notes", {"body": "Hm", "interaction_id": str(call)})
        assert reply.status_code == 400 and reply.json["error"]["field"] == "interaction_id"

    @pytest.mark.parametrize("body", ["", " ", "x" * 10_001, None, "\x00"])
    def test_a_note_that_says_nothing_or_too_much_is_refused(self, ana, mira, body) -> None:
        reply = ana.post(f"/desktop/customers/{mira}/notes", {"body": body})
        assert reply.status_code == 400 and reply.json["error"]["field"] == "body"


class TestWrapUp:
    @pytest.fixture
    def ended(self, ana, sales) -> uuid.UUID:
        with unit_of_work() as session:
            session.add(Disposition(code="SALE", label="Sale made"))
        call = talking(sales)
        caller_hangs_up(call)
        return call

    def test_an_outcome_and_a_note_complete_the_call_and_free_the_agent(self, ana, ended) -> None:
        reply = ana.post(f"/desktop/interactions/{ended}/wrap-up", {"code": "SALE", "note": "Plan M"})
        assert reply.json == {"state": "completed"}
        assert ana.get("/desktop/state").json["me"]["reachability"]["routing_status"] == "idle"

    def test_said_twice_it_is_done_once(self, ana, ended) -> None:
        for _ in range(2):
            assert ana.post(f"/desktop/interactions/{ended}/wrap-up", {"code": "SALE"}).status_code == 200
        assert events_of(ended).count("wrap_up.done") == 1

    def test_an_outcome_that_does_not_exist_is_refused_by_field(self, ana, ended) -> None:
        reply = ana.post(f"/desktop/interactions/{ended}/wrap-up", {"code": "NOPE"})
        assert reply.status_code == 400 and reply.json["error"]["field"] == "code"

    def test_a_call_that_still_runs_is_not_wrapped_up(self, ana, sales) -> None:
        with unit_of_work() as session:
            session.add(Disposition(code="SALE", label="Sale made"))
        call = talking(sales)
        reply = ana.post(f"/desktop/interactions/{call}/wrap-up", {"code": "SALE"})
        assert reply.status_code == 409 and reply.json["state"] == "active"

    def test_a_colleagues_call_is_the_colleagues_to_wrap_up(self, ana, bo, ended) -> None:
        assert bo.post(f"/desktop/interactions/{ended}/wrap-up", {"code": "SALE"}).status_code == 403
        assert bo.post(f"/desktop/interactions/{uuid.uuid4()}/wrap-up", {"code": "SALE"}).status_code == 404


class TestTranscript:
    def says(self, call: uuid.UUID, speaker: str, start: float, text: str, recording: int | None = None) -> None:
        with unit_of_work() as session:
            session.add(
                Utterance(
                    interaction_id=call,
                    recording_id=recording,
                    speaker=speaker,
                    start_s=start,
                    end_s=start + 1,
                    text=text,
                    engine="test",
                )
            )

    def test_while_they_speak_it_is_what_was_heard_live(self, ana, sales) -> None:
        call = talking(sales)
        self.says(call, "agent", 2.0, "Good morning")
        self.says(call, "customer", 1.0, "Hello")
        found = ana.get(f"/desktop/interactions/{call}/transcript").json
        assert found["source"] == "live"
        assert [(turn["speaker"], turn["text"]) for turn in found["turns"]] == [
            ("customer", "Hello"),
            ("agent", "Good morning"),
        ]

    def test_the_recordings_words_replace_the_live_ones(self, ana, sales) -> None:
        from recordings.models import Recording

        call = talking(sales)
        self.says(call, "customer", 1.0, "Hullo")
        with unit_of_work() as session:
            recording = Recording(
                interaction_id=call,
                kind="call",
                provider_sid="RE" + "0" * 32,
                provider_url="http://x",
                state="stored",
                channel_map={},
            )
            session.add(recording)
            session.flush()
            recording_id = recording.id
        self.says(call, "customer", 1.2, "Hello", recording_id)
        found = ana.get(f"/desktop/interactions/{call}/transcript").json
        assert found["source"] == "recording"
        assert [(turn["text"], turn["recording_id"]) for turn in found["turns"]] == [("Hello", recording_id)]

    def test_a_call_that_never_was_has_none(self, ana) -> None:
        assert ana.get(f"/desktop/interactions/{uuid.uuid4()}/transcript").status_code == 404

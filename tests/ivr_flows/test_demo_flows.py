from __future__ import annotations

from datetime import UTC, datetime

from ivr_flows.instructions import EnterQueue, Listen, SendSms
from tests.ivr_flows.callers import Caller

CHRISTMAS_NOON = datetime(2026, 12, 25, 17, 0, tzinfo=UTC)


def test_demo_flows_load_without_a_warning(demo):
    assert demo.names() == ["main", "support"]
    assert demo.problems() == {}
    assert [warning for name in demo.names() for warning in demo.get(name).warnings] == []


def test_caller_who_presses_1_waits_for_sales(demo):
    caller = Caller.of(demo).presses("1")
    assert caller.waits_for == "sales"
    assert caller.path == "Welcome → Main menu → Sales (pressed 1)"


def test_caller_who_says_sales_waits_for_sales(demo):
    caller = Caller.of(demo).says("Sales, please.", 0.92)
    assert caller.waits_for == "sales"
    assert "said “Sales, please.” (0.92)" in caller.told
    assert caller.path == caller.state.path_line() == "Welcome → Main menu → Sales (said “Sales, please.”)"


def test_caller_hears_that_calls_are_recorded_before_the_menu(demo):
    assert "Calls are recorded." in Caller.of(demo).heard


def test_caller_is_offered_spanish_in_spanish(demo):
    menu = Caller.of(demo).last
    assert isinstance(menu, Listen)
    assert [(say.text, say.language) for say in menu.prompts][-1] == ("Para español, oprima el 9.", "es")


def test_caller_who_presses_9_goes_on_in_spanish(demo):
    caller = Caller.of(demo).presses("9")
    assert "Para ventas" in caller.heard
    assert "chose language es" in caller.told
    assert "Para español" not in caller.heard
    caller.says("Facturación, por favor")
    assert caller.last == EnterQueue("billing", 0, "es", {})
    assert (
        caller.path == "Welcome → Main menu → Español (pressed 9) → Main menu → Billing (said “Facturación, por favor”)"
    )


def test_spanish_line_begins_in_spanish(demo):
    assert Caller.of(demo, language="es").heard.startswith("Gracias por llamar")


def test_support_asks_for_the_account_number_and_reads_it_back(demo):
    caller = Caller.of(demo).presses("2").presses("40712255")
    assert "I have 4, 0, 7, 1, 2, 2, 5, 5." in caller.heard
    caller.presses("1")
    assert caller.last == EnterQueue("support", 0, "en", {"account_number": "40712255"})
    assert "gave account number 40712255" in caller.told


def test_caller_with_a_known_account_is_not_asked_for_it(demo):
    caller = Caller.of(demo, customer={"account_number": "40712255"}).presses("2")
    assert caller.waits_for == "support"


def test_caller_without_an_account_number_presses_0_for_a_person(demo):
    assert Caller.of(demo).presses("2").presses("0").waits_for == "support"


def test_caller_who_presses_0_reaches_the_front_desk(demo):
    caller = Caller.of(demo).presses("0")
    assert caller.waits_for == "sales"
    assert caller.path == "Welcome → Main menu → Front desk (asked for a person)"


def test_silent_caller_reaches_a_person_in_the_end(demo):
    caller = Caller.of(demo).stays_silent().stays_silent().stays_silent()
    assert caller.waits_for == "sales"


def test_caller_whom_nobody_answers_leaves_a_message(demo):
    caller = Caller.of(demo).presses("3").leaves_queue("timeout")
    assert caller.waits_for == "billing"
    caller.leaves_message(12)
    assert caller.is_hung_up
    assert "left a message of 12 s for billing" in caller.told


def test_out_of_hours_caller_is_told_so_and_leaves_a_message(demo):
    caller = Caller.of(demo, now=CHRISTMAS_NOON)
    assert "We are closed today." in caller.heard
    assert "closed: Christmas Day" in caller.told
    assert caller.presses("1").waits_for == "support"


def test_out_of_hours_caller_gets_a_link_by_text(demo):
    caller = Caller.of(demo, now=CHRISTMAS_NOON).presses("2")
    texts = [one.text for one in caller.step.instructions if isinstance(one, SendSms)]
    assert len(texts) == 1 and "https://meridian.example/help" in texts[0]
    assert caller.is_hung_up
    assert caller.state.outcome == "contained"


def test_out_of_hours_caller_without_a_number_leaves_a_message_instead_of_getting_a_text(demo):
    caller = Caller.of(demo, now=CHRISTMAS_NOON, number="anonymous").presses("2")
    assert caller.waits_for == "support"


def test_entry_points_send_each_number_to_its_flow(demo):
    points = demo.entry_points()
    assert (points.for_number("+15005550007").flow, points.for_number("+15005550007").language) == ("main", "es")
    assert (points.for_number("+15005550008").flow, points.for_number("+15005550008").priority_min) == ("support", 5)
    assert points.for_number("+442079460000").flow == "main"

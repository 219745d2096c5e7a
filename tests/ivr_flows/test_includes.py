"""Shared prompts and hours, in the flow's own file and in files that it includes."""

from __future__ import annotations

import pytest

from ivr_flows import load_flow, version_of
from ivr_flows.includes import included_from, own_text, parts_of, whole_text
from ivr_flows.loader import check
from tests.ivr_flows.callers import Caller

FLOW = """\
title: Shares pieces
languages: [en, es]
include: [common]
start: open_now
fallback: desk
prompts:
  welcome: {en: Welcome., es: Bienvenido.}
nodes:
  open_now: {kind: hours, use: office, open: hello, closed: shut}
  hello: {kind: say, text: [{use: welcome}, {play: /audio/jingle.wav}, {use: sorry}], next: desk}
  shut: {kind: hangup, say: {use: sorry}}
  desk: {kind: queue, queue: sales}
"""
COMMON = """\
include: [times]
prompts:
  sorry: {en: "Sorry, {{ customer.name }}.", es: Disculpe.}
"""
TIMES = "hours: {office: {zone: America/New_York, weekly: {tue: 09:00-17:00}, holidays: US}}\n"
FILES = {"common": COMMON, "times": TIMES}


def faults(text: str = FLOW, **files: str) -> list[str]:
    return [str(fault) for fault in check(text, "main", file="flows/main.yaml", includes=(FILES | files).get)]


def test_nodes_use_what_is_included_directly_and_through_another_file():
    flow = load_flow(FLOW, "main", includes=FILES.get)
    assert Caller(flow, customer={"name": "Ana"}).heard == "Welcome. [/audio/jingle.wav] Sorry, Ana."
    assert Caller(flow, language="es").heard == "Bienvenido. [/audio/jingle.wav] Disculpe."
    sunday = Caller(flow).state.call.now.replace(day=8)
    assert Caller(flow, now=sunday).is_hung_up
    assert check(FLOW, "main", includes=FILES.get) == list(flow.warnings)


def test_the_version_covers_what_is_included():
    first = load_flow(FLOW, "main", includes=FILES.get).version
    changed = load_flow(FLOW, "main", includes=(FILES | {"times": TIMES.replace("17:00", "18:00")}).get).version
    assert first != changed != version_of(FLOW)
    assert load_flow(FLOW, "main", includes=(FILES | {"unused": "title: x"}).get).version == first


def test_a_whole_text_needs_no_other_file_and_gives_the_own_one_back():
    whole = whole_text(FLOW, FILES.get)
    assert load_flow(whole, "main").version == version_of(whole) == load_flow(FLOW, "main", includes=FILES.get).version
    assert own_text(whole) == FLOW
    assert parts_of(whole)[1] == FILES
    assert whole_text(whole, {}.get) == whole


@pytest.mark.parametrize("text", [FLOW, FLOW.rstrip("\n"), FLOW + "\n\n", FLOW.replace("\n", "\r\n")])
def test_taking_apart_undoes_putting_together(text):
    assert own_text(whole_text(text, FILES.get)) == text


def test_a_flow_that_includes_nothing_is_its_own_whole_text():
    text = FLOW.replace("include: [common]\n", "")
    assert whole_text(text, FILES.get) == text
    assert own_text(text) == text


def test_a_fault_names_the_included_file_and_its_place():
    assert faults(times=TIMES.replace("New_York", "Old_York")) == [
        "flows/main.yaml:9:32: node open_now, field use: there are no shared hours 'office'",
        "flows/times.include.yaml:1:24: field hours.office.zone: 'America/Old_York' is not a time zone; "
        "use an IANA name such as America/New_York",
    ]
    broken = faults(common=COMMON.replace("es: Disculpe.", "es: '{{ x }}'"))
    assert "flows/common.include.yaml:3:10: field prompts.sorry: uses the unknown name 'x'" in broken[-1]
    assert "flows/common.include.yaml:2:1: this is not YAML" in faults(common="include: [")[-1]
    assert faults(common=COMMON + "nodes: {}\n")[-1].startswith(
        "flows/common.include.yaml:4:1: field nodes: is not a field here"
    )


def test_a_shared_prompt_must_be_in_every_language_and_is_told_once():
    assert faults(common=COMMON.replace(", es: Disculpe.", "")) == [
        "flows/common.include.yaml:3:3: field prompts.sorry: has no text in: es"
    ]


def test_files_that_include_each_other_are_refused():
    ring = faults(times=TIMES + "include: [common]\n")
    assert ring == [
        "flows/times.include.yaml:2:11: field include[0]: goes round in a ring of files that include each other: "
        "common → times → common"
    ]
    assert "common → common" in faults(common="include: [common]\n" + COMMON.split("\n", 1)[1] + TIMES)[0]


def test_a_file_may_be_included_by_two_others():
    twice = FLOW.replace("[common]", "[common, times]")
    assert faults(twice) == []


def test_a_file_that_is_not_there_is_named():
    assert faults(FLOW.replace("[common]", "[common, comon]"))[0] == (
        "flows/main.yaml:3:19: field include[1]: there is no file comon.include.yaml beside this one "
        "(20 files of together 1 MB may be included)"
    )


def test_a_name_that_is_there_twice_is_told_with_both_places():
    assert faults(common=COMMON + "  welcome: {en: Hi., es: Hola.}\n") == [
        "flows/common.include.yaml:4:3: field prompts.welcome: there is 'welcome' already, in main.yaml, line 7"
    ]


def test_a_wrong_name_is_told_with_the_right_one():
    wrong = FLOW.replace("{use: welcome}", "{use: welcom}").replace("use: office", "use: offce")
    assert [line.split(": ", 2)[2] for line in faults(wrong)] == [
        "there are no shared hours 'offce'; did you mean 'office'?",
        "there is no shared prompt 'welcom'; did you mean 'welcome'?",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("{en: Welcome., es: Bienvenido.}", "{use: sorry}"), "it cannot use another"),
        (("use: office,", "use: office, zone: UTC,"), "takes its times from 'office': leave out zone"),
        (("use: office,", ""), "needs zone and weekly, or use with the name of shared hours"),
        (("{use: welcome},", "{use: welcome, language: en},"), "{use: …} takes the name of a shared prompt"),
        (("[common]", "[../common]"), "field include[0]: must be a name of small letters"),
        (("[common]", "common"), "field include: must be a list"),
    ],
)
def test_a_wrong_use_is_refused(change, message):
    assert message in " ".join(faults(FLOW.replace(*change)))


def test_a_great_many_or_huge_files_are_refused_at_once():
    many = {f"f{n}": f"include: [f{n + 1}]\n" for n in range(1000)}
    assert "there is no file f20" in faults(FLOW.replace("[common]", "[f0]"), **many)[-1]
    assert "there is no file common" in faults(common="# " + "x" * 1_000_001)[0]


def test_included_files_are_read_from_the_folder_of_the_flow(tmp_path):
    (tmp_path / "common.include.yaml").write_text(COMMON, "utf-8")
    (tmp_path / "bytes.include.yaml").write_bytes(b"\xff\xfe")
    lookup = included_from(tmp_path)
    assert lookup("common") == COMMON
    assert lookup("bytes") is None
    assert lookup("absent") is None

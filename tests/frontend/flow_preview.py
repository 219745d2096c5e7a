"""The flow pages over flows held in memory: the check, the test calls and the simulator are the real ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from pydantic import ValidationError

from ivr_flows.beside import read_with_tests
from ivr_flows.diff import changes, unified
from ivr_flows.faults import FlowError
from ivr_flows.graph import graph_of
from ivr_flows.lint import Known
from ivr_flows.loader import check, load_flow
from ivr_flows.scenario import scenarios_of
from ivr_flows.scenario_run import run_scenarios
from ivr_flows.scenario_writer import scenario_of, with_scenario
from ivr_flows.schema import flow_json_schema
from ivr_flows.simulator import simulate

FLOWS = Path(__file__).resolve().parents[2] / "ivr_flows" / "flows"
KNOWN = Known(queues=frozenset({"sales", "support", "billing"}), flows=frozenset({"main", "support"}))
AT = "2026-11-20T09:12:00+00:00"


@dataclass
class Kept:
    """One flow as the server keeps it. Tests change it to be somebody else."""

    name: str
    versions: list[dict[str, Any]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    draft: str | None = None
    rev: int = 0
    lock: dict[str, Any] | None = None
    conflict: dict[str, Any] | None = None
    canary: dict[str, Any] | None = None
    rung: list[str] = field(default_factory=list)

    @property
    def live(self) -> str:
        return next(line["version"] for line in self.versions if line["live"])

    @property
    def text(self) -> str:
        return self.texts[self.live] if self.draft is None else self.draft

    def release(self, text: str, message: str, source: str = "page", author: str = "Ana Souza") -> str:
        """Make a text live."""
        version = hashlib.sha256(text.encode()).hexdigest()[:16]
        for line in self.versions:
            line["live"] = False
        self.texts[version] = text
        told = {"version": version, "author": author, "at": AT, "message": message, "source": source}
        self.versions.insert(0, {**told, "live": True, "canary": False})
        return version

    def state(self) -> dict[str, Any]:
        """As GET …/draft."""
        return {
            "name": self.name,
            "text": self.text,
            "rev": self.rev,
            "base_version": self.live,
            "live_version": self.live,
            "is_draft": self.draft is not None,
            "lock": self.lock,
            "conflict": self.conflict,
            "problem": None,
            "queues": ["sales", "support", "billing"],
            "flows": ["main", "support"],
        }


def kept_flows() -> dict[str, Kept]:
    """The demo's flows with a little history, and two large ones."""
    flows = {name: Kept(name) for name in ("main", "support", "large", "huge")}
    for name in ("main", "support"):
        text = read_with_tests(FLOWS / f"{name}.yaml")
        flows[name].release(text.replace("Calls are recorded.", "This call is recorded."), "First words", "file", "Bo")
        flows[name].release(text, "Say it in fewer words")
    flows["large"].release(large_flow(200), "Many menus")
    flows["huge"].release(large_flow(500), "Very many menus")
    return flows


def large_flow(nodes: int) -> str:
    """A tree of menus that ends with people and messages."""
    lines = ["title: A large flow", "start: menu_0", "fallback: desk", "", "nodes:"]
    lines += ["  desk:", "    kind: queue", "    queue: sales", ""]
    for number in range(nodes - 1):
        children = [child for child in range(number * 4 + 1, number * 4 + 5) if child < nodes - 1]
        if children:
            lines += [
                f"  menu_{number}:",
                "    kind: menu",
                f"    prompt: This is menu number {number}.",
                "    choices:",
            ]
            lines += [f"      - {{key: {key + 1}, to: menu_{child}}}" for key, child in enumerate(children)]
        elif number % 3:
            lines += [f"  menu_{number}:", "    kind: say", f"    text: You chose {number}.", "    next: desk"]
        else:
            lines += [f"  menu_{number}:", "    kind: voicemail", "    prompt: Leave a message.", "    mailbox: sales"]
        lines.append("")
    return "\n".join(lines)


def flow_pages(app: Flask) -> None:
    """Every address of the flow pages."""
    app.config["FLOWS"] = kept_flows()
    rules: list[tuple[str, Any, str]] = [
        ("", _list, "GET"),
        ("", _create, "POST"),
        ("/schema.json", lambda: jsonify(flow_json_schema()), "GET"),
        ("/<name>", _editor, "GET"),
        ("/<name>/draft", lambda name: jsonify(_kept(name).state()), "GET"),
        ("/<name>/draft", _save, "PUT"),
        ("/<name>/draft", _discard, "DELETE"),
        ("/<name>/draft/restore", _restore, "POST"),
        ("/<name>/lock", _lock, "POST"),
        ("/<name>/lock", lambda name: ("", 204), "DELETE"),
        ("/<name>/check", lambda name: jsonify(_checked(name, _given()["text"])), "POST"),
        ("/<name>/test", _test, "POST"),
        ("/<name>/publish", _publish, "POST"),
        ("/<name>/versions", lambda name: jsonify(versions=_kept(name).versions), "GET"),
        ("/<name>/rollback", _rollback, "POST"),
        ("/<name>/conflict", _settle, "POST"),
        ("/<name>/diff", _diff, "GET"),
        ("/<name>/canary", lambda name: jsonify(_canary(_kept(name))), "GET"),
        ("/<name>/canary", _start_canary, "POST"),
        ("/<name>/canary/promote", _promote, "POST"),
        ("/<name>/canary/stop", _stop_canary, "POST"),
        ("/<name>/simulate", _simulate, "POST"),
        ("/<name>/scenarios", _with_scenario, "POST"),
        ("/<name>/call", _call, "POST"),
        ("/<name>/traffic", _traffic, "GET"),
        ("/replay/<interaction>", _replay, "GET"),
    ]
    for number, (rule, view, method) in enumerate(rules):
        app.add_url_rule(f"/admin/flows{rule}", f"flow-{number}", view, methods=[method])


def _kept(name: str) -> Kept:
    from flask import current_app

    flows: dict[str, Kept] = current_app.config["FLOWS"]
    return flows[name]


def _given() -> dict[str, Any]:
    body: dict[str, Any] = request.get_json()
    return body


def _refused(status: int, code: str, message: str, **standing: Any) -> tuple[Response, int]:
    return jsonify(error={"code": code, "message": message}, **standing), status


def _list() -> str:
    from flask import current_app

    flows: dict[str, Kept] = current_app.config["FLOWS"]
    listed = [
        {
            "name": kept.name,
            "title": kept.text.split("title: ")[1].splitlines()[0],
            "languages": ["en", "es"] if "languages: [en, es]" in kept.text else ["en"],
            "nodes": len(graph_of(kept.text, kept.name)["nodes"]),
            "live_version": kept.live,
            "published": kept.versions[0],
            "draft": {"by": "Ana Souza", "at": AT} if kept.name == "support" else None,
            "canary": {"percent": 10, "numbers": []} if kept.name == "large" else None,
            "conflict": False,
            "problem": None,
        }
        for kept in flows.values()
        if kept.name != "huge"
    ]
    return render_template("flows/list.html", page_data={"flows": listed})


def _create() -> Any:
    from flask import current_app

    given = _given()
    made = Kept(given["name"])
    made.release(
        f"title: {given['title']}\nstart: hi\nfallback: desk\n\nnodes:\n  desk: {{kind: queue, queue: sales}}\n", ""
    )
    current_app.config["FLOWS"][made.name] = made
    return {"name": made.name, "rev": 1}, 201


def _editor(name: str) -> str:
    return render_template("flows/editor.html", page_data=_kept(name).state())


def _save(name: str) -> Any:
    kept, given = _kept(name), _given()
    if kept.lock and not kept.lock["mine"]:
        return _refused(409, "locked", "Bo is writing here.", lock=kept.lock, draft=kept.state())
    if given["rev"] != kept.rev:
        return _refused(409, "draft_changed", "Somebody saved this draft meanwhile.", draft=kept.state())
    kept.draft, kept.rev = given["text"], kept.rev + 1
    return {"rev": kept.rev}


def _discard(name: str) -> Any:
    kept = _kept(name)
    kept.texts["discarded"], kept.draft, kept.rev = kept.text, None, kept.rev + 1
    return {"rev": kept.rev}


def _restore(name: str) -> Any:
    kept = _kept(name)
    kept.draft, kept.rev = kept.texts.pop("discarded"), kept.rev + 1
    return {"rev": kept.rev}


def _lock(name: str) -> Any:
    kept = _kept(name)
    if kept.lock and not kept.lock["mine"] and not _given().get("take_over"):
        return _refused(409, "locked", "Bo is writing here.", lock=kept.lock)
    kept.lock = {"by": "Ana Souza", "since": AT, "mine": True}
    return {"lock": kept.lock}


def _checked(name: str, text: str) -> dict[str, Any]:
    faults = check(text, name, KNOWN)
    told = [
        {"line": each.line, "column": each.column, "node": each.node, "field": each.field, "message": each.message}
        | {"severity": each.severity}
        for each in faults
    ]
    return {"faults": told, "graph": graph_of(text, name, known=KNOWN, faults=faults)}


def _test(name: str) -> Any:
    try:
        return _played(_kept(name), _given()["text"])
    except FlowError:
        return _refused(422, "unusable", "This cannot be played yet: mend what is listed.", faults=[])


def _played(kept: Kept, text: str) -> dict[str, Any]:
    flow = load_flow(text, kept.name, known=KNOWN)
    placed = scenarios_of(flow, text)

    def lookup(name: str, version: str | None) -> Any:
        return flow if name == kept.name else load_flow(_kept(name).text, name, known=KNOWN)

    return run_scenarios(flow, placed, lookup).to_json()


def _publish(name: str) -> Any:
    kept, given = _kept(name), _given()
    faults = [each for each in _checked(name, kept.text)["faults"] if each["severity"] == "error"]
    if faults:
        return _refused(422, "not_ready", "This cannot go live yet.", faults=faults, tests=None)
    version = kept.release(kept.text, given["message"])
    kept.draft, kept.rev = None, kept.rev + 1
    return {"version": version}


def _rollback(name: str) -> Any:
    kept, given = _kept(name), _given()
    return {"version": kept.release(kept.texts[given["version"]], given["message"], "rollback")}


def _settle(name: str) -> Any:
    kept, given = _kept(name), _given()
    if given["take"] == "file" and kept.conflict:
        kept.release(kept.conflict["file_text"], "From the file", "file", "Bo")
    kept.conflict = None
    return {"version": kept.live}


def _diff(name: str) -> Any:
    kept = _kept(name)
    named = {"live": kept.texts[kept.live], "draft": kept.text}
    if kept.conflict:
        named[kept.conflict["file_version"]] = kept.conflict["file_text"]
    old, new = (named.get(request.args[end]) or kept.texts[request.args[end]] for end in ("from", "to"))
    told = [{"node": each.node, "how": each.how, "words": each.words} for each in changes(old, new)]
    return {"changes": told, "text": unified(old, new, "live", "draft")}


def _canary(kept: Kept) -> dict[str, Any]:
    live = {"version": kept.live, "calls": 412, "outcomes": {"answered": 300, "voicemail": 62, "abandoned": 50}}
    trial = {"version": "draft", "calls": 46, "outcomes": {"answered": 38, "voicemail": 6, "abandoned": 2}}
    none = {"running": False, "percent": 10, "numbers": [], "version": None, "since": None}
    return {
        **none,
        **(kept.canary or {}),
        "live": {**live, "containment": 0.18},
        "canary": {**trial, "containment": 0.24},
    }


def _start_canary(name: str) -> Any:
    kept, given = _kept(name), _given()
    kept.canary = {"running": True, "percent": given["percent"], "numbers": given["numbers"], "since": AT}
    return _canary(kept)


def _promote(name: str) -> Any:
    kept = _kept(name)
    kept.release(kept.text, "The trial went well", "canary")
    kept.canary, kept.draft = None, None
    return {"version": kept.live}


def _stop_canary(name: str) -> Any:
    _kept(name).canary = None
    return "", 204


def _simulate(name: str) -> Any:
    given = _given()
    try:
        flow = load_flow(given["text"], name, known=KNOWN)
        return simulate(flow, given["given"], given["acts"], _other_flows).to_json()
    except FlowError:
        return _refused(422, "unusable", "This cannot be played yet: mend what is listed.", faults=[{}])
    except ValidationError as error:
        return _refused(400, "bad_input", str(error))


def _other_flows(name: str, version: str | None = None) -> Any:
    return load_flow(_kept(name).text, name, known=KNOWN)


def _with_scenario(name: str) -> Any:
    given = _given()
    flow = load_flow(given["text"], name, known=KNOWN)
    scenario = scenario_of(flow, given["name"], given["given"], given["acts"], _other_flows)
    return {"scenario": scenario, "text": with_scenario(given["text"], scenario, f"{name}.yaml")}


def _call(name: str) -> Any:
    _kept(name).rung.append(_given()["to"])
    return {"sid": "CA1"}


def _traffic(name: str) -> dict[str, Any]:
    graph = _checked(name, _kept(name).text)["graph"]
    count = {edge["to"]: 40 + 13 * index for index, edge in enumerate(graph["edges"]) if not edge["implicit"]}
    nodes = [
        {
            "id": node["id"],
            "entered": count.get(node["id"], 300),
            "left": 0,
            "answers": 186 if node["kind"] == "menu" else 0,
            "no_input": 9 if node["kind"] == "menu" else 0,
            "no_match": 14 if node["kind"] == "menu" else 0,
            "hung_up": 80 if node["id"] == "main_menu" else 3,
        }
        for node in graph["nodes"]
    ]
    edges = [
        {"from": edge["from"], "to": edge["to"], "field": edge["field"], "count": count[edge["to"]]}
        for edge in graph["edges"]
        if not edge["implicit"]
    ]
    return {"calls": 300, "edges": edges, "nodes": nodes, "containment": 0.21}


def _replay(interaction: str) -> str:
    kept = _kept("main")
    steps = [
        {"node": "office_hours", "heard": [], "input": None},
        {
            "node": "welcome",
            "heard": ["Thank you for calling Meridian Broadband.", "Calls are recorded."],
            "input": None,
        },
        {"node": "main_menu", "heard": ["For sales, press 1. For support, press 2."], "input": "I want a new plan"},
        {"node": "sales", "heard": ["Let me find somebody in sales for you."], "input": None},
    ]
    told = [
        {
            **step,
            "at": f"2026-11-20T09:12:{seconds:02}+00:00",
            "confidence": 0.48 if step["input"] else None,
            "edge": None,
        }
        for step, seconds in zip(steps, (0, 1, 6, 19), strict=True)
    ]
    data = {
        "flow": "main",
        "version": kept.live,
        "graph": graph_of(kept.text, "main", known=KNOWN),
        "steps": told,
        "recording_id": 1,
        "interaction_id": interaction,
        "recording": {"id": 1, "duration_s": 64, "state": "stored", "transcript_state": "done"},
        "customer": {"name": "Mira Chen"},
        "remote": "+15550142030",
    }
    return render_template("flows/replay.html", page_data=data)

"""Who may enter where: every route says so, and holds to it."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.routing import Rule

from app.accounts.entry import CARRIER, MAY_DO, PUBLIC, entry_of
from app.db import unit_of_work
from tests import factories
from tests.app.conftest import browser

ANY_UUID = "00000000-0000-4000-8000-000000000000"


def address(app, rule: Rule) -> str:
    """The rule with harmless values: ids of nothing."""
    values = {name: _value(converter) for name, converter in rule._converters.items()}
    with app.test_request_context():
        return str(app.url_map.bind("web.test").build(rule.endpoint, values, method=next(iter(rule.methods))))


def _value(converter: Any) -> Any:
    kind = type(converter).__name__
    return {"UUIDConverter": ANY_UUID, "IntegerConverter": 999_999, "PathConverter": "none"}.get(kind, "none")


def routes(app) -> list[tuple[Rule, str]]:
    return [
        (rule, method) for rule in app.url_map.iter_rules() for method in sorted(rule.methods - {"HEAD", "OPTIONS"})
    ]


def asked(app, who, rule: Rule, method: str) -> int:
    headers = {"X-CSRFToken": who.csrf, "Accept": "application/json"}
    body = {} if method == "GET" else {"json": {}}
    return int(who.client.open(address(app, rule), method=method, headers=headers, **body).status_code)


def test_every_route_says_who_may_enter(app) -> None:
    silent = {rule.endpoint for rule in app.url_map.iter_rules() if entry_of(app, rule.endpoint) is None}
    assert silent == set()


def test_the_open_routes_are_these_and_no_others(app) -> None:
    """A route that becomes public by mistake is noticed here."""
    open_to_all = {rule.rule for rule in app.url_map.iter_rules() if entry_of(app, rule.endpoint) == PUBLIC}
    assert open_to_all <= {
        "/healthz",
        "/readyz",
        "/login",
        "/logout",
        "/verify",
        "/phone",
        "/phone/token",
        "/phone/trace",
        "/static/<path:filename>",
        "/fs-static/<path:filename>",
        "/prompts/<key>.wav",
        "/c/<token>",
        "/c/<token>/cancel",
        "/c/<token>/confirm",
        "/c/<token>/move",
        "/c/ask/<token>",
        "/call-me/<key>",
        "/voice/moment.wav",
        "/voice/music.wav",
        "/voice/ringback.wav",
    }


@pytest.mark.parametrize("role", [None, "nothing", "agent", "supervisor", "admin"])
def test_every_route_lets_in_whom_it_names_and_nobody_else(app, far_side, role) -> None:
    with unit_of_work() as session:
        user = role and factories.user(session, "Ana", [] if role == "nothing" else [role])
    who = browser(app, user)
    surprises = {}
    for rule, method in routes(app):
        entry = entry_of(app, rule.endpoint)
        if entry in (PUBLIC, CARRIER):
            continue
        status = asked(app, who, rule, method)
        may = role in MAY_DO[entry]
        expected = status not in (401, 403) if may else status == (403 if role else 401)
        if not expected:
            surprises[method, rule.rule] = status
    assert surprises == {}


def test_the_carriers_routes_refuse_whoever_does_not_sign(app, far_side, ana) -> None:
    surprises = {
        (method, rule.rule): status
        for rule, method in routes(app)
        if entry_of(app, rule.endpoint) == CARRIER and (status := asked(app, ana, rule, method)) != 403
    }
    assert surprises == {}


def test_every_write_without_the_pages_token_is_refused(app, far_side, ana) -> None:
    ana.csrf = ""
    surprises = {
        (method, rule.rule): status
        for rule, method in routes(app)
        if method != "GET" and entry_of(app, rule.endpoint) != CARRIER
        if (status := asked(app, ana, rule, method)) != 400
    }
    assert surprises == {}


def test_somebody_elses_token_does_not_fit(app, far_side, ana, bo) -> None:
    ana.csrf = bo.csrf
    assert ana.post("/desktop/presence", {"presence": "break"}).status_code == 400


def test_who_is_signed_out_is_shown_the_way_in_and_back(app, far_side) -> None:
    page = app.test_client().get("/desktop?customer=" + ANY_UUID, headers={"Accept": "text/html"})
    assert page.status_code == 302
    assert page.location == f"/login?next=/desktop?customer%3D{ANY_UUID}"


def test_a_fragment_is_not_answered_with_a_sign_in_page(app, far_side) -> None:
    reply = app.test_client().get("/desktop/customers?q=a", headers={"HX-Request": "true", "Accept": "text/html"})
    assert reply.status_code == 401


def test_a_route_that_does_not_exist_tells_nothing_more(app, ana) -> None:
    assert app.test_client().get("/admin/../etc/passwd").status_code == 404
    assert ana.get("/nothing-here").status_code == 404

"""Example records in the shapes of docs/contracts.md."""

from types import SimpleNamespace
from typing import Any

PHONE = {
    "numbers": ["+15550102030", "+15550104477", "+15550109981"],
    "lines": [{"number": "+15550100100", "label": "Northwind Broadband"}],
}


class Person:
    """The signed-in agent."""

    is_authenticated = True
    name = "Ana Costa"
    email = "ana@example.com"

    def has_role(self, role: str) -> bool:
        """She may see every page."""
        return True


def phone_token(number: str) -> dict[str, str]:
    """What GET /phone/token answers."""
    return {"token": "preview", "address": number, "url": "/phone/socket"}


def _form_field(name: str, label: str, errors: tuple[str, ...] = ()) -> SimpleNamespace:
    return SimpleNamespace(id=name, name=name, label=SimpleNamespace(text=label), data="", errors=errors)


def sign_in() -> dict[str, Any]:
    """What Flask-Security hands to the sign-in page."""
    form = SimpleNamespace(
        hidden_tag=lambda: "",
        form_errors=[],
        email=_form_field("email", "Email"),
        password=_form_field("password", "Password"),
        remember=None,
    )
    people = [{"email": "ana@example.com", "password": "demo-ana", "role": "Agent"}]
    return {"login_user_form": form, "demo_sign_ins": people}

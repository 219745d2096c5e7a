"""What an admin does with people: add, give roles, set a password, let go and take back. Each is in the log."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from flask_security import hash_password
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import events
from app.accounts.models import ROLES, Role, User

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 128


class PersonRefused(ValueError):
    """The change cannot be made; `field` names what is wrong with it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def add_person(session: Session, *, email: str, name: str, password: str, roles: Iterable[str], actor: str) -> User:
    """Make a person who may sign in. Raises PersonRefused."""
    address = normalise_email(email)
    if session.scalars(select(User).where(func.lower(User.email) == address.lower())).first():
        raise PersonRefused("email", "Somebody with this address is here already.")
    if not name.strip() or len(name) > 100:
        raise PersonRefused("name", "Give a name of at most 100 characters.")
    user = User(
        email=address,
        name=name.strip(),
        password=_hashed(password),
        fs_uniquifier=secrets.token_hex(32),
        active=True,
        roles=_roles(session, roles),
    )
    session.add(user)
    session.flush()
    _tell(session, "person.added", user, actor, roles=_names(user))
    return user


def set_roles(session: Session, user: User, roles: Iterable[str], *, actor: str) -> None:
    """Give exactly these roles. The last active admin stays one. Raises PersonRefused."""
    wanted = _roles(session, roles)
    if "admin" in _names(user) and "admin" not in {role.name for role in wanted}:
        _refuse_the_last_admin(session, user, "roles")
    user.roles = wanted
    session.flush()
    _tell(session, "person.roles_changed", user, actor, roles=_names(user))


def set_password(session: Session, user: User, password: str, *, actor: str) -> None:
    """Set a new password and end every session of the person. Raises PersonRefused."""
    user.password = _hashed(password)
    _end_sessions(user)
    session.flush()
    _tell(session, "person.password_set", user, actor)


def set_active(session: Session, user: User, active: bool, *, actor: str) -> None:
    """Let a person go (every session ends; the record keeps their name) or take them back. Raises PersonRefused."""
    if not active and "admin" in _names(user):
        _refuse_the_last_admin(session, user, "active")
    user.active = active
    _end_sessions(user)
    session.flush()
    _tell(session, "person.activated" if active else "person.deactivated", user, actor)


def normalise_email(email: str) -> str:
    """The address as it is kept. Raises PersonRefused when it is none."""
    from email_validator import EmailNotValidError, validate_email

    try:
        return str(validate_email(email.strip(), check_deliverability=False, test_environment=True).normalized)
    except EmailNotValidError:
        raise PersonRefused("email", "This is no email address: give one like ana@example.com.") from None


def new_password() -> str:
    """A password to hand over once: 20 letters and digits, about 119 bits."""
    letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "".join(secrets.choice(letters) for _ in range(20))


def _hashed(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise PersonRefused("password", f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")
    return str(hash_password(password))


def _roles(session: Session, names: Iterable[str]) -> list[Role]:
    wanted = sorted(set(names))
    if not wanted:
        raise PersonRefused("roles", "Give at least one role.")
    for name in wanted:
        if name not in ROLES:
            raise PersonRefused("roles", f"There is no role {name[:20]!r}: give {', '.join(ROLES)}.")
    return [_role(session, name) for name in wanted]


def _role(session: Session, name: str) -> Role:
    found = session.scalars(select(Role).where(Role.name == name)).one_or_none()
    return found or Role(name=name, description=ROLES[name])


def _refuse_the_last_admin(session: Session, user: User, field: str) -> None:
    """Admins are locked in one order, so that two who remove each other at once do not both win."""
    admins = session.scalars(
        select(User.id).where(User.roles.any(Role.name == "admin"), User.active).order_by(User.id).with_for_update()
    ).all()
    if list(admins) == [user.id]:
        raise PersonRefused(field, "This is the last admin. Make somebody else one first.")


def _end_sessions(user: User) -> None:
    user.fs_uniquifier = secrets.token_hex(32)


def _names(user: User) -> list[str]:
    return sorted(role.name for role in user.roles)


def _tell(session: Session, kind: str, user: User, actor: str, **data: Any) -> None:
    events.record(session, kind, actor=actor, users=(user.id,), user_id=user.id, **data)

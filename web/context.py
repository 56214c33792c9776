"""What a request stands in: the installation, the person signed in, the present instant."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from flask import current_app, g
from flask_login import current_user

from service.identity.people import Person
from service.system import Installation, System


def current_system() -> System:
    """Return the installation this application serves."""
    return cast(System, current_app.extensions["chuanglv"])


def current_person() -> Person:
    """Return the person signed in; only on pages that demand a sign-in."""
    return cast(Person, current_user.person)


def installation() -> Installation:
    """Return the installation's row, read once a request."""
    return cast(Installation, once("installation", _read_installation))


def now() -> datetime:
    """Return the installation's present instant (UTC), the same throughout a request."""
    return cast(datetime, once("now", _read_now))


def forget_now() -> None:
    """Read the present instant anew: this request has moved the clock."""
    g.pop("chuanglv_now", None)
    g.pop("chuanglv_year", None)


def _read_installation() -> Installation:
    system = current_system()
    with system.database.read() as connection:
        return system.installation(connection)


def _read_now() -> datetime:
    system = current_system()
    with system.database.read() as connection:
        return system.now(connection)


def once(name: str, read: Callable[[], Any]) -> Any:
    """Return what `read` gives, read the first time it is asked for in a request."""
    key = f"chuanglv_{name}"
    if key not in g:
        setattr(g, key, read())
    return getattr(g, key)

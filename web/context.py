"""What a request works with: the running system."""

from typing import cast

from flask import Flask, current_app

from service.system import System

_KEY = "chuanglv"


def attach_system(app: Flask, system: System) -> None:
    """Make `system` the one that every request of `app` works with."""
    app.extensions[_KEY] = system


def current_system() -> System:
    """Return the running system."""
    return cast(System, current_app.extensions[_KEY])

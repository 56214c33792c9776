"""Builds the web application: pages by subject, the API, and what every page is given."""

from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, make_response, request
from flask_login import current_user

from service.errors import AppError
from service.system import System
from web import assets, display, door, failures, language, navigation, security, signed_in, year
from web.context import current_person, installation, now
from web.pages import (
    admin,
    board,
    clock,
    designer,
    documents,
    files,
    inbox,
    matters,
    session,
    start,
    task,
    verify,
)


def create_app(system: System, *, options: Mapping[str, Any] | None = None) -> Flask:
    """Return the WSGI application of an installation; `options` override Flask's configuration (tests)."""
    app = Flask(__name__)
    app.extensions["chuanglv"] = system
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # the default provider has it
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.config.update(options or {})
    security.install(app, system.settings)
    door.install(app)
    app.config.update(options or {})
    language.install(app)
    display.install(app)
    assets.install(app)
    failures.install(app)
    signed_in.install(app)
    app.context_processor(_frame)
    for subject in (
        session,
        start,
        inbox,
        task,
        matters,
        board,
        designer,
        admin,
        files,
        verify,
        documents,
        clock,
    ):
        app.register_blueprint(subject.page)
    _install_api(app)
    app.add_url_rule("/health", "health", _health)
    app.add_url_rule("/robots.txt", "robots", _robots)
    return app


def _frame() -> dict[str, Any]:
    """What the frame of every page shows; on a broken database the frame stays bare."""
    bare: dict[str, Any] = {
        "reader": None,
        "year": None,
        "time_bar": None,
        "reads_board": False,
        "sections": [],
        "clock_now": None,
        "seats": [],
    }
    if request.endpoint in (None, "static"):
        return bare
    try:
        bare["clock_now"] = now()
        if not current_user.is_authenticated or signed_in.password_due():
            return bare
        person = current_person()
        bare["year"] = year.today()
        bare["reads_board"] = not navigation.only_unit(person)
        bare["sections"] = navigation.sections(person)
        bare["seats"] = navigation.seats(person)
        bare["time_bar"] = clock.bar() if installation().movable_clock else None
        return bare | {"reader": person}
    except AppError:
        return bare


def _install_api(app: Flask) -> None:
    from web import api

    blueprint = api.blueprint()
    security.csrf.exempt(blueprint)
    app.register_blueprint(blueprint)


def _health() -> Response:
    """Say that the process and its database answer; for supervisors and load balancers."""
    installation()
    answer = make_response("ok\n")
    answer.mimetype = "text/plain"
    return answer


def _robots() -> Response:
    answer = make_response("User-agent: *\nDisallow: /\nAllow: /verify\n")
    answer.mimetype = "text/plain"
    return answer

"""A real Chromium in front of the real application; a missing browser is a failure that says what to install."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import make_server

from service import clock
from service.identity import sessions
from service.identity.people import Person
from service.system import System
from tests.browser import chromium
from tests.web.conftest import Desk, open_desk
from web import session_cookie

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "web" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = {"desk": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
#: The rules a page has to keep, and how bad a finding has to be to fail.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="session")
def browser(worker_folder: Path) -> Iterator[Browser]:
    """One Chromium for the whole run."""
    try:
        found = chromium.find(worker_folder)
    except LookupError as missing:
        pytest.fail(str(missing), pytrace=False)
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--lang=zh-CN",
    ]
    with sync_playwright() as playwright:
        # Date fields and file buttons speak the browser's own language, which on Linux is the environment's.
        environment = {**os.environ, "LANGUAGE": "zh_CN", **found.environment}
        one = playwright.chromium.launch(executable_path=found.path, args=arguments, env=environment)
        yield one
        one.close()


@pytest.fixture
def desk(sqlite_system: System) -> Desk:
    """The desk's test procedure with its people."""
    return open_desk(sqlite_system)


@pytest.fixture
def address(desk: Desk) -> Iterator[str]:
    """Where the application answers."""
    server = make_server("127.0.0.1", 0, desk.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=list(WIDTHS))
def size(request: pytest.FixtureRequest) -> str:
    """The screens every page is tried on."""
    return str(request.param)


@pytest.fixture
def visit(
    request: pytest.FixtureRequest, browser: Browser, desk: Desk, address: str, size: str
) -> Iterator[Callable[[Person | None], Page]]:
    """Return what opens a page as a person; at the end no page may have complained on its console."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def heard(message: Any) -> None:
        # A refused form is answered 422 or 409, which the browser mentions by itself.
        expected = "status of 422" in message.text or "status of 409" in message.text
        if message.type in ("error", "warning") and not expected:
            complaints.append(message.text)

    def opened(person: Person | None) -> Page:
        context = browser.new_context(
            base_url=address, viewport=WIDTHS[size], locale="zh-CN", timezone_id="Asia/Shanghai"
        )
        contexts.append(context)
        if person is not None:
            with desk.system.database.write() as connection:
                token = sessions.begin(connection, person.id, clock.system_now())
            context.add_cookies([{"name": session_cookie.NAME, "value": token, "url": address}])
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    if request.node.get_closest_marker("allow_console") is None:
        assert complaints == []


def audit(page: Page) -> list[str]:
    """Return what axe finds on a page that is serious or worse."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES)
    return [
        f"{one['id']}: {[node['target'] for node in one['nodes']][:4]}"
        for one in found["violations"]
        if one["impact"] in SERIOUS
    ]


def too_wide(page: Page) -> bool:
    """Whether a page has to be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))

"""Administration, board, documents and the public's pages in a real browser: accessible, never too wide."""

from collections.abc import Callable
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from service.campaign import titles
from service.identity import directory, duties
from service.identity.people import Person
from tests import town
from tests.browser.conftest import audit, too_wide
from tests.web.conftest import Desk

Visit = Callable[[Person | None], Page]
OFFICE = (
    "/admin/people",
    "/admin/organisations",
    "/admin/import",
    "/admin/calendar",
    "/admin/journal",
    "/admin/incidents",
    "/admin/tokens",
    "/documents/",
    "/board/",
)
EVERYBODY = ("/verify/", "/verify/notices", "/verify/title/A-1", "/verify/title/none")


@pytest.fixture
def titled(desk: Desk) -> str:
    """A school with a title; returns the title's id."""
    with desk.system.database.write() as connection:
        now = desk.system.now(connection)
        unit = directory.insert_organisation(
            connection,
            code="U-1",
            name="渭滨小学",
            kind="unit",
            area_code="610402",
            valid_from=date(2019, 1, 1),
        )
        directory.insert_profile(connection, unit, {"unit_kind": "school"}, at=now)
        return titles.grant(
            connection,
            unit_id=unit,
            unit_name="渭滨小学",
            level="city",
            number="A-1",
            namer_id=None,
            namer_name="市创绿组委会",
            decided_on=date(2026, 3, 1),
            decision_number="咸创绿发〔2026〕1号",
            years=5,
            at=now,
        ).id


@pytest.fixture
def everything(desk: Desk) -> Person:
    """Somebody who may open every page of the office."""
    held = (duties.ADMINISTRATOR, duties.PROCESS_ADMINISTRATOR, duties.AUDITOR, duties.MANAGER)
    return town.add_person(desk.system, "总管", *((one, None) for one in held))


def test_pages_of_the_office_are_accessible(visit: Visit, everything: Person, titled: str) -> None:
    page = visit(everything)
    for address in OFFICE:
        page.goto(address)
        assert not too_wide(page), address
        assert audit(page) == [], address
        # On a phone too, where the navigation scrolls sideways.
        for here in page.locator("nav [aria-current=page], .cl-tabs [aria-current=page]").all():
            expect(here).to_be_in_viewport(ratio=0.9)
    page.goto("/admin/people")
    page.locator("tbody a").first.click()
    assert not too_wide(page)
    assert audit(page) == []


@pytest.mark.allow_console
def test_pages_of_the_public_are_accessible(visit: Visit, titled: str) -> None:
    page = visit(None)
    for address in EVERYBODY:
        page.goto(address)
        assert not too_wide(page), address
        assert audit(page) == [], address


def test_somebody_verifies_a_number_by_keyboard(visit: Visit, titled: str) -> None:
    page = visit(None)
    page.goto("/verify/")
    page.focus("#number")
    page.keyboard.type("A-1")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("称号有效")
    page.emulate_media(media="print")
    expect(page.locator(".cl-verdict")).to_be_visible()

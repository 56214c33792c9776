"""The year of one unit in a real browser, each person in turn at the pages; pictures of every step on demand."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.browser.a_units_year import live
from tests.browser.at_work import DESK, PHONE, AtWork, open_city
from tests.browser.conftest import too_wide

#: A folder for a picture of every step at both widths; none are taken without it.
PICTURES = "CHUANGLV_PICTURES"
#: Pictures end here; what comes below is more of the same.
TALLEST = 2400


class Camera:
    """Looks at every step at both widths: nothing may be wider than the page; keeps pictures if a folder is given."""

    def __init__(self, folder: str | None) -> None:
        self.folder = Path(folder) if folder else None
        self.number = 0
        self.wide: list[str] = []

    def __call__(self, page: Page, name: str) -> None:
        self.number += 1
        before = page.viewport_size
        for size, width in ((DESK, "1440"), (PHONE, "390")):
            page.set_viewport_size({"width": size["width"], "height": size["height"]})
            if too_wide(page):
                self.wide.append(f"{name} {width}")
            if self.folder is not None:
                self.folder.mkdir(parents=True, exist_ok=True)
                # The whole page in one window: bars that stick to the window's edge would stand in its middle.
                whole = page.evaluate("document.documentElement.scrollHeight")
                page.set_viewport_size(
                    {"width": size["width"], "height": min(max(whole, size["height"]), TALLEST)}
                )
                page.screenshot(path=self.folder / f"{self.number:02}-{name}-{width}.png")
        if before is not None:
            page.set_viewport_size(before)


@pytest.mark.slow
def test_a_school_is_named_within_a_year(browser: Browser, tmp_path: Path) -> None:
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # A form sent with mistakes on purpose is answered 422, which the browser mentions by itself.
        if message.type in ("error", "warning") and "status of 422" not in message.text:
            complaints.append(f"{message.text} {message.location.get('url')}")

    camera = Camera(os.environ.get(PICTURES))
    with open_city(tmp_path) as (address, _):
        context = browser.new_context(
            base_url=address, viewport=DESK, locale="zh-CN", timezone_id="Asia/Shanghai"
        )
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        live(AtWork(page, camera))
        context.close()
    assert complaints == []
    assert camera.wide == []

"""Takes the pictures of the documents from a fresh demo city: `python -m tools.screenshots [FOLDER]`.

One school's year is lived in a real browser (`tests/browser/a_units_year.py`), then a designer changes a deadline,
adds a step, and a second person publishes. Pictures are written to docs/images unless a folder is named.
"""

import os
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser import chromium
from tests.browser.a_units_year import CLERK, live
from tests.browser.at_work import PHONE, AtWork, open_city

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
WIDTH = 1200
DESIGNER, PUBLISHER = "吴茂菊", "郑长槐"


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: its file's name, how high it is, and what it shows on top; taken on a phone if told so."""

    name: str
    height: int = 760
    top: str | None = None
    phone: bool = False


#: By the step of the year it is taken at.
SHOTS: Mapping[str, Shot] = {
    "application-filled-in": Shot("application", 760, top="#form"),
    "what-is-missing": Shot("missing", 560),
    "progress-of-the-unit": Shot("progress", 600, top=".cl-phases"),
    "review": Shot("task", 820),
    "score-sheet": Shot("phone-score", top=".cl-row-block:has-text('W4.4')", phone=True),
    "matter": Shot("matter", 720),
    "diagram": Shot("diagram", 640),
    "board": Shot("board", 760),
    "certificate": Shot("certificate", 700),
    "verification": Shot("verification", top=".cl-verdict", phone=True),
}


class Photographer:
    """Takes the pictures that documents use; what is named twice is taken once."""

    def __init__(self, folder: Path) -> None:
        """Take pictures into a folder."""
        self.folder = folder
        self.waiting = dict(SHOTS)

    def __call__(self, page: Page, step: str) -> None:
        """Take the picture of a step, if there is one."""
        shot = self.waiting.pop(step, None)
        if shot is not None:
            self.take(page, shot)

    def take(self, page: Page, shot: Shot) -> None:
        """Take a picture; the window is as it was afterwards."""
        before = page.viewport_size
        width, height = (PHONE["width"], PHONE["height"]) if shot.phone else (WIDTH, shot.height)
        page.set_viewport_size({"width": width, "height": height})
        if shot.top is not None:
            page.locator(shot.top).first.evaluate(
                "one => scrollTo(0, one.getBoundingClientRect().top + scrollY - 130)"
            )
        else:
            page.evaluate("scrollTo(0, 0)")
        page.evaluate("document.activeElement?.blur()")
        page.wait_for_timeout(150)
        page.screenshot(path=self.folder / f"{shot.name}.png")
        if before is not None:
            page.set_viewport_size(before)


def manage(one: AtWork, camera: Photographer) -> None:
    """Show an inbox with much in it."""
    one.become(CLERK)
    one.page.get_by_role("link", name="待办").first.click()
    camera.take(one.page, Shot("inbox", 640))


def design(one: AtWork, camera: Photographer) -> None:
    """Change a deadline, add a step, check, submit; a second person publishes."""
    page = one.page
    page.set_viewport_size({"width": WIDTH, "height": 820})
    one.become(DESIGNER)
    page.get_by_role("link", name="流程设计").click()
    page.get_by_label("草稿名称").fill("受理前增加法制审核")
    page.get_by_role("button", name="建立草稿").click()
    draft = page.url
    page.get_by_role("link", name="市创绿办受理和资料审查").click()
    page.wait_for_selector("body[data-ready]")
    page.goto(f"{page.url.split('#')[0]}#Check")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    panel = page.locator("#properties")
    panel.locator("[data-key='cl:due']").fill("7wd")
    page.keyboard.press("Tab")
    camera.take(page, Shot("designer-deadline", 820))
    add_step(page)
    panel.locator("[data-key=name]").fill("法制审核")
    panel.locator("[data-key='cl:nameEn']").fill("Legal review")
    panel.locator("[data-key='cl:due']").fill("3wd")
    page.keyboard.press("Tab")
    page.click("[data-save]")
    expect(page.locator("[data-state]")).to_have_text(re.compile("^(已保存|没有保存)"))
    camera.take(page, Shot("designer-step", 820))
    page.goto(draft)
    page.get_by_label("改了什么、为什么").fill("受理前先过法制审核；审查期限改为七个工作日。")
    page.get_by_role("button", name="提交").last.click()
    expect(page.locator("h1")).to_contain_text("待发布")
    one.become(PUBLISHER)
    page.goto(f"{draft}/changes")
    expect(page.locator("main")).to_contain_text("法制审核")
    camera.take(page, Shot("designer-changes", 640))
    page.get_by_role("button", name="发布").click()
    page.click(".cl-dialog button[value=yes]")
    expect(page.locator("h1")).to_contain_text("生效中")


def add_step(page: Page) -> None:
    """Drop a task on the arrow into the step that is selected, make room for it, and let people do it."""
    page.locator(".djs-palette [data-action='create.task']").click()
    goal = page.locator("[data-element-id=Check] .djs-hit").first.bounding_box()
    assert goal is not None  # noqa: S101 - it is selected and in view
    x, y = goal["x"], goal["y"] + goal["height"] / 2
    page.mouse.move(x - 26, y + 20, steps=8)
    page.mouse.click(x - 26, y + 20)
    page.keyboard.press("Escape")
    page.mouse.move(x - 50, y + 10)
    page.mouse.down()
    page.mouse.move(x - 90, y, steps=6)
    page.mouse.move(x - 170, y - 10, steps=12)
    page.mouse.up()
    page.locator(".djs-context-pad [data-action=replace]").click()
    page.locator(".djs-popup [data-id=replace-with-user-task]").click()


def main(arguments: list[str]) -> int:
    """Take all pictures."""
    folder = Path(arguments[0]) if arguments else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    camera = Photographer(folder)
    with tempfile.TemporaryDirectory(prefix="clv-pictures-") as scratch, sync_playwright() as playwright:
        found = chromium.find(Path(scratch))
        browser = playwright.chromium.launch(
            executable_path=found.path,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            env={**os.environ, **found.environment},
        )
        with open_city(Path(scratch)) as (address, _):
            page = browser.new_context(
                base_url=address, viewport={"width": WIDTH, "height": 800}, locale="zh-CN",
                timezone_id="Asia/Shanghai",
            ).new_page()  # fmt: skip
            one = AtWork(page, camera)
            live(one)
            manage(one, camera)
            design(one, camera)
        browser.close()
    for path in sorted(folder.glob("*.png")):
        print(f"{path.stat().st_size // 1024:>5} kB  {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Somebody at a browser in the demo city: becomes one of its people, opens tasks, fills in forms, moves the clock."""

import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect
from werkzeug.serving import make_server

from service import demo, jobs
from service.config import Settings
from service.system import System
from web.app import create_app

ROOT = Path(__file__).resolve().parents[2]
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
#: What a form takes: by the words on its label. A function is given the words beside it in its
#: row, by their labels, and what the row is called as `row`; nothing is typed where it returns None.
Values = Mapping[str, Any]

#: The controls of the form that can be seen, each with its label and with what else its row says.
_CONTROLS = """() => {
  const plain = (text) => (text ?? '').replace(/\\s+/g, ' ').trim();
  const said = (one) => {
    const copy = one?.cloneNode(true);
    for (const must of copy?.querySelectorAll('.cl-req') ?? []) must.remove();
    return plain(copy?.textContent);
  };
  const shown = (one) => one.type !== 'hidden' && one.closest('[hidden]') === null && one.checkVisibility();
  return [...document.querySelectorAll('#form-items [name]')].filter(shown).filter((one) => one.tagName !== 'BUTTON')
    .map((one) => {
      const group = one.closest('fieldset.cl-field');
      const cell = one.closest('td[data-label]');
      const file = one.closest('.cl-upload');
      const row = one.closest('tr, .cl-row-block');
      const head = row?.querySelector('th[scope=row], legend');
      const beside = { row: plain(head?.innerText) };
      for (const value of row?.querySelectorAll('.cl-value') ?? []) {
        const box = value.closest('.cl-field');
        const name = value.closest('td')?.dataset.label ?? said(box?.querySelector('.cl-label'));
        beside[name] = value.innerText.trim();
      }
      const label = group ? said(group.querySelector('legend')) : cell ? cell.dataset.label
        : file ? said(file.closest('.cl-field').querySelector('.cl-label')) : said(one.labels?.[0]);
      return {
        name: one.name, type: group ? 'choices' : one.tagName === 'SELECT' ? 'select' : one.type, label,
        beside, given: file ? file.querySelector('.cl-files li') !== null
          : one.type === 'checkbox' || one.type === 'radio'
            ? [...document.getElementsByName(one.name)].some((each) => each.checked)
          : one.value !== '',
      };
    });
}"""


@contextmanager
def open_city(folder: Path) -> Iterator[tuple[str, System]]:
    """Serve a new demo city with a worker, as `run.py demo` does; yields its address and the system behind it."""
    settings = Settings(data=folder, database_url=f"sqlite:///{folder / 'city.sqlite3'}", secret=b"x" * 48)
    system, _ = demo.open_demo(settings, ROOT / "workflows")
    worker = jobs.Worker(system)
    worker.start()
    server = make_server("127.0.0.1", 0, create_app(system), threaded=True)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", system
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        worker.stop()
        system.database.dispose()


@dataclass
class AtWork:
    """A page and who sits in front of it; `camera` is shown every step under its name."""

    page: Page
    camera: Callable[[Page, str], None] = lambda page, name: None
    steps: list[str] = field(default_factory=list)

    def show(self, name: str) -> None:
        """Keep what the page shows under a name."""
        self.steps.append(name)
        self.camera(self.page, name)

    def become(self, name: str) -> None:
        """Go on as another of the demo people, by the quick switch."""
        self.page.goto("/demo/people")
        self.page.get_by_label("按姓名、单位或岗位查找").fill(name)
        self.page.locator("#demo-list button:visible").filter(has_text=name).click()
        expect(self.page.locator("h1")).to_contain_text("您好")

    def move_to(self, day: str) -> None:
        """Move the demo's clock to a day with the time bar."""
        self.page.get_by_label("到这一天").first.fill(day)
        self.page.get_by_role("button", name="到这一天").click()
        expect(self.page.get_by_role("status").filter(has_text="时间已推进")).to_be_visible()
        year, month, number = (int(part) for part in day.split("-"))
        expect(self.page.locator(".cl-timebar strong")).to_contain_text(f"{year}年{month}月{number}日")

    def open_task(self, step: str, about: str = "") -> None:
        """Open a task of the inbox by the name of its step and words of its matter; waits until it has come."""
        row = self.page.locator("a[data-task]").filter(has_text=step).filter(has_text=about).first
        for _ in range(40):
            self.page.goto("/inbox")
            if self.page.locator("#inbox-search").count():
                self.page.locator("#inbox-search").fill(about or step)
                self.page.keyboard.press("Enter")
                self.page.wait_for_url("**/inbox?*")
            if row.count():
                break
            self.page.wait_for_timeout(250)
        row.click()
        expect(self.page.locator("h1")).to_have_text(step)
        # The page's scripts run when all of it is there.
        self.page.wait_for_load_state()

    def start(self, process: str, values: Values) -> None:
        """Start a process from the home page."""
        self.page.goto("/")
        self.page.get_by_role("region", name="我可以发起").get_by_role("link", name=process).click()
        expect(self.page.locator("h1")).to_have_text(process)
        self.page.wait_for_load_state()
        self.fill(values)

    def begin(self) -> None:
        """Send the form of a start."""
        self.page.locator(".cl-actionbar").get_by_role("button", name="发起").click()
        expect(self.page.locator("#form[action^='/start']")).to_have_count(0)

    def fill(self, values: Values, *, anew: bool = False) -> None:
        """Type into every empty control whose label is named; what stands there already stays, unless `anew`.

        Fails when a label is not there, also after a while: some controls are asked for by the answer to another.
        """
        done: set[str] = set()
        used: set[str] = set()
        for _ in range(30):
            waiting = [
                one
                for one in self.page.evaluate(_CONTROLS)
                if one["name"] not in done and one["label"] in values
            ]
            for one in waiting:
                if one["name"] not in done:
                    done.add(one["name"])
                    used.add(one["label"])
                    if anew or not one["given"]:
                        self._enter(one, values[one["label"]])
            if not waiting and used == set(values):
                break
            # What one answer brings forth comes when the server has been asked.
            self.page.wait_for_timeout(0 if waiting else 200)
        assert used == set(values), f"no such field: {set(values) - used}"

    def _enter(self, control: Mapping[str, Any], value: Any) -> None:
        given = value(control["beside"]) if callable(value) else value
        if given is None:
            return
        place = self.page.locator(f"#form-items [name='{control['name']}']:visible")
        if control["type"] == "choices":
            for label in [given] if isinstance(given, str) else given:
                place.locator("xpath=..").filter(has_text=label).first.locator("input").check()
        elif control["type"] == "file":
            name, data = given
            place.set_input_files(files=[{"name": name, "mimeType": "application/pdf", "buffer": data}])
            expect(self.page.get_by_role("link", name=name)).to_be_visible()
        elif control["type"] == "checkbox":
            place.set_checked(given)
        elif control["type"] == "select":
            option = place.locator("option").filter(has_text=given).first
            place.select_option(value=option.get_attribute("value"))
        else:
            place.fill(str(given))

    def press(self, outcome: str, opinion: str | None = None) -> None:
        """Finish the open task with one of its buttons."""
        if opinion is not None:
            self.page.get_by_label(re.compile("^意见")).fill(opinion)
        self._outcome(outcome).click()
        question = self.page.locator("dialog.cl-dialog button[value=yes]")
        told = self.page.get_by_role("status").filter(has_text="已办理")
        expect(question.or_(told).first).to_be_visible()
        if question.is_visible():
            question.click()
        expect(told).to_be_visible()

    def _outcome(self, name: str) -> Locator:
        return self.page.locator("#outcomes").get_by_role("button", name=name, exact=True)

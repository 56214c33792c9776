"""The desk in a real browser, at a desk's and a phone's width."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from service import clock
from service.identity import people
from service.identity.people import Person
from tests.browser.conftest import audit, too_wide
from tests.web.conftest import PDF, Desk

Visit = Callable[[Person | None], Page]


def _start(page: Page, subject: str = "节水") -> None:
    page.goto("/start/desk")
    page.fill("#f-subject", subject)
    page.check("input[value=urgent]")
    page.click("#form .cl-actionbar .cl-btn--primary")
    expect(page.locator(".cl-page-head")).to_contain_text(subject)
    expect(page.locator("h1")).to_have_text("填写材料")


def _opened(page: Page) -> None:
    """A task is open and its page listens to keys and clicks: its scripts run when all of it is there."""
    expect(page.locator("#form")).to_be_visible()
    page.wait_for_load_state()


def _open_first(page: Page) -> None:
    page.goto("/inbox")
    page.click("a[data-task]")
    _opened(page)


def _fill(page: Page) -> None:
    page.select_option("#f-kind", "repair")
    page.fill("#f-area", "1200.5")
    page.fill("#f-day", "2026-11-20")
    page.fill("#f-defect", "水龙头滴漏")
    page.check("input[value=water]")
    page.fill("[name='people.0.name']", "刘一")
    page.fill("#f-text", "已更换节水器具")
    page.set_input_files(
        "#f-proof", files=[{"name": "证明.pdf", "mimeType": "application/pdf", "buffer": PDF}]
    )
    expect(page.locator(".cl-files a", has_text="证明.pdf")).to_be_visible()
    page.check("#f-truthful")


def _send(page: Page) -> None:
    _start(page)
    _open_first(page)
    _fill(page)
    page.click("#outcomes .cl-btn--primary")
    expect(page.get_by_role("status").filter(has_text="已办理")).to_be_visible()


def test_sign_in_with_a_one_time_password_and_out(visit: Visit, desk: Desk) -> None:
    with desk.system.database.write() as connection:
        password = people.set_one_time_password(connection, desk.clerk.id, clock.system_now())
    page = visit(None)
    page.goto("/inbox")
    assert audit(page) == []
    assert not too_wide(page)
    expect(page.get_by_label("登录名")).to_be_focused()
    page.get_by_label("登录名").fill("张三")
    page.get_by_label("口令").fill(password)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("修改口令")
    page.get_by_label("原口令").fill(password)
    page.get_by_label("新口令", exact=False).first.fill("七月的银杏叶黄了吗 2026")
    page.get_by_label("再输一遍新口令").fill("七月的银杏叶黄了吗 2026")
    page.get_by_role("button", name="保存新口令").click()
    expect(page.locator("h1")).to_contain_text("您好")
    page.locator(".cl-me summary").click()
    page.get_by_role("button", name="退出登录").click()
    expect(page.locator("h1")).to_have_text("登录")


def test_a_task_with_an_upload_is_filled_in_and_completed(visit: Visit, desk: Desk) -> None:
    page = visit(desk.clerk)
    _start(page)
    _open_first(page)
    expect(page.locator("#f-defect")).to_be_hidden()
    page.select_option("#f-kind", "repair")
    expect(page.locator("#f-defect")).to_be_visible()
    expect(page.locator("[data-saved]")).to_have_text(re.compile(r"已保存 \d\d:\d\d"))
    page.get_by_role("button", name="增加一行").click()
    expect(page.locator("[name='people.1.name']")).to_be_focused()
    page.fill("[name='people.0.hours']", "8")
    page.fill("[name='people.1.hours']", "3")
    expect(page.locator("output[data-total='people.hours']")).to_have_text("11")
    page.get_by_role("button", name="删除 第 2 行").click()
    expect(page.locator("[name='people.1.name']")).to_have_count(0)
    page.click("#outcomes .cl-btn--primary")
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("alert").get_by_role("link", name=re.compile("说明")).click()
    expect(page.locator("#f-text")).to_be_focused()
    _fill(page)
    page.click("#outcomes .cl-btn--primary")
    expect(page.get_by_role("status").filter(has_text="已办理")).to_be_visible()


def test_a_draft_is_there_again_after_a_reload(visit: Visit, desk: Desk) -> None:
    page = visit(desk.clerk)
    _start(page)
    _open_first(page)
    page.fill("#f-text", "写到一半")
    expect(page.locator("[data-saved]")).to_have_text(re.compile("已保存"))
    page.reload()
    expect(page.locator("#f-text")).to_have_value("写到一半")


def test_a_wrong_file_says_so_at_once(visit: Visit, desk: Desk) -> None:
    page = visit(desk.clerk)
    _start(page)
    _open_first(page)
    page.set_input_files("#f-proof", files=[{"name": "图.png", "mimeType": "image/png", "buffer": b"no"}])
    expect(page.get_by_role("alert")).to_contain_text("的内容不是 .png 格式")


def test_return_and_hand_over_open_as_dialogs(visit: Visit, desk: Desk) -> None:
    _send(visit(desk.clerk))
    page = visit(desk.checker)
    _open_first(page)
    page.locator(".cl-actionbar").get_by_role("link", name="转办").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("转给")).to_be_focused()
    assert audit(page) == []
    dialog.get_by_label("转给").select_option(label=desk.second_checker.name)
    dialog.get_by_label(re.compile("转办理由")).fill("外出开会")
    dialog.get_by_role("button", name="转办").click()
    expect(page.get_by_role("status").filter(has_text=f"转给 {desk.second_checker.name}")).to_be_visible()
    second = visit(desk.second_checker)
    _open_first(second)
    second.keyboard.press("r")
    dialog = second.get_by_role("dialog")
    expect(dialog).to_contain_text("填写材料")
    assert audit(second) == []
    dialog.get_by_role("button", name="退回").click()
    expect(dialog.get_by_label(re.compile("退回理由"))).to_be_focused()
    expect(dialog).to_contain_text("请填写")
    assert audit(second) == []
    dialog.get_by_label(re.compile("退回理由")).fill("证明看不清")
    dialog.get_by_role("button", name="退回").click()
    expect(second.get_by_role("status").filter(has_text="退回到“填写材料”")).to_be_visible()
    page = visit(desk.clerk)
    _open_first(page)
    expect(page.locator(".cl-timeline")).to_contain_text("证明看不清")
    expect(page.locator("#f-text")).to_have_value("已更换节水器具")


def test_nothing_is_asked_about_what_would_be_refused(visit: Visit, desk: Desk) -> None:
    _send(visit(desk.clerk))
    page = visit(desk.checker)
    _open_first(page)
    page.get_by_role("button", name="不同意").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#opinion-e")).to_be_visible()
    page.fill("#opinion", "材料不实")
    page.get_by_role("button", name="不同意").click()
    expect(page.get_by_role("dialog")).to_contain_text("确定“不同意”？")
    page.get_by_role("dialog").get_by_role("button", name="取消").click()
    clerk = visit(desk.clerk)
    clerk.goto("/matters?open=1")
    clerk.locator("tbody a").first.click()
    clerk.locator(".cl-act summary").click()
    clerk.locator(".cl-act .cl-btn--danger").click()
    expect(clerk.get_by_role("dialog")).to_have_count(0)
    expect(clerk.locator(".cl-act textarea")).to_be_focused()


def test_the_diagram_marks_where_it_stands_and_keeps_the_mark_of_its_makers(visit: Visit, desk: Desk) -> None:
    _send(visit(desk.clerk))
    page = visit(desk.checker)
    _open_first(page)
    page.get_by_role("link", name="流程图").click()
    current = page.locator(".djs-element.is-current")
    expect(current).to_have_count(1)
    # In view, and in another colour than what is over.
    expect(current).to_be_in_viewport()
    expect(current.locator(".djs-visual > rect").first).to_have_css("fill", "rgb(251, 223, 157)")
    expect(page.locator(".djs-element.is-done").first).to_be_attached()
    expect(page.locator(".bjs-powered-by")).to_be_visible()


def test_the_desk_works_by_keyboard(visit: Visit, desk: Desk) -> None:
    page = visit(desk.clerk)
    _start(page, "节水")
    _start(page, "节电")
    page.goto("/inbox")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    _opened(page)
    page.keyboard.press("c")
    said = page.get_by_role("status").filter(has_text="已领取")
    expect(said).to_be_visible()
    words, bar = said.bounding_box(), page.locator(".cl-actionbar").bounding_box()
    assert words is not None
    assert bar is not None
    assert words["y"] + words["height"] <= bar["y"], "what is said covers no button"
    _opened(page)
    page.keyboard.press("w")
    expect(page.locator(".cl-views")).to_have_count(0)


def test_no_page_is_hard_to_read_or_too_wide(visit: Visit, desk: Desk) -> None:
    _send(visit(desk.clerk))
    page = visit(desk.checker)
    page.goto("/inbox")
    task = page.locator("a[data-task]").first.get_attribute("href") or ""
    plain = task.split("?")[0]
    _open_first(page)
    matter = page.get_by_role("link", name="事项全貌").first.get_attribute("href") or ""
    for where in (
        "/",
        "/inbox",
        "/inbox/done",
        "/inbox/mine",
        "/matters",
        "/start",
        "/account",
        "/account/password",
        task,
        plain,
        f"{plain}/return",
        f"{plain}/hand-over",
        f"{plain}/diagram",
        matter,
    ):
        page.goto(where)
        assert audit(page) == [], where
        assert not too_wide(page), where


def test_every_page_is_readable_in_the_dark(visit: Visit, desk: Desk) -> None:
    _send(visit(desk.clerk))
    page = visit(desk.checker)
    page.emulate_media(color_scheme="dark")
    _open_first(page)
    assert audit(page) == []
    page.goto("/")
    assert audit(page) == []

"""The desk of a clerk and a checker: inbox, task, matter, start, files, with what goes wrong."""

import io
import re
from typing import Any

import pytest

from service import inbox, jobs, tasks
from service.system import System
from tests.web.conftest import MATERIAL, PDF, Desk, Visitor


def _send(visitor: Visitor, task_id: str, data: dict[str, Any], **more: Any) -> Any:
    return visitor.post(f"/tasks/{task_id}/complete", {**data, **more}, content_type="multipart/form-data")


def _proof(name: str = "证明.pdf", content: bytes = PDF) -> dict[str, Any]:
    return {"proof": (io.BytesIO(content), name)}


def _filled(desk: Desk) -> tuple[Visitor, str]:
    clerk = desk.visitor(desk.clerk)
    return clerk, desk.begin(clerk)


def _sent(desk: Desk) -> str:
    """Bring a matter to the checker and return the checker's task."""
    clerk, task_id = _filled(desk)
    assert _send(clerk, task_id, MATERIAL | _proof(), _outcome="send").status_code == 303
    return desk.first_task(desk.visitor(desk.checker))


def test_a_stranger_is_asked_to_sign_in_and_then_brought_where_they_wanted(sqlite_desk: Desk) -> None:
    answer = sqlite_desk.visitor().get("/inbox?due=soon")
    assert answer.status_code == 302
    assert answer.location == "/sign-in?next=/inbox?due%3Dsoon"


@pytest.mark.parametrize(
    "address",
    [
        "/tasks/{task}",
        "/tasks/{task}/return",
        "/tasks/{task}/hand-over",
        "/tasks/{task}/diagram",
        "/matters/{matter}",
    ],
)
def test_what_one_may_not_see_does_not_exist(sqlite_desk: Desk, address: str) -> None:
    _clerk, task_id = _filled(sqlite_desk)
    matter = inbox.get(sqlite_desk.system, sqlite_desk.clerk, task_id).row.matter_id
    answer = sqlite_desk.visitor(sqlite_desk.stranger).get(address.format(task=task_id, matter=matter))
    assert answer.status_code == 404
    assert "节水" not in answer.text


def test_a_form_without_the_forgery_token_does_nothing(sqlite_desk: Desk) -> None:
    clerk, task_id = _filled(sqlite_desk)
    answer = clerk.client.post(f"/tasks/{task_id}/claim")
    assert answer.status_code == 400
    assert inbox.get(sqlite_desk.system, sqlite_desk.clerk, task_id).row.person_id is None


def test_every_page_forbids_foreign_and_inline_content(sqlite_desk: Desk) -> None:
    clerk, task_id = _filled(sqlite_desk)
    matter = inbox.get(sqlite_desk.system, sqlite_desk.clerk, task_id).row.matter_id
    for address in (
        "/",
        "/inbox",
        "/start",
        f"/tasks/{task_id}",
        f"/matters/{matter}",
        "/account",
        "/nowhere",
    ):
        answer = clerk.get(address)
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script(?![^>]* src=)[^>]*>", answer.text)
        assert "style=" not in answer.text
        assert "非涉密系统，严禁处理国家秘密" in answer.text


def test_from_start_to_end_without_script(desk: Desk) -> None:
    task_id = _sent(desk)
    checker = desk.visitor(desk.checker)
    page = checker.get(f"/tasks/{task_id}")
    assert "整改报告" not in page.text
    assert "年度报告" in page.text
    assert "证明.pdf" in page.text
    answer = checker.post(f"/tasks/{task_id}/complete", {"_outcome": "agree", "_opinion": "情况属实"})
    assert answer.status_code == 303
    matter = checker.get(answer.location)
    assert "这件事项已于" in matter.text
    assert "情况属实" in matter.text


def test_errors_stand_beside_their_fields_and_nothing_typed_is_lost(sqlite_desk: Desk) -> None:
    clerk, task_id = _filled(sqlite_desk)
    wrong = MATERIAL | {"area": "很大", "day": "", "people.1.name": "", "people.1.hours": "-2"}
    answer = _send(clerk, task_id, wrong | _proof(), _outcome="send")
    assert answer.status_code == 422
    page = answer.text
    assert "有 4 处需要改正" in page
    assert re.search(r'id="f-area-e">应为数字', page)
    assert re.search(r'id="f-people-1-hours-e">不得小于 0', page)
    assert 'href="#f-people-1-name"' in page
    assert 'value="很大"' in page
    assert "已更换节水器具" in page
    kept = re.search(r'name="proof" value="([0-9a-f]{32})"', page)
    assert kept is not None
    right = MATERIAL | {"proof": kept.group(1)}
    assert _send(clerk, task_id, right, _outcome="send").status_code == 303


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("图.png", b"no picture", "的内容不是 .png 格式"),
        ("程序.exe", b"MZ", "类型不符"),
        ("空.pdf", b"", "是空的"),
        ("大.pdf", PDF + b"0" * 100_001, "超过 100 KB"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused_beside_its_field(
    sqlite_desk: Desk, name: str, content: bytes, said: str
) -> None:
    clerk, task_id = _filled(sqlite_desk)
    answer = _send(clerk, task_id, MATERIAL | _proof(name, content), _outcome="send")
    assert answer.status_code == 422
    assert said in answer.text
    assert "已更换节水器具" in answer.text


def test_a_field_of_another_form_or_a_hidden_one_is_not_taken(sqlite_desk: Desk) -> None:
    clerk, task_id = _filled(sqlite_desk)
    assert (
        _send(clerk, task_id, MATERIAL | _proof(), _outcome="send", defect="藏起来的", role="x").status_code
        == 303
    )
    checker = sqlite_desk.visitor(sqlite_desk.checker)
    assert "藏起来的" not in checker.get(f"/tasks/{sqlite_desk.first_task(checker)}").text


def test_the_server_decides_what_is_shown(sqlite_desk: Desk) -> None:
    clerk, task_id = _filled(sqlite_desk)
    first = clerk.get(f"/tasks/{task_id}").text
    assert re.search(r'data-box="defect" hidden', first)
    answer = clerk.post(
        f"/tasks/{task_id}/draft",
        {"kind": "repair", "people.0.hours": "5", "people.1.hours": "2.5"},
        headers={"X-Requested-With": "fetch"},
    )
    assert answer.json["hidden"]["defect"] is False
    assert answer.json["totals"]["people.hours"] == "5"
    assert answer.json["saved"].startswith("已保存")
    assert not re.search(r'data-box="defect" hidden', clerk.get(f"/tasks/{task_id}").text)


def test_a_draft_is_kept_with_its_opinion_and_is_one_s_own(desk: Desk) -> None:
    task_id = _sent(desk)
    checker = desk.visitor(desk.checker)
    checker.get(f"/tasks/{task_id}")
    answer = checker.post(f"/tasks/{task_id}/draft", {"remark": "看了一半", "_opinion": "待核实"})
    assert answer.status_code == 303
    mine = checker.get(f"/tasks/{task_id}").text
    assert "看了一半" in mine
    assert "待核实" in mine
    assert "看了一半" not in desk.visitor(desk.second_checker).get(f"/tasks/{task_id}").text


def test_rows_are_added_and_removed_without_script(sqlite_desk: Desk) -> None:
    clerk, task_id = _filled(sqlite_desk)
    rows = {"people.0.name": "刘一", "people.1.name": "刘二"}
    answer = clerk.post(f"/tasks/{task_id}/redraw", rows | {"_add": "people"})
    assert answer.location.endswith("#f-people")
    page = clerk.get(f"/tasks/{task_id}").text
    assert 'name="people.2.name"' in page
    clerk.post(f"/tasks/{task_id}/redraw", rows | {"_remove": "people.0"})
    page = clerk.get(f"/tasks/{task_id}").text
    assert 'name="people.1.name"' not in page
    assert "刘二" in page
    assert "刘一" not in page


def test_a_file_can_be_taken_out_again_without_script(sqlite_desk: Desk) -> None:
    clerk, task_id = _filled(sqlite_desk)
    clerk.post(f"/tasks/{task_id}/redraw", _proof(), content_type="multipart/form-data")
    page = clerk.get(f"/tasks/{task_id}").text
    kept = re.search(r'name="proof" value="([0-9a-f]{32})"', page)
    assert kept is not None
    clerk.post(f"/tasks/{task_id}/redraw", {"proof": kept.group(1), "_drop": f"proof:{kept.group(1)}"})
    assert "证明.pdf" not in clerk.get(f"/tasks/{task_id}").text


def test_a_required_opinion_is_asked_for(sqlite_desk: Desk) -> None:
    task_id = _sent(sqlite_desk)
    checker = sqlite_desk.visitor(sqlite_desk.checker)
    checker.get(f"/tasks/{task_id}")
    answer = checker.post(f"/tasks/{task_id}/complete", {"_outcome": "refuse", "remark": "不合格"})
    assert answer.status_code == 422
    assert re.search(r'id="opinion-e">请填写意见或理由', answer.text)
    assert "不合格" in answer.text


def test_who_was_slower_is_told_who_was_faster_and_keeps_what_they_wrote(desk: Desk) -> None:
    task_id = _sent(desk)
    slow = desk.visitor(desk.second_checker)
    slow.get(f"/tasks/{task_id}")
    tasks.complete(desk.system, desk.checker, task_id, outcome="agree")
    answer = slow.post(f"/tasks/{task_id}/complete", {"_outcome": "refuse", "_opinion": "写了很久的意见"})
    assert answer.status_code == 409
    assert "任务已由 李四 于" in answer.text
    assert "写了很久的意见" in answer.text


def test_a_repeated_click_is_one_completion(desk: Desk) -> None:
    task_id = _sent(desk)
    checker = desk.visitor(desk.checker)
    checker.get(f"/tasks/{task_id}")
    form = {"_outcome": "agree", "_key": "the same click"}
    first, second = (checker.post(f"/tasks/{task_id}/complete", form) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.location == second.location
    assert len(inbox.done_tasks(desk.system, desk.checker).rows) == 1


def test_a_repeated_start_is_one_matter(desk: Desk) -> None:
    clerk = desk.visitor(desk.clerk)
    clerk.get("/start/desk")
    form = {"subject": "节水", "urgency": "normal", "_key": "the same start"}
    first, second = (clerk.post("/start/desk", form) for _ in range(2))
    assert first.location == second.location
    assert re.fullmatch(r"/tasks/[0-9a-f]{32}", first.location), "its one task is mine: it opens"


def test_claim_hand_over_and_release(desk: Desk) -> None:
    task_id = _sent(desk)
    checker, second = desk.visitor(desk.checker), desk.visitor(desk.second_checker)
    checker.get("/inbox")
    assert checker.post("/inbox/claim", {"task": task_id}).status_code == 303
    assert "已领取 1 件" in checker.get("/inbox").text
    second.get("/inbox")
    second.post("/inbox/claim", {"task": task_id})
    assert "任务正由 李四 办理" in second.get("/inbox").text
    assert desk.second_checker.name in checker.get(f"/tasks/{task_id}/hand-over").text
    refused = checker.post(f"/tasks/{task_id}/hand-over", {"to": desk.second_checker.id, "reason": " "})
    assert refused.status_code == 422
    given = checker.post(f"/tasks/{task_id}/hand-over", {"to": desk.second_checker.id, "reason": "外出开会"})
    assert given.status_code == 303
    page = second.get(f"/tasks/{task_id}")
    assert "外出开会" in page.text
    assert "李四 → 王五" in page.text
    assert 'name="_outcome"' in page.text
    assert 'name="_outcome"' not in checker.get(f"/tasks/{task_id}").text
    assert second.post(f"/tasks/{task_id}/release").status_code == 303
    assert 'name="_outcome"' in checker.get(f"/tasks/{task_id}").text


def test_return_shows_who_gets_it_and_needs_a_reason(desk: Desk) -> None:
    task_id = _sent(desk)
    checker = desk.visitor(desk.checker)
    shown = checker.get(f"/tasks/{task_id}").text
    assert re.search(
        r'<details class="cl-card" open><summary>[^<]*<span class="cl-small cl-fact">[^<]+：', shown
    )
    assert f"/tasks/{task_id}/return" in shown
    assert "情况属实，同意。" in shown
    assert "请按要求修改后再报。" not in shown, "no button of this step asks for that"
    page = checker.get(f"/tasks/{task_id}/return").text
    assert "填写材料" in page
    assert "上次由 张三 办理" in page
    target = re.search(r'name="target" value="([^"]+)"', page)
    assert target is not None
    form = {"target": target.group(1), "reason": ""}
    assert checker.post(f"/tasks/{task_id}/return", form).status_code == 422
    assert checker.post(f"/tasks/{task_id}/return", form | {"reason": "证明看不清"}).status_code == 303
    clerk = desk.visitor(desk.clerk)
    again = clerk.get(f"/tasks/{desk.first_task(clerk)}").text
    assert re.search(r"李四 [\d: -]+ 退回：</strong><span class=\"cl-said\">证明看不清", again)
    assert "已更换节水器具" in again
    assert "退回" in clerk.get("/inbox").text
    assert "退回到…" not in again, "nothing was done before the first step"


def test_withdrawing_needs_a_reason_and_ends_the_matter(desk: Desk) -> None:
    clerk, task_id = _filled(desk)
    _send(clerk, task_id, MATERIAL | _proof(), _outcome="send")
    matter = inbox.done_tasks(desk.system, desk.clerk).rows[0].matter_id
    page = clerk.get(f"/matters/{matter}").text
    found = {name: re.search(rf'name="{name}" value="([^"]+)"', page) for name in ("instance", "ref")}
    form = {name: one.group(1) for name, one in found.items() if one is not None}
    assert clerk.post(f"/matters/{matter}/act", form | {"reason": ""}).status_code == 422
    assert clerk.post(f"/matters/{matter}/act", form | {"reason": "数据有误"}).status_code == 303
    after = clerk.get(f"/matters/{matter}").text
    assert "数据有误" in after
    assert "这件事项已于" in after
    late = clerk.post(f"/matters/{matter}/act", form | {"reason": "再来一次"})
    assert late.status_code in (404, 409)


def test_the_inbox_is_searched_filtered_and_grouped_by_its_address(sqlite_desk: Desk) -> None:
    clerk = sqlite_desk.visitor(sqlite_desk.clerk)
    for subject in ("节水", "节电", "垃圾分类"):
        sqlite_desk.begin(clerk, subject)
    assert clerk.get("/inbox").text.count("data-task") == 3
    assert clerk.get("/inbox?search=节电").text.count("data-task") == 1
    assert clerk.get("/inbox?due=overdue").text.count("data-task") == 0
    nothing = clerk.get("/inbox?search=没有这个").text
    assert "没有符合条件的待办" in nothing
    assert "查看其余 3 件待办" in nothing
    pool = re.search(r'taken=pool"[^>]*>待领取<span class="cl-count">(\d+)', nothing)
    assert pool is not None
    assert pool[1] == "3"
    assert "到达</span>" in clerk.get("/inbox").text
    assert "cl-list-heading" in clerk.get("/inbox?group=step").text
    step = inbox.steps(sqlite_desk.system, sqlite_desk.clerk)[0]
    filtered = clerk.get(f"/inbox?process={step.process_key}&step={step.element_id}")
    assert filtered.text.count("data-task") == 3
    assert clerk.get("/inbox?after=nonsense").status_code == 422


def test_the_next_task_of_the_list_opens_after_completing(sqlite_desk: Desk) -> None:
    first = _sent(sqlite_desk)
    clerk = sqlite_desk.visitor(sqlite_desk.clerk)
    other = sqlite_desk.begin(clerk, "节电")
    _send(clerk, other, MATERIAL | _proof(), _outcome="send")
    checker = sqlite_desk.visitor(sqlite_desk.checker)
    checker.get(f"/tasks/{first}?list=1")
    answer = checker.post(f"/tasks/{first}/complete?list=1", {"_outcome": "agree"})
    assert re.fullmatch(r"/tasks/[0-9a-f]{32}\?list=1", answer.location)
    assert first not in answer.location


def test_files_are_for_those_who_see_the_matter_and_are_never_run(desk: Desk) -> None:
    task_id = _sent(desk)
    page = desk.visitor(desk.checker).get(f"/tasks/{task_id}").text
    found = re.search(r'href="(/files/[0-9a-f]{32})"', page)
    assert found is not None
    answer = desk.visitor(desk.checker).get(found.group(1))
    assert answer.data == PDF
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert desk.visitor(desk.stranger).get(found.group(1)).status_code == 404


def test_another_s_new_file_cannot_be_taken(sqlite_desk: Desk) -> None:
    clerk, task_id = _filled(sqlite_desk)
    answer = clerk.post(
        f"/tasks/{task_id}/files",
        {"_path": "proof", "_file": (io.BytesIO(PDF), "我的.pdf")},
        content_type="multipart/form-data",
        headers={"X-Requested-With": "fetch"},
    )
    colleague = sqlite_desk.visitor(sqlite_desk.colleague)
    colleague.get(f"/tasks/{task_id}")
    taken = _send(colleague, task_id, MATERIAL | {"proof": answer.json["id"]}, _outcome="send")
    assert taken.status_code == 422
    assert "文件不存在或已删除" in taken.text


def test_the_matter_says_in_a_sentence_what_it_waits_for(sqlite_desk: Desk) -> None:
    clerk, task_id = _filled(sqlite_desk)
    matter = inbox.get(sqlite_desk.system, sqlite_desk.clerk, task_id).row.matter_id
    page = clerk.get(f"/matters/{matter}").text
    assert "等待 渭滨中学 · 经办人 办理“填写材料”" in page
    assert "去办理" in page


def test_the_diagram_is_there_as_picture_and_as_text(sqlite_desk: Desk) -> None:
    task_id = _sent(sqlite_desk)
    checker = sqlite_desk.visitor(sqlite_desk.checker)
    page = checker.get(f"/tasks/{task_id}/diagram").text
    assert re.search(r"填写材料</th><td>经办人</td><td>.*?已经过", page)
    assert re.search(r"审核</th><td>审核人</td><td>.*?当前", page)
    found = re.search(r'data-diagram="([^"]+)"', page)
    assert found is not None
    assert b"bpmn:definitions" in checker.get(found.group(1)).data


def test_english_pages_have_no_chinese_of_ours(sqlite_desk: Desk) -> None:
    clerk, task_id = _filled(sqlite_desk)
    clerk.get("/language/en?next=/inbox")
    page = re.sub(r"<[^>]+>", " ", clerk.get(f"/tasks/{task_id}").text)
    for word in ("待办", "办理", "必填", "意见", "报送申请", "绿地面积"):
        assert word not in page
    assert "Green area" in page
    assert "Fill in the material" in page


def test_the_time_bar_moves_the_clock_and_lists_what_fired(sqlite_desk: Desk) -> None:
    visitor = sqlite_desk.visitor(sqlite_desk.clerk)
    assert visitor.post("/clock", {"to": "event"}).status_code == 403


def test_nobody_is_a_demo_person_in_a_real_database(sqlite_desk: Desk) -> None:
    visitor = sqlite_desk.visitor()
    assert visitor.get("/demo/people").status_code == 404
    visitor.get("/sign-in")
    assert visitor.post(f"/demo/people/{sqlite_desk.checker.id}").status_code == 404


def test_an_idle_worker_has_nothing_to_do_after_all_that(system: System) -> None:
    assert jobs.run_due(system) == 0

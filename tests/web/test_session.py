"""Signing in and out, the password that must be changed, and the sign-ins one has open."""

import re
from datetime import date

import pytest

from service import clock
from service.identity import directory, people, sign_in
from tests.web.conftest import Desk
from web.display import browser

PASSWORD = "七月的银杏叶黄了吗 2026"


def _with_password(desk: Desk) -> str:
    with desk.system.database.write() as connection:
        once = people.set_one_time_password(connection, desk.clerk.id, clock.system_now())
    with desk.system.database.read() as connection:
        clerk = people.load(connection, desk.clerk.id, clock.city_day(clock.system_now()))
    sign_in.change_password(desk.system, clerk, once, PASSWORD)
    return PASSWORD


def test_signing_in_leads_to_the_page_that_was_asked_for(desk: Desk) -> None:
    password = _with_password(desk)
    visitor = desk.visitor()
    visitor.get("/sign-in?next=/inbox")
    form = {"login": "张三", "password": password, "next": "/inbox"}
    answer = visitor.post("/sign-in", form)
    assert (answer.status_code, answer.location) == (303, "/inbox")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert visitor.get("/inbox").status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.example/",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "//[",
        "/inbox\r\nX-Made-Up: 1",
        "/inbox\n",
        "/\t/elsewhere.example",
    ],
)
def test_signing_in_never_leads_elsewhere(sqlite_desk: Desk, target: str) -> None:
    password = _with_password(sqlite_desk)
    visitor = sqlite_desk.visitor()
    visitor.get("/sign-in")
    answer = visitor.post("/sign-in", {"login": "张三", "password": password, "next": target})
    assert (answer.status_code, answer.location) == (303, "/")
    assert "chuanglv_session=" in answer.headers["Set-Cookie"]
    choice = visitor.get("/language/en", query_string={"next": target})
    assert (choice.status_code, choice.location) == (302, "/")


@pytest.mark.parametrize("login", ["张三", "nobody"])
def test_a_wrong_password_and_an_unknown_name_are_answered_alike(sqlite_desk: Desk, login: str) -> None:
    _with_password(sqlite_desk)
    visitor = sqlite_desk.visitor()
    visitor.get("/sign-in")
    answer = visitor.post("/sign-in", {"login": login, "password": "wrong wrong wrong"})
    assert answer.status_code == 403
    assert "登录名或口令不正确" in answer.text
    assert f'value="{login}"' in answer.text


def test_a_one_time_password_must_be_changed_before_anything_else(desk: Desk) -> None:
    with desk.system.database.write() as connection:
        once = people.set_one_time_password(connection, desk.clerk.id, clock.system_now())
    visitor = desk.visitor()
    visitor.get("/sign-in")
    answer = visitor.post("/sign-in", {"login": "张三", "password": once})
    assert answer.location == "/account/password"
    assert visitor.get("/inbox").location == "/account/password"
    visitor.get("/account/password")
    form = {"old": once, "password": PASSWORD, "again": PASSWORD + "?"}
    differing = visitor.post("/account/password", form)
    assert differing.status_code == 422
    assert re.search(r'id="f-again-e">两次输入的新口令不一致', differing.text)
    weak = visitor.post("/account/password", form | {"password": "123456", "again": "123456"})
    assert weak.status_code == 422
    assert 'id="f-password-e"' in weak.text
    assert visitor.post("/account/password", form | {"again": PASSWORD}).location == "/"
    assert visitor.get("/inbox").status_code == 200


def test_signing_out_ends_the_session_on_the_server(desk: Desk) -> None:
    visitor = desk.visitor(desk.clerk)
    cookie = visitor.client.get_cookie("chuanglv_session")
    assert cookie is not None
    visitor.get("/")
    visitor.post("/sign-out")
    again = desk.visitor()
    again.client.set_cookie("chuanglv_session", cookie.value)
    assert again.get("/inbox").status_code == 302


def test_one_ends_one_s_other_sign_ins(desk: Desk) -> None:
    here, elsewhere = desk.visitor(desk.clerk), desk.visitor(desk.clerk)
    assert elsewhere.get("/inbox").status_code == 200
    found = re.findall(r"/account/sessions/([0-9a-f]{32})/end", here.get("/account").text)
    assert len(found) == 1
    stranger = desk.visitor(desk.checker)
    stranger.get("/account")
    assert stranger.post(f"/account/sessions/{found[0]}/end").status_code == 404
    assert here.post(f"/account/sessions/{found[0]}/end").status_code == 303
    assert elsewhere.get("/inbox").status_code == 302
    assert here.get("/inbox").status_code == 200


def test_a_relation_to_a_unit_is_declared_and_withdrawn(sqlite_desk: Desk) -> None:
    with sqlite_desk.system.database.write() as connection:
        unit_id = directory.insert_organisation(
            connection, code="U-1", name="某某小学", kind="unit", valid_from=date(2019, 3, 1)
        )
        at = sqlite_desk.system.now(connection)
        directory.insert_profile(connection, unit_id, {"unit_kind": "school"}, at=at)
    visitor = sqlite_desk.visitor(sqlite_desk.clerk)
    visitor.get("/account")
    for unit, reason in (("没有的单位", "配偶在该校任职"), ("某某小学", " "), ("", "x")):
        refused = visitor.post("/account/recusals", {"unit": unit, "reason": reason})
        assert refused.status_code == 422
        assert reason in refused.text
    assert (
        visitor.post("/account/recusals", {"unit": "某某小学", "reason": "配偶在该校任职"}).status_code == 303
    )
    assert (
        visitor.post("/account/recusals", {"unit": "某某小学", "reason": "配偶在该校任职"}).status_code == 422
    )
    (declared,) = re.findall(r"/account/recusals/([0-9a-f]{32})/withdraw", visitor.get("/account").text)
    assert visitor.post(f"/account/recusals/{declared}/withdraw").status_code == 303
    assert "/withdraw" not in visitor.get("/account").text


def test_a_script_whose_sign_in_is_over_is_told_so(sqlite_desk: Desk) -> None:
    answer = sqlite_desk.visitor().get("/inbox", headers={"X-Requested-With": "fetch"})
    assert answer.status_code == 401
    assert "重新登录" in answer.json["text"]


def test_a_form_sent_after_the_sign_in_is_over_says_how_to_go_on(sqlite_desk: Desk) -> None:
    visitor = sqlite_desk.visitor(sqlite_desk.clerk)
    task_id = sqlite_desk.begin(visitor)
    visitor.get(f"/tasks/{task_id}")
    visitor.client.delete_cookie("chuanglv_session")
    answer = visitor.post(f"/tasks/{task_id}/complete", {"_outcome": "send"})
    assert answer.status_code == 401
    assert "填写的内容还在" in answer.text
    assert visitor.post("/sign-out").status_code == 302


def test_what_no_database_keeps_is_refused_on_pages_too(desk: Desk) -> None:
    stranger = desk.visitor()
    stranger.get("/sign-in")
    answers = [
        stranger.get("/verify/title/a%00b"),
        stranger.get("/verify/?q=a%00b"),
        stranger.get("/no%00where"),
        stranger.post("/sign-in", {"login": "a\0b", "password": "x"}),
        stranger.post("/sign-in", {"login\0": "a", "password": "x"}),
    ]
    visitor = desk.visitor(desk.clerk)
    visitor.get("/start/desk")
    answers.append(visitor.post("/start/desk", {"subject": "节\0水", "urgency": "urgent"}))
    for one in answers:
        assert (one.status_code, "NUL" in one.text) == (422, True)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140",
            "Edge · Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1",
            "Safari · iPhone",
        ),
        ("Mozilla/5.0 (Linux; Android 16) Chrome/140 Mobile MicroMessenger/8.0", "微信 · Android"),
        ("curl/8.5", "curl"),
    ],
)
def test_a_browser_is_named_in_words(agent: str, words: str) -> None:
    assert browser(agent) == words

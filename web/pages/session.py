"""Signing in and out, one's password, one's account and the sign-ins that are open."""

from collections.abc import Mapping

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from service.errors import Conflict, Forbidden, Invalid, NotFound, Text
from service.identity import demo_people, organisations, recusals, sessions
from service.identity import sign_in as signing
from service.identity.people import Person
from web import language, navigation, session_cookie
from web.context import current_person, current_system
from web.failures import field_errors
from web.language import gettext

page = Blueprint("session", __name__)


@page.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    """Show the sign-in form; who is signed in goes on."""
    if current_user.is_authenticated:
        return redirect(session_cookie.safe_target(request.args.get("next")))
    return _form()


@page.post("/sign-in")
def enter() -> ResponseReturnValue:
    """Sign in with name and password."""
    login = request.form.get("login", "")
    try:
        opened = signing.sign_in(
            current_system(), login, request.form.get("password", ""), address=_address(), agent=_agent()
        )
    except Forbidden as error:
        return _form(login, error.text), 403
    target = session_cookie.safe_target(request.form.get("next"))
    if opened.person.must_change_password:
        target = url_for("session.change_password")
    answer = make_response(redirect(target, 303))
    session_cookie.write(answer, opened.token)
    if language.COOKIE not in request.cookies and opened.person.language in language.LANGUAGES:
        answer.set_cookie(
            language.COOKIE, opened.person.language, max_age=63_072_000, httponly=True, samesite="Lax"
        )
    return answer


@page.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End this sign-in."""
    signing.sign_out(current_system(), session_cookie.read())
    flash(gettext("已退出登录"))
    answer = make_response(redirect(url_for("session.sign_in"), 303))
    session_cookie.forget(answer)
    return answer


@page.get("/demo/people")
def demo_list() -> ResponseReturnValue:
    """Show the people of the demo city; there is no such page anywhere else."""
    found = _demo_people()
    if not found:
        raise NotFound(Text("没有这个页面", "There is no such page"))
    return render_template("session/people.html", demo_people=found)


@page.post("/demo/people/<person_id>")
def enter_demo(person_id: str) -> ResponseReturnValue:
    """Go on as another person of the demo city; there is no such page anywhere else."""
    token = demo_people.sign_in_as(current_system(), person_id, address=_address(), agent=_agent())
    signing.sign_out(current_system(), session_cookie.read())
    answer = make_response(redirect(url_for("start.home"), 303))
    session_cookie.write(answer, token)
    return answer


@page.get("/account")
def account() -> ResponseReturnValue:
    """Show who one is here, where one is signed in and from which units one stands aside."""
    return _account()


@page.post("/account/recusals")
def declare_recusal() -> ResponseReturnValue:
    """Declare a relation to a unit, found by its name or credit code."""
    wanted = request.form.get("unit", "").strip()
    try:
        found = organisations.list_for(
            current_system(), current_person(), kind=organisations.UNIT, search=wanted
        )
        same = [one for one in found.rows if wanted in (one.name, one.code)] or found.rows
        if not wanted or len(same) != 1:
            message = Text(
                "请填写一个单位的全称或统一社会信用代码", "Give the full name or the credit code of one unit"
            )
            raise Invalid(message, fields={"unit": message})
        recusals.declare(
            current_system(), current_person(), same[0].id, reason=request.form.get("reason", "")
        )
    except (Invalid, Conflict) as error:
        return _account(field_errors(error), error.text), 422
    flash(gettext("已登记回避关系，检查组不会再安排您检查这个单位"))
    return redirect(url_for("session.account"), 303)


@page.post("/account/recusals/<recusal_id>/withdraw")
def withdraw_recusal(recusal_id: str) -> ResponseReturnValue:
    """End a relation one declared."""
    recusals.withdraw(current_system(), current_person(), recusal_id)
    flash(gettext("已撤回回避关系"))
    return redirect(url_for("session.account"), 303)


@page.post("/account/sessions/<session_id>/end")
def end_session(session_id: str) -> ResponseReturnValue:
    """End one of one's sign-ins."""
    sessions.revoke(current_system(), current_person(), session_id)
    flash(gettext("已结束这次登录"))
    return redirect(url_for("session.account"), 303)


@page.get("/account/password")
def change_password() -> ResponseReturnValue:
    """Show the form for a new password."""
    return render_template("session/password.html", errors={}, words=None)


@page.post("/account/password")
def keep_password() -> ResponseReturnValue:
    """Set a new password; other sign-ins end."""
    new = request.form.get("password", "")
    try:
        if new != request.form.get("again", ""):
            message = Text("两次输入的新口令不一致", "The two new passwords differ")
            raise Invalid(message, fields={"again": message})
        token = signing.change_password(
            current_system(),
            current_person(),
            request.form.get("old", ""),
            new,
            address=_address(),
            agent=_agent(),
        )
    except Invalid as error:
        content = render_template("session/password.html", errors=field_errors(error), words=error.text)
        return content, 422
    flash(gettext("口令已修改，其他地方的登录已全部结束"))
    answer = make_response(redirect(url_for("start.home"), 303))
    session_cookie.write(answer, token)
    return answer


def _form(login: str = "", words: Text | None = None) -> str:
    return render_template(
        "session/sign_in.html",
        login=login,
        words=words,
        target=request.values.get("next", ""),
        demo_people=_demo_people(),
    )


def _demo_people() -> list[tuple[Person, str]]:
    """Return the demo people with what they hold: on top one of each combination of roles, then the others."""
    every = demo_people.list_people(current_system())
    first = {one.roles: one.id for one in reversed(every)}
    found = sorted(every, key=lambda one: first[one.roles] != one.id)
    held = navigation.seats_of(found)
    return [(one, "；".join(held[one.id])) for one in found]


def _account(errors: Mapping[str, Text] | None = None, words: Text | None = None) -> str:
    person = current_person()
    return render_template(
        "session/account.html",
        person=person,
        held=navigation.seats(person),
        open_sessions=sessions.list_mine(current_system(), person, here=current_user.session_id),
        recusals=recusals.list_of(current_system(), person),
        errors=errors or {},
        words=words,
    )


def _address() -> str:
    return request.remote_addr or ""


def _agent() -> str:
    return request.user_agent.string

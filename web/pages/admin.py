"""Administration: people, organisations and units, imports, the calendar, incidents, the journal, one's tokens."""

import io
from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from service import files, imports, incidents, pending_jobs
from service.campaign import days, register
from service.campaign.calendar import parse_day
from service.errors import AppError, Conflict, Forbidden, Invalid, Text
from service.identity import administration, directory, duties, organisations, people, tokens
from service.identity.access import redacted_names
from service.identity.organisations import UNIT
from web.context import current_person, current_system
from web.display import browser
from web.failures import field_errors, status_of
from web.language import current, gettext, say

page = Blueprint("admin", __name__, url_prefix="/admin")

_SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@page.get("/people")
def person_list() -> ResponseReturnValue:
    """Show the accounts and the form for a new one."""
    return _people()


@page.post("/people")
def add_person() -> ResponseReturnValue:
    """Add a person and show their one-time password, this once."""
    given = _given("login", "name", "mobile", "email")
    try:
        person_id, password = administration.add_person(current_system(), current_person(), **given)
    except (Invalid, Conflict) as error:
        return _people(given, error), status_of(error)
    return _person(person_id, password=password)


@page.get("/people/<person_id>")
def person(person_id: str) -> ResponseReturnValue:
    """Show an account with all its memberships."""
    return _person(person_id)


@page.post("/people/<person_id>")
def change_person(person_id: str) -> ResponseReturnValue:
    """Correct an account's name and how to reach its owner."""
    given = _given("name", "mobile", "email")
    try:
        administration.change_person(current_system(), current_person(), person_id, **given)
    except Invalid as error:
        return _person(person_id, error=error), 422
    flash(gettext("已保存"), "ok")
    return redirect(url_for("admin.person", person_id=person_id), 303)


@page.post("/people/<person_id>/password")
def issue_password(person_id: str) -> ResponseReturnValue:
    """Give a one-time password and show it, this once."""
    password = administration.issue_password(current_system(), current_person(), person_id)
    return _person(person_id, password=password)


@page.post("/people/<person_id>/disable")
def disable(person_id: str) -> ResponseReturnValue:
    """Shut an account."""
    try:
        administration.disable(
            current_system(), current_person(), person_id, reason=request.form.get("reason", "")
        )
    except Invalid as error:
        return _person(person_id, error=error), 422
    flash(gettext("账号已停用，登录和令牌已全部结束"), "ok")
    return redirect(url_for("admin.person", person_id=person_id), 303)


@page.post("/people/<person_id>/enable")
def enable(person_id: str) -> ResponseReturnValue:
    """Open a disabled account again and show its one-time password."""
    password = administration.enable(current_system(), current_person(), person_id)
    return _person(person_id, password=password)


@page.post("/people/<person_id>/memberships")
def add_membership(person_id: str) -> ResponseReturnValue:
    """Give a role at an organisation, or a duty."""
    try:
        code = request.form.get("organisation", "").strip()
        with current_system().database.read() as connection:
            organisation_id = (
                organisations.find_named(connection, current_person(), code).id if code else None
            )
        administration.add_membership(
            current_system(),
            current_person(),
            person_id,
            role=request.form.get("role", ""),
            organisation_id=organisation_id,
            valid_from=_day("valid_from"),
            valid_to=_day("valid_to"),
        )
    except AppError as error:
        if isinstance(error, Forbidden):
            raise
        return _person(person_id, error=error), status_of(error)
    flash(gettext("已任命"), "ok")
    return redirect(url_for("admin.person", person_id=person_id), 303)


@page.post("/people/<person_id>/memberships/<membership_id>/end")
def end_membership(person_id: str, membership_id: str) -> ResponseReturnValue:
    """Set the last day of a membership."""
    try:
        administration.end_membership(
            current_system(), current_person(), membership_id, last_day=_required_day("last_day")
        )
    except (Invalid, Conflict) as error:
        return _person(person_id, error=error), status_of(error)
    flash(gettext("任职截止日已登记"), "ok")
    return redirect(url_for("admin.person", person_id=person_id), 303)


@page.get("/organisations")
def organisation_list() -> ResponseReturnValue:
    """Show organisations and units, and the form for a new one."""
    return _organisations()


@page.post("/organisations")
def add_organisation() -> ResponseReturnValue:
    """Add an organisation or a unit."""
    given = _given("code", "name", "name_en", "kind")
    try:
        profile = _profile() if given["kind"] == UNIT else None
        organisation_id = directory.add(
            current_system(),
            current_person(),
            **given,
            area_code=request.form.get("area_code") or None,
            parent_id=_body("parent"),
            valid_from=_day("valid_from"),
            profile=profile,
        )
    except (Invalid, Conflict) as error:
        return _organisations(given, error), status_of(error)
    flash(gettext("已添加"), "ok")
    return redirect(url_for("admin.organisation", organisation_id=organisation_id), 303)


@page.get("/organisations/<organisation_id>")
def organisation(organisation_id: str) -> ResponseReturnValue:
    """Show an organisation or a unit with what is known of it."""
    return _organisation(organisation_id)


@page.post("/organisations/<organisation_id>/rename")
def rename(organisation_id: str) -> ResponseReturnValue:
    """Give an organisation a new name from a day on."""
    given = _given("name", "name_en", "reason")
    try:
        directory.rename(
            current_system(), current_person(), organisation_id, **given, from_day=_required_day("from_day")
        )
    except (Invalid, Conflict) as error:
        return _organisation(organisation_id, error), status_of(error)
    flash(gettext("已更名，原名称保留在历史中"), "ok")
    return redirect(url_for("admin.organisation", organisation_id=organisation_id), 303)


@page.post("/organisations/<organisation_id>/end")
def end_organisation(organisation_id: str) -> ResponseReturnValue:
    """Set the last day of an organisation."""
    try:
        directory.end(
            current_system(),
            current_person(),
            organisation_id,
            last_day=_required_day("last_day"),
            reason=request.form.get("reason", ""),
        )
    except (Invalid, Conflict) as error:
        return _organisation(organisation_id, error), status_of(error)
    flash(gettext("终止日已登记"), "ok")
    return redirect(url_for("admin.organisation", organisation_id=organisation_id), 303)


@page.post("/organisations/<organisation_id>/profile")
def change_unit(organisation_id: str) -> ResponseReturnValue:
    """Change what is known of a unit."""
    try:
        directory.change_unit(
            current_system(),
            current_person(),
            organisation_id,
            _profile(),
            version=int(request.form.get("version") or 0),
        )
    except (Invalid, Conflict) as error:
        return _organisation(organisation_id, error), status_of(error)
    flash(gettext("单位信息已保存"), "ok")
    return redirect(url_for("admin.organisation", organisation_id=organisation_id), 303)


@page.get("/import")
def import_page() -> ResponseReturnValue:
    """Show how to import a workbook."""
    _demand(duties.ADMINISTRATOR)
    return render_template("admin/import.html", preview=None, error=None, file=None)


@page.get("/import/template.xlsx")
def import_template() -> ResponseReturnValue:
    """Send an empty workbook with all sheets and hints."""
    _demand(duties.ADMINISTRATOR)
    return send_file(
        io.BytesIO(imports.template(current())),
        mimetype=_SHEET,
        as_attachment=True,
        download_name="import.xlsx",
    )


@page.post("/import/preview")
def import_preview() -> ResponseReturnValue:
    """Try a workbook and show every error by cell; the file is kept for the import itself."""
    _demand(duties.ADMINISTRATOR)
    upload = request.files.get("workbook")
    try:
        if upload is None or not upload.filename:
            message = Text("请选择要导入的工作簿", "Choose the workbook to import")
            raise Invalid(message, fields={"workbook": message})
        data = upload.read()
        preview = imports.preview(current_system(), current_person(), data)
        kept = files.upload(current_system(), current_person(), upload.filename, data)
    except Invalid as error:
        return render_template("admin/import.html", preview=None, error=error.text, file=None), 422
    return render_template("admin/import.html", preview=preview, error=None, file=kept)


@page.post("/import/run")
def import_run() -> ResponseReturnValue:
    """Import the workbook that was previewed, whole or not at all."""
    _demand(duties.ADMINISTRATOR)
    system, me = current_system(), current_person()
    kept, data = files.download(system, me, request.form.get("file", ""))
    try:
        done = imports.run(system, me, data)
    except Invalid as error:
        preview = imports.preview(system, me, data)
        return render_template("admin/import.html", preview=preview, error=error.text, file=kept), 422
    return render_template("admin/imported.html", done=done)


@page.get("/calendar")
def calendar() -> ResponseReturnValue:
    """Show the years whose official list of holidays is known, and the import of a later one."""
    return _calendar()


@page.post("/calendar")
def import_calendar() -> ResponseReturnValue:
    """Take over the official list of a year."""
    upload = request.files.get("list")
    try:
        data = upload.read() if upload else b""
        done = days.import_year_list(current_system(), current_person(), data)
    except Invalid as error:
        return _calendar(error), 422
    flash(gettext("已导入 %(year)s 年放假调休安排（%(n)s 天）", year=done.year, n=done.days), "ok")
    return redirect(url_for("admin.calendar"), 303)


@page.get("/journal")
def journal() -> ResponseReturnValue:
    """Show the security journal, to auditors and administrators."""
    asked = request.args.get("person") or None
    entries = administration.journal_entries(current_system(), current_person(), person_id=asked, limit=200)
    ids = {one for entry in entries for one in (entry.actor_id, entry.person_id) if one}
    places = {str(entry.facts["organisation"]) for entry in entries if entry.facts.get("organisation")}
    with current_system().database.read() as connection:
        names = people.names(connection, ids)
        bodies = redacted_names(connection, current_person(), places)
    roles = {one.role: one.label for one in administration.grantable(current_system())}
    return render_template(
        "admin/journal.html",
        entries=[(one, _facts(one.facts, bodies, roles)) for one in entries],
        names=names,
        asked=asked,
    )


@page.get("/incidents")
def incident_list() -> ResponseReturnValue:
    """Show what could not go on, and the jobs that are due next."""
    system, me = current_system(), current_person()
    return render_template(
        "admin/incidents.html",
        incidents=incidents.list_open(system, me),
        jobs=pending_jobs.list_jobs(system, me),
    )


@page.post("/incidents/<incident_id>/retry")
def retry(incident_id: str) -> ResponseReturnValue:
    """Let an incident's job run again."""
    incidents.retry(current_system(), current_person(), incident_id)
    flash(gettext("已安排重试"), "ok")
    return redirect(url_for("admin.incident_list"), 303)


@page.post("/incidents/<incident_id>/settle")
def settle(incident_id: str) -> ResponseReturnValue:
    """Close an incident that was settled otherwise."""
    incidents.settle(current_system(), current_person(), incident_id)
    flash(gettext("已标记为处理完毕"), "ok")
    return redirect(url_for("admin.incident_list"), 303)


@page.get("/tokens")
def token_list() -> ResponseReturnValue:
    """Show one's own API tokens."""
    return _tokens()


@page.post("/tokens")
def add_token() -> ResponseReturnValue:
    """Make a token for oneself and show it, this once."""
    given = request.form.get("days", "")
    try:
        made, secret = tokens.create(
            current_system(),
            current_person(),
            label=request.form.get("label", ""),
            days=int(given) if given.isdigit() else 0,
        )
    except Invalid as error:
        return _tokens(error=error), 422
    return _tokens(secret=secret, made=made.name)


@page.post("/tokens/<token_id>/revoke")
def revoke_token(token_id: str) -> ResponseReturnValue:
    """End one of one's own tokens."""
    tokens.revoke(current_system(), current_person(), token_id)
    flash(gettext("令牌已作废"), "ok")
    return redirect(url_for("admin.token_list"), 303)


def _people(given: Mapping[str, str] | None = None, error: AppError | None = None) -> str:
    search = request.args.get("search") or None
    found = administration.list_accounts(
        current_system(), current_person(), search=search, after=request.args.get("after")
    )
    return render_template(
        "admin/people.html",
        page=found,
        search=search or "",
        given=given or {},
        error=error,
        errors=field_errors(error) if error else {},
        labels={one.role: one.label for one in administration.grantable(current_system())},
    )


def _person(person_id: str, *, password: str | None = None, error: AppError | None = None) -> str:
    account, held = administration.get_account(current_system(), current_person(), person_id)
    return render_template(
        "admin/person.html",
        account=account,
        held=held,
        password=password,
        error=error,
        errors=field_errors(error) if error else {},
        grantable=administration.grantable(current_system()),
        bodies=organisations.choices(current_system(), current_person()),
        own=person_id == current_person().id,
    )


def _organisations(given: Mapping[str, str] | None = None, error: AppError | None = None) -> str:
    _demand(duties.ADMINISTRATOR)
    asked = {name: request.args.get(name) or None for name in ("kind", "area", "search")}
    found = organisations.list_for(
        current_system(),
        current_person(),
        kind=asked["kind"],
        area=asked["area"],
        search=asked["search"],
        after=request.args.get("after"),
    )
    with current_system().database.read() as connection:
        kinds = organisations.kinds(connection)
        unit_kinds = register.kinds(connection)
        areas = register.every_area(connection)
    return render_template(
        "admin/organisations.html",
        page=found,
        asked=asked,
        kinds=kinds,
        kind_labels={one.kind: one.label for one in kinds},
        unit_kinds=unit_kinds,
        areas=areas,
        area_labels={one.code: one.label for one in areas},
        bodies=_bodies(),
        given=given or {},
        error=error,
        errors=field_errors(error) if error else {},
    )


def _organisation(organisation_id: str, error: AppError | None = None) -> str:
    _demand(duties.ADMINISTRATOR)
    system, me = current_system(), current_person()
    one = organisations.get_for(system, me, organisation_id)
    with system.database.read() as connection:
        unit = (
            organisations.unit(connection, organisation_id) if one.kind == UNIT and not one.redacted else None
        )
        kinds = {entry.kind: entry.label for entry in organisations.kinds(connection)}
        above = [entry for entry in (one.parent_id, one.municipal_department_id) if entry]
        context = {
            "former": [] if one.redacted else organisations.former_names(connection, organisation_id),
            "unit_kinds": register.kinds(connection),
            "areas": {entry.code: entry.label for entry in register.every_area(connection)},
            "above": organisations.names(connection, above),
        }
    return render_template(
        "admin/organisation.html",
        one=one,
        unit=unit,
        kinds=kinds,
        bodies=_bodies(),
        fields=[field for field in directory.PROFILE.values() if field.name != "place_id"],
        error=error,
        errors=field_errors(error) if error else {},
        **context,
    )


def _bodies() -> list[organisations.Organisation]:
    """Return what may stand above others: all but units."""
    return [one for one in organisations.choices(current_system(), current_person()) if one.kind != UNIT]


def _calendar(error: Invalid | None = None) -> str:
    _demand(duties.ADMINISTRATOR)
    with current_system().database.read() as connection:
        years = days.listed_years(connection)
    problems = error.facts.get("problems", []) if error else []
    return render_template(
        "admin/calendar.html", years=years, error=error.text if error else None, problems=problems
    )


def _tokens(*, secret: str | None = None, made: str = "", error: AppError | None = None) -> str:
    return render_template(
        "admin/tokens.html",
        tokens=tokens.list_mine(current_system(), current_person()),
        secret=secret,
        made=made,
        error=error,
        errors=field_errors(error) if error else {},
    )


def _given(*names: str) -> dict[str, str]:
    return {name: request.form.get(name, "").strip() for name in names}


def _day(name: str) -> date | None:
    text = request.form.get(name, "").strip()
    try:
        return parse_day(text) if text else None
    except Invalid as error:
        raise Invalid(error.text, fields={name: error.text}) from error


def _required_day(name: str) -> date:
    day = _day(name)
    if day is None:
        message = Text("请填写日期", "Give the day")
        raise Invalid(message, fields={name: message})
    return day


def _body(name: str) -> str | None:
    """Return the organisation a field names by its code."""
    code = request.form.get(name, "").strip()
    if not code:
        return None
    try:
        with current_system().database.read() as connection:
            return organisations.find_named(connection, current_person(), code).id
    except AppError as error:
        message = Text(f"没有代码为 {code[:40]} 的机构", f"No organisation has the code {code[:40]}")
        raise Invalid(message, fields={name: message}) from error


def _profile() -> dict[str, Any]:
    """Return the facts of a unit as the form gives them; numbers that are none stay texts and are refused."""
    found: dict[str, Any] = {}
    for name, field in directory.PROFILE.items():
        if field.type == "flag":
            found[name] = name in request.form
        elif name == "municipal_department_id":
            found[name] = _body(name)
        elif name in request.form:
            text = request.form[name].strip()
            found[name] = _number(text) if field.type in ("count", "amount") and text else text
    return found


def _number(text: str) -> int | float | str:
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() else value


def _demand(duty: str) -> None:
    if not current_person().has(duty):
        label = duties.LABELS[duty]
        raise Forbidden(
            Text(
                f"只有{label.zh}可以打开这个页面",
                f"Only a person with the duty “{label.en}” may open this page",
            )
        )


@page.app_template_filter("event_words")
def event_words(kind: str) -> str:
    """Return what an entry of the security journal is called."""
    found = _EVENTS.get(kind)
    return say(found) if found is not None else kind


def _facts(facts: Mapping[str, Any], bodies: Mapping[str, str], roles: Mapping[str, Text]) -> list[str]:
    """Return the facts of an entry in words; ids of rows say nothing to anybody."""
    found = []
    for key, value in facts.items():
        if value in (None, "") or key in _IDS or key.endswith("_id"):
            continue
        if key == "organisation":
            value = bodies.get(str(value), "—")
        elif key == "role" and value in roles:
            value = say(roles[value])
        elif key == "agent":
            value = browser(str(value))
        elif isinstance(value, Mapping):
            value = "、".join(f"{name} {one}" for name, one in value.items())
        found.append(f"{say(_FACTS[key]) if key in _FACTS else key}: {value}")
    return found


_IDS = frozenset(("membership", "session", "token", "recusal"))

_FACTS: Mapping[str, Text] = {
    "login": Text("登录名", "login name"),
    "reason": Text("原因", "reason"),
    "role": Text("岗位", "role"),
    "organisation": Text("机构", "organisation"),
    "valid_from": Text("自", "from"),
    "valid_to": Text("至", "to"),
    "label": Text("名称", "name"),
    "days": Text("天数", "days"),
    "year": Text("年份", "year"),
    "rows": Text("行数", "rows"),
    "agent": Text("浏览器", "browser"),
}

_EVENTS: Mapping[str, Text] = {
    "sign_in": Text("登录", "signed in"),
    "sign_in.demo": Text("演示切换身份", "demo sign-in"),
    "sign_in.failed": Text("登录失败", "sign-in failed"),
    "sign_in.blocked": Text("登录被锁定", "sign-in blocked"),
    "session.end": Text("退出登录", "signed out"),
    "session.revoke": Text("结束一次登录", "ended a sign-in"),
    "password.reset": Text("发放一次性口令", "issued a one-time password"),
    "password.change": Text("修改口令", "changed the password"),
    "person.first_administrator": Text("建立首位管理员", "made the first administrator"),
    "person.add": Text("添加人员", "added a person"),
    "person.change": Text("修改人员信息", "changed a person"),
    "person.disable": Text("停用账号", "disabled an account"),
    "person.enable": Text("启用账号", "enabled an account"),
    "membership.add": Text("任命", "gave a role"),
    "membership.end": Text("结束任职", "ended a role"),
    "organisation.add": Text("添加机构", "added an organisation"),
    "organisation.rename": Text("机构更名", "renamed an organisation"),
    "organisation.end": Text("终止机构", "ended an organisation"),
    "unit.change": Text("修改单位信息", "changed a unit"),
    "calendar.import": Text("导入放假安排", "imported a year's holidays"),
    "import.run": Text("批量导入", "imported a workbook"),
    "recusal.declare": Text("申报回避", "declared a recusal"),
    "recusal.withdraw": Text("撤回回避", "withdrew a recusal"),
    "command": Text("命令行操作", "a command at the server"),
    "token.create": Text("建立令牌", "made a token"),
    "token.revoke": Text("作废令牌", "revoked a token"),
}

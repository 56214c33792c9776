"""The campaign board: phases, organisations, places, work items and the register; each number leads to its list."""

import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from service.campaign import overview, plans, progress, quotas, register, settings, supervision, windows
from service.campaign.plans import PlanYear
from service.clock import city_day
from service.errors import NotFound, Text
from service.identity import organisations
from service.identity.access import roles_in_force
from web import year as plan_phases
from web.context import current_person, current_system, now
from web.language import gettext, say
from web.navigation import only_unit

#: A period as settings write it: `5wd` working days, `P15D` days, months or years.
_PERIOD = re.compile(r"(?P<wd>\d+)wd|P(?P<count>\d+)(?P<unit>[DMY])")

page = Blueprint("board", __name__, url_prefix="/board")


@page.before_request
def _not_for_units() -> None:
    if only_unit(current_person()):
        raise NotFound(Text("没有这个页面，或您无权查看", "There is no such page, or it is not yours to see"))


@page.get("/")
def campaign() -> ResponseReturnValue:
    """Show the whole campaign of a year."""
    system = current_system()
    chosen, every = _year()
    if chosen is None:
        return render_template("board/none.html", drafts=every)
    with system.database.read() as connection:
        board = overview.campaign(connection, chosen.id, now())
        labels = [(one.code, one.label) for one in plans.levels(connection, chosen.id)]
        return render_template(
            "board/campaign.html",
            chosen=chosen,
            every=every,
            phases=plan_phases.today(chosen.id),
            today=city_day(now()),
            board=board,
            milestones=overview.MILESTONES,
            funnel=overview.funnel(connection, labels, now()),
            notices=register.notices(connection, now()),
        )


@page.get("/organisations/<organisation_id>")
def organisation(organisation_id: str) -> ResponseReturnValue:
    """Show what one organisation did in a year: deliverables, scheme, reports, supervision, what is late."""
    system, person = current_system(), current_person()
    chosen = _required_year()
    with system.database.read() as connection:
        body = organisations.get(connection, organisation_id)
        if not any(
            one.id == organisation_id for one in overview.campaign(connection, chosen.id, now()).organisations
        ):
            raise NotFound(Text("该机构没有参加本年度创建工作", "This body takes no part in the year"))
        return render_template(
            "board/organisation.html",
            chosen=chosen,
            body=body,
            deliverables=progress.deliverables(connection, chosen.id, organisation_id),
            scheme=progress.scheme(connection, chosen.id, organisation_id),
            items={one.code: one for one in plans.work_items(connection, chosen.id)},
            reports=progress.reports(connection, chosen.id, organisation_id),
            cases=supervision.list_cases(connection, chosen.id, organisation_id),
            late=overview.overdue(connection, person, organisation_id, roles_in_force(connection), now()),
        )


@page.get("/applications")
def application_list() -> ResponseReturnValue:
    """Show the applications behind a number of the board."""
    system, person = current_system(), current_person()
    chosen = _required_year()
    asked = {
        name: request.args.get(name) or None for name in ("organisation", "level", "milestone", "status")
    }
    if asked["milestone"] is not None and asked["milestone"] not in overview.MILESTONES:
        raise NotFound(Text("没有这个环节", "There is no such milestone"))
    with system.database.read() as connection:
        found = overview.application_list(
            connection,
            person,
            chosen.id,
            roles_in_force(connection),
            now(),
            organisation_id=asked["organisation"],
            level=asked["level"],
            milestone=asked["milestone"],
            status=asked["status"],
        )
        labels = {one.code: one.label for one in plans.levels(connection, chosen.id)}
        names = organisations.names(connection, [asked["organisation"]] if asked["organisation"] else [])
    return render_template(
        "board/applications.html",
        chosen=chosen,
        found=found,
        asked=asked,
        labels=labels,
        body=names.get(asked["organisation"] or ""),
        milestones=overview.MILESTONES,
    )


@page.get("/work-items/<code>")
def work_item(code: str) -> ResponseReturnValue:
    """Show which organisations took up a work item and how far they are."""
    chosen = _required_year()
    with current_system().database.read() as connection:
        item = next((one for one in plans.work_items(connection, chosen.id) if one.code == code), None)
        if item is None:
            raise NotFound(Text("没有这个工作要点", "There is no such work item"))
        entries = overview.work_entries(connection, chosen.id, code)
    return render_template("board/work_item.html", chosen=chosen, item=item, entries=entries)


@page.get("/settings")
def plan_settings() -> ResponseReturnValue:
    """Show what the year decided, each with its source, and its windows with what was extended."""
    chosen = _required_year()
    with current_system().database.read() as connection:
        extensions = windows.extensions(connection, chosen.id)
        bodies = {one for entry in extensions for one in (entry.organisation_id, entry.unit_id) if one}
        version = quotas.newest(connection, chosen.id)
        known = settings.list_settings(connection, chosen.id)
        levels = plans.levels(connection, chosen.id)
        listed = windows.list_windows(connection, chosen.id)
        labels = {one.kind: one.label for one in organisations.kinds(connection)}
        labels |= {one.code: one.label for one in levels}
        return render_template(
            "board/settings.html",
            chosen=chosen,
            settings=known,
            words={one.key: say(one.chosen) if one.chosen else _in_words(one.value, labels) for one in known},
            levels=levels,
            windows=listed,
            window_labels={one.name: one.label for one in listed},
            extensions=extensions,
            names=organisations.names(connection, bodies),
            version=version,
            sums=quotas.sums(connection, version.id) if version else [],
        )


def _year() -> tuple[PlanYear | None, list[PlanYear]]:
    """Return the year the address names, else the one in force, and all that were published."""
    asked = request.args.get("year")
    with current_system().database.read() as connection:
        every = plans.list_years(connection)
        in_force = plans.current(connection, now())
    chosen = next((one for one in every if one.id == asked), None) if asked else in_force
    return chosen, every


def _required_year() -> PlanYear:
    chosen, _ = _year()
    if chosen is None:
        raise NotFound(Text("没有这个计划年度", "There is no such plan year"))
    return chosen


def _in_words(value: Any, labels: Mapping[str, Text]) -> str:
    """Return a setting's value as people read it; codes of levels and of bodies by what they are called."""
    if value is None:
        return gettext("不设")
    if isinstance(value, bool):
        return gettext("是") if value else gettext("否")
    if isinstance(value, Mapping):
        if value.keys() == {"zh", "en"}:
            return say(Text(str(value["zh"]), str(value["en"])))
        return "；".join(f"{_in_words(key, labels)}：{_in_words(one, labels)}" for key, one in value.items())
    if isinstance(value, list):
        return "、".join(_in_words(one, labels) for one in value)
    text = str(value)
    if text in labels:
        return say(labels[text])
    found = _PERIOD.fullmatch(text)
    if found is None:
        return text
    count = found["wd"] or found["count"]
    if found["wd"]:
        return gettext("%(n)s 个工作日", n=count)
    words = {
        "D": gettext("%(n)s 天", n=count),
        "M": gettext("%(n)s 个月", n=count),
        "Y": gettext("%(n)s 年", n=count),
    }
    return words[found["unit"]]

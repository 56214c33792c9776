"""What a person finds at the side of every page: by what they may do, never by the procedure's names."""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import request, url_for

from service import inbox
from service.identity import duties
from service.identity.access import roles_in_force
from service.identity.people import Person
from web.context import current_system
from web.language import gettext, say


@dataclass(frozen=True, slots=True)
class Entry:
    """One link: where to, what it is called, and how much waits behind it."""

    address: str
    label: str
    current: bool
    count: int | None = None
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Links under one heading."""

    heading: str
    entries: list[Entry]


def sections(person: Person) -> list[Section]:
    """Return the person's links."""
    counts = inbox.counts(current_system(), person)
    work = [
        _entry("start.home", gettext("首页")),
        _entry("inbox.open_list", gettext("待办"), count=counts.open, overdue=counts.overdue > 0),
        _entry("inbox.done_list", gettext("已办")),
        _entry("inbox.mine_list", gettext("我发起")),
        _entry("matters.matter_list", gettext("事项")),
        _entry("start.choose", gettext("发起")),
    ]
    found = [Section(gettext("工作"), work)]
    if not only_unit(person):
        found.append(
            Section(
                gettext("统筹"),
                [
                    _entry("board.campaign", gettext("创建看板")),
                    _entry("documents.register", gettext("称号与文书")),
                ],
            )
        )
    else:
        titles = _entry("documents.register", gettext("称号与证书"))
        found.append(Section(gettext("本单位"), [titles]))
    if person.has(duties.DESIGNER) or person.has(duties.PUBLISHER):
        found.append(Section(gettext("流程"), [_entry("designer.overview", gettext("流程设计"))]))
    office = []
    if person.has(duties.ADMINISTRATOR):
        office += [
            _entry("admin.person_list", gettext("人员")),
            _entry("admin.organisation_list", gettext("机构与单位")),
            _entry("admin.import_page", gettext("批量导入")),
            _entry("admin.calendar", gettext("放假安排")),
        ]
    if person.has(duties.PROCESS_ADMINISTRATOR):
        office.append(_entry("admin.incident_list", gettext("异常处置")))
    if person.has(duties.AUDITOR) or person.has(duties.ADMINISTRATOR):
        office.append(_entry("admin.journal", gettext("安全日志")))
    if office:
        found.append(Section(gettext("管理"), office))
    return found


def seats(person: Person) -> list[str]:
    """Return what a person holds, in words: organisation and role, or duty."""
    return seats_of([person])[person.id]


def seats_of(persons: Iterable[Person]) -> dict[str, list[str]]:
    """Return by id what each of several people holds, in words."""
    with current_system().database.read() as connection:
        roles = roles_in_force(connection)
    found: dict[str, list[str]] = {}
    for person in persons:
        held: dict[str, list[str]] = {}
        for one in person.memberships:
            label = duties.LABELS.get(one.role) or (roles[one.role].label if one.role in roles else None)
            if label is not None:
                held.setdefault(one.organisation_name, []).append(say(label))
        found[person.id] = [
            " · ".join(part for part in (organisation, gettext("、").join(names)) if part)
            for organisation, names in held.items()
        ]
    return found


def only_unit(person: Person) -> bool:
    """Whether all a person holds are seats of units: such a person has no use for the city's overview."""
    return bool(person.memberships) and all(one.organisation_kind == "unit" for one in person.memberships)


def _entry(endpoint: str, label: object, *, count: int | None = None, overdue: bool = False) -> Entry:
    address = url_for(endpoint)
    here = request.endpoint or ""
    return Entry(address, str(label), here == endpoint, count or None, overdue)

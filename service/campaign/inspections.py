"""Inspections: teams without conflicts, sheets scored alone, totals and modules, veto findings, results (R14)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, update

from service.campaign import windows
from service.campaign.calendar import start_of
from service.campaign.indicators import BONUS, Sheet
from service.clock import city_day
from service.errors import Conflict, Invalid, NotFound, Text
from service.store.identity import membership, organisation, organisation_kind, person, recusal, unit_profile
from service.store.ids import new_id
from service.store.inspection import inspection, inspection_member, inspection_score, inspection_veto


@dataclass(frozen=True, slots=True)
class Inspection:
    """An inspection as it stands; points by module are in `modules`, shares of full points from 0 to 100."""

    id: str
    subject_id: str
    purpose: str
    unit_id: str
    unit_kind: str
    plan_year_id: str | None
    level: str
    organiser_id: str
    matter_id: str
    state: str
    scheduled_on: date
    rounds: int
    total: float | None
    bonus: float | None
    spread: float | None
    modules: Mapping[str, float]
    formed_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody on a team: who leads, who scores."""

    person_id: str
    name: str
    leads: bool
    scores: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One scored line of a sheet; a point taken off needs its reason."""

    indicator: str
    points: float
    reason: str = ""
    photos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filled:
    """What one inspector filled in alone: every line of the sheet, and veto items found with the facts."""

    person_id: str
    lines: tuple[Line, ...]
    vetoes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Result:
    """The sheets together: mean points, difference between the highest and the lowest, veto codes found."""

    total: float
    bonus: float
    spread: float
    lowest_share: float
    modules: Mapping[str, float]
    vetoes: tuple[str, ...]


def get(connection: Connection, inspection_id: str) -> Inspection:
    """Return an inspection. Raises `NotFound`."""
    row = (
        connection.execute(select(inspection).where(inspection.c.id == inspection_id))
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound(Text("没有这次检查", "There is no such inspection"))
    return Inspection(**{name: row[name] for name in Inspection.__dataclass_fields__})


def of_subject(connection: Connection, subject_id: str) -> list[Inspection]:
    """Return the inspections of an application or re-inspection, oldest first."""
    rows = connection.scalars(
        select(inspection.c.id)
        .where(inspection.c.subject_id == subject_id)
        .order_by(inspection.c.formed_at, inspection.c.id)
    )
    return [get(connection, one) for one in rows]


def members(connection: Connection, inspection_id: str) -> list[Member]:
    """Return the team, its leader first."""
    rows = connection.execute(
        select(inspection_member, person.c.name)
        .join(person, person.c.id == inspection_member.c.person_id)
        .where(inspection_member.c.inspection_id == inspection_id)
        .order_by(inspection_member.c.leads.desc(), person.c.name)
    )
    return [Member(row.person_id, row.name, row.leads, row.scores) for row in rows]


def conflicted(connection: Connection, unit_id: str, people: Iterable[str]) -> dict[str, Text]:
    """Return who of `people` may not judge a unit, and why: a declared relation, or a post there.

    A post in the body above the unit counts too, since that body answers for the unit.
    """
    above = select(organisation.c.parent_id).where(
        organisation.c.id == unit_id, organisation.c.parent_id.is_not(None)
    )
    wanted = list(people)
    found = _with_posts(connection, wanted, or_(_seat == unit_id, _seat.in_(above)), _ABOVE)
    return found | _declared(connection, unit_id, wanted)


def barred(
    connection: Connection, unit_id: str, people: Iterable[str], *, recommender_id: str | None
) -> dict[str, Text]:
    """Return who of `people` may not inspect a unit, and why (R14).

    Who recommended it and the department of its system answer for the unit, as the body above it does, and stay
    away. A military unit is seen by nobody outside its channel; within it the channel's own body inspects (R09).
    """
    wanted = list(people)
    profile = connection.execute(
        select(unit_profile.c.military, unit_profile.c.municipal_department_id).where(
            unit_profile.c.organisation_id == unit_id
        )
    ).one_or_none()
    if profile is not None and profile.military:
        channel = select(organisation.c.id).join(
            organisation_kind, organisation_kind.c.kind == organisation.c.kind
        )
        inside = _with_posts(
            connection, wanted, _seat.in_(channel.where(organisation_kind.c.military_channel)), _ABOVE
        )
        found = {one: _OUTSIDE for one in wanted if one not in inside}
        found |= _with_posts(connection, wanted, _seat == unit_id, _ABOVE)
        return found | _declared(connection, unit_id, wanted)
    found = conflicted(connection, unit_id, wanted)
    answering = {recommender_id, profile.municipal_department_id if profile is not None else None} - {None}
    return _with_posts(connection, wanted, _seat.in_(answering), _ANSWERS) | found


_seat = membership.c.organisation_id
_ABOVE = Text("在该单位或其上级单位任职", "holds a post at the unit or the body above it")
_ANSWERS = Text(
    "在该单位的推荐或主管单位任职", "holds a post at the body that recommends or supervises the unit"
)
_OUTSIDE = Text("不在涉军渠道内，不能接触涉军单位", "is outside the channel of military units")


def _with_posts(
    connection: Connection, people: Sequence[str], where: ColumnElement[bool], why: Text
) -> dict[str, Text]:
    if not people:
        return {}
    return {
        one: why
        for one in connection.scalars(
            select(membership.c.person_id).where(membership.c.person_id.in_(people), where)
        )
    }


def _declared(connection: Connection, unit_id: str, people: Sequence[str]) -> dict[str, Text]:
    if not people:
        return {}
    rows = connection.execute(
        select(recusal.c.person_id, recusal.c.reason).where(
            recusal.c.person_id.in_(people),
            recusal.c.organisation_id == unit_id,
            recusal.c.withdrawn_at.is_(None),
        )
    )
    return {
        row.person_id: Text(f"已声明回避：{row.reason}", f"has declared a relation: {row.reason}")
        for row in rows
    }


def _refuse(connection: Connection, barred: Mapping[str, Text]) -> Invalid:
    names = {
        row.id: row.name
        for row in connection.execute(select(person.c.id, person.c.name).where(person.c.id.in_(barred)))
    }
    zh = "；".join(f"{names[key]}{text.zh}" for key, text in barred.items())
    en = "; ".join(f"{names[key]} {text.en}" for key, text in barred.items())
    return Invalid(Text(f"须回避：{zh}", f"Must stand aside: {en}"), people=list(barred))


def form_team(
    connection: Connection,
    *,
    subject_id: str,
    purpose: str,
    unit_id: str,
    unit_kind: str,
    plan_year_id: str | None,
    level: str,
    organiser_id: str,
    matter_id: str,
    leader: str,
    team: Sequence[str],
    scorers: Sequence[str],
    least: int,
    least_scoring: int,
    scheduled_on: date,
    window: str | None,
    recommender_id: str | None,
    at: datetime,
) -> Inspection:
    """Form a team for a visit on a day (R14). Raises `Invalid` saying what the team lacks or who has a conflict.

    With a `window` the day must lie in it, extensions for the unit or its recommending body included. A team formed
    again for a subject whose inspection has not been scored takes the place of the first.
    """
    everybody = list(dict.fromkeys([leader, *team]))
    scoring = list(dict.fromkeys(scorers))
    _check_size(everybody, scoring, least, least_scoring)
    away = barred(connection, unit_id, everybody, recommender_id=recommender_id)
    if away:
        raise _refuse(connection, away)
    if scheduled_on < city_day(at):
        raise Invalid(Text("检查日期不能早于今天", "The visit cannot be earlier than today"))
    if window is not None and plan_year_id is not None:
        span = windows.read_window(
            connection, plan_year_id, window, organisation_id=recommender_id, unit_id=unit_id
        )
        if not span.window.contains(start_of(scheduled_on)):
            raise Invalid(
                Text(
                    f"检查日期 {scheduled_on} 不在“{span.label.zh}”窗口内"
                    f"（{span.window.opens} 至 {span.window.last_day}）；可延期者：{span.authority.zh}",
                    f"The visit on {scheduled_on} is outside “{span.label.en}” "
                    f"({span.window.opens} to {span.window.last_day}); who may extend it: {span.authority.en}",
                ),
                window=window,
            )
    inspection_id = new_id()
    for before in of_subject(connection, subject_id):
        if before.state == "planned":
            connection.execute(
                delete(inspection_member).where(inspection_member.c.inspection_id == before.id)
            )
            connection.execute(delete(inspection).where(inspection.c.id == before.id))
    connection.execute(
        insert(inspection).values(
            id=inspection_id,
            subject_id=subject_id,
            purpose=purpose,
            unit_id=unit_id,
            unit_kind=unit_kind,
            plan_year_id=plan_year_id,
            level=level,
            organiser_id=organiser_id,
            matter_id=matter_id,
            state="planned",
            scheduled_on=scheduled_on,
            rounds=0,
            modules={},
            formed_at=at,
        )
    )
    connection.execute(
        insert(inspection_member),
        [
            {
                "inspection_id": inspection_id,
                "person_id": one,
                "leads": one == leader,
                "scores": one in scoring,
            }
            for one in everybody
        ],
    )
    return get(connection, inspection_id)


def check_sheet(sheet: Sheet, filled: Filled) -> None:
    """Refuse a sheet that lacks a line, scores above the full points, or takes points off without a reason."""
    points = {one.indicator: one for one in filled.lines}
    for line in sheet.indicators:
        given = points.get(line.code)
        if given is None:
            raise Invalid(
                Text(f"评分表缺少 {line.code}", f"The sheet lacks {line.code}"), indicator=line.code
            )
        if not 0 <= given.points <= line.full_score:
            raise Invalid(
                Text(
                    f"{line.code} 的得分应在 0 与 {line.full_score:g} 之间",
                    f"{line.code} is scored between 0 and {line.full_score:g}",
                ),
                indicator=line.code,
            )
        if line.module != BONUS and given.points < line.full_score and not given.reason.strip():
            raise Invalid(
                Text(f"{line.code} 扣分须写明理由", f"Say why points are taken off {line.code}"),
                indicator=line.code,
            )
    known = {one.code for one in sheet.vetoes}
    for code, facts in filled.vetoes.items():
        if code not in known:
            raise Invalid(Text(f"没有否决项 {code}", f"There is no veto item {code}"), veto=code)
        if not facts.strip():
            raise Invalid(
                Text(f"否决项 {code} 须写明事实", f"Say what facts veto {code} rests on"), veto=code
            )


def record_sheets(
    connection: Connection, inspection_id: str, sheet: Sheet, filled: Sequence[Filled]
) -> Result:
    """Record what the scoring members filled in, each alone; the newest of each counts.

    Raises `Conflict` while one of them is missing, `Invalid` for a sheet that is not complete or of somebody who
    declared a relation since the team was formed: the body that organises replaces them.
    """
    one = get(connection, inspection_id)
    scoring = [member.person_id for member in members(connection, inspection_id) if member.scores]
    newest = {each.person_id: each for each in filled if each.person_id in scoring}
    if len(newest) < len(scoring):
        raise Conflict(
            Text(
                f"还有 {len(scoring) - len(newest)} 名评分人员没有提交评分表",
                f"{len(scoring) - len(newest)} scoring members have not submitted their sheets",
            )
        )
    declared = _declared(connection, one.unit_id, list(newest))
    if declared:
        raise _refuse(connection, declared)
    for each in newest.values():
        check_sheet(sheet, each)
    connection.execute(delete(inspection_score).where(inspection_score.c.inspection_id == one.id))
    connection.execute(delete(inspection_veto).where(inspection_veto.c.inspection_id == one.id))
    lines = {line.code: line for line in sheet.indicators}
    connection.execute(
        insert(inspection_score),
        [
            {
                "inspection_id": one.id,
                "person_id": each.person_id,
                "indicator": given.indicator,
                "work_item": lines[given.indicator].work_item,
                "module": lines[given.indicator].module,
                "full_score": lines[given.indicator].full_score,
                "score": given.points,
                "deduction_reason": given.reason,
                "photos": list(given.photos),
            }
            for each in newest.values()
            for given in each.lines
            if given.indicator in lines
        ],
    )
    vetoes = [
        {"inspection_id": one.id, "person_id": each.person_id, "code": code, "facts": facts}
        for each in newest.values()
        for code, facts in each.vetoes.items()
    ]
    if vetoes:
        connection.execute(insert(inspection_veto), vetoes)
    result = add_up(sheet, list(newest.values()))
    _store_result(connection, one.id, result)
    return result


def add_up(sheet: Sheet, filled: Sequence[Filled]) -> Result:
    """Return the sheets together: means of the inspectors' points, and the lowest module's share in percent."""
    module_of = {line.code: line.module for line in sheet.indicators}
    each = [
        {
            module: sum(given.points for given in one.lines if module_of.get(given.indicator) == module)
            for module in (*sheet.modules, BONUS)
        }
        for one in filled
    ]
    totals = [sum(points for module, points in one.items() if module != BONUS) for one in each]
    modules = {module: _mean([one[module] for one in each]) for module in sheet.modules}
    return _result(
        sheet,
        modules,
        bonus=min(sheet.bonus_limit, _mean([one[BONUS] for one in each])),
        spread=round(max(totals) - min(totals), 2),
        vetoes=tuple(sorted({code for one in filled for code in one.vetoes})),
    )


def agree(connection: Connection, inspection_id: str, sheet: Sheet, modules: Mapping[str, float]) -> Result:
    """Set the modules' points to what the team agreed on after a discussion or a recheck.

    Raises `Invalid` for points outside a module.
    """
    one = get(connection, inspection_id)
    for module, points in modules.items():
        if module not in sheet.modules or not 0 <= points <= sheet.full(module):
            raise Invalid(
                Text(
                    f"{module} 的得分应在 0 与 {sheet.full(module):g} 之间",
                    f"{module} is scored between 0 and {sheet.full(module):g}",
                ),
                module=module,
            )
    codes = connection.scalars(
        select(inspection_veto.c.code).where(inspection_veto.c.inspection_id == inspection_id).distinct()
    )
    result = _result(
        sheet,
        {**one.modules, **modules},
        bonus=one.bonus or 0,
        spread=one.spread or 0,
        vetoes=tuple(sorted(codes)),
    )
    _store_result(connection, inspection_id, result)
    return result


def module_range(
    connection: Connection, inspection_id: str, sheet: Sheet
) -> dict[str, tuple[float, float, float]]:
    """Return each module's lowest, highest and mean points over the inspectors' sheets."""
    rows = connection.execute(
        select(inspection_score.c.person_id, inspection_score.c.module, inspection_score.c.score).where(
            inspection_score.c.inspection_id == inspection_id
        )
    ).all()
    found: dict[str, tuple[float, float, float]] = {}
    for module in sheet.modules:
        sums: dict[str, float] = {}
        for row in rows:
            if row.module == module:
                sums[row.person_id] = sums.get(row.person_id, 0) + row.score
        values = list(sums.values()) or [0.0]
        found[module] = (min(values), max(values), _mean(values))
    return found


def close(connection: Connection, inspection_id: str, *, passed: bool, at: datetime) -> Inspection:
    """Close an inspection with its result. Raises `Conflict` while it was not scored."""
    one = get(connection, inspection_id)
    if one.total is None:
        raise Conflict(Text("尚未评分，不能作出结论", "It was not scored; there is nothing to conclude"))
    connection.execute(
        update(inspection)
        .where(inspection.c.id == inspection_id)
        .values(state="passed" if passed else "failed", closed_at=at)
    )
    return get(connection, inspection_id)


def count_round(connection: Connection, inspection_id: str) -> Inspection:
    """Count one more round of rectification."""
    one = get(connection, inspection_id)
    connection.execute(
        update(inspection).where(inspection.c.id == inspection_id).values(rounds=one.rounds + 1)
    )
    return get(connection, inspection_id)


def _check_size(team: Sequence[str], scoring: Sequence[str], least: int, least_scoring: int) -> None:
    if len(team) < least:
        raise Invalid(
            Text(
                f"检查组至少 {least} 人，现有 {len(team)} 人",
                f"A team has {least} members or more, not {len(team)}",
            )
        )
    if len(scoring) < least_scoring:
        raise Invalid(
            Text(
                f"至少 {least_scoring} 人独立评分，现有 {len(scoring)} 人",
                f"{least_scoring} members or more score alone, not {len(scoring)}",
            )
        )
    if not set(scoring) <= set(team):
        raise Invalid(Text("评分人员须是检查组成员", "Who scores must be on the team"))


def _result(
    sheet: Sheet, modules: Mapping[str, float], *, bonus: float, spread: float, vetoes: tuple[str, ...]
) -> Result:
    shares = [100 * points / sheet.full(module) for module, points in modules.items() if sheet.full(module)]
    return Result(
        total=round(sum(modules.values()) + bonus, 2),
        bonus=round(bonus, 2),
        spread=spread,
        lowest_share=round(min(shares), 2),
        modules={module: round(points, 2) for module, points in modules.items()},
        vetoes=vetoes,
    )


def _store_result(connection: Connection, inspection_id: str, result: Result) -> None:
    connection.execute(
        update(inspection)
        .where(inspection.c.id == inspection_id)
        .values(
            state="scored",
            total=result.total,
            bonus=result.bonus,
            spread=result.spread,
            modules=dict(result.modules),
        )
    )


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 2)

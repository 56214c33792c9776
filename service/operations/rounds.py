"""Operations on the counties' yearly rounds: open, extend, close, who passed, and whether one may apply now."""

from typing import Any

from service.campaign import rounds, windows
from service.campaign.calendar import parse_day
from service.engine.model import Json
from service.errors import Conflict, NotFound, Text
from service.identity import organisations
from service.operations.registry import Context, operation


@operation(
    "rounds.open",
    Text("开放县级申报", "Open a county's round"),
    changes=Text("登记本县的申报期和命名时间", "registers when units may apply and when the county names"),
)
def open_round(
    context: Context, *, plan_year: str, county: str, opens_on: str, closes_on: str, naming_by: str
) -> Json:
    """Set a county's dates of a year (G17). Raises `Conflict` when they are set, `Invalid` for wrong days."""
    made = rounds.open_round(
        context.connection,
        plan_year,
        county,
        opens_on=parse_day(opens_on),
        closes_on=parse_day(closes_on),
        naming_by=parse_day(naming_by),
        matter_id=context.instance.matter_id,
        at=context.now,
    )
    name = organisations.get(context.connection, county).name
    context.set_matter(
        organisation_id=county,
        plan_year_id=plan_year,
        title=f"{name}：县级年度创建命名",
        status=Text(f"申报期至 {made.closes_on}", f"Applications until {made.closes_on}"),
    )
    return _described(made)


@operation(
    "rounds.extend",
    Text("延长县级申报期", "Extend a county's round"),
    changes=Text("县级申报截止日延后", "moves the round's last day"),
)
def extend(context: Context, *, round: str, closes_on: str) -> Json:
    """Move a round's last day on. Raises `Invalid` when it is not later, `Conflict` once closed."""
    made = rounds.extend(context.connection, round, parse_day(closes_on), at=context.now)
    context.set_matter(
        status=Text(f"申报期延至 {made.closes_on}", f"Applications extended to {made.closes_on}")
    )
    return _described(made)


@operation(
    "rounds.close",
    Text("截止县级申报", "Close a county's round"),
    changes=Text("本县不再接受申报", "nobody may apply in this round any more"),
)
def close(context: Context, *, round: str) -> Json:
    """Close a round, by its last day or early."""
    made = rounds.close(context.connection, round, at=context.now)
    context.set_matter(status=Text("申报已截止", "Applications are closed"))
    return _described(made)


@operation(
    "rounds.candidates",
    Text("汇总审查合格的单位", "Collect who passed"),
    changes=Text("登记本轮名单已经汇总", "records that the round's list was drawn up"),
)
def candidates(
    context: Context, *, round: str, level: str, passed: list[Any], under_review: list[Any]
) -> Json:
    """Return the ids of the round's applications in a state of `passed`, best first.

    Raises `Conflict` naming those still in a state of `under_review`: a round ends when every review has.
    """
    known = rounds.get(context.connection, round)
    open_still = rounds.applications_of(context.connection, known, level, [str(one) for one in under_review])
    if open_still:
        names = organisations.names(context.connection, [one.unit_id for one in open_still])
        listed = "、".join(names.values())
        raise Conflict(
            Text(
                f"还有 {len(open_still)} 份申报未审查完：{listed}",
                f"{len(open_still)} are not reviewed: {listed}",
            )
        )
    rounds.list_up(context.connection, round, at=context.now)
    found = rounds.applications_of(context.connection, known, level, [str(one) for one in passed])
    return [one.id for one in found]


@operation("rounds.require_open", Text("核对本县申报期", "Check the county's round"))
def require_open(context: Context, *, plan_year: str, county: str | None) -> Json:
    """Refuse what needs the county's round, saying since when it is closed and who may extend it."""
    if county is None:
        raise NotFound(Text("单位不在任何一个参加的县（市、区）", "The unit lies in no participating county"))
    rounds.require_open(context.connection, plan_year, county, context.now)
    return None


@operation("rounds.require_window", Text("核对申报窗口", "Check a window"))
def require_window(
    context: Context, *, plan_year: str, window: str, organisation: str | None = None, unit: str | None = None
) -> Json:
    """Refuse what needs an open window: which, since when, who may extend it (R13)."""
    windows.require_open(
        context.connection, plan_year, window, context.now, organisation_id=organisation, unit_id=unit
    )
    return None


@operation("rounds.standing", Text("核对是否在申报期内", "Check whether it came within the round"))
def standing(context: Context, *, plan_year: str, county: str, application: str, state: str) -> Json:
    """Return whether an application first came to `state` in its county's round, if that is `listed`, and its id."""
    known = rounds.find(context.connection, plan_year, county)
    return {
        "in_time": rounds.in_time(context.connection, known, application, state, context.now),
        "listed": known is not None and known.listed_at is not None,
        "round_id": known.id if known is not None else None,
    }


@operation("rounds.body_near", Text("找出同一地区的机构", "Find a body of the same area"))
def body_near(context: Context, *, kind: str, organisation: str) -> Json:
    """Return the id of the body of `kind` in the area of `organisation` (the county's government).

    Raises `NotFound` when there is none.
    """
    area_code = organisations.get(context.connection, organisation).area_code
    found = organisations.of_kind(context.connection, kind, context.today, area_code=area_code)
    if area_code is None or not found:
        raise NotFound(
            Text(f"该地区没有类别为 {kind} 的机构", f"The area has no body of kind {kind}"), kind=kind
        )
    return found[0].id


def _described(one: rounds.Round) -> Json:
    return {
        "round_id": one.id,
        "opens_on": one.opens_on.isoformat(),
        "closes_on": one.closes_on.isoformat(),
        "naming_by": one.naming_by.isoformat(),
        "closed": one.closed_at is not None,
    }

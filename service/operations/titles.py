"""Operations on titles: grant, describe, change by decision, renew, record self-checks and plaques."""

from datetime import date
from typing import Any

from sqlalchemy import insert, select, update

from service.campaign import numbering, plans, titles
from service.campaign.calendar import parse_day
from service.engine.model import Json
from service.errors import Invalid, Text
from service.identity import organisations
from service.operations.registry import Context, operation
from service.store.ids import new_id
from service.store.title import plaque, self_check


@operation(
    "titles.grant",
    Text("授予称号", "Grant a title"),
    changes=Text("登记称号、证书编号和查验码", "registers the title, its certificate number and code"),
)
def grant(
    context: Context,
    *,
    unit: str,
    level: str,
    decided_on: str,
    decision_number: str,
    namer_org: str | None = None,
    namer_name: str | None = None,
    valid_years: int | None = None,
    origin: str = "system",
    certificate_number: str | None = None,
    certificate_pattern: str = numbering.DEFAULT_PATTERN,
    not_before: str | None = None,
    proof: Any = None,
) -> Json:
    """Name a unit (R22, R23): an organisation here (`namer_org`) or a body above the city (`namer_name`).

    Without a `certificate_number` the next one of the pattern is taken.
    `valid_years` None means that the level has no term; `not_before` is the day on which it was asked for. Raises
    `Conflict` when the title is held already or the certificate number is another title's, `Invalid` for a decision
    before that day.
    """
    day = _decision_day(context, decided_on)
    if not_before is not None and day < parse_day(not_before):
        raise Invalid(
            Text(
                f"命名日期 {day} 早于申报或报送之日 {not_before}，不能登记",
                f"The day of the naming, {day}, is before it was asked for on {not_before}",
            )
        )
    held_by = organisations.get(context.connection, unit)
    namer = organisations.get(context.connection, namer_org).name if namer_org is not None else namer_name
    if not namer:
        raise Invalid(Text("缺少命名机关", "The naming body is missing"), parameter="namer_org")
    number = certificate_number or numbering.next_number(
        context.connection, kind="certificate", scope=level, year=day.year, pattern=certificate_pattern
    )
    granted = titles.grant(
        context.connection,
        unit_id=unit,
        unit_name=held_by.name,
        level=level,
        number=number,
        namer_id=namer_org,
        namer_name=namer,
        decided_on=day,
        decision_number=decision_number,
        years=valid_years,
        at=context.now,
        plan_year_id=context.instance.plan_year_id,
        matter_id=context.instance.matter_id,
        instance_id=context.instance.id,
        actor_id=context.actor_id,
        origin=origin,
        proof=proof,
    )
    return _described(granted)


@operation("titles.describe", Text("读取称号", "Read a title"))
def describe(context: Context, *, title: str) -> Json:
    """Return what gateways and timers read of a title: unit, level, state, term and namer."""
    return _described(titles.get(context.connection, title))


@operation("titles.held", Text("读取单位持有的称号", "Read what a unit holds"))
def held(context: Context, *, unit: str) -> Json:
    """Return the unit's titles that were neither revoked nor ended, in the order of their levels."""
    found = [one for one in titles.of_unit(context.connection, unit) if one.state not in ("revoked", "ended")]
    return [_described(one) for one in found]


@operation("titles.next_level", Text("可申报的上一级", "The level to apply for next"))
def next_level(context: Context, *, unit: str, plan_year: str, entry: str) -> Json:
    """Return the level above the highest title that counts today (R20); `entry` for a unit without any.

    None when the unit holds the highest level already.
    """
    order = [one.code for one in plans.levels(context.connection, plan_year)]
    counting = [
        order.index(one.level)
        for one in titles.of_unit(context.connection, unit)
        if one.level in order and one.counts_on(context.today)
    ]
    if not counting:
        return entry
    above = max(counting) + 1
    return order[above] if above < len(order) else None


@operation(
    "titles.set_state",
    Text("变更称号状态", "Change a title's state"),
    changes=Text("记录决定并变更称号状态", "records the decision and changes the title's state"),
)
def set_state(
    context: Context,
    *,
    title: str,
    state: str,
    reason: str,
    decided_by: str | None = None,
    decided_on: str | None = None,
    decision_number: str | None = None,
) -> Json:
    """Change a title by a decision (R26 to R28); a revocation needs its document. Raises `Conflict`."""
    held_now = titles.get(context.connection, title)
    changed = titles.set_state(
        context.connection,
        title,
        state,
        reason=reason,
        decided_by=decided_by or held_now.namer_name,
        decided_on=_decision_day(context, decided_on) if decided_on else None,
        decision_number=decision_number,
        at=context.now,
        matter_id=context.instance.matter_id,
        instance_id=context.instance.id,
        actor_id=context.actor_id,
    )
    return _described(changed)


@operation(
    "titles.renew",
    Text("复查后续期", "Renew after re-inspection"),
    changes=Text("称号进入新的有效期；暂停的仍暂停", "begins a new term of the title; a suspension goes on"),
)
def renew(
    context: Context, *, title: str, years: int | None, decided_on: str, decision_number: str, reason: str
) -> Json:
    """Begin a new term (R28), without an end where the year sets none; a suspended title stays suspended.

    Raises `Conflict` when the title was revoked or has ended.
    """
    held_now = titles.get(context.connection, title)
    renewed = titles.renew(
        context.connection,
        title,
        years=years,
        decided_on=_decision_day(context, decided_on),
        decision_number=decision_number,
        decided_by=held_now.namer_name,
        reason=reason,
        at=context.now,
        matter_id=context.instance.matter_id,
        instance_id=context.instance.id,
        actor_id=context.actor_id,
    )
    return _described(renewed)


@operation(
    "titles.self_check",
    Text("登记年度自查", "Record a yearly self-check"),
    changes=Text("登记本年度自查结果", "records this year's self-check"),
)
def record_self_check(
    context: Context, *, title: str, year: int, answered: bool, score: int | None = None, note: str = ""
) -> Json:
    """Record that a unit answered its self-check or did not (R25); absence is a risk flag, no revocation."""
    known = context.connection.scalar(
        select(self_check.c.id).where(self_check.c.title_id == title, self_check.c.year == year)
    )
    if known is not None:
        return {"recorded": False}
    context.connection.execute(
        insert(self_check).values(
            id=new_id(),
            title_id=title,
            year=year,
            state="answered" if answered else "absent",
            score=score,
            note=note,
            recorded_at=context.now,
        )
    )
    return {"recorded": True}


@operation(
    "titles.deliver_plaque",
    Text("登记牌匾颁发", "Record a plaque's delivery"),
    changes=Text("登记牌匾签收", "records who received the plaque"),
)
def deliver_plaque(context: Context, *, title: str, delivered_on: str, receiver: str) -> Json:
    """Record that the plaque was handed over (R22, R23)."""
    context.connection.execute(
        insert(plaque).values(
            id=new_id(),
            title_id=title,
            state="delivered",
            delivered_on=_decision_day(context, delivered_on),
            receiver=receiver,
            changed_at=context.now,
        )
    )
    return None


@operation(
    "titles.recall_plaque",
    Text("登记牌匾收回", "Record a plaque's recall"),
    changes=Text("登记牌匾已收回", "records that the plaque was taken back"),
)
def recall_plaque(context: Context, *, title: str, recalled_on: str) -> Json:
    """Record that the plaque of a revoked title was taken back (R26)."""
    context.connection.execute(
        update(plaque)
        .where(plaque.c.title_id == title, plaque.c.state == "delivered")
        .values(state="recalled", recalled_on=_decision_day(context, recalled_on), changed_at=context.now)
    )
    return None


def _decision_day(context: Context, text: str) -> date:
    day = parse_day(text)
    if day > context.today:
        raise Invalid(
            Text(
                f"日期 {text} 晚于今天，不能登记",
                f"The day {text} is later than today and cannot be recorded",
            )
        )
    return day


def _described(one: titles.Title) -> Json:
    return {
        "title_id": one.id,
        "unit_id": one.unit_id,
        "level": one.level,
        "state": one.state,
        "certificate_number": one.number,
        "namer_id": one.namer_id,
        "decided_on": one.decided_on.isoformat(),
        "valid_to": one.valid_to.isoformat() if one.valid_to is not None else None,
        "term": one.term,
        "origin": one.origin,
    }

"""Operations of the naming chain: a unit's position, the rules of a year, who waits, words of refusal."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import select

from service.campaign import chains, settings
from service.engine.model import Json
from service.errors import Conflict, Text
from service.identity import organisations
from service.operations.registry import Context, operation
from service.store.procedure import instance, subscription


@operation("chains.rules", Text("读取某年度的规定", "Read a year's rules"))
def rules(context: Context, *, plan_year: str, keys: list[Any]) -> Json:
    """Return the values of settings of any plan year, for an instance that belongs to none."""
    return {str(key): settings.read_value(context.connection, plan_year, str(key)) for key in keys}


@operation("chains.position", Text("查看单位在命名链上的位置", "Find a unit's position in the chain"))
def position(
    context: Context,
    *,
    unit: str,
    plan_year: str,
    level: str,
    entry: str,
    cooling_months: int,
    pending_supports: bool = False,
) -> Json:
    """Return how an application of a unit at a level would stand today: `standing`, `gap`, `titles` (R20)."""
    found = chains.position(
        context.connection,
        unit_id=unit,
        plan_year_id=plan_year,
        level=level,
        entry=entry,
        cooling_months=cooling_months,
        day=context.today,
        pending_supports=pending_supports,
    )
    return asdict(found)


@operation(
    "chains.note_position",
    Text("更新命名链情况", "Note where the chain stands"),
    changes=Text("事项显示单位现有称号", "shows on the matter what the unit holds"),
)
def note_position(context: Context, *, unit: str) -> Json:
    """Show on the chain's matter which titles the unit holds; a military unit stays without its name."""
    one = organisations.get(context.connection, unit)
    name = organisations.REDACTED.zh if one.military else one.name
    context.set_matter(
        unit_id=unit,
        title=f"{name}：命名链",
        status=chains.summary(context.connection, unit, context.today),
    )
    return None


@operation("chains.is_first", Text("核对是否唯一的命名链", "Check that this is the unit's only chain"))
def is_first(context: Context, *, unit: str) -> Json:
    """Return whether no other running instance of the same process belongs to the unit."""
    other = context.connection.scalar(
        select(instance.c.id)
        .where(
            instance.c.process_key == context.instance.process_key,
            instance.c.unit_id == unit,
            instance.c.ended_at.is_(None),
            instance.c.id != context.instance.id,
        )
        .limit(1)
    )
    return other is None


@operation("chains.is_awaited", Text("是否有流程在等待", "Whether somebody waits"))
def is_awaited(context: Context, *, message: str, unit: str) -> Json:
    """Return whether an instance waits for `message` about the unit."""
    found = context.connection.scalar(
        select(subscription.c.instance_id)
        .where(subscription.c.message == message, subscription.c.key == unit)
        .limit(1)
    )
    return found is not None


@operation("chains.running", Text("找出在办申报", "Find running applications"))
def running(context: Context, *, unit: str) -> Json:
    """Return the ids of the unit's applications that go on."""
    return list(chains.open_applications(context.connection, unit))


@operation("chains.require", Text("不具备条件的不予办理", "Refuse who may not"))
def require(context: Context, *, allowed: bool, zh: str, en: str) -> Json:
    """Refuse what a person asked for unless it is `allowed`: nothing is changed, they read why. Raises `Conflict`."""
    if not allowed:
        raise Conflict(Text(zh, en))
    return None


@operation(
    "matters.say",
    Text("记下办理情况", "Say how a matter stands"),
    changes=Text("事项显示这句话", "shows these words on the matter"),
)
def say(context: Context, *, zh: str, en: str) -> Json:
    """Show on the matter how it stands, in words."""
    context.set_matter(status=Text(zh[:80], en[:80]))
    return None

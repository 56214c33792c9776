"""Operations on a title's term: begin it, let it expire, warn, suspend, restore, a plaque not recovered."""

from service.campaign import plans, terms, titles
from service.campaign.calendar import parse_day
from service.engine.model import Json
from service.errors import Conflict, Text
from service.identity import organisations
from service.operations.registry import Context, operation


@operation(
    "terms.begin",
    Text("读取称号和有效期", "Read a title and its term"),
    changes=Text("事项归到该单位和年度", "puts the matter to the unit and a plan year"),
)
def begin(context: Context, *, title: str, subject: str) -> Json:
    """Return what a term's timers read, and title the matter “<unit>: <level> <subject>”.

    `plan_year_id` is the year of the naming, or the present one for a title held before the system (None before
    any was published): its settings are the term's rules.
    """
    held = titles.get(context.connection, title)
    year = plans.current(context.connection, context.now)
    plan_year = held.plan_year_id or (year.id if year is not None else None)
    levels = plans.levels(context.connection, plan_year) if plan_year is not None else []
    label = next((one.label for one in levels if one.code == held.level), Text(held.level, held.level))
    unit = organisations.get(context.connection, held.unit_id)
    name = organisations.REDACTED.zh if unit.military else unit.name
    until = (
        Text(f"有效期至 {held.valid_to}", f"Valid to {held.valid_to}")
        if held.valid_to is not None
        else Text("长期有效", "Without a term")
    )
    context.set_matter(
        unit_id=held.unit_id,
        plan_year_id=plan_year,
        title=f"{name}：{label.zh}绿色单位{subject}",
        number=held.number,
        status=until,
    )
    return {
        "unit_id": held.unit_id,
        "level": held.level,
        "state": held.state,
        "decided_on": held.decided_on.isoformat(),
        "valid_to": held.valid_to.isoformat() if held.valid_to is not None else None,
        "term": held.term,
        "plan_year_id": plan_year,
    }


@operation("terms.current_year", Text("确定所属计划年度", "Find the present plan year"))
def current_year(context: Context) -> Json:
    """Return the id of the plan year under which what begins today is done."""
    return _current_year(context)


@operation(
    "terms.expire",
    Text("到期转待复查", "Let a term expire"),
    changes=Text("称号转为待复查", "the title waits for its re-inspection"),
)
def expire(context: Context, *, title: str, reason: str) -> Json:
    """Turn an active title whose term has passed into a pending one; never a revocation (R28)."""
    held = terms.expire(
        context.connection,
        title,
        reason=reason,
        at=context.now,
        matter_id=context.instance.matter_id,
        instance_id=context.instance.id,
    )
    context.set_matter(status=titles.STATE_NAMES[held.state])
    return {"state": held.state}


@operation(
    "terms.warn",
    Text("登记黄牌警告", "Record a warning"),
    changes=Text("登记警告决定，称号状态不变", "records the decision; the title's state stays"),
)
def warn(
    context: Context, *, title: str, reason: str, decided_by: str, decided_on: str, decision_number: str
) -> Json:
    """Record a decided warning (R26): the title stands as it did."""
    held = titles.get(context.connection, title)
    terms.require_standing(held)
    return _decide(context, held, held.state, reason, decided_by, decided_on, decision_number)


@operation(
    "terms.suspend",
    Text("登记暂停称号", "Record a suspension"),
    changes=Text("称号暂停", "the title is suspended"),
)
def suspend(
    context: Context, *, title: str, reason: str, decided_by: str, decided_on: str, decision_number: str
) -> Json:
    """Record a decided suspension, or that one goes on."""
    held = titles.get(context.connection, title)
    terms.require_standing(held)
    return _decide(context, held, "suspended", reason, decided_by, decided_on, decision_number)


@operation(
    "terms.restore",
    Text("恢复称号", "Restore a title"),
    changes=Text(
        "称号恢复；有效期已满的转待复查", "restores it, or leaves it pending when its term has passed"
    ),
)
def restore(
    context: Context, *, title: str, reason: str, decided_by: str, decided_on: str, decision_number: str
) -> Json:
    """Record the decision that ends a suspension."""
    held = titles.get(context.connection, title)
    terms.require_standing(held)
    state = terms.restored_state(held, context.today)
    return _decide(context, held, state, reason, decided_by, decided_on, decision_number)


@operation(
    "terms.lose_plaque",
    Text("登记牌匾未能收回", "Record that a plaque was not recovered"),
    changes=Text("登记牌匾未收回", "records that the plaque is missing"),
)
def lose_plaque(context: Context, *, title: str) -> Json:
    """Record that the plaque of a revoked title was not recovered (R26)."""
    terms.lose_plaque(context.connection, title, at=context.now)
    return None


def _decide(
    context: Context,
    held: titles.Title,
    state: str,
    reason: str,
    decided_by: str,
    decided_on: str,
    decision_number: str,
) -> Json:
    changed = titles.set_state(
        context.connection,
        held.id,
        state,
        reason=reason,
        decided_by=decided_by,
        decided_on=parse_day(decided_on),
        decision_number=decision_number,
        at=context.now,
        matter_id=context.instance.matter_id,
        instance_id=context.instance.id,
        actor_id=context.actor_id,
    )
    return {"state": changed.state}


def _current_year(context: Context) -> str:
    found = plans.current(context.connection, context.now)
    if found is None:
        raise Conflict(Text("还没有印发过年度方案", "No plan year was ever published"))
    return found.id

"""Operations on the split of places: draft, answers of the bodies, issue, move."""

from collections.abc import Sequence
from typing import Any

from service.campaign import plans, quotas
from service.campaign.calendar import parse_day
from service.engine.model import Json
from service.errors import Text
from service.identity import organisations
from service.operations.registry import Context, operation


@operation("quotas.targets", Text("读取年度目标数", "Read the numbers to split"))
def targets(context: Context, *, plan_year: str) -> Json:
    """Return level code → places of each level for which the plan sets a number (R03 to R05)."""
    return {
        one.code: one.places for one in plans.levels(context.connection, plan_year) if one.places is not None
    }


@operation(
    "quotas.allocate",
    Text("拟定任务划分", "Draft the split"),
    changes=Text("登记任务划分草案，旧答复作废", "keeps the drafted split; earlier answers are void"),
)
def allocate(
    context: Context, *, plan_year: str, rows: Sequence[Any], levels: list[str], reason: str | None = None
) -> Json:
    """Keep the split of a form's rows, one field for each of `levels`; returns its number (R06)."""
    shares = [(one["row"], level, int(one.get(level) or 0)) for one in rows for level in levels]
    made = quotas.allocate(
        context.connection, plan_year, shares, reason=reason or "", at=context.now, by=context.actor_id
    )
    quotas.require_sums(context.connection, plan_year)
    context.set_matter(status=Text("征求意见", "For comment"))
    return made.number


@operation(
    "quotas.record_answers",
    Text("登记各单位答复", "Record the bodies' answers"),
    changes=Text("登记确认、异议或未答复", "records who confirmed, objected or kept silent"),
)
def record_answers(context: Context, *, plan_year: str, bodies: list[str], answers: Sequence[Any]) -> Json:
    """Record each body's answer; who gave none is recorded as silent, never as consent (R06).

    `answers` are {organisation, said, remark}; the last one of a body counts. Returns how many confirmed,
    objected and kept silent.
    """
    given = {str(one["organisation"]): one for one in answers}
    counts = {"confirmed": 0, "objected": 0, "silent": 0}
    for body in bodies:
        one = given.get(body, {"said": "silent", "remark": ""})
        quotas.answer(
            context.connection,
            plan_year,
            body,
            one["said"],
            remark=one.get("remark") or "",
            at=context.now,
            by=context.actor_id,
        )
        counts[one["said"]] += 1
    return dict(counts)


@operation(
    "quotas.issue",
    Text("印发任务划分", "Issue the split"),
    changes=Text("任务划分生效，取代上一版", "puts the split in force in place of the one before"),
)
def issue(context: Context, *, plan_year: str, authority: str, document_number: str, issued_on: str) -> Json:
    """Put the drafted split in force. Raises `Invalid` unless its sums are the plan's (R06)."""
    made = quotas.issue(
        context.connection,
        plan_year,
        authority=authority,
        document_number=document_number,
        issued_on=parse_day(issued_on),
    )
    context.set_matter(number=made.document_number, status=Text("已印发", "Issued"))
    return made.number


@operation(
    "quotas.check_move",
    Text("核对名额调剂", "Check a move of places"),
    changes=Text("写明事项名称", "names the matter"),
)
def check_move(
    context: Context,
    *,
    plan_year: str,
    level: str,
    places: int,
    receiver: str,
    taken_states: list[Any],
    giver: str | None = None,
) -> Json:
    """Refuse a move that could not be carried out: no split, an unknown body, or a giver without the places.

    Those that applications in one of `taken_states` take are not there to be given. Names the matter after giver,
    receiver, level and places.
    """
    quotas.check_move(
        context.connection,
        plan_year,
        level,
        places,
        from_id=giver,
        to_id=receiver,
        taken_states=[str(one) for one in taken_states],
    )
    labels = {one.code: one.label.zh for one in plans.levels(context.connection, plan_year)}
    names = organisations.names(context.connection, [one for one in (giver, receiver) if one is not None])
    way = f"{names[giver]} → {names[receiver]}" if giver is not None else f"增加给{names[receiver]}"
    context.set_matter(title=f"名额调剂 · {way} · {labels[level]} {places} 个")
    return None


@operation(
    "quotas.move",
    Text("调剂名额", "Move places"),
    changes=Text("登记名额调剂", "records the move of places"),
)
def move(
    context: Context,
    *,
    plan_year: str,
    level: str,
    places: int,
    receiver: str,
    authority: str,
    reason: str,
    taken_states: list[Any],
    giver: str | None = None,
) -> Json:
    """Move places between bodies, or add some above the total without a giver (R06, G14).

    The giver's must not be taken by applications in one of `taken_states`.
    """
    quotas.move(
        context.connection,
        plan_year,
        level,
        places,
        from_id=giver,
        to_id=receiver,
        taken_states=[str(one) for one in taken_states],
        authority=authority,
        reason=reason,
        at=context.now,
        by=context.actor_id,
    )
    context.set_matter(status=Text("已调剂", "Moved"))
    return None

"""Operations on public notices: publish, record objections, close, settle."""

from datetime import timedelta
from typing import Any

from service.campaign import notices, numbering, plans
from service.campaign.calendar import parse_day
from service.clock import city_day
from service.engine.deadlines import parse_deadline, resolve_due
from service.engine.model import Json
from service.errors import Text
from service.operations.registry import Context, operation


@operation("notices.last_day", Text("推算公示截止日", "Reckon a notice's last day"))
def last_day(context: Context, *, period: str, roll_forward: bool) -> Json:
    """Return the last day of a period (`5wd`, `P7D`) that begins today, which is not counted (Civil Code 201).

    With `roll_forward` a period that ends on a day off ends on the next working day (203).
    """
    ends = resolve_due(
        parse_deadline(period),
        context.now,
        {},
        {"add_workdays": lambda day, n: context.calendar.add_workdays(parse_day(day), n).day.isoformat()},
    )
    day = city_day(ends - timedelta(microseconds=1))
    return (context.calendar.roll_forward(day).day if roll_forward else day).isoformat()


@operation(
    "notices.publish",
    Text("发布公示", "Publish a notice"),
    changes=Text("登记公示名单和起止日期，涉军单位隐去名称", "posts units; military ones without their name"),
)
def publish(
    context: Context,
    *,
    subject: str,
    plan_year: str,
    level: str,
    publisher: str,
    applications: list[Any],
    heading: str,
    body: str,
    contact: str,
    closes_on: str,
    pattern: str = numbering.DEFAULT_PATTERN,
) -> Json:
    """Post units until the end of a day; numbers the notice by the pattern."""
    year = plans.get(context.connection, plan_year)
    made = notices.publish(
        context.connection,
        subject_id=subject,
        plan_year_id=plan_year,
        level=level,
        publisher_id=publisher,
        applications=[str(one) for one in applications],
        number=numbering.next_number(
            context.connection, kind="notice", scope=level, year=year.year, pattern=pattern
        ),
        heading=heading,
        body=body,
        contact=contact,
        closes_on=parse_day(closes_on),
        matter_id=context.instance.matter_id,
        at=context.now,
    )
    return {"notice_id": made.id, "number": made.number, "closes_on": made.closes_on.isoformat()}


@operation(
    "notices.object",
    Text("登记异议", "Record an objection"),
    changes=Text("登记异议，该单位暂缓", "records an objection; the unit is held"),
)
def object_to(
    context: Context,
    *,
    notice: str,
    application: str,
    real_name: bool,
    facts: str,
    objector: str | None = None,
    names_only: bool = False,
) -> Json:
    """Record an objection to a posted unit; `names_only` refuses those without a name."""
    made = notices.object_to(
        context.connection,
        notice,
        application,
        real_name=real_name,
        objector=objector or "",
        facts=facts,
        names_only=names_only,
        at=context.now,
        by=context.actor_id,
    )
    return {"objection_id": made.id}


@operation(
    "notices.close",
    Text("公布公示结果", "Close a notice"),
    changes=Text("公示期满，登记结果", "closes the notice with its result"),
)
def close(context: Context, *, notice: str, result: str) -> Json:
    """Close a notice after its period; returns who is cleared and who is held for objections."""
    notices.close(context.connection, notice, result=result, at=context.now)
    found = notices.items(context.connection, notice)
    return {
        "cleared": [one.application_id for one in found if one.state == notices.CLEARED],
        "held": [one.application_id for one in found if one.state == notices.HELD],
    }


@operation(
    "notices.settle",
    Text("登记异议核查结论", "Settle objections"),
    changes=Text("登记每个异议的核查结论", "records what was found of each objection"),
)
def settle(context: Context, *, notice: str, findings: list[Any]) -> Json:
    """Settle the objections to held units; each of `findings` is `{application, upheld, finding}`."""
    settled = notices.settle(
        context.connection,
        notice,
        {str(one["application"]): (bool(one["upheld"]), str(one["finding"] or "")) for one in findings},
        at=context.now,
        by=context.actor_id,
    )
    return [{"application_id": one, "upheld": upheld} for one, upheld in settled.items()]

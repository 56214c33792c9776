"""Operations on the windows of a plan year: measure an extension, decide it."""

from service.campaign import windows
from service.campaign.calendar import parse_day
from service.engine.model import Json
from service.errors import Invalid, Text
from service.identity import organisations
from service.operations.registry import Context, operation


@operation(
    "windows.measure",
    Text("核算延期天数", "Measure an extension"),
    changes=Text("写明事项名称", "names the matter"),
)
def measure(
    context: Context,
    *,
    plan_year: str,
    window: str,
    extended_to: str,
    organisation: str | None = None,
    unit: str | None = None,
) -> Json:
    """Return the last day that holds now and by how many days `extended_to` is later than the plan's own (G12).

    Several extensions are thus measured together: a limit cannot be passed step by step. Names
    the matter after window, day and body. Raises `Invalid` when it is not later, or over already.
    """
    now = windows.read_window(
        context.connection, plan_year, window, organisation_id=organisation, unit_id=unit
    )
    to = parse_day(extended_to)
    if to <= now.window.last_day or to < context.today:
        raise Invalid(
            Text(
                f"“{now.label.zh}”现截止 {now.window.last_day}，延期后的截止日须晚于它且不早于今天",
                f"“{now.label.en}” now ends on {now.window.last_day}; the new day must be later, and not over",
            )
        )
    whom = (
        f" · {organisations.get(context.connection, organisation).name}" if organisation is not None else ""
    )
    context.set_matter(title=f"窗口延期 · {now.label.zh}至 {to}{whom}")
    return {
        "label": now.label.zh,
        "closes": now.window.last_day.isoformat(),
        "days": (to - now.window.closes).days,
    }


@operation(
    "windows.extend",
    Text("登记窗口延期", "Extend a window"),
    changes=Text("窗口截止日延后", "moves the window's last day"),
)
def extend(
    context: Context,
    *,
    plan_year: str,
    window: str,
    extended_to: str,
    authority: str,
    reason: str,
    document_number: str,
    decided_on: str,
    organisation: str | None = None,
    unit: str | None = None,
) -> Json:
    """Record a decided extension, for all, one body or one unit (G12); returns the new last day."""
    made = windows.extend(
        context.connection,
        plan_year,
        window,
        extended_to=parse_day(extended_to),
        authority=authority,
        reason=reason,
        document_number=document_number,
        decided_on=parse_day(decided_on),
        at=context.now,
        by=context.actor_id,
        organisation_id=organisation,
        unit_id=unit,
        matter_id=context.instance.matter_id,
    )
    context.set_matter(number=document_number, status=Text("已延期", "Extended"))
    return made.extended_to.isoformat()

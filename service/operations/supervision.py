"""Operations on supervision cases: open, escalate, answer, close."""

from service.campaign import supervision
from service.engine.model import Json
from service.errors import Text
from service.identity import organisations
from service.operations.registry import Context, operation


@operation(
    "supervision.open",
    Text("立案督办", "Open a supervision case"),
    changes=Text("登记督办事项", "registers the case"),
)
def open_case(
    context: Context,
    *,
    plan_year: str,
    organisation: str,
    reason: str,
    notice: str,
    number: str | None = None,
) -> Json:
    """Open a case against a body (R07); names the matter after it and returns the case's id."""
    made = supervision.open_case(
        context.connection,
        plan_year,
        organisation,
        reason=reason,
        notice=notice,
        matter_id=context.instance.matter_id,
        at=context.now,
    )
    name = organisations.get(context.connection, organisation).name
    context.set_matter(
        title=f"督办 · {name}：{reason}"[:400], number=number, status=Text("待答复", "To be answered")
    )
    return made.id


@operation(
    "supervision.escalate",
    Text("登记催办", "Count a reminder"),
    changes=Text("催办次数加一", "counts one more reminder"),
)
def escalate(context: Context, *, case: str) -> Json:
    """Count one more reminder of a case nobody answered; returns how many there were."""
    count = supervision.escalate(context.connection, case)
    context.set_matter(status=Text(f"已催办 {count} 次", f"Reminded {count} times"))
    return count


@operation(
    "supervision.answer",
    Text("登记督办答复", "Record the answer"),
    changes=Text("登记被督办单位的答复", "keeps the body's answer"),
)
def answer(context: Context, *, case: str, text: str) -> Json:
    """Keep the answer of the supervised body."""
    supervision.answer(context.connection, case, text, at=context.now)
    context.set_matter(status=Text("已答复，待审核", "Answered, to be checked"))
    return None


@operation(
    "supervision.close",
    Text("督办办结", "Close the case"),
    changes=Text("登记督办结果", "keeps the result"),
)
def close(context: Context, *, case: str, text: str) -> Json:
    """Close a case with its result in words. Raises `Invalid` without one."""
    supervision.close(context.connection, case, text, at=context.now, by=context.actor_id)
    context.set_matter(status=Text("已办结", "Closed"))
    return None

"""Operations on bodies: which take part, who belongs to them, what one is called."""

from service.campaign import bodies
from service.engine.model import Json
from service.errors import Conflict, Text
from service.identity import organisations
from service.operations.registry import Context, operation


@operation("organisations.participating", Text("列出参加单位", "List the bodies that take part"))
def participating(context: Context, *, kinds: list[str]) -> Json:
    """Return id, name and kind of each body of these kinds in a participating area (R08 to R10).

    Raises `Conflict` when there is none: a year without anybody to do it is a mistake.
    """
    found = bodies.participating(context.connection, kinds, context.today)
    if not found:
        raise Conflict(
            Text(
                f"没有一个参加单位（类别：{'、'.join(kinds)}），请先登记单位",
                f"No body of the kinds {', '.join(kinds)} takes part; register them first",
            )
        )
    return [{"id": one.id, "name": one.name, "kind": one.kind} for one in found]


@operation("organisations.members", Text("列出某角色的人员", "List who holds a role"))
def members(context: Context, *, role: str, kind: str) -> Json:
    """Return the ids of the people who hold a role at organisations of a kind today. Raises `Conflict` for none."""
    found = bodies.members(context.connection, role, kind, context.today)
    if not found:
        raise Conflict(
            Text(
                f"没有人员担任角色 {role}，请管理员先登记",
                f"Nobody holds the role {role}; an administrator must add somebody",
            )
        )
    return list(found)


@operation("organisations.describe", Text("读取单位名称和类别", "Read what a body is called"))
def describe(context: Context, *, organisation: str) -> Json:
    """Return id, name, kind and area of a body that is no unit, for titles and conditions."""
    one = organisations.get(context.connection, organisation)
    return {"id": one.id, "name": one.name, "kind": one.kind, "area": one.area_code}

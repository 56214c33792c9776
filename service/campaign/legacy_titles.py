"""Titles held before the system: recorded with their proof, and told to the procedure, which runs their terms (R20)."""

from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection, select, update

from service import messages
from service.campaign import plans, titles
from service.campaign.titles import Title
from service.clock import city_day
from service.errors import Conflict, Invalid, Text
from service.store.title import title

#: The origin of titles held before the system.
ORIGIN: Final = "legacy"


def record(
    connection: Connection,
    *,
    unit_id: str,
    unit_name: str,
    level: str,
    number: str,
    namer_id: str | None,
    namer_name: str,
    decided_on: date,
    decision_number: str,
    years: int | None,
    proof: str,
    at: datetime,
    by: str | None = None,
) -> Title:
    """Record a title that was given before the system; `proof` says where its document is kept.

    Raises `Invalid` with `fields` for a missing proof or a day to come, `Conflict` for a number that is taken or
    a title the unit already holds at that level.
    """
    wrong: dict[str, Text] = {}
    if not proof.strip():
        wrong["proof"] = Text(
            "请注明证明材料（扫描件名称或档号）", "Say where the proof is (scan or archive number)"
        )
    if not 1 <= len(decision_number.strip()) <= 80:
        wrong["decision_number"] = Text(
            "决定文号为 1 至 80 个字符", "The decision's number has 1 to 80 characters"
        )
    if not number.strip() or len(number) > 80:
        wrong["number"] = Text("证书编号为 1 至 80 个字符", "A certificate number has 1 to 80 characters")
    if not 1 <= len(namer_name.strip()) <= 200:
        wrong["namer"] = Text("请填写命名机关", "The naming body is required")
    if len(unit_name) > 200:
        wrong["unit_name"] = Text("单位名称最多 200 个字符", "A unit's name has at most 200 characters")
    if decided_on > city_day(at):
        wrong["decided_on"] = Text("命名日期不能晚于今天", "The day of the decision cannot be in the future")
    if years is not None and not 1 <= years <= 50:
        wrong["years"] = Text("有效年限为 1 至 50 年", "A term has 1 to 50 years")
    if wrong:
        raise Invalid(next(iter(wrong.values())), fields=wrong)
    if titles.is_number_taken(connection, number.strip()):
        message = Text(
            f"证书编号 {number.strip()} 已登记", f"The number {number.strip()} is already recorded"
        )
        raise Conflict(message, fields={"number": message})
    return titles.grant(
        connection,
        unit_id=unit_id,
        unit_name=unit_name,
        level=level,
        number=number.strip(),
        namer_id=namer_id,
        namer_name=namer_name.strip(),
        decided_on=decided_on,
        decision_number=decision_number.strip(),
        years=years,
        at=at,
        actor_id=by,
        origin=ORIGIN,
        proof={"file": proof.strip()},
    )


def announce(connection: Connection, deployment_id: str, *, at: datetime) -> int:
    """Tell the procedure of every recorded title it was not told of yet; returns how many.

    A term is run by the settings of a plan year: while none is in force the titles wait. A procedure whose
    settings name no message for them is told nothing.
    """
    defaults = plans.find_defaults(connection, deployment_id, plans.SETTINGS_FILE) or {}
    message = defaults.get("title_message")
    if message is None or plans.current(connection, at) is None:
        return 0
    waiting = connection.execute(
        select(title.c.id, title.c.unit_id, title.c.level)
        .where(title.c.origin == ORIGIN, title.c.announced_at.is_(None))
        .order_by(title.c.decided_on, title.c.id)
    ).all()
    for one in waiting:
        messages.post(
            connection,
            str(message),
            key=one.unit_id,
            payload={"title_id": one.id, "unit_id": one.unit_id, "level": one.level, "plan_year_id": None},
            # Nobody begins these terms: they do not stand among what a person started.
            by=None,
            at=at,
        )
    if waiting:
        told = title.c.id.in_([one.id for one in waiting])
        connection.execute(update(title).where(told).values(announced_at=at))
    return len(waiting)


def levels(connection: Connection, deployment_id: str) -> dict[str, Text]:
    """Return the levels of titles the procedure knows, in order: code → what it is called."""
    known = plans.find_defaults(connection, deployment_id, plans.SETTINGS_FILE) or {}
    return {
        str(one["code"]): Text(str(one["label"]), str(one["label_en"])) for one in known.get("levels", [])
    }

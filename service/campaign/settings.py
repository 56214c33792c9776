"""The settings of a plan year: what the work plan leaves open, each with its value, its source and its meaning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from service.campaign.calendar import parse_day
from service.errors import Conflict, Invalid, NotFound, Text
from service.store.plan import plan_setting, plan_year

#: Types a setting may have: how its value is read and shown.
TYPES = ("int", "bool", "text", "choice", "day", "days", "period", "json")
#: Those whose value is one word or number, which a form can take.
SINGLE = ("int", "bool", "choice", "day", "period")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a plan year; `choices` are the values a choice may take, with what each is called."""

    key: str
    position: int
    type: str
    value: Any
    choices: Mapping[Any, Text]
    label: Text
    source: Text
    help: Text
    changed: bool

    @property
    def chosen(self) -> Text | None:
        """What the value of a choice is called; None where it has no label."""
        words = self.choices.get(self.value) if self.type == "choice" else None
        return words if words is not None and words.zh != self.value else None


def read_value(connection: Connection, plan_year_id: str, key: str) -> Any:
    """Return the value of a setting. Raises `NotFound` naming the key."""
    row = connection.execute(
        select(plan_setting.c.value).where(
            plan_setting.c.plan_year_id == plan_year_id, plan_setting.c.key == key
        )
    ).one_or_none()
    if row is None:
        raise NotFound(Text(f"本年度没有设置 {key}", f"This plan year has no setting {key}"), setting=key)
    return row.value


def is_on(connection: Connection, plan_year_id: str, key: str) -> bool:
    """Whether a year's setting that may be on or off is on; one it does not have is off."""
    return bool(
        connection.scalar(
            select(plan_setting.c.value).where(
                plan_setting.c.plan_year_id == plan_year_id, plan_setting.c.key == key
            )
        )
    )


def read_text(connection: Connection, plan_year_id: str, key: str) -> Text:
    """Return a setting that is words for people; empty words where the year has no such setting."""
    row = connection.execute(
        select(plan_setting.c.value).where(
            plan_setting.c.plan_year_id == plan_year_id, plan_setting.c.key == key
        )
    ).one_or_none()
    value = row.value if row is not None else ""
    if isinstance(value, dict):
        return Text(str(value.get("zh", "")), str(value.get("en", "")))
    return Text(str(value or ""), str(value or ""))


def list_settings(connection: Connection, plan_year_id: str) -> list[Setting]:
    """Return the settings of a plan year in their order."""
    rows = connection.execute(
        select(plan_setting)
        .where(plan_setting.c.plan_year_id == plan_year_id)
        .order_by(plan_setting.c.position)
    )
    return [
        Setting(
            key=row.key,
            position=row.position,
            type=row.type,
            value=row.value,
            choices=_choices(row.choices or ()),
            label=Text(row.label_zh, row.label_en),
            source=Text(row.source_zh, row.source_en),
            help=Text(row.help_zh, row.help_en),
            changed=row.changed_at is not None,
        )
        for row in rows
    ]


def shown(value: Any) -> str:
    """Return a value as a form shows it and takes it back; nothing for no value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _choices(entries: Sequence[Any]) -> dict[Any, Text]:
    """Return the values of a choice with what each is called: an entry is a bare value, or one with labels."""
    return {
        one["value"]: Text(one["label"], one["label_en"]) for one in entries if isinstance(one, Mapping)
    } or {one: Text(str(one), str(one)) for one in entries}


def store_defaults(connection: Connection, plan_year_id: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write a new plan year's settings from the entries of a defaults file. Raises `Invalid` naming the key."""
    rows = []
    for position, entry in enumerate(entries):
        key = str(entry["key"])
        kind = str(entry["type"])
        choices = list(entry.get("choices", ()))
        rows.append(
            {
                "plan_year_id": plan_year_id,
                "key": key,
                "position": position,
                "type": kind,
                "value": check(key, kind, entry.get("value"), choices),
                "choices": choices or None,
                "label_zh": str(entry["label"]),
                "label_en": str(entry["label_en"]),
                "source_zh": str(entry["source"]),
                "source_en": str(entry["source_en"]),
                "help_zh": str(entry.get("help", "")),
                "help_en": str(entry.get("help_en", "")),
            }
        )
    if rows:
        connection.execute(insert(plan_setting), rows)


def change(
    connection: Connection, plan_year_id: str, key: str, value: Any, *, at: datetime, by: str | None
) -> None:
    """Decide a setting of a plan year otherwise than its default.

    Raises `NotFound`, `Invalid` when the value does not fit its type, `Conflict` when the year is closed.
    """
    if connection.scalar(select(plan_year.c.state).where(plan_year.c.id == plan_year_id)) == "closed":
        raise Conflict(Text("本年度已归档，设置不能再改", "The plan year is closed; its settings stay"))
    row = connection.execute(
        select(plan_setting.c.type, plan_setting.c.choices).where(
            plan_setting.c.plan_year_id == plan_year_id, plan_setting.c.key == key
        )
    ).one_or_none()
    if row is None:
        raise NotFound(Text(f"本年度没有设置 {key}", f"This plan year has no setting {key}"), setting=key)
    connection.execute(
        update(plan_setting)
        .where(plan_setting.c.plan_year_id == plan_year_id, plan_setting.c.key == key)
        .values(value=check(key, row.type, value, row.choices or ()), changed_at=at, changed_by=by)
    )


def check(key: str, kind: str, value: Any, choices: Sequence[Any]) -> Any:
    """Return `value` as a setting of type `kind` holds it. Raises `Invalid` naming the key and the type."""
    if kind not in TYPES:
        raise Invalid(
            Text(f"设置 {key} 的类型 {kind} 不存在", f"Setting {key} has an unknown type {kind}"), setting=key
        )
    if value is None and kind != "bool":
        return None
    if kind == "int" and isinstance(value, str) and value.strip().lstrip("-").isdigit():
        value = int(value)
    if kind == "bool" and value in ("true", "false"):
        value = value == "true"
    if kind == "choice":
        known = _choices(choices)
        # People write what they read.
        value = next((one for one, words in known.items() if value in (words.zh, words.en)), value)
        choices = tuple(known)
    if kind in ("day",):
        return parse_day(str(value)).isoformat()
    fits = {
        "int": isinstance(value, int) and not isinstance(value, bool),
        "bool": isinstance(value, bool),
        "text": isinstance(value, str | dict),
        "choice": value in choices,
        "days": isinstance(value, list) and all(isinstance(one, int) for one in value),
        "period": isinstance(value, str) and bool(value),
        "json": True,
    }[kind]
    if not fits:
        allowed = f"（可选：{'、'.join(map(str, choices))}）" if choices else ""
        raise Invalid(
            Text(
                f"设置 {key} 的值 {str(value)[:60]} 不合要求{allowed}",
                f"Setting {key} cannot be {str(value)[:60]} (a {kind})",
            ),
            setting=key,
        )
    return value

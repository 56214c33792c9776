"""Sources about the plan year: levels, windows, settings, split of places, work items and scheme tasks."""

from sqlalchemy import select

from service.campaign import bodies, plans, progress, quotas, settings, windows
from service.campaign.options import Option, Row, SourceContext, options, rows
from service.clock import city_day
from service.errors import Text
from service.store.identity import organisation

#: How a value of a type is written, where it has no choices of its own.
_WRITTEN = {
    "bool": "true（是）、false（否）",
    "int": "整数",
    "period": "如 5wd（5 个工作日）、P15D（15 日）、P1M（1 个月）",
    "day": "日期，如 2026-08-10",
}


@options("plan_years")
def plan_years(context: SourceContext, parameter: str | None) -> list[Option]:
    """Plan years, newest first; with a state in the parameter only those."""
    return [
        Option(one.id, Text(f"{one.year} 年度", str(one.year)))
        for one in plans.list_years(context.connection)
        if parameter is None or one.state == parameter
    ]


@options("levels")
def level_options(context: SourceContext, parameter: str | None) -> list[Option]:
    """Levels of the plan year; the parameter limits them to some codes."""
    wanted = (parameter or "").split()
    return [Option(one.code, one.label) for one in _levels(context) if not wanted or one.code in wanted]


@rows("levels")
def level_rows(context: SourceContext, parameter: str | None) -> list[Row]:
    """One row for each level with its number of `places`; with `planned` only those the plan sets a number for."""
    return [
        Row(one.code, one.label, {"places": one.places, "source": one.source.zh})
        for one in _levels(context)
        if parameter != "planned" or one.places is not None
    ]


@options("windows")
def window_options(context: SourceContext, parameter: str | None) -> list[Option]:
    """Windows of the plan year."""
    return [Option(one.name, one.label) for one in _windows(context)]


@rows("windows")
def window_rows(context: SourceContext, parameter: str | None) -> list[Row]:
    """One row for each window with the days it `opens` and `closes` on, and its `source`."""
    return [
        Row(
            one.name,
            one.label,
            {
                "opens": one.window.opens.isoformat(),
                "closes": one.window.last_day.isoformat(),
                "source": one.source.zh,
            },
        )
        for one in _windows(context)
    ]


@rows("settings")
def setting_rows(context: SourceContext, parameter: str | None) -> list[Row]:
    """One row for each setting that one value decides, with its `value` as text, `source` and `help`.

    With `words` those that are words or lists, to be read.
    """
    plan_year_id = _plan_year(context)
    if plan_year_id is None:
        return []
    return [
        Row(
            one.key,
            one.label,
            {
                "value": one.chosen.zh if one.chosen else _in_words(one.value),
                "source": one.source.zh,
                "help": one.help.zh,
                "choices": "、".join(words.zh for words in one.choices.values())
                or _WRITTEN.get(one.type, ""),
            },
        )
        for one in settings.list_settings(context.connection, plan_year_id)
        if (one.type in settings.SINGLE) is (parameter != "words")
    ]


@rows("quota_organisations")
def quota_organisations(context: SourceContext, parameter: str | None) -> list[Row]:
    """One row for each body that takes part in the year, with its places by level code in the newest split.

    Which kinds take part is a setting of the year; county bodies only where their area does.
    """
    if context.plan_year_id is None:
        return []
    kinds = settings.read_value(context.connection, context.plan_year_id, "participating_kinds")
    version = quotas.newest(context.connection, context.plan_year_id)
    places = (
        {one.organisation_id: one.places for one in quotas.shares(context.connection, version.id)}
        if version is not None
        else {}
    )
    codes = [one.code for one in _levels(context)]
    return [
        Row(one.id, one.label, {code: places.get(one.id, {}).get(code, 0) for code in codes})
        for one in bodies.participating(context.connection, kinds, city_day(context.now))
    ]


@rows("quota_shares")
def quota_shares(context: SourceContext, parameter: str | None) -> list[Row]:
    """One row for each organisation of the newest split with its places by level code; `own` only one's own."""
    version = quotas.newest(context.connection, context.plan_year_id) if context.plan_year_id else None
    if version is None:
        return []
    return [
        Row(one.organisation_id, Text(one.name, one.name), dict(one.places))
        for one in quotas.shares(context.connection, version.id)
        if parameter != "own" or one.organisation_id == context.organisation_id
    ]


@options("quota_organisations")
def quota_organisation_options(context: SourceContext, parameter: str | None) -> list[Option]:
    """Organisations of the newest split."""
    return [Option(row.id, row.label) for row in quota_shares(context, None)]


@rows("work_items")
def work_item_rows(context: SourceContext, parameter: str | None) -> list[Row]:
    """One row for each work item that applies to the task's organisation; with `all` every one.

    With `kind:` and a unit kind those that apply to units of that kind.
    """
    if context.plan_year_id is None:
        return []
    kind = context.connection.scalar(
        select(organisation.c.kind).where(organisation.c.id == context.organisation_id)
    )
    unit_kind = parameter.removeprefix("kind:") if parameter and parameter.startswith("kind:") else None
    found = []
    for one in plans.work_items(context.connection, context.plan_year_id):
        if unit_kind is not None:
            applies = not one.kinds or unit_kind in one.kinds
        else:
            applies = parameter == "all" or one.applies_to_organisation(str(kind))
        if applies:
            found.append(
                Row(
                    one.code,
                    Text(f"{one.code} {one.text.zh}", f"{one.code} {one.text.en}"),
                    {"priority": one.priority, "measure": one.measure.zh, "measure_en": one.measure.en},
                )
            )
    return found


@rows("scheme_tasks")
def scheme_rows(context: SourceContext, parameter: str | None) -> list[Row]:
    """One row for each task of the organisation's scheme: its text, figure to reach and newest figure."""
    organisation_id = context.variables.get(parameter) if parameter else context.organisation_id
    if context.plan_year_id is None or organisation_id is None:
        return []
    items = {one.code: one for one in plans.work_items(context.connection, context.plan_year_id)}
    return [
        Row(
            one.work_item,
            Text(
                f"{one.work_item} {items[one.work_item].text.zh}",
                f"{one.work_item} {items[one.work_item].text.en}",
            ),
            {
                "task": one.task,
                "target": one.target,
                "measure": items[one.work_item].measure.zh,
                "due_on": one.due_on.isoformat(),
                "last_figure": one.figure,
            },
        )
        for one in progress.scheme(context.connection, context.plan_year_id, organisation_id)
        if one.work_item in items
    ]


def _plan_year(context: SourceContext) -> str | None:
    """Return the year the form is about; a form that begins a matter is about the year in force."""
    if context.plan_year_id is not None:
        return context.plan_year_id
    now = plans.current(context.connection, context.now)
    return now.id if now is not None else None


def _levels(context: SourceContext) -> list[plans.Level]:
    plan_year_id = _plan_year(context)
    return plans.levels(context.connection, plan_year_id) if plan_year_id is not None else []


def _windows(context: SourceContext) -> list[windows.PlanWindow]:
    plan_year_id = _plan_year(context)
    return windows.list_windows(context.connection, plan_year_id) if plan_year_id is not None else []


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("zh", ""))
    if isinstance(value, list):
        return "、".join(str(one) for one in value)
    return settings.shown(value)

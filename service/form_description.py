"""Tells programs what a form asks: fields and lists of rows with types, rights, limits and options."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from service.engine.fields import FieldType
from service.errors import Text
from service.forms import (
    Field,
    Form,
    OptionSources,
    Row,
    RowList,
    access_to,
    cell_prefill,
    evaluate,
    hidden_keys,
    placed,
    scope,
)

#: What may be done with a field; only a column of a list is described that may not even be read.
Access: TypeAlias = Literal["write", "read", "hidden"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One value on offer."""

    value: str
    label: Text


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """One value a program may send: `type` is the form's field type, `access` write or read.

    `hidden` fields do not apply to the data filled in so far; other data may show them. Sizes are in bytes.
    """

    key: str
    type: FieldType
    label: Text
    access: Access
    hidden: bool
    required: bool
    many: bool
    subtype: Literal["date", "datetime", "time"] | None
    minimum: float | None
    maximum: float | None
    decimals: int | None
    min_length: int | None
    max_length: int | None
    pattern: str | None
    options: list[Choice] | None
    accept: list[str] | None
    max_size: int | None
    max_files: int | None


@dataclass(frozen=True, slots=True)
class Limits:
    """Least and greatest value of a number in one row, where the row sets them."""

    minimum: float | None
    maximum: float | None


@dataclass(frozen=True, slots=True)
class RowDescription:
    """A row that has to be sent back by its id (`row`), with what it starts from and its own limits by field."""

    row: str
    label: Text
    data: Mapping[str, Any]
    limits: Mapping[str, Limits]


@dataclass(frozen=True, slots=True)
class ListDescription:
    """A list of rows; with `rows`, exactly those rows, otherwise `min_rows` to `max_rows` of one's own."""

    key: str
    label: Text
    access: Access
    hidden: bool
    fields: list[FieldDescription]
    rows: list[RowDescription] | None
    min_rows: int
    max_rows: int


@dataclass(frozen=True, slots=True)
class FormDescription:
    """A form as a program fills it in."""

    id: str
    title: Text
    fields: list[FieldDescription]
    lists: list[ListDescription]


def describe(
    form: Form, access: Mapping[str, str], sources: OptionSources, data: Mapping[str, Any]
) -> FormDescription:
    """Return what `form` asks of who has the rights `access`, given the `data` it starts from."""
    values = scope(form, data)
    hidden = hidden_keys(form, values)
    fields: list[FieldDescription] = []
    lists: list[ListDescription] = []
    for key, groups in placed(form.items):
        right = access_to(access, key, *(one.key for one in groups))
        if right == "hidden":
            continue
        item = form.entries[key]
        if isinstance(item, Field):
            fields.append(_field(item, "read" if item.readonly else right, key in hidden, sources))
        else:
            lists.append(_list(item, right, key in hidden, access, sources))
    return FormDescription(form.id, form.title, fields, lists)


def _field(item: Field, access: Access, hidden: bool, sources: OptionSources) -> FieldDescription:
    choice = item.type in ("select", "radio", "checklist", "taglist")
    offered = list(item.values)
    if choice and item.options is not None:
        offered = sources.options(item.options.name, item.options.parameter)
    picker = item.type == "filepicker"
    # A bound that depends on other fields is told as it stands for an empty form.
    least, most = evaluate(item.min_from, {}), evaluate(item.max_from, {})
    minimum = item.minimum if item.minimum is not None else least
    maximum = item.maximum if item.maximum is not None else most
    return FieldDescription(
        key=item.key,
        type=item.type,
        label=item.label,
        access=access,
        hidden=hidden,
        required=item.required,
        many=item.many,
        subtype=item.subtype if item.type == "datetime" else None,
        minimum=_number(minimum),
        maximum=_number(maximum),
        decimals=item.decimals,
        min_length=item.min_length,
        max_length=item.max_length,
        pattern=item.pattern,
        options=[Choice(one.value, one.label) for one in offered] if choice else None,
        accept=list(item.accept) if picker else None,
        max_size=item.max_size if picker else None,
        max_files=item.max_files if picker else None,
    )


def _list(
    item: RowList, access: Access, hidden: bool, rights: Mapping[str, str], sources: OptionSources
) -> ListDescription:
    rows = None
    if item.source is not None:
        rows = [_row(item, one) for one in sources.rows(item.source.name, item.source.parameter)]
    return ListDescription(
        key=item.key,
        label=item.label,
        access="read" if item.readonly and item.source is None else access,
        hidden=hidden,
        fields=[
            _field(
                one,
                "read" if one.readonly or item.readonly else access_to(rights, f"{item.key}.{one.key}"),
                False,
                sources,
            )
            for one in item.fields
        ],
        rows=rows,
        min_rows=item.min_rows,
        max_rows=item.max_rows,
    )


def _row(item: RowList, row: Row) -> RowDescription:
    started = {one.key: cell_prefill(one, row.attributes) for one in item.fields}
    limits = {
        one.key: Limits(
            _number(evaluate(one.min_from, row.attributes)), _number(evaluate(one.max_from, row.attributes))
        )
        for one in item.fields
        if one.min_from is not None or one.max_from is not None
    }
    data = {one.key: started[one.key] for one in item.fields if started[one.key] != one.empty}
    return RowDescription(row.id, row.label, data, limits)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return None
    return float(value)

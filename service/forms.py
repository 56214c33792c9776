"""Checks what people submit with a form, whatever page or program it came from."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Protocol

from service.engine.fields import (
    Column,
    Field,
    Form,
    Group,
    Item,
    Note,
    Option,
    RowList,
    Separator,
    Source,
    Table,
    opened,
)
from service.errors import AppError, Invalid, Text
from service.form_values import (
    FileLookup,
    FileRef,
    Wrong,
    as_decimal,
    check_value,
    is_blank,
    number_text,
    read_value,
    size_text,
)

if TYPE_CHECKING:
    from service.engine.expressions import Expression

__all__ = [
    "ROW",
    "ROW_LABEL",
    "Column",
    "Field",
    "FileLookup",
    "FileRef",
    "Form",
    "Group",
    "Item",
    "Note",
    "Option",
    "OptionSources",
    "Row",
    "RowList",
    "Separator",
    "Source",
    "Table",
    "access_to",
    "cell_prefill",
    "evaluate",
    "file_ids",
    "hidden_keys",
    "is_blank",
    "number_text",
    "opened",
    "placed",
    "prefill",
    "row_scope",
    "scope",
    "size_text",
    "validate",
    "without",
]

#: A row of a source: its id and what people read for it, kept beside the row's fields.
ROW, ROW_LABEL = "row", "row_label"
_PASSES = 8


@dataclass(frozen=True, slots=True)
class Row:
    """A row a source gives: what it is about, and attributes that expressions of the row may read."""

    id: str
    label: Text
    attributes: Mapping[str, Any] = field(default_factory=dict)


class OptionSources(Protocol):
    """Gives the options of a choice and the rows of a list by source name and parameter."""

    def options(self, name: str, parameter: str | None) -> list[Option]:
        """Return the options on offer now. Raises `NotFound` for a name nobody registered."""
        ...

    def rows(self, name: str, parameter: str | None) -> list[Row]:
        """Return the rows in order. Raises `NotFound` for a name nobody registered."""
        ...


def validate(
    form: Form,
    data: Mapping[str, Any],
    *,
    access: Mapping[str, str],
    partial: bool,
    sources: OptionSources,
    previous: Mapping[str, Any],
    files: FileLookup | None = None,
) -> dict[str, Any]:
    """Return the typed data of a submission: every key of the form, empty values included.

    `access` gives rights by key (`write` where nothing is said): fields one may not write keep their value
    of `previous`. `partial` lets required fields be empty. `files` finds uploaded files by id; without it only
    the shape of a reference is checked. Raises `Invalid` with `facts["fields"]`: path (`key` or `list.2.key`,
    rows counted from 0) to `Text`.
    """
    return _Submission(form, access, partial, sources, previous, files).check(data)


def prefill(
    form: Form, variables: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]
) -> dict[str, Any]:
    """Return what the form starts from: defaults and prefills; one that fails gives nothing."""
    found: dict[str, Any] = {}
    for key, item in form.entries.items():
        value = item.default if isinstance(item, Field) else None
        if item.prefill is not None:
            value = evaluate(item.prefill, variables, functions)
        if is_blank(value):
            continue
        if isinstance(item, Field):
            try:
                value = read_value(item, value, None, None)
            except Wrong:
                continue
        elif not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            continue
        found[key] = value
    return found


def scope(form: Form, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names an expression of the form may read: every key with its typed value."""
    names: dict[str, Any] = {}
    for key, item in form.entries.items():
        raw = data.get(key)
        if isinstance(item, RowList):
            rows = raw if isinstance(raw, list) else []
            names[key] = [_typed_row(item, row) for row in rows if isinstance(row, Mapping)]
        else:
            names[key] = _typed(item, raw)
    return names


def row_scope(
    names: Mapping[str, Any], rows: RowList, attributes: Mapping[str, Any], row: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the names an expression inside a row may read: the form's, the row's attributes, the row's fields."""
    typed = {one.key: _typed(one, row.get(one.key)) for one in rows.fields}
    # A field shown from an attribute of the same name reads the attribute.
    known = {key: value for key, value in typed.items() if not (key in attributes and is_blank(value))}
    blank = {key: value for key, value in typed.items() if key not in attributes}
    return {**names, **blank, **attributes, **known}


def evaluate(
    expression: "Expression | None",
    names: Mapping[str, Any],
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> Any:
    """Return an expression's value; None where the data filled in so far does not give one."""
    if expression is None:
        return None
    try:
        return expression.evaluate({**dict.fromkeys(expression.names), **names}, functions or {})
    except AppError:
        return None


def hidden_keys(form: Form, values: Mapping[str, Any]) -> frozenset[str]:
    """Return the keys of fields and lists that the conditions of the form hide, given typed `values`."""
    around = dict(placed(form.items))
    hidden: frozenset[str] = frozenset()
    for _ in range(_PASSES):
        # What is hidden counts as empty and may hide or show more.
        names = without(form, values, hidden)
        now = frozenset(
            key
            for key, item in form.entries.items()
            if any(evaluate(hide, names) for hide in (item.hide, *(one.hide for one in around[key])))
        )
        if now == hidden:
            break
        hidden = now
    return hidden


def without(form: Form, values: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    """Return `values` of the form with the fields and lists of `keys` emptied."""
    return {
        key: (item.empty if isinstance(item, Field) else []) if key in keys else values[key]
        for key, item in form.entries.items()
    }


def access_to(access: Mapping[str, str], *keys: str | None) -> Literal["write", "read", "hidden"]:
    """Return the strictest right given to any of `keys`: a field's path, the groups and list around it."""
    rights = {access.get(key, "write") for key in keys if key}
    return "hidden" if "hidden" in rights else "read" if "read" in rights else "write"


def file_ids(form: Form, data: Mapping[str, Any]) -> list[str]:
    """Return the ids of all uploaded files checked data refers to."""
    found: list[str] = []
    for key, item in form.entries.items():
        rows = data.get(key) or [] if isinstance(item, RowList) else [data]
        for one in item.fields if isinstance(item, RowList) else (item,):
            if one.type == "filepicker":
                found += [file["id"] for row in rows for file in row.get(one.key) or []]
    return list(dict.fromkeys(found))


@dataclass(slots=True)
class _Submission:
    """One submission being checked; errors are collected by path."""

    form: Form
    access: Mapping[str, str]
    partial: bool
    sources: OptionSources
    previous: Mapping[str, Any]
    files: FileLookup | None
    errors: dict[str, Text] = field(default_factory=dict)
    offered: dict[Source, frozenset[str]] = field(default_factory=dict)
    listed: dict[Source, list[Row]] = field(default_factory=dict)

    def check(self, data: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        around = {key: groups for key, groups in placed(self.form.items)}
        rights = {
            key: access_to(self.access, key, *(group.key for group in groups))
            for key, groups in around.items()
        }
        for name in data:
            if name not in around:
                self.errors[name] = Text(f"表单没有字段 {name}", f"The form has no field {name}")
        for key, item in self.form.entries.items():
            raw = data.get(key)
            if rights[key] == "hidden" and key in data and raw != self.previous.get(key):
                self.errors[key] = Text(f"本步骤不能填写 {key}", f"{key} cannot be filled in at this step")
            if rights[key] != "write" or (item.readonly and not (isinstance(item, RowList) and item.source)):
                blank = item.empty if isinstance(item, Field) else []
                kept = self.previous.get(key)
                values[key] = blank if kept is None else kept
            elif isinstance(item, RowList):
                values[key] = self._rows(item, raw)
            else:
                values[key] = self._read(item, raw, key)
        hidden = hidden_keys(self.form, values)
        for key in hidden:
            item = self.form.entries[key]
            values[key] = item.empty if isinstance(item, Field) else []
            for path in [path for path in self.errors if path == key or path.startswith(f"{key}.")]:
                del self.errors[path]
        names = dict(values)
        for key, item in self.form.entries.items():
            if key in hidden or rights[key] != "write":
                continue
            if isinstance(item, RowList):
                values[key] = self._check_rows(item, values[key], names)
            elif not item.readonly:
                self._check(item, values[key], key, names)
        if not self.partial and not self.errors:
            self._check_sums(self.form.items, names)
        if self.errors:
            count = len(self.errors)
            raise Invalid(
                Text(f"有 {count} 处需要改正：{self._told('zh')}", f"{count} to correct: {self._told('en')}"),
                fields=dict(self.errors),
            )
        return values

    def _told(self, language: str) -> str:
        fields, rows = self.form.fields, self.form.rows
        told: list[str] = []
        for path, text in list(self.errors.items())[:3]:
            first, _, rest = path.partition(".")
            index, _, last = rest.partition(".")
            if first in rows and last:
                one = fields.get(f"{first}.{last}")
                label = f"{int(index) + 1} {one.label.in_language(language) if one else last}"
            else:
                holder = fields.get(first) or rows.get(first)
                label = holder.label.in_language(language) if holder else first
            told.append(f"{label}：{text.zh}" if language == "zh" else f"{label}: {text.en}")
        return ("；" if language == "zh" else "; ").join(told)

    def _read(self, item: Field, raw: Any, path: str) -> Any:
        try:
            return read_value(item, raw, self._offered(item), self.files)
        except Wrong as wrong:
            self.errors[path] = wrong.text
            return item.empty

    def _offered(self, item: Field) -> frozenset[str] | None:
        if item.type not in ("select", "radio", "checklist", "taglist"):
            return None
        if item.options is None:
            return frozenset(one.value for one in item.values)
        if item.options not in self.offered:
            found = self.sources.options(item.options.name, item.options.parameter)
            self.offered[item.options] = frozenset(one.value for one in found)
        return self.offered[item.options]

    def _source_rows(self, item: RowList) -> list[Row]:
        if item.source is None:
            return []
        if item.source not in self.listed:
            self.listed[item.source] = self.sources.rows(item.source.name, item.source.parameter)
        return self.listed[item.source]

    def _rows(self, item: RowList, raw: Any) -> list[dict[str, Any]]:
        given = [] if raw is None else raw
        if not isinstance(given, list | tuple) or not all(isinstance(row, Mapping) for row in given):
            self.errors[item.key] = Text("应为若干行", "Must be a list of rows")
            return []
        if len(given) > 5000:
            self.errors[item.key] = Text("行数过多", "Too many rows")
            return []
        columns = {one.key: one for one in item.fields}
        known = {*columns, ROW, ROW_LABEL}
        for index, row in enumerate(given):
            for name in row:
                if name not in known:
                    path = f"{item.key}.{index}.{name}"
                    self.errors[path] = Text(f"没有字段 {name}", f"There is no field {name}")
        if item.source is not None:
            return self._sourced(item, list(given))
        before = self.previous.get(item.key) or []
        found: list[dict[str, Any]] = []
        for index, row in enumerate(given):
            if all(is_blank(row.get(key)) for key in columns):
                # Blank rows are kept until all paths have been given, then dropped.
                found.append({})
                continue
            old = before[index] if index < len(before) and isinstance(before[index], Mapping) else {}
            found.append({key: self._cell(item, one, row, old, index, {}) for key, one in columns.items()})
        return found

    def _sourced(self, item: RowList, given: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        rows = self._source_rows(item)
        by_id = {str(row.get(ROW)): row for row in given}
        wanted = {row.id for row in rows}
        extra = sorted(set(by_id) - wanted)
        missing = [row for row in rows if row.id not in by_id]
        if extra or len(by_id) < len(given):
            self.errors[item.key] = Text(
                "提交的行与名单不一致，请刷新页面后重试",
                "The rows are not those listed; reload the page and try again",
            )
        elif missing and not self.partial:
            names = (
                "、".join(row.label.zh for row in missing[:3]),
                ", ".join(row.label.en for row in missing[:3]),
            )
            self.errors[item.key] = Text(f"缺少以下行：{names[0]}", f"Rows are missing: {names[1]}")
        before = {
            str(row.get(ROW)): row for row in self.previous.get(item.key) or [] if isinstance(row, Mapping)
        }
        return [
            {
                ROW: row.id,
                ROW_LABEL: row.label.zh,
                **{
                    one.key: self._cell(
                        item, one, by_id.get(row.id, {}), before.get(row.id, {}), index, row.attributes
                    )
                    for one in item.fields
                },
            }
            for index, row in enumerate(rows)
        ]

    def _cell(
        self,
        item: RowList,
        one: Field,
        row: Mapping[str, Any],
        old: Mapping[str, Any],
        index: int,
        attributes: Mapping[str, Any],
    ) -> Any:
        if one.readonly and one.prefill is not None:
            return cell_prefill(one, attributes)
        if one.readonly or item.readonly or access_to(self.access, f"{item.key}.{one.key}") != "write":
            kept = old.get(one.key)
            return one.empty if kept is None else kept
        return self._read(one, row.get(one.key), f"{item.key}.{index}.{one.key}")

    def _check(self, item: Field, value: Any, path: str, names: Mapping[str, Any]) -> None:
        if path in self.errors:
            return
        try:
            check_value(
                item,
                value,
                partial=self.partial,
                least=evaluate(item.min_from, names),
                most=evaluate(item.max_from, names),
            )
        except Wrong as wrong:
            self.errors[path] = wrong.text

    def _check_rows(
        self, item: RowList, rows: list[dict[str, Any]], names: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        attributes = [row.attributes for row in self._source_rows(item)]
        around = dict(placed(item.items))
        kept = []
        for index, row in enumerate(rows):
            if not row:
                continue
            kept.append(row)
            inner = row_scope(names, item, attributes[index] if index < len(attributes) else {}, row)
            for one in item.fields:
                path = f"{item.key}.{index}.{one.key}"
                if any(
                    evaluate(hide, inner) for hide in (one.hide, *(each.hide for each in around[one.key]))
                ):
                    row[one.key] = one.empty
                    self.errors.pop(path, None)
                elif not one.readonly and access_to(self.access, f"{item.key}.{one.key}") == "write":
                    self._check(one, row[one.key], path, inner)
        if item.source is None and not self.partial and len(kept) < item.min_rows:
            self.errors.setdefault(
                item.key, Text(f"至少填写 {item.min_rows} 行", f"At least {item.min_rows} rows are needed")
            )
        if item.source is None and len(kept) > item.max_rows:
            self.errors.setdefault(
                item.key, Text(f"最多 {item.max_rows} 行", f"At most {item.max_rows} rows")
            )
        return kept

    def _check_sums(self, items: tuple[Item, ...], names: Mapping[str, Any]) -> None:
        for item in items:
            if isinstance(item, Group):
                if evaluate(item.hide, names):
                    continue
                numbers = [
                    one for one in opened(item.items) if isinstance(one, Field) and one.type == "number"
                ]
                if item.sum is not None and numbers:
                    total = sum((as_decimal(names.get(one.key)) or Decimal(0) for one in numbers), Decimal(0))
                    self._compare(total, evaluate(item.sum, names), numbers[-1].key)
                self._check_sums(item.items, names)
            elif isinstance(item, RowList) and names.get(item.key):
                for one in item.fields:
                    if one.sum is not None and not evaluate(item.hide, names):
                        rows = names[item.key]
                        total = sum((as_decimal(row.get(one.key)) or Decimal(0) for row in rows), Decimal(0))
                        self._compare(
                            total, evaluate(one.sum, names), f"{item.key}.{len(rows) - 1}.{one.key}"
                        )

    def _compare(self, total: Decimal, wanted: Any, path: str) -> None:
        expected = as_decimal(wanted)
        if expected is not None and total != expected:
            told = number_text(total), number_text(expected)
            self.errors[path] = Text(
                f"合计应为 {told[1]}，现为 {told[0]}", f"The total must be {told[1]}; it is {told[0]}"
            )


def cell_prefill(one: Field, attributes: Mapping[str, Any]) -> Any:
    """Return what a field of a source's row starts from: its prefill over the row's attributes."""
    value = evaluate(one.prefill, attributes) if one.prefill is not None else one.default
    try:
        return read_value(one, value, None, None)
    except Wrong:
        return one.empty


def placed(
    items: tuple[Item, ...], groups: tuple[Group, ...] = ()
) -> Iterator[tuple[str, tuple[Group, ...]]]:
    """Yield the key of each field and list of rows, with the groups around it."""
    for item in items:
        if isinstance(item, Group):
            yield from placed(item.items, (*groups, item))
        elif isinstance(item, Field | RowList):
            yield item.key, groups


def _typed(item: Field, raw: Any) -> Any:
    try:
        return read_value(item, raw, None, None)
    except Wrong:
        return item.empty


def _typed_row(rows: RowList, row: Mapping[str, Any]) -> dict[str, Any]:
    typed = {one.key: _typed(one, row.get(one.key)) for one in rows.fields}
    return {ROW: row.get(ROW), ROW_LABEL: row.get(ROW_LABEL), **typed} if rows.source else typed

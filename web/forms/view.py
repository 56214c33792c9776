"""What a page shows of a form: its items with values, options, errors, and which of them are hidden just now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from service import forms
from service.errors import Text
from service.form_values import as_decimal
from service.forms import ROW, Field, Form, Group, Item, Note, Option, OptionSources, Row, RowList, Table
from web.forms.markdown import to_html
from web.language import say

#: A list with at most this many short fields is shown as a table, any other as one block a row.
MOST_COLUMNS = 7
#: What names a row in the summary of errors is cut here; the link leads to the row itself.
MOST_OF_A_NAME = 16
#: What stands for a folded form: this many of its short answers, each no longer than this.
FACTS, MOST_OF_A_FACT = 2, 40
_SHORT = frozenset({"textfield", "number", "select", "datetime", "checkbox"})
_WIDE = frozenset({"textarea", "filepicker", "checklist", "taglist", "checkbox"})


@dataclass(frozen=True, slots=True)
class FieldView:
    """One field: `path` is its name in the browser; `value` is what was typed or stored."""

    path: str
    field: Field
    value: Any
    options: Sequence[Option]
    writable: bool
    hidden: bool
    error: Text | None
    help: tuple[str, ...]
    kind: str = "field"

    @property
    def id(self) -> str:
        """The field's id in the page."""
        return f"f-{self.path.replace('.', '-')}"

    @property
    def columns(self) -> int:
        """How many of sixteen columns it takes."""
        wide = self.field.type in _WIDE and (self.writable or self.field.type != "checkbox")
        return self.field.columns or (16 if wide else 8)

    @property
    def text(self) -> str:
        """The value as a reader sees it; files and nothing give an empty text."""
        return value_text(self.field, self.value, self.options)

    @property
    def chosen(self) -> frozenset[str]:
        """The chosen options of a field with options."""
        values = self.value if isinstance(self.value, list) else [self.value]
        return frozenset(str(one) for one in values if one is not None)

    @property
    def files(self) -> list[Mapping[str, Any]]:
        """The uploaded files of a file field; what is no file of this person's is not shown."""
        if self.field.type != "filepicker":
            return []
        return [one for one in self.value or [] if isinstance(one, dict) and one.get("name")]

    @property
    def input_value(self) -> str:
        """The value as an input element takes it."""
        if self.value is None or self.value == "":
            return ""
        if self.field.type == "number" and not isinstance(self.value, str):
            return forms.number_text(self.value)
        if self.field.type == "datetime" and self.field.subtype == "datetime":
            return str(self.value)[:16]
        return str(self.value)


@dataclass(frozen=True, slots=True)
class RowView:
    """One row of a list: its number, the source's name for it, and its items."""

    index: int
    row_id: str | None
    label: Text | None
    items: list[Any]


@dataclass(frozen=True, slots=True)
class RowsView:
    """A list of rows; `totals` are the totals of its number columns by field key: now, and what it must be."""

    path: str
    item: RowList
    rows: list[RowView]
    writable: bool
    hidden: bool
    error: Text | None
    as_table: bool
    totals: Mapping[str, tuple[str, str | None]]
    kind: str = "rows"

    @property
    def id(self) -> str:
        """The list's id in the page."""
        return f"f-{self.path}"

    @property
    def may_change(self) -> bool:
        """Whether rows may be added and removed."""
        return self.writable and self.item.source is None


@dataclass(frozen=True, slots=True)
class GroupView:
    """Items under one heading; `total` is shown where the group's numbers must add up."""

    path: str
    label: Text
    description: Text | None
    items: list[Any]
    hidden: bool
    total: tuple[str, str | None] | None
    kind: str = "group"


@dataclass(frozen=True, slots=True)
class NoteView:
    """A text for the reader."""

    path: str
    html: Markup
    hidden: bool
    kind: str = "note"


@dataclass(frozen=True, slots=True)
class TableView:
    """A table to read."""

    path: str
    label: Text
    columns: Sequence[forms.Column]
    rows: list[list[str]]
    empty: Text | None
    hidden: bool
    kind: str = "table"


@dataclass(frozen=True, slots=True)
class FormView:
    """A form as a page shows it."""

    title: Text
    items: list[Any]
    has_conditions: bool
    has_files: bool

    def walk(self) -> Iterator[Any]:
        """Yield everything in it, also inside groups and rows."""
        yield from _walk(self.items)

    @property
    def facts(self) -> list[str]:
        """What stands for a filled-in form while it is folded: its first short answers."""
        found = []
        for one in self.walk():
            if one.kind == "field" and one.field.type in _SHORT - {"checkbox"} and not one.hidden:
                text = one.text
                if 0 < len(text) <= MOST_OF_A_FACT:
                    found.append(f"{say(one.field.label)}{say(Text('：', ': '))}{text}")
        return found[:FACTS]

    @property
    def labels(self) -> dict[str, tuple[str, str]]:
        """For the summary of errors: path → (where it is in the page, what it is called; in a list, with its row)."""
        found = {}
        for one in self.walk():
            if one.kind == "field" and one.path not in found:
                found[one.path] = (one.id, say(one.field.label))
            elif one.kind == "rows":
                found[one.path] = (one.id, say(one.item.label))
                for row in one.rows:
                    name = say(row.label) if row.label is not None else str(row.index + 1)
                    for cell in _walk(row.items):
                        if cell.kind == "field":
                            found[cell.path] = (cell.id, f"{_short(name)} · {say(cell.field.label)}")
        return found

    @property
    def state(self) -> dict[str, Any]:
        """What may change while somebody types: what is hidden, and totals, by path."""
        hidden = {one.path: one.hidden for one in self.walk() if one.kind != "separator"}
        totals: dict[str, str] = {}
        for one in self.walk():
            if one.kind == "rows":
                totals |= {f"{one.path}.{key}": total_text(total) for key, total in one.totals.items()}
            elif one.kind == "group" and one.total is not None:
                totals[one.path] = total_text(one.total)
        return {"hidden": hidden, "totals": totals}


def build(
    form: Form,
    data: Mapping[str, Any],
    *,
    sources: OptionSources,
    access: Mapping[str, str] | None = None,
    names: Mapping[str, Any] | None = None,
    functions: Mapping[str, Any] | None = None,
    errors: Mapping[str, Text] | None = None,
    writable: bool = True,
) -> FormView:
    """Return the form with `data` in it; `writable=False` shows it to be read only."""
    builder = _Builder(
        form, data, sources, access or {}, names or {}, functions or {}, errors or {}, writable
    )
    items = builder.items(form.items, (), "")
    every = list(_walk(items))
    return FormView(
        title=form.title,
        items=items,
        has_conditions=any(_conditional(one) for one in _all_items(form.items)),
        has_files=any(one.kind == "field" and one.field.type == "filepicker" for one in every),
    )


def _short(name: str) -> str:
    return name if len(name) <= MOST_OF_A_NAME else f"{name[:MOST_OF_A_NAME]}…"


def value_text(item: Field, value: Any, options: Sequence[Option] = ()) -> str:
    """Return a stored value as people read it."""
    if item.type == "checkbox":
        return say(Text("是", "yes") if value in (True, "on", "true") else Text("否", "no"))
    if value is None or value == "" or value == []:
        return ""
    labels = {one.value: say(one.label) for one in (*options, *item.values)}
    match item.type:
        case "number":
            text = forms.number_text(value) if as_decimal(value) is not None else str(value)
            return f"{text} {say(item.unit)}" if item.unit else text
        case "select" | "radio":
            return labels.get(str(value), str(value))
        case "checklist" | "taglist":
            return say(Text("、", ", ")).join(labels.get(str(one), str(one)) for one in value)
        case "datetime" if item.subtype == "datetime":
            return str(value)[:16].replace("T", " ")
        case "filepicker":
            return say(Text("、", ", ")).join(
                str(one.get("name", "")) for one in value if isinstance(one, dict)
            )
        case _:
            return str(value)


def total_text(total: tuple[str, str | None]) -> str:
    """Return a total beside what it must be."""
    now, wanted = total
    if wanted is None:
        return now
    sign = "✓" if now == wanted else "≠"
    return say(Text(f"{now}（应为 {wanted} {sign}）", f"{now} (must be {wanted} {sign})"))


@dataclass(slots=True)
class _Builder:
    form: Form
    data: Mapping[str, Any]
    sources: OptionSources
    access: Mapping[str, str]
    variables: Mapping[str, Any]
    functions: Mapping[str, Any]
    errors: Mapping[str, Text]
    writable: bool
    names: Mapping[str, Any] = field(init=False)
    hidden: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        typed = forms.scope(self.form, self.data)
        self.hidden = forms.hidden_keys(self.form, typed)
        self.names = forms.without(self.form, typed, self.hidden)

    def items(self, items: tuple[Item, ...], groups: tuple[Group, ...], place: str) -> list[Any]:
        found: list[Any] = []
        for number, item in enumerate(items):
            here = f"{place}_{number}"
            match item:
                case Group():
                    if self._right(item.key) != "hidden":
                        found.append(self._group(item, groups, here))
                case Field():
                    if self._right(item.key, *(one.key for one in groups)) != "hidden":
                        found.append(self._field(item, groups))
                case RowList():
                    if self._right(item.key, *(one.key for one in groups)) != "hidden":
                        found.append(self._rows(item, groups))
                case _:
                    found += self._plain(item, here)
        return found

    def _right(self, *keys: str | None) -> str:
        return forms.access_to(self.access, *keys)

    def _group(self, item: Group, groups: tuple[Group, ...], here: str) -> GroupView:
        inner = self.items(item.items, (*groups, item), here)
        total = None
        if item.sum is not None:
            numbers = [
                one for one in forms.opened(item.items) if isinstance(one, Field) and one.type == "number"
            ]
            total = _total([self.names.get(one.key) for one in numbers], forms.evaluate(item.sum, self.names))
        hidden = bool(forms.evaluate(item.hide, self.names))
        return GroupView(item.key or here, item.label, item.description, inner, hidden, total)

    def _field(self, item: Field, groups: tuple[Group, ...]) -> FieldView:
        right = self._right(item.key, *(one.key for one in groups))
        writable = self.writable and right == "write" and not item.readonly
        offered = self._options(item)
        value = self.data.get(item.key)
        # Where there is but one answer, nobody has to look for it.
        if (
            writable
            and item.required
            and item.type == "select"
            and len(offered) == 1
            and forms.is_blank(value)
        ):
            value = offered[0].value
        return FieldView(
            path=item.key,
            field=item,
            value=value,
            options=offered,
            writable=writable,
            hidden=item.key in self.hidden,
            error=self.errors.get(item.key),
            help=field_help(item, self.names),
        )

    def _options(self, item: Field) -> Sequence[Option]:
        if item.options is None:
            return item.values
        return self.sources.options(item.options.name, item.options.parameter)

    def _rows(self, item: RowList, groups: tuple[Group, ...]) -> RowsView:
        right = self._right(item.key, *(one.key for one in groups))
        writable = self.writable and right == "write"
        stored = [row for row in self.data.get(item.key) or [] if isinstance(row, Mapping)]
        rows: list[RowView] = []
        if item.source is not None:
            known = {str(row.get(ROW)): row for row in stored}
            for index, source in enumerate(self.sources.rows(item.source.name, item.source.parameter)):
                rows.append(self._row(item, index, known.get(source.id), source, writable))
        else:
            least = max(item.min_rows, 1) if writable and not item.readonly else 0
            given: list[Mapping[str, Any] | None] = [*stored, *[None] * (least - len(stored))]
            rows = [self._row(item, index, row, None, writable) for index, row in enumerate(given)]
        plain = all(isinstance(one, Field) for one in item.items)
        return RowsView(
            path=item.key,
            item=item,
            rows=rows,
            writable=writable and (not item.readonly or item.source is not None),
            hidden=item.key in self.hidden,
            error=self.errors.get(item.key),
            as_table=plain
            and len(item.fields) <= MOST_COLUMNS
            and all(one.type in _SHORT for one in item.fields),
            totals=self._totals(item, rows),
        )

    def _row(
        self, item: RowList, index: int, stored: Mapping[str, Any] | None, source: Row | None, writable: bool
    ) -> RowView:
        attributes = source.attributes if source is not None else {}
        values = dict(stored or {})
        for one in item.fields:
            fixed = one.readonly and one.prefill is not None
            if source is not None and (fixed or one.key not in values):
                values[one.key] = forms.cell_prefill(one, attributes)
            elif source is None and stored is None:
                values[one.key] = one.default
        names = forms.row_scope(self.names, item, attributes, values)

        def build_items(items: tuple[Item, ...], hidden_around: bool, place: str) -> list[Any]:
            found: list[Any] = []
            for number, one in enumerate(items):
                here = f"{place}_{number}"
                if isinstance(one, Group):
                    hide = hidden_around or bool(forms.evaluate(one.hide, names))
                    inner = build_items(one.items, hide, here)
                    found.append(GroupView(here, one.label, one.description, inner, hide, None))
                elif isinstance(one, Field):
                    path = f"{item.key}.{index}.{one.key}"
                    right = self._right(f"{item.key}.{one.key}")
                    if right == "hidden":
                        continue
                    found.append(
                        FieldView(
                            path=path,
                            field=one,
                            value=values.get(one.key),
                            options=self._options(one),
                            writable=writable and right == "write" and not one.readonly and not item.readonly,
                            hidden=hidden_around or bool(forms.evaluate(one.hide, names)),
                            error=self.errors.get(path),
                            help=field_help(one, names),
                        )
                    )
                else:
                    found += self._plain(one, here)
            return found

        items = build_items(item.items, False, f"{item.key}.{index}")
        label = source.label if source is not None else None
        if source is None and stored is not None and stored.get(forms.ROW_LABEL):
            label = Text(str(stored[forms.ROW_LABEL]), str(stored[forms.ROW_LABEL]))
        return RowView(index, source.id if source is not None else None, label, items)

    def _totals(self, item: RowList, rows: list[RowView]) -> dict[str, tuple[str, str | None]]:
        found = {}
        for one in item.fields:
            if not one.total and one.sum is None:
                continue
            cells = [
                each
                for row in rows
                for each in _walk(row.items)
                if each.kind == "field" and each.field is one
            ]
            typed = [forms.scope(_single(one), {one.key: cell.value})[one.key] for cell in cells]
            found[one.key] = _total(typed, forms.evaluate(one.sum, self.names))
        return found

    def _plain(self, item: Item, here: str) -> list[Any]:
        match item:
            case Note():
                return [NoteView(here, to_html(say(item.text)), bool(forms.evaluate(item.hide, self.names)))]
            case Table():
                return [self._table(item, here)]
            case _:
                return []

    def _table(self, item: Table, here: str) -> TableView:
        if item.source is not None:
            given = self.sources.rows(item.source.name, item.source.parameter)
            content = [{"label": say(row.label), **row.attributes} for row in given]
        else:
            value = forms.evaluate(item.rows, {**self.variables, **self.names}, self.functions)
            content = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
        rows = [[_cell(row.get(column.key)) for column in item.columns] for row in content]
        hidden = bool(forms.evaluate(item.hide, self.names))
        return TableView(here, item.label, item.columns, rows, item.empty, hidden)


def field_help(item: Field, names: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is said under a field: its description and its limits in words; `names` give moving limits."""
    found = [say(item.description)] if item.description else []
    low = _bound(item, item.minimum, forms.evaluate(item.min_from, names), highest=True)
    high = _bound(item, item.maximum, forms.evaluate(item.max_from, names), highest=False)
    if low is not None and high is not None:
        found.append(say(Text(f"{low} 至 {high}", f"{low} to {high}")))
    elif low is not None and item.type == "datetime":
        found.append(say(Text(f"不早于 {low}", f"not before {low}")))
    elif high is not None and item.type == "datetime":
        found.append(say(Text(f"不晚于 {high}", f"not after {high}")))
    elif low is not None and low != "0":  # nobody has to be told that an area is not negative
        found.append(say(Text(f"不小于 {low}", f"at least {low}")))
    elif high is not None:
        found.append(say(Text(f"不大于 {high}", f"at most {high}")))
    if item.type == "textarea" and item.max_length is not None:
        found.append(say(Text(f"最多 {item.max_length} 字", f"at most {item.max_length} characters")))
    if item.type == "filepicker":
        size = forms.size_text(item.max_size)
        kinds_zh, kinds_en = "、".join(item.accept), ", ".join(item.accept)
        found.append(
            say(
                Text(
                    f"{f'可上传 {kinds_zh}，' if item.accept else ''}每个不超过 {size}，最多 {item.max_files} 个",
                    f"{f'{kinds_en}; ' if item.accept else ''}at most {size} each, at most {item.max_files}",
                )
            )
        )
    return tuple(found)


def _bound(item: Field, fixed: Decimal | None, moving: Any, *, highest: bool) -> str | None:
    """Return the stricter of a fixed and a moving limit, as it is written; None without one."""
    if item.type == "datetime":
        return str(moving)[:10] if moving else None
    bounds = [one for one in (fixed, as_decimal(moving)) if one is not None]
    if not bounds:
        return None
    return forms.number_text(max(bounds) if highest else min(bounds))


def _single(item: Field) -> Form:
    return Form(id="", file="", title=item.label, items=(item,))


def _total(values: Sequence[Any], wanted: Any) -> tuple[str, str | None]:
    total = sum((as_decimal(one) or Decimal(0) for one in values), Decimal(0))
    expected = as_decimal(wanted)
    return forms.number_text(total), forms.number_text(expected) if expected is not None else None


def _cell(value: Any) -> str:
    if isinstance(value, Text):
        return say(value)
    if isinstance(value, bool):
        return say(Text("是", "yes") if value else Text("否", "no"))
    if as_decimal(value) is not None:
        return forms.number_text(value)
    return "" if value is None else str(value)


def _conditional(item: Item) -> bool:
    if getattr(item, "hide", None) is not None or getattr(item, "sum", None) is not None:
        return True
    return isinstance(item, Field) and item.total


def _all_items(items: tuple[Item, ...]) -> Iterator[Item]:
    for item in items:
        yield item
        if isinstance(item, Group | RowList):
            yield from _all_items(item.items)


def _walk(items: Sequence[Any]) -> Iterator[Any]:
    for item in items:
        yield item
        if item.kind == "group":
            yield from _walk(item.items)
        elif item.kind == "rows":
            for row in item.rows:
                yield from _walk(row.items)

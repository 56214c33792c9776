"""What a form consists of: its fields, lists of rows, groups and texts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from service.errors import Text

if TYPE_CHECKING:
    from service.engine.expressions import Expression

FieldType: TypeAlias = Literal[
    "textfield",
    "textarea",
    "number",
    "checkbox",
    "select",
    "radio",
    "checklist",
    "taglist",
    "datetime",
    "filepicker",
]


@dataclass(frozen=True, slots=True)
class Option:
    """One offered value and what people read for it."""

    value: str
    label: Text


@dataclass(frozen=True, slots=True)
class Source:
    """Where options or rows come from: a registered source and its parameter (`name:parameter`)."""

    name: str
    parameter: str | None


@dataclass(frozen=True, slots=True)
class Field:
    """One value people enter. Limits that are not set are None; sizes of files are in bytes.

    `subtype` distinguishes `date`, `datetime` and `time`; `format` is `email` or `phone`. `min_from` and
    `max_from` are bounds taken from other fields or, in a row, from its attributes. `sum` is what the column
    of this field must add up to, `total` whether the column's total is shown.
    """

    key: str
    type: FieldType
    label: Text
    line: int
    description: Text | None = None
    required: bool = False
    readonly: bool = False
    default: Any = None
    prefill: "Expression | None" = None
    hide: "Expression | None" = None
    subtype: Literal["date", "datetime", "time"] = "date"
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    decimals: int | None = None
    min_from: "Expression | None" = None
    max_from: "Expression | None" = None
    sum: "Expression | None" = None
    total: bool = False
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: Literal["email", "phone"] | None = None
    values: tuple[Option, ...] = ()
    options: Source | None = None
    unit: Text | None = None
    accept: tuple[str, ...] = ()
    max_size: int = 20_000_000
    max_files: int = 1
    columns: int | None = None

    @property
    def many(self) -> bool:
        """Whether its value is a list."""
        return self.type in ("checklist", "taglist", "filepicker")

    @property
    def empty(self) -> Any:
        """The value of a field nothing was entered in."""
        return [] if self.many else False if self.type == "checkbox" else None


@dataclass(frozen=True, slots=True)
class RowList:
    """A list of rows with the same fields; with a `source`, exactly the rows that source names.

    A row of a source carries `row` (its id) and `row_label` beside the fields.
    """

    key: str
    label: Text
    line: int
    items: "tuple[Item, ...]"
    description: Text | None = None
    source: Source | None = None
    readonly: bool = False
    hide: "Expression | None" = None
    prefill: "Expression | None" = None
    min_rows: int = 0
    max_rows: int = 500

    @property
    def fields(self) -> "tuple[Field, ...]":
        """The fields of a row, groups opened."""
        return tuple(item for item in opened(self.items) if isinstance(item, Field))


@dataclass(frozen=True, slots=True)
class Group:
    """Fields under one heading; with `sum`, its numbers must add up to that value."""

    key: str | None
    label: Text
    line: int
    items: "tuple[Item, ...]"
    description: Text | None = None
    hide: "Expression | None" = None
    sum: "Expression | None" = None


@dataclass(frozen=True, slots=True)
class Note:
    """A text for the reader, in simple Markdown."""

    text: Text
    hide: "Expression | None" = None


@dataclass(frozen=True, slots=True)
class Separator:
    """A line between parts."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a read-only table."""

    key: str
    label: Text


@dataclass(frozen=True, slots=True)
class Table:
    """A table to read: rows of a source, or a list an expression gives."""

    label: Text
    columns: tuple[Column, ...]
    source: Source | None = None
    rows: "Expression | None" = None
    hide: "Expression | None" = None
    #: What is said where there is no row.
    empty: Text | None = None


Item: TypeAlias = Field | RowList | Group | Note | Separator | Table


@dataclass(frozen=True, slots=True)
class Form:
    """One checked form: what it is called and its items in order."""

    id: str
    file: str
    title: Text
    items: tuple[Item, ...]

    @property
    def entries(self) -> Mapping[str, Field | RowList]:
        """Return what has a value at the top level, by key, in order; groups are opened."""
        return {item.key: item for item in opened(self.items) if isinstance(item, Field | RowList)}

    @property
    def keys(self) -> frozenset[str]:
        """Keys a diagram may give rights to or read: values and groups."""
        groups = {item.key for item in walk(self.items) if isinstance(item, Group) and item.key}
        return frozenset(self.entries) | frozenset(groups)

    @property
    def fields(self) -> Mapping[str, Field]:
        """Return all fields by path; a field of a list is `list.field`."""
        found: dict[str, Field] = {}
        for key, item in self.entries.items():
            if isinstance(item, Field):
                found[key] = item
            else:
                found |= {f"{key}.{one.key}": one for one in item.fields}
        return found

    @property
    def rows(self) -> Mapping[str, RowList]:
        """Return the lists of rows by key."""
        return {key: item for key, item in self.entries.items() if isinstance(item, RowList)}

    @property
    def sources(self) -> frozenset[tuple[Literal["options", "rows"], str]]:
        """Return the names of the data sources it needs."""
        found: set[tuple[Literal["options", "rows"], str]] = set()
        for item in walk(self.items):
            if isinstance(item, Field) and item.options is not None:
                found.add(("options", item.options.name))
            elif isinstance(item, RowList | Table) and item.source is not None:
                found.add(("rows", item.source.name))
        return frozenset(found)

    @property
    def option_sources(self) -> frozenset[Source]:
        """Return the sources its choices are offered from."""
        return frozenset(one.options for one in walk(self.items) if isinstance(one, Field) and one.options)

    @property
    def row_sources(self) -> frozenset[Source]:
        """Return the sources its lists and tables get their rows from."""
        holders = (one for one in walk(self.items) if isinstance(one, RowList | Table))
        return frozenset(one.source for one in holders if one.source is not None)

    @property
    def prefills(self) -> "tuple[Expression, ...]":
        """Return the expressions over the instance's variables and functions it starts from."""
        return tuple(item.prefill for item in self.entries.values() if item.prefill is not None)


def opened(items: tuple[Item, ...]) -> Iterator[Item]:
    """Yield the items with groups replaced by what they hold."""
    for item in items:
        if isinstance(item, Group):
            yield from opened(item.items)
        else:
            yield item


def walk(items: tuple[Item, ...]) -> Iterator[Item]:
    """Yield all items, also those inside groups and rows."""
    for item in items:
        yield item
        if isinstance(item, Group | RowList):
            yield from walk(item.items)

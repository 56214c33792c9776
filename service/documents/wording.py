"""The wording of printed documents, read from `documents.toml` of a deployment: which form feeds which document.

A file has entries `[[documents]]`. `layout` says how an entry is made:

- `form`: the last submission of `form` in a matter, as a filled-in form below the rows of `head` (each a `label` and
  a `text`), followed by `opinions`: each a `label` and the `form` whose last submission is that opinion.
- `letter`: a letter about one submission of `form` with one of the buttons `outcomes`; `fields` are the form's
  fields it lists (none: all that were filled in); `due_of` is the form whose next task the letter sets a time for
  (`{due}`); `number_of` is the field that holds the letter's own number.
- `decision`: the document of a naming, with the list of those named as its annex; its text is the field `body` of
  the last `form` in the decision's matter, and `paragraphs` where nothing was written there.
- `certificate`: of one title.
- `roster`: the list of a county's filing as a spreadsheet with `columns`: each a `heading` and either a `fact` of
  the title (`FACTS`) or a `field` of the row typed for it in the list `fields` names, in `form`.

`levels` narrows decisions and certificates to some levels; the first entry that fits is taken. Texts may hold
places like `{unit}`; each layout says in `PLACES` what it can fill in.
"""

import re
import tomllib
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from service.engine.model import Problem
from service.errors import NotFound, Text
from service.store.procedure import blob, deployment_file

FILE = "documents.toml"
LAYOUTS = ("form", "letter", "decision", "certificate", "roster")
#: The layouts that print one submission of a matter, on a page of their own name.
OF_SUBMISSIONS = frozenset({"form", "letter"})
#: What a text of each layout may name.
PLACES: Mapping[str, frozenset[str]] = {
    "form": frozenset({"unit", "matter", "number", "year", "date", "level", "recommender"}),
    "letter": frozenset(
        {
            *("unit", "body", "matter", "number", "year", "date", "due"),
            *("organisation", "signer", "outcome", "opinion"),
        }
    ),
    "decision": frozenset({"authority", "year", "level", "count", "number", "date"}),
    "certificate": frozenset({"unit", "level", "authority", "number", "date", "decision"}),
    "roster": frozenset({"county", "year"}),
}
#: What a column of a roster can take from a title.
FACTS = ("sequence", "unit", "kind", "address", "certificate", "decision", "decided_on", "valid_to")
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a roster: a fact of the title, or a field that was typed beside it; width in characters."""

    heading: str
    fact: str | None = None
    field: str | None = None
    width: int = 14


@dataclass(frozen=True, slots=True)
class Head:
    """A row above a printed form: whose it is, for example."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Box:
    """A box for an opinion below a printed form: what it is called, and the form it was given with."""

    label: str
    form: str


@dataclass(frozen=True, slots=True)
class Wording:
    """One entry of the file: how a kind of document is made and what it says."""

    kind: str
    layout: str
    label: Text
    title: str
    form: str | None = None
    outcomes: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    due_of: str | None = None
    number_of: str | None = None
    levels: tuple[str, ...] = ()
    head: tuple[Head, ...] = ()
    opinions: tuple[Box, ...] = ()
    addressee: str = ""
    paragraphs: tuple[str, ...] = ()
    closing: str = ""
    annex: str = ""
    body: str = ""
    columns: tuple[Column, ...] = ()
    note: str = ""


def read(data: bytes) -> tuple[list[Wording], list[Text]]:
    """Return the entries of a file and what is wrong in it; an entry with a mistake is left out."""
    try:
        content = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        return [], [Text(f"不是合格的 TOML 文件：{error}", f"not a well-formed TOML file: {error}")]
    entries = content.get("documents", [])
    found: list[Wording] = []
    problems: list[Text] = []
    for number, entry in enumerate(entries if isinstance(entries, list) else [], 1):
        wrong = _wrong(entry)
        if wrong is None:
            found.append(_wording(entry))
        else:
            problems.append(Text(f"第 {number} 项：{wrong.zh}", f"entry {number}: {wrong.en}"))
    return found, problems


def problems(files: Mapping[str, bytes], forms: Container[str]) -> list[Problem]:
    """Return what is wrong with the documents of a set of procedure files, for its check."""
    if FILE not in files:
        return []
    entries, found = read(files[FILE])
    found += [
        Text(f"文书“{one.label.zh}”的表单 {form} 不存在", f"document “{one.label.en}”: no form {form}")
        for one in entries
        for form in (one.form, one.due_of, *(box.form for box in one.opinions))
        if form is not None and form not in forms
    ]
    return [Problem(FILE, None, None, "error", "bad-document", text) for text in found]


def of_deployment(connection: Connection, deployment_id: str) -> list[Wording]:
    """Return the documents a deployment knows; none when it has no such file."""
    data = connection.scalar(
        select(blob.c.data)
        .join(deployment_file, deployment_file.c.sha256 == blob.c.sha256)
        .where(deployment_file.c.deployment_id == deployment_id, deployment_file.c.path == FILE)
    )
    return read(bytes(data))[0] if data is not None else []


def of_layout(entries: list[Wording], layout: str, *, level: str | None = None) -> Wording:
    """Return the first entry of a layout that fits a level. Raises `NotFound` saying what to publish."""
    for one in fitting(entries, layout, level=level):
        return one
    raise NotFound(
        Text(
            f"当前流程版本的 {FILE} 没有这类文书的式样，请由流程设计员补充",
            f"The procedure's {FILE} has no such document; a designer must add it",
        )
    )


def fitting(entries: list[Wording], layout: str, *, level: str | None = None) -> list[Wording]:
    """Return the entries of a layout that fit a level."""
    return [one for one in entries if one.layout == layout and (not one.levels or level in one.levels)]


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its places filled in; what has no value stays empty."""
    return _PLACE.sub(lambda place: values.get(place[1], ""), text)


def _wrong(entry: Any) -> Text | None:
    if not isinstance(entry, dict):
        return Text("应是一个表", "must be a table")
    known = set(Wording.__dataclass_fields__) | {"label_en"}
    unknown = sorted(entry.keys() - known)
    if unknown:
        return Text(f"不认识 {unknown[0]}", f"{unknown[0]} is not known")
    for key in ("kind", "layout", "label", "title"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            return Text(f"缺少 {key}", f"{key} is missing")
    layout = entry["layout"]
    if layout not in LAYOUTS:
        return Text(f"没有版式 {layout}", f"there is no layout {layout}")
    if layout in OF_SUBMISSIONS and not isinstance(entry.get("form"), str):
        return Text("缺少 form", "form is missing")
    for key in ("outcomes", "fields", "levels", "paragraphs"):
        value = entry.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            return Text(f"{key} 应是文字的列表", f"{key} must be a list of texts")
    columns = entry.get("columns", [])
    if not isinstance(columns, list) or any(_wrong_column(one) for one in columns):
        return Text(
            f"columns 的每一列要有 heading，以及 fact（{'、'.join(FACTS)}）或 field",
            f"each of columns needs a heading and a fact ({', '.join(FACTS)}) or a field",
        )
    for key, kind in (("head", Head), ("opinions", Box)):
        names = tuple(kind.__dataclass_fields__)
        rows = entry.get(key, [])
        if not isinstance(rows, list) or not all(_is_row(one, names) for one in rows):
            return Text(
                f"{key} 的每一项要有 {'、'.join(names)}", f"each of {key} needs {' and '.join(names)}"
            )
    texts = [entry["title"], *entry.get("paragraphs", []), *(one["text"] for one in entry.get("head", []))]
    texts += [entry.get(key, "") for key in ("addressee", "closing", "annex", "note", "body")]
    texts += [entry.get(key, "") for key in ("due_of", "number_of")]
    if not all(isinstance(one, str) for one in texts):
        return Text("文字应写在引号里", "texts must be strings")
    places = {place[1] for one in texts for place in _PLACE.finditer(one)}
    strange = sorted(places - PLACES[layout])
    if strange:
        return Text(f"文字里的 {{{strange[0]}}} 无法填写", f"{{{strange[0]}}} cannot be filled in")
    return None


def _is_row(row: Any, names: tuple[str, ...]) -> bool:
    return (
        isinstance(row, dict) and row.keys() == set(names) and all(isinstance(row[one], str) for one in names)
    )


def _wrong_column(column: Any) -> bool:
    if not isinstance(column, dict) or column.keys() - {"heading", "fact", "field", "width"}:
        return True
    texts = [column.get("heading"), column.get("fact", ""), column.get("field", "")]
    named = [one for one in texts[1:] if one]
    fits = all(isinstance(one, str) for one in texts) and isinstance(column.get("width", 1), int)
    return not fits or len(named) != 1 or (bool(column.get("fact")) and column["fact"] not in FACTS)


def _wording(entry: Mapping[str, Any]) -> Wording:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in entry.items()
        if key not in ("label", "label_en", "columns", "head", "opinions")
    }
    return Wording(
        label=Text(entry["label"], entry.get("label_en", entry["label"])),
        columns=tuple(Column(**one) for one in entry.get("columns", [])),
        head=tuple(Head(**one) for one in entry.get("head", [])),
        opinions=tuple(Box(**one) for one in entry.get("opinions", [])),
        **values,
    )

"""From what a browser posted to a form's data: values by key, rows in order, files by reference."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from werkzeug.datastructures import FileStorage, MultiDict

from service.forms import ROW, Field, Form, Group, Item, RowList, access_to

_ROW_NAME = re.compile(r"(\d{1,4})\.([A-Za-z][A-Za-z0-9_]{0,79})\Z")


def posted_data(form: Form, access: Mapping[str, str], posted: "MultiDict[str, str]") -> dict[str, Any]:
    """Return what was posted for the fields this task may write, unchecked; other fields are left out."""
    data: dict[str, Any] = {}
    for item in _writable(form.items, access, ()):
        if isinstance(item, RowList):
            data[item.key] = _rows(item, access, posted)
        else:
            data[item.key] = _value(item, posted, item.key)
    return data


def posted_files(
    form: Form, access: Mapping[str, str], files: "MultiDict[str, FileStorage]"
) -> Iterator[tuple[str, Field, FileStorage]]:
    """Yield the chosen files with the path and the field they were chosen for."""
    for path, given in files.items(multi=True):
        field = file_field(form, access, path)
        if field is not None and given.filename:
            yield path, field, given


def file_field(form: Form, access: Mapping[str, str], path: str) -> Field | None:
    """Return the file field that `path` (`key` or `list.2.key`) names and this task may fill in."""
    key, _, rest = path.partition(".")
    holder = next((one for one in _writable(form.items, access, ()) if one.key == key), None)
    if isinstance(holder, RowList):
        match = _ROW_NAME.match(rest)
        inner = match.group(2) if match else None
        found = next((one for one in holder.fields if one.key == inner), None)
        if found is None or access_to(access, f"{key}.{found.key}") != "write":
            return None
    else:
        found = holder
    return found if found is not None and found.type == "filepicker" and not found.readonly else None


def add_file(data: dict[str, Any], path: str, reference: Mapping[str, Any]) -> None:
    """Add an uploaded file's reference to the data at `path`."""
    key, _, rest = path.partition(".")
    if not rest:
        data.setdefault(key, []).append(dict(reference))
        return
    index, _, inner = rest.partition(".")
    rows = data.get(key) or []
    if int(index) < len(rows):
        rows[int(index)].setdefault(inner, []).append(dict(reference))


def drop_file(data: dict[str, Any], path: str, file_id: str) -> None:
    """Take a file's reference out of the data at `path`."""
    key, _, rest = path.partition(".")
    holder: Any = data
    if rest:
        index, _, inner = rest.partition(".")
        rows = data.get(key) or []
        if not index.isdigit() or int(index) >= len(rows):
            return
        holder, key = rows[int(index)], inner
    holder[key] = [one for one in holder.get(key) or [] if one.get("id") != file_id]


def file_references(data: Any) -> Iterator[dict[str, Any]]:
    """Yield every file reference in posted data, to be completed with names and sizes."""
    if isinstance(data, dict):
        if isinstance(data.get("id"), str):
            yield data
        for value in data.values():
            yield from file_references(value)
    elif isinstance(data, list):
        for value in data:
            yield from file_references(value)


def change_rows(form: Form, access: Mapping[str, str], data: dict[str, Any], add: str, remove: str) -> str:
    """Add a row to the list `add`, or remove row `remove` (`list.2`); returns the key of the list touched."""
    lists = {
        one.key: one
        for one in _writable(form.items, access, ())
        if isinstance(one, RowList) and one.source is None
    }
    if add in lists:
        data.setdefault(add, []).append({})
        return add
    key, _, index = remove.partition(".")
    if key in lists and index.isdigit() and int(index) < len(data.get(key) or []):
        del data[key][int(index)]
        return key
    return ""


def _writable(
    items: tuple[Item, ...], access: Mapping[str, str], groups: tuple[str | None, ...]
) -> Iterator[Field | RowList]:
    for item in items:
        if isinstance(item, Group):
            yield from _writable(item.items, access, (*groups, item.key))
        elif isinstance(item, Field | RowList):
            listed = isinstance(item, RowList) and item.source is not None
            if (listed or not item.readonly) and access_to(access, item.key, *groups) == "write":
                yield item


def _rows(item: RowList, access: Mapping[str, str], posted: "MultiDict[str, str]") -> list[dict[str, Any]]:
    prefix = f"{item.key}."
    numbers: set[int] = set()
    for name in posted:
        match = _ROW_NAME.match(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if match:
            numbers.add(int(match.group(1)))
    rows = []
    for number in sorted(numbers):
        row: dict[str, Any] = {}
        if item.source is not None:
            row[ROW] = posted.get(f"{prefix}{number}.{ROW}", "")
        for one in item.fields:
            if not one.readonly and access_to(access, f"{item.key}.{one.key}") == "write":
                row[one.key] = _value(one, posted, f"{prefix}{number}.{one.key}")
        rows.append(row)
    return rows


def _value(item: Field, posted: "MultiDict[str, str]", path: str) -> Any:
    match item.type:
        case "checkbox":
            return path in posted and posted.get(path) not in ("", "off")
        case "checklist" | "taglist":
            return [one for one in posted.getlist(path) if one]
        case "filepicker":
            return [{"id": one} for one in dict.fromkeys(posted.getlist(path)) if one]
        case _:
            return posted.get(path, "")

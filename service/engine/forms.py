"""Reads form files (form-js schema) and names everything in them that is not understood."""

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import PurePosixPath
from typing import Any, Literal, cast

from service.engine import patterns
from service.engine.expressions import Expression, ExpressionError, compile_expression
from service.engine.fields import (
    Column,
    Field,
    FieldType,
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
    walk,
)
from service.engine.hints import Hints
from service.engine.model import Problem
from service.engine.problems import Allowance
from service.engine.vocabulary import BUILT_IN
from service.errors import Text

__all__ = [
    "Field",
    "Form",
    "Group",
    "Note",
    "Option",
    "RowList",
    "Separator",
    "Source",
    "Table",
    "parse_form",
]

#: Longest text of a field that sets no limit of its own.
TEXT_LIMIT = 500
TEXTAREA_LIMIT = 10_000
LARGEST_FILE = 200_000_000
#: The longest form of the city's procedure has some 120.
MOST_COMPONENTS = 600
#: Characters of all its expressions.
_MOST_TOGETHER = 40_000
#: Pairs of characters compared to say which attribute was meant.
_MOST_COMPARED = 100_000

_COMMON = frozenset({"type", "id", "key", "label", "description", "layout", "conditional", "properties"})
_INPUT = _COMMON | {"validate", "readonly", "disabled", "defaultValue"}
COMPONENTS: Mapping[str, frozenset[str]] = {
    "textfield": _INPUT | {"appearance"},
    "textarea": _INPUT,
    "number": _INPUT | {"appearance", "decimalDigits", "increment"},
    "checkbox": _INPUT,
    "select": _INPUT | {"values", "searchable"},
    "radio": _INPUT | {"values"},
    "checklist": _INPUT | {"values"},
    "taglist": _INPUT | {"values"},
    "datetime": _INPUT
    | {"subtype", "dateLabel", "timeLabel", "timeInterval", "use24h", "timeSerializingFormat"},
    "filepicker": _INPUT | {"accept", "multiple"},
    "dynamiclist": _COMMON
    | {
        "path",
        "components",
        "readonly",
        "isRepeating",
        "allowAddRemove",
        "defaultRepetitions",
        "showOutline",
        "verticalAlignment",
    },
    "group": _COMMON | {"components", "showOutline", "verticalAlignment"},
    "text": frozenset({"type", "id", "text", "layout", "conditional", "properties"}),
    "separator": frozenset({"type", "id", "layout"}),
    "spacer": frozenset({"type", "id", "layout", "height"}),
    "table": frozenset({"type", "id", "label", "layout", "conditional", "properties"})
    | {"dataSource", "columns", "rowCount"},
}
_TEXTS = frozenset({"labelEn", "descriptionEn"})
_BASIC = _TEXTS | {"prefill", "unit", "unitEn"}
_CHOICE = _BASIC | {"options"}
PROPERTIES: Mapping[str, frozenset[str]] = {
    "textfield": _BASIC,
    "textarea": _BASIC,
    "number": _BASIC | {"minFrom", "maxFrom", "sum", "total"},
    "checkbox": _TEXTS | {"prefill"},
    "select": _CHOICE,
    "radio": _CHOICE,
    "checklist": _CHOICE,
    "taglist": _CHOICE,
    "datetime": _TEXTS | {"prefill", "minFrom", "maxFrom", "min", "max"},
    "filepicker": _TEXTS | {"maxSize", "maxFiles"},
    "dynamiclist": _TEXTS | {"rows", "prefill", "minRows", "maxRows"},
    "group": _TEXTS | {"sum"},
    "text": frozenset({"textEn"}),
    "separator": frozenset(),
    "spacer": frozenset(),
    "table": _TEXTS | {"rows", "empty", "emptyEn"},
}
CHECKS: Mapping[str, frozenset[str]] = {
    "textfield": frozenset({"required", "minLength", "maxLength", "pattern", "validationType"}),
    "textarea": frozenset({"required", "minLength", "maxLength"}),
    "number": frozenset({"required", "min", "max"}),
}
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}\Z")
_RESERVED = frozenset(
    {"row", "row_label", "and", "or", "not", "in", "is", "if", "else", "for", "True", "False", "None"}
)
_SOURCE = re.compile(r"([a-z][a-z0-9_.]*)(?::(.{1,200}))?\Z")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|MB)?\Z", re.IGNORECASE)
_NAMED = re.compile(r'"(key|path|id)"\s*:\s*"([^"\\]{1,120})"')
_TAG = re.compile(r"<\s*/?\s*[A-Za-z!]")


def parse_form(file: str, data: bytes, whole: Allowance | None = None) -> tuple[Form | None, list[Problem]]:
    """Read one form file; the form is None when the file cannot be read as a form at all.

    A form with problems of severity `error` is returned for display, but may not be deployed.
    """
    reader = _Reader(file, whole)
    try:
        text = data.decode("utf-8")
        document = json.loads(text)
    except UnicodeDecodeError:
        reader.report("form.encoding", None, Text("文件不是 UTF-8 编码", "The file is not UTF-8"))
        return None, reader.problems
    except (ValueError, RecursionError) as error:
        # A ValueError that is no JSONDecodeError is a number with thousands of digits.
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        reader.report(
            "form.json",
            None,
            Text(f"不是有效的 JSON：第 {line} 行", f"Not valid JSON: line {line}"),
            line=line,
        )
        return None, reader.problems
    if not isinstance(document, dict) or not isinstance(document.get("components"), list):
        reader.report(
            "form.shape",
            None,
            Text("表单须是含 components 列表的对象", "A form is an object with a list `components`"),
            line=1,
        )
        return None, reader.problems
    if _components(document) > MOST_COMPONENTS:
        reader.report(
            "form.size",
            None,
            Text(
                f"表单的组件超过 {MOST_COMPONENTS} 个；请拆成几个表单",
                f"The form has more than {MOST_COMPONENTS} components; split it",
            ),
            line=1,
        )
        return None, reader.problems
    reader.places = _places(text)
    return reader.read(document), reader.problems


def _components(document: dict[str, Any]) -> int:
    count = 0
    waiting: list[Any] = [document]
    while waiting and count <= MOST_COMPONENTS:
        listed = waiting.pop().get("components")
        inner = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        count += len(inner)
        waiting += inner
    return count


def _places(text: str) -> dict[tuple[str, str], int]:
    """Return the line on which each `"key": "…"`, `"path": "…"` or `"id": "…"` first stands."""
    found: dict[tuple[str, str], int] = {}
    line, begin = 1, 0
    for match in _NAMED.finditer(text):
        line += text.count("\n", begin, match.start())
        begin = match.start()
        found.setdefault((match[1], match[2]), line)
    return found


class _Reader:
    """Collects problems while one file is read."""

    def __init__(self, file: str, whole: Allowance | None) -> None:
        self.file = file
        self.allowance = Allowance(
            _MOST_TOGETHER,
            Text(
                f"表单里的表达式合计超过 {_MOST_TOGETHER} 个字符；请拆成几个表单",
                f"The expressions of the form have more than {_MOST_TOGETHER} characters; split it",
            ),
            whole,
        )
        self.places: Mapping[tuple[str, str], int] = {}
        self.problems: list[Problem] = []
        self.hints = Hints(_MOST_COMPARED)

    def report(
        self,
        code: str,
        element: str | None,
        text: Text,
        *,
        line: int | None = None,
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        self.problems.append(Problem(self.file, line or self._line(element), element, severity, code, text))

    def read(self, document: dict[str, Any]) -> Form:
        name = PurePosixPath(self.file).stem
        identity = document.get("id")
        if identity != name:
            self.report(
                "form.id",
                None,
                Text(f"id 应与文件名一致：{name}", f"`id` must be the file name: {name}"),
                line=self._find("id", str(identity)),
            )
        properties = self._object(document, "properties", None)
        known = {
            "id",
            "type",
            "schemaVersion",
            "components",
            "title",
            "titleEn",
            "properties",
            "exporter",
        } | {
            "executionPlatform",
            "executionPlatformVersion",
            "$schema",
        }
        self._unknown(document, known, None, "form.attribute")
        self._unknown(properties, {"title", "titleEn"}, None, "form.property")
        title = document.get("title") or properties.get("title")
        if not isinstance(title, str) or not title.strip():
            self.report("form.title", None, Text("缺少表单名称 title", "The form has no `title`"), line=1)
            title = name
        title_en = document.get("titleEn") or properties.get("titleEn")
        form = Form(
            id=name,
            file=self.file,
            title=Text(title, str(title_en or title)),
            items=self._items(document["components"], depth=0, in_rows=False),
        )
        self._check_keys(form)
        self._check_names(form)
        return form

    def _items(self, components: Iterable[Any], *, depth: int, in_rows: bool) -> tuple[Item, ...]:
        found: list[Item] = []
        for component in components:
            if not isinstance(component, dict):
                self.report(
                    "form.component", None, Text("components 中须是对象", "`components` holds objects")
                )
                continue
            kind = component.get("type")
            key = component.get("key") or component.get("path") or component.get("id")
            element = key if isinstance(key, str) else None
            if not isinstance(kind, str) or kind not in COMPONENTS:
                self.report(
                    "form.type",
                    element,
                    Text(
                        f"不支持的组件类型 {kind}；可用：{'、'.join(COMPONENTS)}",
                        f"Unknown component type {kind}; use one of {', '.join(COMPONENTS)}",
                    ),
                )
                continue
            self._unknown(component, COMPONENTS[kind], element, "form.attribute")
            properties = self._object(component, "properties", element)
            self._unknown(properties, PROPERTIES[kind], element, "form.property")
            if depth > 6 or (in_rows and kind in ("dynamiclist", "table")):
                self.report(
                    "form.nesting",
                    element,
                    Text(f"{kind} 不能放在这一层", f"{kind} cannot be nested here"),
                )
                continue
            item = self._item(kind, component, properties, element, depth=depth, in_rows=in_rows)
            if item is not None:
                found.append(item)
        return tuple(found)

    def _item(
        self,
        kind: str,
        component: dict[str, Any],
        properties: dict[str, Any],
        element: str | None,
        *,
        depth: int,
        in_rows: bool,
    ) -> Item | None:
        if kind == "separator":
            return Separator()
        if kind == "spacer":
            return None
        hide = self._hide(component, element)
        if kind == "text":
            return self._note(component, properties, element, hide)
        label = self._label(component, properties, element, wanted=kind != "group")
        description = self._pair(component.get("description"), properties.get("descriptionEn"))
        line = self._line(element) or 1
        children = component.get("components")
        if kind in ("group", "dynamiclist") and not isinstance(children, list):
            self.report(
                "form.components", element, Text(f"{kind} 缺少 components", f"{kind} has no `components`")
            )
            children = []
        if kind == "group":
            return Group(
                key=component.get("key") if isinstance(component.get("key"), str) else None,
                label=label,
                line=line,
                items=self._items(children or [], depth=depth + 1, in_rows=in_rows),
                description=description,
                hide=hide,
                sum=self._expression(properties, "sum", element),
            )
        if kind == "table":
            return self._table(component, properties, element, label, hide)
        if not self._key_fits(element):
            return None
        key = cast(str, element)
        if kind == "dynamiclist":
            source = self._source(properties, "rows", element)
            fixed = component.get("allowAddRemove") is False and source is None
            return RowList(
                key=key,
                label=label,
                line=line,
                items=self._items(children or [], depth=depth + 1, in_rows=True),
                description=description,
                source=source,
                readonly=self._flag(component, "readonly", element),
                hide=hide,
                prefill=self._expression(properties, "prefill", element),
                min_rows=self._whole(properties, "minRows", element) or 0,
                max_rows=(self._whole(component, "defaultRepetitions", element) if fixed else None)
                or self._whole(properties, "maxRows", element)
                or 500,
            )
        return self._field(cast(FieldType, kind), key, component, properties, label, description, line, hide)

    def _field(
        self,
        kind: FieldType,
        key: str,
        component: dict[str, Any],
        properties: dict[str, Any],
        label: Text,
        description: Text | None,
        line: int,
        hide: Expression | None,
    ) -> Field:
        checks = self._object(component, "validate", key)
        self._unknown(checks, CHECKS.get(kind, frozenset({"required"})), key, "form.validate")
        appearance = self._object(component, "appearance", key)
        layout = self._object(component, "layout", key)
        columns = layout.get("columns")
        limit = {"textfield": TEXT_LIMIT, "textarea": TEXTAREA_LIMIT}.get(kind)
        subtype = component.get("subtype") or "date"
        if subtype not in ("date", "datetime", "time"):
            self._wrong("subtype", key, "date、datetime、time", "date, datetime or time")
            subtype = "date"
        form = checks.get("validationType")
        if form not in (None, "", "custom", "email", "phone"):
            self._wrong("validationType", key, "email、phone、custom", "email, phone or custom")
        bounds = properties if kind == "datetime" else checks
        values, options = self._choices(kind, component, properties, key)
        decimals = self._whole(component, "decimalDigits", key)
        minimum, maximum = (
            self._decimal(bounds, one, key) if kind == "number" else None for one in ("min", "max")
        )
        if minimum is not None and maximum is not None and minimum > maximum:
            self.report("form.range", key, Text("min 大于 max", "`min` is greater than `max`"))
        min_from = self._expression(properties, "minFrom", key)
        max_from = self._expression(properties, "maxFrom", key)
        if kind == "datetime":
            min_from = min_from or self._expression(properties, "min", key)
            max_from = max_from or self._expression(properties, "max", key)
        multiple = component.get("multiple") is True
        return Field(
            key=key,
            type=kind,
            label=label,
            line=line,
            description=description,
            required=self._flag(checks, "required", key),
            readonly=self._flag(component, "readonly", key) or self._flag(component, "disabled", key),
            default=component.get("defaultValue"),
            prefill=self._expression(properties, "prefill", key),
            hide=hide,
            subtype=cast(Literal["date", "datetime", "time"], subtype),
            minimum=minimum,
            maximum=maximum,
            decimals=decimals,
            min_from=min_from,
            max_from=max_from,
            sum=self._expression(properties, "sum", key),
            total=self._flag(properties, "total", key) or properties.get("sum") not in (None, ""),
            min_length=self._whole(checks, "minLength", key),
            max_length=self._whole(checks, "maxLength", key) or limit,
            pattern=self._pattern(checks, key),
            format=form if form in ("email", "phone") else None,
            values=values,
            options=options,
            unit=self._pair(
                properties.get("unit") or appearance.get("suffixAdorner"), properties.get("unitEn")
            ),
            accept=self._accept(component, key),
            max_size=self._size(properties, key),
            max_files=self._whole(properties, "maxFiles", key) or (20 if multiple else 1),
            columns=columns if isinstance(columns, int) and 1 <= columns <= 16 else None,
        )

    def _note(
        self,
        component: dict[str, Any],
        properties: dict[str, Any],
        element: str | None,
        hide: Expression | None,
    ) -> Note | None:
        text = self._pair(component.get("text"), properties.get("textEn"))
        if text is None:
            self.report("form.text", element, Text("text 为空", "`text` is empty"))
            return None
        if _TAG.search(text.zh) or _TAG.search(text.en):
            self.report(
                "form.html", element, Text("文本不得含 HTML 标签", "The text must not contain HTML tags")
            )
        return Note(text, hide)

    def _table(
        self,
        component: dict[str, Any],
        properties: dict[str, Any],
        element: str | None,
        label: Text,
        hide: Expression | None,
    ) -> Table | None:
        listed = component.get("columns")
        columns = [
            Column(str(one["key"]), Text(str(one["label"]), str(one.get("labelEn") or one["label"])))
            for one in (listed if isinstance(listed, list) else [])
            if isinstance(one, dict) and one.get("key") and one.get("label")
        ]
        source = self._source(properties, "rows", element)
        rows = self._expression(component, "dataSource", element)
        if not columns or (source is None) == (rows is None):
            self.report(
                "form.table",
                element,
                Text(
                    "表格须有 columns（key、label），并有 dataSource 或 properties.rows 之一",
                    "A table needs `columns` (key, label) and one of `dataSource` and `properties.rows`",
                ),
            )
            return None
        empty = self._pair(properties.get("empty"), properties.get("emptyEn"))
        return Table(label, tuple(columns), source, rows, hide, empty)

    def _choices(
        self, kind: str, component: dict[str, Any], properties: dict[str, Any], key: str
    ) -> tuple[tuple[Option, ...], Source | None]:
        if kind not in ("select", "radio", "checklist", "taglist"):
            return (), None
        source = self._source(properties, "options", key)
        found: list[Option] = []
        listed = component.get("values")
        for one in listed if isinstance(listed, list) else []:
            if (
                not isinstance(one, dict)
                or not isinstance(one.get("label"), str)
                or one.get("value") in (None, "")
            ):
                self.report(
                    "form.values",
                    key,
                    Text("values 每项须有 label 和 value", "Each value needs label and value"),
                )
                continue
            self._unknown(one, {"label", "labelEn", "value"}, key, "form.values")
            found.append(
                Option(str(one["value"]), Text(one["label"], str(one.get("labelEn") or one["label"])))
            )
        if len({one.value for one in found}) < len(found):
            self.report("form.values", key, Text("values 中有重复的 value", "`values` has a value twice"))
        if bool(found) == (source is not None):
            self.report(
                "form.values",
                key,
                Text(
                    "选项须来自 values 或 properties.options 之一",
                    "Give either `values` or `properties.options`",
                ),
            )
        return tuple(found), source

    def _pattern(self, checks: dict[str, Any], key: str) -> str | None:
        pattern = checks.get("pattern")
        if not pattern:
            return None
        wrong = patterns.mistake(pattern)
        if wrong is not None:
            text = Text(f"pattern 不能使用：{wrong.zh}", f"Unusable `pattern`: {wrong.en}")
            self.report("form.pattern", key, text)
            return None
        return str(pattern)

    def _accept(self, component: dict[str, Any], key: str) -> tuple[str, ...]:
        accept = component.get("accept")
        if accept in (None, ""):
            return ()
        found = tuple(part.strip().lower() for part in str(accept).split(",") if part.strip())
        wrong = [one for one in found if not re.fullmatch(r"\.[a-z0-9]{1,8}", one)]
        if wrong:
            self._wrong("accept", key, ".pdf,.jpg 这样的扩展名", "extensions such as .pdf,.jpg")
        return tuple(one for one in found if one not in wrong)

    def _size(self, properties: dict[str, Any], key: str) -> int:
        given = properties.get("maxSize")
        if given in (None, ""):
            return 20_000_000
        match = _SIZE.match(str(given))
        if match is None:
            self._wrong("maxSize", key, "字节数或 10MB", "bytes or 10MB")
            return 20_000_000
        factor = {"": 1, "B": 1, "KB": 1000, "MB": 1_000_000}[(match[2] or "").upper()]
        return min(int(Decimal(match[1]) * factor), LARGEST_FILE)

    def _source(self, properties: dict[str, Any], name: str, element: str | None) -> Source | None:
        given = properties.get(name)
        if given in (None, ""):
            return None
        match = _SOURCE.match(given) if isinstance(given, str) else None
        if match is None:
            self._wrong(name, element, "名称 或 名称:参数", "name or name:parameter")
            return None
        return Source(match[1], match[2])

    def _hide(self, component: dict[str, Any], element: str | None) -> Expression | None:
        conditional = self._object(component, "conditional", element)
        self._unknown(conditional, {"hide"}, element, "form.conditional")
        return self._expression(conditional, "hide", element)

    def _expression(self, holder: dict[str, Any], name: str, element: str | None) -> Expression | None:
        given = holder.get(name)
        if given in (None, ""):
            return None
        source = str(given).strip().removeprefix("=").strip()
        line = self._line(element)
        affords, exceeded = self.allowance.take(len(source))
        if exceeded is not None:
            self.report("form.size", element, exceeded)
        if not affords:
            return None
        try:
            return compile_expression(source, file=self.file, line=line)
        except ExpressionError as error:
            told = error.text
            self.report(
                "form.expression",
                element,
                Text(f"{name} 的表达式不能使用：{told.zh}", f"Unusable expression in `{name}`: {told.en}"),
            )
            return None

    def _label(
        self, component: dict[str, Any], properties: dict[str, Any], element: str | None, *, wanted: bool
    ) -> Text:
        label = self._pair(
            component.get("label") or component.get("dateLabel") or component.get("timeLabel"),
            properties.get("labelEn"),
        )
        if label is None:
            if wanted:
                self.report("form.label", element, Text("缺少 label", "`label` is missing"))
            return Text(element or "", element or "") if wanted else Text("", "")
        return label

    def _pair(self, zh: Any, en: Any) -> Text | None:
        if not isinstance(zh, str) or not zh.strip():
            return None
        return Text(zh, en if isinstance(en, str) and en.strip() else zh)

    def _key_fits(self, key: str | None) -> bool:
        if key is None or not _KEY.match(key) or key in _RESERVED:
            self.report(
                "form.key",
                key,
                Text(
                    f"key {key} 不可用：须以字母开头，只含字母、数字、下划线，且不是保留字 "
                    + "、".join(sorted(_RESERVED)),
                    f"Unusable key {key}: a letter, then letters, digits and underscores, and none of "
                    + ", ".join(sorted(_RESERVED)),
                ),
            )
            return False
        return True

    def _check_keys(self, form: Form) -> None:
        scopes: list[tuple[str, list[Item]]] = [("", list(opened(form.items)))]
        scopes += [(f"{rows.key}.", list(rows.fields)) for rows in form.rows.values()]
        for prefix, items in scopes:
            seen: set[str] = set()
            for item in items:
                if not isinstance(item, Field | RowList):
                    continue
                if item.key in seen:
                    self.report(
                        "form.key",
                        prefix + item.key,
                        Text(f"key {prefix}{item.key} 重复", f"The key {prefix}{item.key} is used twice"),
                        line=item.line,
                    )
                seen.add(item.key)

    def _check_names(self, form: Form) -> None:
        """Expressions over the form's data name only its fields; rows of a source may have any attribute."""
        top = frozenset(form.entries)
        open_scope = {id(one) for rows in form.rows.values() if rows.source for one in walk(rows.items)}
        inner = {id(one): rows for rows in form.rows.values() for one in walk(rows.items)}
        for item in walk(form.items):
            if id(item) in open_scope or isinstance(item, Separator):
                continue
            rows = inner.get(id(item))
            known = top | ({one.key for one in rows.fields} if rows else frozenset())
            key = getattr(item, "key", None)
            for name in ("hide", "sum", "min_from", "max_from"):
                expression = getattr(item, name, None)
                if expression is None:
                    continue
                for call in sorted(expression.calls - frozenset(BUILT_IN)):
                    self.report(
                        "form.function",
                        key,
                        Text(
                            f"表达式 {expression.source} 不能用函数 {call}，请用 prefill 放进一个字段",
                            f"{call} cannot be called in {expression.source}; prefill a field with its value",
                        ),
                    )
                for missing in sorted(expression.names - known):
                    self.report(
                        "form.name",
                        key,
                        Text(
                            f"表达式 {expression.source} 中的 {missing} 不是本表单的字段",
                            f"{missing} in the expression {expression.source} is no field of this form",
                        ),
                    )

    def _unknown(self, holder: dict[str, Any], known: Iterable[str], element: str | None, code: str) -> None:
        known = frozenset(known)
        for name in holder:
            if name in known:
                continue
            close = self.hints.close(name, known, 0.6)
            hint = Text(f"，是否为 {close}？", f"; did you mean {close}?") if close else Text("", "")
            self.report(
                code,
                element,
                Text(
                    f"不认识的属性 {name}{hint.zh or '；可用：' + '、'.join(sorted(known))}",
                    f"Unknown attribute {name}{hint.en or '; known: ' + ', '.join(sorted(known))}",
                ),
            )

    def _object(self, holder: dict[str, Any], name: str, element: str | None) -> dict[str, Any]:
        given = holder.get(name)
        if given is None:
            return {}
        if not isinstance(given, dict):
            self._wrong(name, element, "对象", "an object")
            return {}
        return given

    def _flag(self, holder: dict[str, Any], name: str, element: str | None) -> bool:
        given = holder.get(name)
        if given in (None, False, "", "false"):
            return False
        if given in (True, "true"):
            return True
        self._wrong(name, element, "true 或 false", "true or false")
        return False

    def _whole(self, holder: dict[str, Any], name: str, element: str | None) -> int | None:
        number = self._decimal(holder, name, element)
        if number is None:
            return None
        if number != int(number) or number < 0:
            self._wrong(name, element, "非负整数", "a whole number, 0 or more")
            return None
        return int(number)

    def _decimal(self, holder: dict[str, Any], name: str, element: str | None) -> Decimal | None:
        given = holder.get(name)
        if given in (None, ""):
            return None
        try:
            number = Decimal(str(given))
            if isinstance(given, bool) or not number.is_finite() or abs(number) > Decimal("1e15"):
                raise InvalidOperation
        except InvalidOperation:
            self._wrong(name, element, "数字", "a number")
            return None
        return number

    def _wrong(self, name: str, element: str | None, zh: str, en: str) -> None:
        self.report("form.value", element, Text(f"{name} 应为{zh}", f"`{name}` must be {en}"))

    def _line(self, element: str | None) -> int | None:
        if element is None:
            return None
        for name in ("key", "path", "id"):
            line = self._find(name, element.rpartition(".")[2])
            if line is not None:
                return line
        return None

    def _find(self, name: str, value: str) -> int | None:
        return self.places.get((name, value))

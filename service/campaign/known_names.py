"""Checks the names a procedure takes from the campaign: sources of its forms, settings and windows of its year."""

import re
import tomllib
from collections.abc import Iterator
from itertools import islice
from typing import Any

from service.campaign import options
from service.campaign.plans import SETTINGS_FILE
from service.engine.hints import Hints
from service.engine.model import Problem, Procedure
from service.engine.problems import MOST_PROBLEMS
from service.errors import Text

#: A call with a fixed name, as it stands in a diagram, a table or a form.
_CALL = re.compile(
    r"""\b(setting|window_\w+)\(\s*(?:'|"|&apos;|&quot;|\\")([\w.-]+)(?:'|"|&apos;|&quot;|\\")\s*\)"""
)


def problems(procedure: Procedure) -> Iterator[Problem]:
    """Yield an error for each source nobody offers and each fixed name of a setting or window that is not set."""
    offered = dict(zip(("options", "rows"), options.names(), strict=True))
    hints = Hints()
    for form in procedure.forms.values():
        for kind, name in sorted(form.sources):
            if name not in offered[kind]:
                zh, en = hints.slip(name, offered[kind])
                yield Problem(
                    form.file,
                    _line(procedure.files[form.file].decode(errors="replace"), name),
                    None,
                    "error",
                    "unknown-source",
                    Text(
                        f"表单的数据来源 {name[:80]} 不存在{zh}",
                        f"there is no source {name[:80]} for this form{en}",
                    ),
                )
    defaults = _defaults(procedure)
    if defaults is not None:
        for path in sorted(procedure.files):
            if path.endswith((".bpmn", ".dmn", ".json")):
                yield from islice(_unknown_calls(procedure, path, defaults, hints), MOST_PROBLEMS)


def _defaults(procedure: Procedure) -> dict[str, frozenset[str]] | None:
    data = procedure.files.get(SETTINGS_FILE)
    if data is None:
        return None
    try:
        content = tomllib.loads(data.decode())
    except (ValueError, RecursionError):
        return None
    return {
        "setting": _listed(content.get("settings"), "key"),
        "window": _listed(content.get("windows"), "name"),
    }


def _listed(rows: Any, key: str) -> frozenset[str]:
    found = (row.get(key) for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
    return frozenset(str(one) for one in found if one)


def _unknown_calls(
    procedure: Procedure, path: str, known: dict[str, frozenset[str]], hints: Hints
) -> Iterator[Problem]:
    text = procedure.files[path].decode(errors="replace")
    for call in _CALL.finditer(text):
        kind = "setting" if call[1] == "setting" else "window"
        if call[2] not in known[kind]:
            zh, en = hints.slip(call[2], known[kind])
            shown = call[2][:80]
            yield Problem(
                path,
                text.count("\n", 0, call.start()) + 1,
                None,
                "error",
                f"unknown-{kind}",
                Text(
                    f"{call[1]}('{shown}')：{SETTINGS_FILE} 里没有 {shown}{zh}",
                    f"{call[1]}('{shown}'): there is no {shown} in {SETTINGS_FILE}{en}",
                ),
            )


def _line(text: str, name: str) -> int | None:
    at = text.find(f'"{name}')
    return text.count("\n", 0, at) + 1 if at >= 0 else None

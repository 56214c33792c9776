"""At the door: what no database of ours can keep is refused before anything is done with it."""

import re
from collections.abc import Iterable

from flask import Flask, request

from service.errors import Invalid, Text
from web import problems

_SIGNS = re.compile("[\0\ud800-\udfff]")
_UNKEPT = Text(
    "含有无法保存的字符（NUL 或不成对的代理字符），请删除",
    "Contains a character that cannot be kept (NUL or half of a surrogate pair); remove it",
)


def install(app: Flask) -> None:
    """Look at the texts of every request first."""
    app.before_request(_look)


def unkept(text: str) -> Text | None:
    """Return what is wrong with a text that PostgreSQL does not keep, None for one that can be kept."""
    return _UNKEPT if _SIGNS.search(text) else None


def shown(name: str) -> str:
    """Return a name as it can be written in an answer, whatever it holds."""
    return name.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()[:200]


def refuse(wrong: dict[str, Text]) -> Invalid:
    """Return the error that names each field with what is wrong in it."""
    name, text = next(iter(wrong.items()))
    return Invalid(Text(f"{name}：{text.zh}", f"{name}: {text.en}"), fields=wrong)


def look_at_form() -> None:
    """Refuse a form with texts or names of files that cannot be kept. Raises `Invalid`."""
    files = [(name, file.filename or "") for name, file in request.files.items(multi=True)]
    _look_at([*request.form.items(multi=True), *files])


def _look() -> None:
    _look_at([*(request.view_args or {}).items(), ("path", request.path), *request.args.items(multi=True)])
    # The API reads no form of a caller it does not know.
    if not problems.asked_for():
        look_at_form()


def _look_at(texts: Iterable[tuple[str, str]]) -> None:
    for name, text in texts:
        found = unkept(name) or unkept(str(text))
        if found is not None:
            raise refuse({shown(name): found})

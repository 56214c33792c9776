"""The reader's language: Chinese unless they chose English; service texts and page texts follow it."""

from collections.abc import Callable
from typing import Any

import flask_babel
from flask import Blueprint, Flask, g, redirect, request
from flask.typing import ResponseReturnValue

from service.errors import Text
from service.identity.organisations import REDACTED

#: Where the choice is kept; two years, readable by nobody but us.
COOKIE = "chuanglv_language"
LANGUAGES = {"zh": "中文", "en": "English"}

page = Blueprint("language", __name__)


def install(app: Flask) -> None:
    """Choose the language of every request and let templates print `Text`."""
    app.config.update(BABEL_DEFAULT_LOCALE="zh_Hans_CN", BABEL_TRANSLATION_DIRECTORIES="translations")
    flask_babel.Babel(app, locale_selector=_locale, timezone_selector=lambda: "Asia/Shanghai")
    app.jinja_env.finalize = printed
    app.jinja_env.filters["text"] = printed
    app.jinja_env.globals["language"] = current
    app.jinja_env.globals["in_chinese"] = in_chinese
    app.register_blueprint(page)


def current() -> str:
    """Return `zh` or `en`."""
    if g.get("chuanglv_in_chinese"):
        return "zh"
    return "en" if request.cookies.get(COOKIE) == "en" else "zh"


def gettext(message: str, **values: Any) -> str:
    """Return a text of a page in the reader's language, its places filled in."""
    return str(flask_babel.gettext(message, **values))


def ngettext(one: str, many: str, number: int, **values: Any) -> str:
    """Return a text with a number (`%(num)d`) in the reader's language."""
    return str(flask_babel.ngettext(one, many, number, **values))


def printed(value: object) -> object:
    """Return what is printed for a value: a `Text` in the reader's language, nothing for None.

    Names are plain words, but what stands for the name of a military unit is a text like any other.
    """
    if value == REDACTED.zh:
        value = REDACTED
    if isinstance(value, Text):
        return value.in_language(current())
    return "" if value is None else value


def say(text: Text) -> str:
    """Return a service text in the reader's language."""
    return text.in_language(current())


def in_chinese(part: Callable[[], str]) -> str:
    """Return a part of a page in Chinese, whatever the reader's language: official documents are."""
    g.chuanglv_in_chinese = True
    try:
        with flask_babel.force_locale("zh_Hans_CN"):
            return part()
    finally:
        g.chuanglv_in_chinese = False


@page.get("/language/<code>")
def choose(code: str) -> ResponseReturnValue:
    """Keep the chosen language and go back to where the reader was."""
    from web.session_cookie import safe_target

    answer = redirect(safe_target(request.args.get("next")))
    if code in LANGUAGES:
        answer.set_cookie(
            COOKIE, code, max_age=63_072_000, httponly=True, samesite="Lax", secure=request.is_secure
        )
    return answer


def _locale() -> str:
    return "en" if current() == "en" else "zh_Hans_CN"

"""Errors for programs: RFC 9457 problem details, in the language the client accepts."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from flask import Response, request

from service.errors import Text


def asked_for() -> bool:
    """Whether a program asks the API, not a person's browser: its errors are never pages."""
    return request.path.startswith("/api/")


def problem(status: int, text: Text, facts: Mapping[str, Any] | None = None) -> Response:
    """Return what is wrong; `facts` name the field, element, file or line concerned."""
    language = "en" if request.accept_languages.best_match(["zh", "en"]) == "en" else "zh"
    plain = {name: _plain(value, language) for name, value in (facts or {}).items()}
    if isinstance(plain.get("problems"), list) and language == "en":
        plain["problems"] = [{**one, "text": one["text_en"]} for one in plain["problems"]]
    content = {
        **plain,
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": text.in_language(language),
    }
    reply = Response(orjson.dumps(content), status=status, content_type="application/problem+json")
    if status == HTTPStatus.UNAUTHORIZED:
        reply.headers["WWW-Authenticate"] = 'Bearer realm="chuanglv"'
    return reply


def _plain(value: Any, language: str) -> Any:
    if isinstance(value, Text):
        return value.in_language(language)
    if isinstance(value, Mapping):
        return {str(name): _plain(one, language) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one, language) for one in value]
    return value

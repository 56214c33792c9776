"""Declares endpoints once: their types check requests, shape answers and describe the API (OpenAPI 3.1)."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from flask import Blueprint, Response, request
from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from service import __version__
from service.errors import Forbidden, Invalid, Text
from service.identity import tokens
from service.identity.people import Person
from service.paging import LARGEST_PAGE
from service.repeats import LONGEST_NAME, RequestKey, request_key
from service.system import System
from web import door
from web.api.reading import Body, read_body
from web.context import current_system
from web.failures import TITLES
from web.problems import problem

#: The schema of a file.
BINARY: Mapping[str, object] = {"type": "string", "format": "binary"}


class Anonymous(Forbidden):
    """Nobody knows who calls: the personal token is missing, wrong or over."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A query parameter that takes one of some values."""

    text: str
    values: Sequence[str]


@dataclass(frozen=True, slots=True)
class Call:
    """One request: who calls, the path's and query's values, the checked body, and the raw request."""

    system: System
    person: Person
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    request_key: RequestKey | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation of the API; `answer` is the type of what `run` returns.

    None: nothing, status 204; `Response`: a file, as it is.
    """

    method: str
    path: str
    run: Callable[[Call], Any]
    summary: str
    answer: Any = None
    body: type[Body] | None = None
    query: Mapping[str, str | Choice] = field(default_factory=dict)
    status: int = 200
    idempotent: bool = False
    #: Schema of the parts of a `multipart/form-data` body.
    parts: Mapping[str, object] | None = None
    tag: str = ""


def register(api: Blueprint, endpoint: Endpoint) -> None:
    """Add an endpoint to the blueprint."""
    adapter = TypeAdapter(endpoint.answer) if endpoint.answer not in (None, Response) else None

    def view(**path: str) -> Response:
        try:
            call = _call(endpoint, path)
        except Anonymous as error:
            return problem(401, error.text)
        result = endpoint.run(call)
        if isinstance(result, Response):
            return result
        if adapter is None:
            return Response(status=204)
        return Response(
            orjson.dumps(adapter.dump_python(result, mode="json")),
            status=endpoint.status,
            content_type="application/json",
        )

    name = f"{endpoint.method} {endpoint.path}".replace(".", "_")
    rule = re.sub(r"\{(\w+)\}", r"<\1>", endpoint.path)
    api.add_url_rule(rule, name, view, methods=[endpoint.method])


def _call(endpoint: Endpoint, path: Mapping[str, str]) -> Call:
    system = current_system()
    header = request.headers.get("Authorization", "")
    scheme, _, secret = header.partition(" ")
    person = tokens.authenticate(system, secret.strip()) if scheme.lower() == "bearer" else None
    if person is None:
        raise Anonymous(
            Text(
                "请在 Authorization: Bearer 中提供有效的个人令牌",
                "Give a valid personal token in Authorization: Bearer",
            )
        )
    unknown = set(request.args) - set(endpoint.query)
    if unknown:
        message = Text("没有这个查询参数", "There is no such query parameter")
        raise Invalid(
            Text(
                f"没有查询参数 {', '.join(sorted(unknown))}",
                f"Unknown query parameter {', '.join(sorted(unknown))}",
            ),
            fields=dict.fromkeys(sorted(unknown), message),
        )
    _check_query(endpoint)
    if endpoint.parts is not None:
        door.look_at_form()
    body = read_body(endpoint.body) if endpoint.body is not None else None
    return Call(
        system=system,
        person=person,
        path=path,
        query=request.args.to_dict(),
        body=body,
        request_key=_request_key(body) if endpoint.idempotent and body is not None else None,
    )


def _check_query(endpoint: Endpoint) -> None:
    wrong: dict[str, Text] = {}
    for name, given in request.args.lists():
        known = endpoint.query[name]
        if len(given) > 1:
            wrong[name] = Text("请只写一次", "Give it once")
        elif isinstance(known, Choice) and given[0] not in known.values:
            wrong[name] = Text(
                f"应为 {'、'.join(known.values)} 之一", f"Must be one of {', '.join(known.values)}"
            )
    if wrong:
        raise door.refuse(wrong)


def _request_key(body: Body) -> RequestKey | None:
    """Return the request's key with a digest of what is asked: where, and the body whatever its spelling."""
    said = json.dumps([request.method, request.path, body.model_dump(mode="json")], sort_keys=True)
    return request_key(request.headers.get("Idempotency-Key"), hashlib.sha256(said.encode()).hexdigest())


#: The query parameter that says how many rows a page shall have, and how many it has without.
LIMIT, USUAL_PAGE = "limit", 50


def limit_of(query: Mapping[str, str]) -> int:
    """Return the page size asked for (1 to `LARGEST_PAGE`). Raises `Invalid`."""
    raw = query.get(LIMIT, str(USUAL_PAGE))
    # Not `isdigit`: ² is a digit, and no number.
    if not re.fullmatch("[0-9]{1,3}", raw) or not 1 <= int(raw) <= LARGEST_PAGE:
        message = Text(f"limit 须为 1 至 {LARGEST_PAGE}", f"limit must be 1 to {LARGEST_PAGE}")
        raise Invalid(message, fields={"limit": message})
    return int(raw)


def description(endpoints: Sequence[Endpoint]) -> dict[str, object]:
    """Return the OpenAPI 3.1 document of the endpoints."""
    adapters = [
        (f"{one.method} {one.path}", "serialization", TypeAdapter(one.answer))
        for one in endpoints
        if one.answer not in (None, Response)
    ]
    refs, definitions = TypeAdapter.json_schemas(adapters, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]  # the mode is a literal in a tuple
    bodies = [one.body for one in endpoints if one.body is not None]
    body_refs, body_definitions = models_json_schema(
        [(one, "validation") for one in bodies], ref_template="#/components/schemas/{model}"
    )
    schemas = {**definitions.get("$defs", {}), **body_definitions.get("$defs", {}), "Problem": _PROBLEM}
    paths: dict[str, dict[str, object]] = {}
    for one in endpoints:
        answer = refs.get((f"{one.method} {one.path}", "serialization"))
        body = body_refs.get((one.body, "validation")) if one.body is not None else None
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, answer, body)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "创绿 Chuanglü",
            "version": __version__,
            "description": "Approval of a city's green-unit campaign. 非涉密系统，严禁处理国家秘密。",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas,
        },
    }


_PROBLEM: dict[str, object] = {
    "type": "object",
    "description": "RFC 9457 problem details; further members name the field, element, file or line concerned",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "fields": {"type": "object", "additionalProperties": {"type": "string"}},
        "problems": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["type", "title", "status", "detail"],
}


def _described(known: str | Choice) -> str:
    return known if isinstance(known, str) else known.text


def _schema(name: str, known: str | Choice) -> dict[str, object]:
    if isinstance(known, Choice):
        return {"type": "string", "enum": list(known.values)}
    if name == LIMIT:
        return {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": USUAL_PAGE}
    return {"type": "string"}


def _operation(endpoint: Endpoint, answer: Any, body: Any) -> dict[str, object]:
    parameters: list[dict[str, object]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", endpoint.path)
    ]
    parameters += [
        {"name": name, "in": "query", "description": _described(known), "schema": _schema(name, known)}
        for name, known in endpoint.query.items()
    ]
    if endpoint.idempotent:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same request with the same key again gives the first answer; another request with "
                "it is refused (422)",
                "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME},
            }
        )
    error = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    good: dict[str, object] = {"description": "done"}
    if endpoint.answer is Response:
        good["content"] = {"*/*": {"schema": BINARY}}
    elif answer is not None:
        good["content"] = {"application/json": {"schema": answer}}
    operation: dict[str, object] = {
        "summary": endpoint.summary,
        "tags": [endpoint.tag or endpoint.path.split("/")[1]],
        "operationId": re.sub(r"\W+", "_", f"{endpoint.method.lower()}{endpoint.path}").strip("_"),
        "parameters": parameters,
        "responses": {
            str(endpoint.status if endpoint.answer is not None else 204): good,
            **{str(code): {"description": TITLES[code].en, "content": error} for code in _refusals(endpoint)},
            "default": {"description": "any other error", "content": error},
        },
    }
    if body is not None and endpoint.body is not None:
        demanded = any(one.is_required() for one in endpoint.body.model_fields.values())
        operation["requestBody"] = {"required": demanded, "content": {"application/json": {"schema": body}}}
    if endpoint.parts is not None:
        content = {"multipart/form-data": {"schema": endpoint.parts}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _refusals(endpoint: Endpoint) -> list[int]:
    """Return the statuses with which an endpoint may refuse what it was asked."""
    codes = [401, 403, 404, 422]
    if endpoint.method != "GET":
        codes += [409]
    if endpoint.body is not None or endpoint.parts is not None:
        codes += [413]
    if endpoint.body is not None:
        codes += [415]
    return sorted(codes)

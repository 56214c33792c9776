"""Errors: what is wrong and what to do, in the reader's language, as a page or as JSON for scripts and programs."""

import logging
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from service.errors import AppError, Conflict, Forbidden, Invalid, NotFound, Text, Unavailable
from web import problems
from web.language import say

log = logging.getLogger(__name__)

STATUS: Mapping[type[AppError], int] = {
    Invalid: 422,
    NotFound: 404,
    Forbidden: 403,
    Conflict: 409,
    Unavailable: 503,
}
TITLES: Mapping[int, Text] = {
    400: Text("请求没有被接受", "The request was not accepted"),
    401: Text("请重新登录", "Please sign in again"),
    403: Text("您不能这样做", "You may not do this"),
    404: Text("没有这个页面", "There is no such page"),
    405: Text("不能这样打开", "It cannot be opened this way"),
    409: Text("情况已经变化", "Things have changed"),
    413: Text("内容过大", "Too large"),
    415: Text("内容类型不被接受", "Not a kind of content that is accepted"),
    422: Text("内容需要更正", "Something needs correcting"),
    500: Text("系统出错", "Something went wrong here"),
    503: Text("暂时不可用", "Not available for the moment"),
}
HTTP_TEXTS: Mapping[int, Text] = {
    404: Text("没有这个页面，或您无权查看。", "There is no such page, or it is not yours to see."),
    405: Text("请从页面上的按钮操作。", "Use the buttons of the page."),
    413: Text(
        "上传的内容超过了允许的大小，没有保存。", "What was sent is larger than allowed; nothing was kept."
    ),
}
API_TEXTS: Mapping[int, Text] = {
    404: Text(
        "没有这个地址；所有地址见 openapi.json", "There is no such address; openapi.json lists them all"
    ),
    405: Text("这个地址不接受这种方法", "This address does not take that method"),
    415: Text(
        "请以 Content-Type: application/json 发送 JSON", "Send JSON, with Content-Type: application/json"
    ),
    500: Text(
        "系统出错，没有保存任何改动；请稍后重试，仍不行时把 X-Request-Id 告诉管理员",
        "Something went wrong here and nothing was changed; try again, or give the X-Request-Id to an administrator",
    ),
}


def install(app: Flask) -> None:
    """Answer application errors, HTTP errors and crashes with pages."""
    app.register_error_handler(AppError, _refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _crashed)


def status_of(error: AppError) -> int:
    """Return the HTTP status of an application error."""
    return next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)


def wants_json() -> bool:
    """Whether a script of ours asks, not a person's browser."""
    return request.headers.get("X-Requested-With") == "fetch"


def answer(error: AppError, status: int | None = None) -> Response:
    """Return an application error, as a page or as JSON."""
    return _reply(status or status_of(error), error.text, error)


def field_errors(error: AppError) -> Mapping[str, Text]:
    """Return the texts of the fields an error names."""
    fields: Mapping[str, Any] = error.facts.get("fields") or {}
    return {str(key): text for key, text in fields.items() if isinstance(text, Text)}


def _refused(error: AppError) -> ResponseReturnValue:
    return answer(error)


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response()
    text = HTTP_TEXTS.get(
        error.code, Text("请求没有被接受，没有执行任何操作。", "The request was refused; nothing was done.")
    )
    reply = _reply(error.code, text)
    for name, value in error.get_headers(request.environ):
        # What the page may be asked by, for one; what it is written in was decided above.
        if name != "Content-Type":
            reply.headers[name] = value
    return reply


def _crashed(error: Exception) -> ResponseReturnValue:
    log.error("request %s failed: %s %s", g.get("request_id"), request.method, request.path, exc_info=error)
    text = Text(
        "这不是您的错。没有保存任何改动；请稍后重试，仍不行时把下面的编号告诉管理员。",
        "This is not your fault. Nothing was changed; try again, or give the number below to an administrator.",
    )
    return _reply(500, text)


def _reply(status: int, text: Text, error: AppError | None = None) -> Response:
    """Return an error as who asked can read it: a program of others, a script of ours, a person."""
    if problems.asked_for():
        if error is None:
            return problems.problem(status, API_TEXTS.get(status, text))
        return problems.problem(status, error.text, error.facts)
    if wants_json():
        fields = field_errors(error) if error is not None else {}
        reply = jsonify(text=say(text), fields={key: say(one) for key, one in fields.items()})
        reply.status_code = status
        return reply
    return _page(status, text)


def _page(status: int, text: Text) -> Response:
    title = TITLES.get(status, TITLES[400])
    try:
        content = render_template(
            "failure.html", status=status, title=title, text=text, request_id=g.get("request_id")
        )
    except Exception:
        # The frame of the page needs the database too; without it, plain words must do.
        log.exception("no error page")
        content = f"<!doctype html><meta charset=utf-8><h1>{say(title)}</h1><p>{say(text)}</p>"
    return make_response(content, status)

"""What protects every answer: headers, content policy, forgery tokens, size limits, request ids."""

import logging
import secrets
from typing import Any

from flask import Flask, Response, g, request
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from service.config import Settings
from service.errors import Forbidden, Text

log = logging.getLogger(__name__)

#: Nothing from elsewhere, nothing inline. `data:` images are bpmn.io's own cursors and marks.
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "manifest-src": "'self'",
}
#: The diagram editor's icons carry style attributes; scripts stay as strict as everywhere.
EDITOR_POLICY = POLICY | {"style-src-attr": "'unsafe-inline'"}

#: Most fields of one form; a score sheet of a whole team stays far below.
MOST_FIELDS = 5_000
#: Largest text part of one form, in bytes.
LARGEST_FORM = 4 * 1024 * 1024

csrf = CSRFProtect()


def install(app: Flask, settings: Settings) -> None:
    """Set limits, cookies, forgery protection, request ids and headers."""
    app.config.update(
        SECRET_KEY=settings.secret,
        MAX_CONTENT_LENGTH=settings.max_upload,
        MAX_FORM_MEMORY_SIZE=LARGEST_FORM,
        MAX_FORM_PARTS=MOST_FIELDS,
        SESSION_COOKIE_NAME="chuanglv_page",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=settings.secure_cookies,
    )
    csrf.init_app(app)
    if settings.proxies:
        count = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]  # as werkzeug documents it
    app.before_request(_name_request)
    app.after_request(_protect)
    app.teardown_request(_close_files)
    app.register_error_handler(CSRFError, _refuse_forgery)


def allow_editor_styles() -> None:
    """Let this answer's page use style attributes: only the diagram and form editors need it."""
    g.chuanglv_policy = EDITOR_POLICY


def allow_preview_styles() -> None:
    """Let this answer's page use style elements: only the editors of decision tables and forms need it."""
    g.chuanglv_policy = EDITOR_POLICY | {"style-src": "'self' 'unsafe-inline'"}


def _name_request() -> None:
    g.request_id = secrets.token_hex(8)


def _protect(response: Response) -> Response:
    policy: dict[str, str] = g.get("chuanglv_policy", POLICY)
    headers = response.headers
    headers.setdefault(
        "Content-Security-Policy", "; ".join(f"{name} {value}" for name, value in policy.items())
    )
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "geolocation=(), microphone=(), camera=(self)")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers["X-Request-Id"] = g.get("request_id", "")
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint == "static" and "/dist/" in request.path:
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    elif "Cache-Control" not in headers or request.endpoint != "static":
        headers["Cache-Control"] = (
            "no-store"
            if response.mimetype == "text/html"
            else headers.get("Cache-Control", "private, no-cache")
        )
    return response


def _close_files(_error: BaseException | None) -> None:
    """Close what a large upload was kept in meanwhile."""
    request.close()


def _refuse_forgery(error: Any) -> Any:
    from web.failures import answer

    log.info("forgery token refused: %s", error.description)
    return answer(
        Forbidden(
            Text(
                "页面已过期或请求来源不明，没有执行任何操作。请刷新页面后重试。",
                "The page has expired or the request came from elsewhere; nothing was done. Reload and try again.",
            )
        ),
        400,
    )

"""The sign-in's cookie: opaque, for us only; the session itself lives on the server and can be ended there."""

from flask import Response, current_app, request, url_for

NAME = "chuanglv_session"


def read() -> str | None:
    """Return the token the browser sent, None when it sent none."""
    return request.cookies.get(NAME)


def write(answer: Response, token: str) -> None:
    """Let the browser keep the token until it is closed."""
    answer.set_cookie(
        NAME,
        token,
        httponly=True,
        samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        path="/",
    )


def forget(answer: Response) -> None:
    """Let the browser forget the token."""
    answer.delete_cookie(NAME, path="/", secure=current_app.config["SESSION_COOKIE_SECURE"], samesite="Lax")


def safe_target(target: str | None) -> str:
    """Return `target` when it is a page of ours, else the start page: no one is sent elsewhere from here."""
    if (
        target is not None
        and target.startswith("/")
        # A browser takes //host, and a backslash for a slash.
        and not target.startswith("//")
        and "\\" not in target
        # A line break would end the header in which the address stands.
        and target.isprintable()
    ):
        return target
    return url_for("start.home")

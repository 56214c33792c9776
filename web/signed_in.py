"""Who is signed in: Flask-Login on the sessions kept on the server; pages are closed unless they are public."""

from dataclasses import dataclass

from flask import Flask, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user

from service.errors import Forbidden, Text
from service.identity import sessions
from service.identity.people import Person
from web import session_cookie
from web.context import current_system
from web.failures import answer
from web.language import say

#: Pages anybody may open; the API asks for its own tokens.
PUBLIC_BLUEPRINTS = frozenset({"verify", "language", "api"})
PUBLIC_PAGES = frozenset(
    {
        "static",
        "health",
        "robots",
        "session.sign_in",
        "session.enter",
        "session.enter_demo",
        "session.demo_list",
    }
)
#: What somebody may still do who has to change the password first.
BEFORE_PASSWORD = frozenset({"session.change_password", "session.keep_password", "session.sign_out"})


@dataclass(frozen=True, slots=True)
class SignedInUser:
    """The person of this request and the session they came with."""

    person: Person
    session_id: str
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False

    def get_id(self) -> str:
        """Return the person's id."""
        return self.person.id


def install(app: Flask) -> None:
    """Find the person of every request, and close what is not public to strangers."""
    manager = LoginManager()
    manager.session_protection = None
    manager.request_loader(_load)
    manager.unauthorized_handler(_ask)
    manager.init_app(app)
    app.before_request(_close)


def password_due() -> bool:
    """Whether the person signed in has to change the password before anything else."""
    return bool(current_user.is_authenticated and current_user.person.must_change_password)


def _load(_request: object) -> SignedInUser | None:
    found = sessions.authenticate(current_system(), session_cookie.read())
    return SignedInUser(found.person, found.session_id) if found is not None else None


def _close() -> ResponseReturnValue | None:
    name = request.endpoint
    # An address that leads nowhere is answered by the error page, for everybody alike.
    if name is None or name in PUBLIC_PAGES or name.partition(".")[0] in PUBLIC_BLUEPRINTS:
        return None
    if not current_user.is_authenticated:
        return _ask()
    if password_due() and name not in BEFORE_PASSWORD:
        return redirect(url_for("session.change_password"))
    return None


def _ask() -> ResponseReturnValue:
    """Ask a stranger to sign in, and remember where they wanted to go."""
    if request.headers.get("X-Requested-With") == "fetch":
        text = Text(
            "登录已过期，请重新登录；页面上的内容还在",
            "You were signed out; sign in again, the page keeps its content",
        )
        return jsonify(text=say(text), fields={}), 401
    if request.method == "POST" and request.endpoint != "session.sign_out":
        text = Text(
            "登录已过期，没有执行任何操作。请在新窗口重新登录，再用浏览器的“后退”回到刚才的页面提交，填写的内容还在。",
            "You were signed out; nothing was done. Sign in in a new window, then go back and send the page again: "
            "what you typed is still there.",
        )
        return answer(Forbidden(text), 401)
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    target = wanted if wanted and wanted != "/" else None
    return redirect(url_for("session.sign_in", next=target))

"""What the public may see without signing in: verification of certificates, the register, notices, open data."""

import csv
import io
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from service import clock
from service.campaign import register
from service.campaign.register import Entry
from service.errors import NotFound
from web.context import current_system, now
from web.language import say

page = Blueprint("verify", __name__, url_prefix="/verify")

#: Titles on a page: few enough for a phone.
ROWS = 20
#: What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@page.get("/")
def home() -> ResponseReturnValue:
    """Show the search by number and the register."""
    number = request.args.get("number", "").strip()
    if number:
        return redirect(url_for("verify.certificate", number=number))
    asked = {
        name: request.args.get(name, "").strip() for name in ("area", "kind", "level", "verdict", "text")
    }
    with current_system().database.read() as connection:
        found = register.search(
            connection,
            clock.city_day(now()),
            area_code=asked["area"],
            kind=asked["kind"],
            level=asked["level"],
            verdict=asked["verdict"],
            text=asked["text"],
            after=request.args.get("after"),
            limit=ROWS,
        )
        return render_template(
            "verify/home.html",
            page=found,
            asked=asked,
            areas=register.areas(connection),
            kinds=register.kinds(connection),
            levels=register.levels(connection),
            verdicts=register.VERDICTS,
            notices=register.notices(connection, now()),
        )


@page.get("/title/<path:number>")
def certificate(number: str) -> ResponseReturnValue:
    """Show whether a certificate is genuine and what its title is worth today."""
    with current_system().database.read() as connection:
        try:
            found = register.verify(connection, number, clock.city_day(now()))
        except NotFound as unknown:
            return render_template("verify/unknown.html", number=number, text=unknown.text), 404
    return render_template("verify/certificate.html", found=found, one=found.entry, day=clock.city_day(now()))


@page.get("/notices")
def notice_list() -> ResponseReturnValue:
    """Show the notices that are open now, and on demand the earlier ones."""
    every = request.args.get("all") == "1"
    with current_system().database.read() as connection:
        found = register.notices(connection, now(), open_only=not every)
    return render_template("verify/notices.html", notices=found, every=every)


@page.get("/notices/<notice_id>")
def notice(notice_id: str) -> ResponseReturnValue:
    """Show a notice with the names posted."""
    with current_system().database.read() as connection:
        return render_template("verify/notice.html", one=register.get_notice(connection, notice_id, now()))


@page.get("/register.csv")
def register_csv() -> ResponseReturnValue:
    """Send the register as CSV (UTF-8 with a mark, as spreadsheets want it)."""
    target = io.StringIO()
    writer = csv.writer(target)
    rows = [_facts(one) for one in _every()]
    columns = list(_COLUMNS)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_harmless(str(row[name])) for name in columns])
    answer = Response("\ufeff" + target.getvalue(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="register.csv"'
    return answer


@page.get("/register.json")
def register_json() -> ResponseReturnValue:
    """Send the register as JSON."""
    return jsonify(as_of=clock.city_day(now()).isoformat(), titles=[_facts(one) for one in _every()])


_COLUMNS = (
    "number", "unit", "area", "kind", "level", "level_name", "namer", "decided_on", "decision_number", "valid_from",
    "valid_to", "state", "state_name",
)  # fmt: skip


def _every() -> list[Entry]:
    with current_system().database.read() as connection:
        return register.every_title(connection, clock.city_day(now()))


def _facts(one: Entry) -> dict[str, Any]:
    return {
        "number": one.number,
        "unit": say(one.unit_name),
        "area": one.area_name,
        "kind": say(one.kind),
        "level": one.level,
        "level_name": say(one.level_name),
        "namer": one.namer_name,
        "decided_on": one.decided_on.isoformat(),
        "decision_number": one.decision_number,
        "valid_from": one.valid_from.isoformat(),
        "valid_to": one.valid_to.isoformat() if one.valid_to else "",
        "state": one.verdict,
        "state_name": say(one.words),
    }


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text

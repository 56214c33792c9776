"""Titles and documents: the list of what there is, and each document as a page made for the printer."""

import io
from typing import Any

import segno
from flask import Blueprint, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from service import clock, matters
from service.documents import issued, roster
from service.errors import Invalid, Text
from web.context import current_person, current_system, now
from web.forms import view as form_view
from web.language import gettext
from web.navigation import only_unit

page = Blueprint("documents", __name__, url_prefix="/documents")

_SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@page.get("/")
def register() -> ResponseReturnValue:
    """List titles, naming decisions and filings as this person may read them."""
    system, person = current_system(), current_person()
    own = only_unit(person)
    return render_template(
        "documents/register.html",
        titles=issued.title_rows(system, person, mine=own),
        decisions=[] if own else issued.decision_rows(system, person),
        filings=[] if own else issued.filings(system, person),
        own=own,
    )


@page.get("/matter/<matter_id>")
def of_matter(matter_id: str) -> ResponseReturnValue:
    """List what can be printed from a matter."""
    system, person = current_system(), current_person()
    return render_template(
        "documents/matter.html",
        matter=matters.get(system, person, matter_id).row,
        offered=issued.of_matter(system, person, matter_id),
        address=lambda one: _address(matter_id, one),
    )


def _address(matter_id: str, offered: issued.Offered) -> str:
    """Return where a document of a matter is read: its page, or the file it is."""
    match offered.wording.layout:
        case "decision":
            return url_for("documents.decision", number=offered.source)
        case "roster":
            return url_for("documents.filing", filing_id=offered.source)
        case _:
            kind = offered.wording.kind
            return url_for("documents.form", matter_id=matter_id, kind=kind, task_id=offered.source)


@page.get("/matter/<matter_id>/<kind>/<task_id>")
def form(matter_id: str, kind: str, task_id: str) -> ResponseReturnValue:
    """Print a filled-in form or a letter about one."""
    made = issued.form_document(current_system(), current_person(), matter_id, kind, task_id)
    shown = form_view.build(made.shown.form, made.shown.data, sources=made.shown.sources, writable=False)
    items = _chosen(shown.items, made.wording.fields)
    return render_template(
        f"documents/{made.wording.layout}.html",
        made=made,
        items=items,
        back=url_for("documents.of_matter", matter_id=matter_id),
    )


@page.get("/decision")
def decision() -> ResponseReturnValue:
    """Print a naming decision with its annex."""
    number = request.args.get("number", "")
    if not number:
        raise Invalid(Text("缺少文号", "The document number is missing"))
    made = issued.decision(current_system(), current_person(), number)
    return render_template("documents/decision.html", made=made, back=url_for("documents.register"))


@page.get("/certificate/<title_id>")
def certificate(title_id: str) -> ResponseReturnValue:
    """Print the certificate of a title with the QR code of its verification."""
    made = issued.certificate(current_system(), current_person(), title_id)
    # Printed and hung on a wall: the public's address, not the one by which an office reaches the server.
    place = current_system().settings.public_url or request.url_root.rstrip("/")
    address = place + url_for("verify.certificate", number=made.code)
    return render_template(
        "documents/certificate.html",
        made=made,
        qr=_qr(address),
        address=address,
        back=url_for("documents.register"),
    )


@page.get("/filing/<filing_id>.xlsx")
def filing(filing_id: str) -> ResponseReturnValue:
    """Send a county's filing roster as a spreadsheet."""
    made = issued.roster(current_system(), current_person(), filing_id)
    name = gettext("备案名册-%(county)s-%(year)s", county=made.filing.county_name, year=made.filing.year)
    return send_file(
        io.BytesIO(roster.workbook(made)),
        mimetype=_SHEET,
        as_attachment=True,
        download_name=f"{name}.xlsx",
    )


def _chosen(items: list[Any], keys: tuple[str, ...]) -> list[Any]:
    """Return the items a letter lists: those of `keys`, or everything that was filled in."""
    flat = []
    for one in items:
        flat += _chosen(one.items, keys) if one.kind == "group" and keys else [one]
    if not keys:
        return flat
    return [
        one
        for one in flat
        if (one.kind == "field" and one.field.key in keys) or (one.kind == "rows" and one.item.key in keys)
    ]


def _qr(address: str) -> Markup:
    """Return the QR code of an address as an SVG without styles, so that it needs no exception of the policy."""
    code = segno.make(address, error="m")
    drawn = code.svg_inline(scale=4, border=2, svgclass="cl-qr", lineclass=None, omitsize=True)
    return Markup(drawn)  # noqa: S704 - segno draws it; the address is escaped into squares


@page.app_template_filter("written")
def written(value: Any) -> str:
    """Write a day as documents do: 2026年8月10日, without leading zeros (GB/T 9704)."""
    day = clock.city_day(value) if hasattr(value, "hour") else value
    return f"{day.year}年{day.month}月{day.day}日" if day else ""


@page.app_template_filter("chinese")
def chinese(number: int) -> str:
    """Write a small number as headings of documents do: 一, 二, …, 十一."""
    ones = "零一二三四五六七八九"
    if not 0 < number < 100:
        return str(number)
    tens, rest = divmod(number, 10)
    return ("" if tens == 0 else "十" if tens == 1 else f"{ones[tens]}十") + (ones[rest] if rest else "")


@page.context_processor
def _printing() -> dict[str, Any]:
    return {"printed_at": now()}

"""Operations on county filings: open one, seal its package, both receipts, its number (R29)."""

from typing import Any

from service.campaign import filings, numbering
from service.campaign.calendar import parse_day
from service.clock import city_day
from service.engine.model import Json
from service.errors import Text
from service.identity import organisations
from service.operations.registry import Context, operation


@operation(
    "filings.open",
    Text("建立县级备案", "Open a county's filing"),
    changes=Text("登记备案及其期限", "registers the filing and when it is due"),
)
def open_filing(
    context: Context,
    *,
    plan_year: str,
    county: str,
    nil_return: bool,
    named_on: str,
    due_on: str,
    decision_number: str | None = None,
    titles: list[Any] | None = None,
) -> Json:
    """Open the filing of one naming decision, or a zero report; returns its id."""
    made = filings.open_filing(
        context.connection,
        plan_year_id=plan_year,
        county_id=county,
        nil_return=nil_return,
        named_on=parse_day(named_on),
        decision_number=decision_number,
        due_on=parse_day(due_on),
        titles=[str(one) for one in titles or []],
        matter_id=context.instance.matter_id,
        at=context.now,
    )
    name = organisations.get(context.connection, county).name
    what = "零报告" if nil_return else f"命名备案（{decision_number}）"
    context.set_matter(
        organisation_id=county,
        plan_year_id=plan_year,
        title=f"{name}：{what}",
        status=Text(f"{made.due_on} 前报送", f"Due on {made.due_on}"),
    )
    return made.id


@operation(
    "filings.seal",
    Text("封存备案电子档", "Seal a filing's electronic part"),
    changes=Text("登记电子档到达时间和校验值", "records when the package came and its SHA-256"),
)
def seal(context: Context, *, filing: str, content: dict[str, Any]) -> Json:
    """Seal what was filled in and every file with it; returns the package's SHA-256."""
    made = filings.seal(context.connection, filing, content, at=context.now)
    return {"sha256": made.package_sha256}


@operation(
    "filings.receive_electronic",
    Text("登记电子回执", "Record the electronic receipt"),
    changes=Text("登记电子档收讫", "records that the office accepted the electronic part"),
)
def receive_electronic(context: Context, *, filing: str) -> Json:
    """Record that the office accepted the electronic part."""
    return _described(filings.receive_electronic(context.connection, filing, at=context.now))


@operation(
    "filings.paper_arrived",
    Text("登记书面材料到达", "Record that the paper part came"),
    changes=Text("登记书面材料首次到达的日期", "records the day the paper part first came"),
)
def paper_arrived(context: Context, *, filing: str, day: str) -> Json:
    """Record the day the paper part first came; a later correction does not move it."""
    return _described(filings.paper_arrived(context.connection, filing, parse_day(day), at=context.now))


@operation(
    "filings.receive_paper",
    Text("登记书面回执", "Record the paper receipt"),
    changes=Text("登记书面材料收讫和登记人", "records the paper receipt and its registrar"),
)
def receive_paper(context: Context, *, filing: str, received_on: str, registrar: str) -> Json:
    """Record that the office accepted the paper part."""
    return _described(filings.receive_paper(context.connection, filing, parse_day(received_on), registrar))


@operation("filings.status", Text("读取备案回执", "Read a filing's receipts"))
def status(context: Context, *, filing: str) -> Json:
    """Return whether each part is received, and the day each first came."""
    return _described(filings.get(context.connection, filing))


@operation(
    "filings.finish",
    Text("备案编号归档", "Number and close a filing"),
    changes=Text("给出备案号，逾期的注明逾期", "gives the filing its number and flags a late one"),
)
def finish(
    context: Context, *, filing: str, late: bool, pattern: str, status_zh: str, status_en: str
) -> Json:
    """Give a filing its number (`pattern`); late ones are flagged and accepted. Returns the number."""
    known = filings.get(context.connection, filing)
    number = numbering.next_number(
        context.connection, kind="filing", scope="", year=context.today.year, pattern=pattern
    )
    made = filings.finish(context.connection, known.id, number=number, late=late, at=context.now)
    context.set_matter(number=number, status=Text(status_zh, status_en))
    return {"number": made.number, "late": made.late}


def _described(one: filings.Filing) -> Json:
    return {
        "electronic": one.electronic_received_at is not None,
        "paper": one.paper_received_on is not None,
        "electronic_on": city_day(one.electronic_arrived_at).isoformat()
        if one.electronic_arrived_at
        else None,
        "paper_on": one.paper_arrived_on.isoformat() if one.paper_arrived_on else None,
        "due_on": one.due_on.isoformat(),
        "sha256": one.package_sha256,
    }

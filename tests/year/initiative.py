"""What people begin by themselves: plans, applications, incidents, extensions, moves of places, deliberations."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from tests.year.cast import INCIDENTS, PARTS, SETTINGS

if TYPE_CHECKING:
    from tests.year.campaign import Campaign

LEVELS = ("county", "city", "province", "nation")
#: Who skips what: by part the levels above the next one.
SKIPS = {
    "skips": 1,
    "skips_honoured": 1,
    "skips_two": 2,
    "skip_downgraded": 1,
    "skip_refused": 1,
    "skip_given_up": 1,
    "skip_withdrawn": 1,
}
#: Parts that apply again in the second year.
AGAIN = frozenset({"late", "late_silent", "late_body", "too_late", "fails", "rejected"})


class Initiative:
    """Appointments of every year: on which day who begins what."""

    def __init__(self) -> None:
        #: What was asked for already; the demo city opens with the plan of its first year issued.
        self._done: set[str] = set()
        self.units: dict[str, str] = {}
        self.part: dict[str, str] = {}
        self._entry: dict[str, int] = {}
        self._calendar: list[tuple[int, int, Callable[[Campaign, date], None]]] = [
            (3, 1, self._plan),
            (3, 23, self._order_supervision),
            (4, 15, self._move_places),
            (4, 20, self._apply_to_counties),
            (5, 8, self._apply_to_counties),
            (5, 9, self._ask_below),
            (7, 2, self._apply_upward),
            (7, 8, self._ask_for_the_impossible),
            (7, 14, self._apply_upward),
            (7, 22, self._extend_windows),
            (7, 27, self._withdraw),
            (8, 4, self._replace_inspectors),
            (9, 14, self._deliberate),
            (9, 24, self._close_votes),
            (10, 12, self._deliberate),
            (11, 9, self._deliberate),
            *((month, 5, self._report_incidents) for month in range(1, 13)),
        ]

    def once(self, what: str) -> bool:
        """Whether this is asked for the first time."""
        fresh = what not in self._done
        self._done.add(what)
        return fresh

    def meet(self, campaign: "Campaign") -> None:
        """Learn the units by their codes and where their channel begins."""
        for one in campaign.one("municipal_office").caller.pages("/organisations", kind="unit"):
            self.units[one["code"]] = one["id"]
            free = one["municipal_department_id"] is None and not one["military"]
            self._entry[one["id"]] = 0 if free else 1

    def begin(self, campaign: "Campaign", today: date) -> int:
        """Start what is due to be started by hand until this day; returns how many appointments were kept."""
        kept = 0
        for month, day, begin in self._calendar:
            due = date(today.year, month, day)
            key = f"{begin.__name__} {due}"
            if due <= today < due + timedelta(days=20) and self.once(key):
                begin(campaign, today)
                kept += 1
        return kept

    def next_day(self, today: date) -> date:
        """The next day on which somebody begins something."""
        days = [
            date(year, month, day)
            for year in (today.year, today.year + 1)
            for month, day, _ in self._calendar
        ]
        return min(one for one in days if one > today)

    def _plan(self, campaign: "Campaign", today: date) -> None:
        if today.year in SETTINGS:
            title = f"{today.year}年创建方案（演示）"
            campaign.start(
                campaign.one("municipal_office"), "annual_plan", {"year": today.year, "plan_title": title}
            )

    def _year(self, campaign: "Campaign", process: str, today: date) -> str | None:
        """The plan year of today as a start form offers it."""
        form = campaign.one("municipal_office").caller.get(f"/process-definitions/{process}/start-form")
        field = next(one for one in form["form"]["fields"] if one["key"] == "plan_year_id")
        return next(
            (str(one["value"]) for one in field["options"] if str(today.year) in one["label"]["zh"]), None
        )

    def _body(self, campaign: "Campaign", name: str) -> str:
        """A body by its code."""
        rows = campaign.one("municipal_office").caller.pages("/organisations")
        return next(str(one["id"]) for one in rows if one["code"] == name)

    def _order_supervision(self, campaign: "Campaign", today: date) -> None:
        year = self._year(campaign, "supervision_order", today)
        if year is None:
            return
        for code in ("M-ZGH", "M-SLJ", "M-LYJ")[: 3 if today.year < 2028 else 1]:
            campaign.start(
                campaign.one("office_head"),
                "supervision_order",
                {
                    "plan_year_id": year,
                    "supervised_id": self._body(campaign, code),
                    "reason": "工作机构迟迟未组建（演示）",
                },
            )

    def _move_places(self, campaign: "Campaign", today: date) -> None:
        year = self._year(campaign, "quota_adjustment", today)
        if year is not None:
            for _ in range({2026: 5, 2028: 1}.get(today.year, 0)):
                campaign.start(campaign.one("municipal_office"), "quota_adjustment", {"plan_year_id": year})

    def _extend_windows(self, campaign: "Campaign", today: date) -> None:
        year = self._year(campaign, "window_extension", today)
        if year is None or today.year != 2026:
            return
        for scope, body, until in (
            ("one", "M-SLJ", "2026-08-12"),
            ("one", "M-LYJ", "2026-08-13"),
            ("one", "M-SWJ", "2026-08-20"),
            # The head would give it longer than is the head's to give.
            ("one", "M-WLJ", "2026-08-11"),
            ("all", None, "2026-08-12"),
        ):
            asked = {"plan_year_id": year, "window": "submission", "scope": scope, "extended_to": until}
            if body is not None:
                asked["for_body_id"] = self._body(campaign, body)
            campaign.start(
                campaign.one("municipal_office"),
                "window_extension",
                asked | {"reason": "暴雨影响报送（演示）"},
            )

    def _apply_to_counties(self, campaign: "Campaign", today: date) -> None:
        self._apply(campaign, today, {0})

    def _apply_upward(self, campaign: "Campaign", today: date) -> None:
        self._apply(campaign, today, {1, 2, 3})

    def _apply(self, campaign: "Campaign", today: date, wanted: set[int]) -> None:
        if today.year not in SETTINGS and today.year != 2026:
            return
        form: Any = None
        for index, actor in enumerate(campaign.applicants()):
            unit = next(iter(actor.organisations))
            part = self.part.get(unit, "")
            if part == "rests" or not self._turn(index, unit, part, today.year):
                continue
            counting = ("active", "pending_reinspection") if part == "slow_city" else ("active",)
            held = {
                one["level"]
                for one in actor.caller.get("/titles", unit=unit)["rows"]
                if one["state"] in counting
            }
            following = next(
                (at for at in range(self._entry[unit], 4) if not any(one in held for one in LEVELS[at:])),
                None,
            )
            if following is None:
                continue
            level = following + SKIPS.get(part, 0)
            skip = level != following and today.year == 2026
            level = min(level, 3) if skip else following
            if part.startswith("slow_") and today.year == 2026 and level > 0:
                continue
            if level not in wanted or not self.once(f"apply {unit} {level} {today.year}"):
                continue
            form = form or self._year(campaign, "deliberation", today)
            if form is None:
                return
            asked = {"plan_year_id": form, "unit_id": unit, "level": LEVELS[level], "skip": skip}
            campaign.start(actor, "apply", asked)
            if unit == self.units["U-610425-01"]:
                # Asked for twice within a minute: the naming chain opens one application and drops the other wish.
                campaign.start(actor, "apply", asked)

    def _turn(self, index: int, unit: str, part: str, year: int) -> bool:
        """Whether a unit applies in a year: all at first, later every so many."""
        if part.startswith("slow_"):
            return year in ((2027,) if part == "slow_city" else (2026, 2031))
        if year <= 2026 or part in ("model", "slow") or (year == 2027 and part in AGAIN):
            return True
        return index % {2027: 2, 2028: 4}.get(year, 5) == 0

    def _ask_for_the_impossible(self, campaign: "Campaign", today: date) -> None:
        """Applications that are refused on the spot: a title held, a level below, a level too far, one still open."""
        year = self._year(campaign, "deliberation", today)
        if year is None:
            return
        asked = [
            ("U-610402-01", "city", False),
            ("U-610402-01", "county", False),
            ("U-610402-13", "city", False),
            ("U-610404-06", "province", False),
            ("U-610424-01", "city", False),
            ("U-610424-01", "province", False),
        ]
        if today.year == 2027:
            # Two levels, where this year allows one.
            asked.append(("U-610429-02", "province", True))
        for code, level, skip in asked:
            unit = self.units[code]
            actor = campaign.at(unit, "applicant")
            if actor is not None:
                campaign.start(
                    actor, "apply", {"plan_year_id": year, "unit_id": unit, "level": level, "skip": skip}
                )

    def _ask_below(self, campaign: "Campaign", today: date) -> None:
        """A unit of a municipal system asks its county, where its channel does not begin."""
        year, unit = self._year(campaign, "deliberation", today), self.units["U-610402-12"]
        actor = campaign.at(unit, "applicant")
        if year is not None and actor is not None:
            asked = {"plan_year_id": year, "unit_id": unit, "level": "county", "skip": False}
            campaign.start(actor, "apply", asked)

    def _withdraw(self, campaign: "Campaign", today: date) -> None:
        for code, part in PARTS.items():
            actor = campaign.at(self.units[code], "applicant")
            if part == "withdraws" and actor is not None:
                for row in actor.caller.pages("/matters", unit=self.units[code], process="application"):
                    campaign.act_in(actor, row["id"], "撤回申报", "本年度暂不申报")

    def _replace_inspectors(self, campaign: "Campaign", today: date) -> None:
        office = campaign.one("municipal_office")
        for code in ("U-610402-12", "U-610402-14", "U-610430-02"):
            for row in office.caller.pages("/matters", unit=self.units[code], process="application")[:1]:
                campaign.act_in(office, row["id"], "检查前更换成员或改期", "检查员有冲突（演示）")

    def _deliberate(self, campaign: "Campaign", today: date) -> None:
        year = self._year(campaign, "deliberation", today)
        if year is not None:
            for level in LEVELS[1:]:
                campaign.start(
                    campaign.one("municipal_office"), "deliberation", {"plan_year_id": year, "level": level}
                )

    def _close_votes(self, campaign: "Campaign", today: date) -> None:
        office = campaign.one("municipal_office")
        for row in office.caller.pages("/matters", process="deliberation"):
            campaign.act_in(office, row["id"], "结束投票（有人缺席）", "一名委员出差（演示）")

    def _report_incidents(self, campaign: "Campaign", today: date) -> None:
        office = campaign.one("municipal_office")
        for code, level in INCIDENTS.get((today.year, today.month), ()):
            whose = {"unit": self.units[code]} if code else {}
            held = office.caller.get("/titles", level=level, limit=200, **whose)["rows"]
            standing = [one["id"] for one in held if one["state"] not in ("revoked", "ended")]
            if standing:
                facts: Mapping[str, Any] = {
                    "title_id": standing[0],
                    "kind": "pollution",
                    "occurred_on": today.isoformat(),
                    "place": "演示地点",
                    "facts": "群众反映夜间排放（演示）",
                }
                campaign.start(office, "report_incident", facts)

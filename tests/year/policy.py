"""What people want: who starts what when, which button they press, what they fill in.

Everybody does the plain thing by default. Explorers press buttons nobody has pressed yet, so that every way through
the procedure is walked; some units have a story of their own (late, withdrawn, silent, failing, revoked).
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.year.api import Refused
from tests.year.filling import PDF
from tests.year.people import Actor

if TYPE_CHECKING:
    from tests.year.campaign import Campaign

#: Stories told by some applicant units, in turn; the others are plain.
STORIES = (
    "plain",
    "explorer",
    "plain",
    "fails",
    "rectifies",
    "plain",
    "explorer",
    "withdraws",
    "late",
    "plain",
    "vetoed",
    "late_body",
    "explorer",
    "spread",
    "skips",
)
#: Buttons that would end what others still need; pressed only where a story says so.
NEVER = frozenset({"deliberation.Compile/cancel", "county_round.Manage/close", "county_round.Manage/extend"})


@dataclass(slots=True)
class Task:
    """One task in somebody's inbox; `detail` is what the task page shows."""

    actor: Actor
    row: Any
    today: date
    detail: Any = None

    @property
    def step(self) -> str:
        """Process and element."""
        return f"{self.row['process_key']}.{self.row['element_id']}"

    @property
    def unit(self) -> str | None:
        """The unit the matter is about."""
        found: str | None = self.row["unit_id"]
        return found

    def rows(self, key: str) -> Sequence[Any]:
        """The rows a list of the form demands."""
        return next((one["rows"] or [] for one in self.detail["form"]["lists"] if one["key"] == key), [])

    def options(self, path: str) -> list[str]:
        """The values a choice offers."""
        first, _, last = path.partition(".")
        fields = self.detail["form"]["fields"]
        if last:
            fields = next(one["fields"] for one in self.detail["form"]["lists"] if one["key"] == first)
        field = next(one for one in fields if one["key"] == (last or first))
        return [one["value"] for one in field["options"] or []]


class Policy:
    """What everybody wants, repeatable by its seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.taken: dict[str, Counter[str]] = defaultdict(Counter)
        self.story: dict[str, str] = {}
        self.numbers = Counter[str]()
        #: What was asked for already; the demo city opens with the plan of its first year issued.
        self._done: set[str] = {"plan 2026"}

    def tell(self, units: Sequence[str]) -> None:
        """Give every unit its story."""
        for index, unit in enumerate(units):
            self.story[unit] = STORIES[index % len(STORIES)]

    def once(self, what: str) -> bool:
        """Whether this is asked for the first time."""
        fresh = what not in self._done
        self._done.add(what)
        return fresh

    # --- tasks

    def wants(self, task: Task) -> bool:
        """Whether the person does it now."""
        story = self.story.get(task.unit or "", "plain")
        window_over = date(task.today.year, 8, 12)
        if task.step == "application.Fill" and story == "late":
            return not date(task.today.year, 7, 1) <= task.today < window_over
        if task.step == "channel_review.Forward" and story == "late_body":
            return not date(task.today.year, 7, 1) <= task.today < window_over
        if task.step in ("reinspection.Self_check", "self_check.Report") and story == "explorer":
            return False
        return task.step not in ("county_round.Manage", "public_notice.Posted") or self.once(
            f"{task.step} {task.today.year}"
        )

    def outcome(self, task: Task, outcomes: Sequence[Mapping[str, Any]]) -> str | None:
        """The button pressed."""
        if not outcomes:
            return None
        ids = [str(one["id"]) for one in outcomes]
        story = self.story.get(task.unit or "", "plain")
        if task.step == "application.Fill" and "submit_late" in ids:
            late = task.today > date(task.today.year, 8, 10) or task.today < date(task.today.year, 7, 1)
            return "submit_late" if story == "late" and late else "submit"
        if task.step == "county_round.Collect":
            return "propose"
        fresh = [one for one in ids if not self.taken[task.step][one] and f"{task.step}/{one}" not in NEVER]
        if fresh and (task.unit is None or story == "explorer"):
            return fresh[0]
        return ids[0]

    def done(self, task: Task, outcome: str | None) -> None:
        """Remember what was pressed."""
        self.taken[task.step][outcome or ""] += 1

    def wishes(self, task: Task, outcome: str | None) -> dict[str, Any]:
        """What the form should say."""
        find: Callable[[Task, str | None], dict[str, Any]] | None = getattr(
            self, f"_fill_{task.detail['form']['id']}", None
        )
        return find(task, outcome) if find is not None else {}

    def number(self, kind: str) -> str:
        """A document number that was never used."""
        self.numbers[kind] += 1
        return f"{kind}〔演示〕{self.numbers[kind]}号"

    def _fill_annual_plan(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        return {"total": sum(one["data"].get("places", 0) for one in task.rows("levels"))}

    def _fill_quota_grid(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        data = task.detail["data"]
        bodies = [one["row"] for one in task.rows("shares")]
        split = {}
        for level in ("city", "province", "nation"):
            left = int(data[f"target_{level}"])
            share = [left // len(bodies) + (index < left % len(bodies)) for index in range(len(bodies))]
            split[f"shares.{level}"] = dict(zip(bodies, share, strict=True))
        return {path: (lambda row, _start, places=places: places[row]) for path, places in split.items()} | {
            "reason": "按单位数分配（演示）"
        }

    def _fill_creation_targets(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        units, levels = task.options("targets.unit"), task.options("targets.level")
        return {"targets": [{"unit": one, "level": levels[0]} for one in units[:3]], "reason": "演示"}

    def _fill_implementation_scheme(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        return {"tasks.target": 10}

    def _fill_inspection_team(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        people = task.options("team_members")
        first = self.chance.randrange(max(1, len(people) - 3))
        team = people[first : first + 3]
        visit = max(task.today, date(task.today.year, 8, 11)) if 7 <= task.today.month <= 8 else task.today
        return {
            "team_leader": team[0],
            "team_members": team,
            "team_scorers": team[1:],
            "visit_day": visit.isoformat(),
        }

    def _fill_inspection_sheet(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        story = self.story.get(task.unit or "", "plain")
        mine = self.taken["sheet"][task.row["matter_id"]]
        self.taken["sheet"][task.row["matter_id"]] += 1
        share = {"fails": 0.4, "rectifies": 0.72, "spread": 1.0 if mine else 0.75}.get(story, 0.95)

        def awarded(_row: str, start: Mapping[str, Any]) -> float:
            return round(float(start["full"]) * share, 1)

        found: dict[str, Any] = {"sheet.awarded": awarded}
        if story == "vetoed" and not mine:
            rows = [one["row"] for one in task.rows("site_vetoes")]
            found["site_vetoes.veto_found"] = lambda row, _start: row == rows[0] if rows else False
            found["site_vetoes.veto_facts"] = "现场发现（演示）"
        return found

    def _fill_inspection_consensus(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        return {"agreed_modules.agreed_points": lambda _row, start: start["lowest"]}

    def _fill_rectification_recheck(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        share = 1.0 if self.once(f"recheck {self.taken['rectification.Recheck'].total() % 2}") else 0.95
        return {"recheck_modules.recheck_points": lambda _row, start: round(start["full"] * share, 1)}

    def _fill_deliberation_pack(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        return {"candidates.included": True, "meeting_day": task.today.isoformat()}

    def _fill_deliberation_ballot(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        return {"votes_cast.said": "favour"}

    def _fill_office_check(self, task: Task, outcome: str | None) -> dict[str, Any]:
        defects = [{"deficient": "缺少绿化台账", "required_how": "补充近三年台账"}]
        return {"deficiencies": defects if outcome == "correct" else []}

    def _fill_application_form(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        story = self.story.get(task.unit or "", "plain")
        found: dict[str, Any] = {
            "creation_start": f"{task.today.year - 1}-03-01",
            "self_sheet.self_points": lambda _row, start: start["full"],
            "report": "本单位围绕绿化美化、环境卫生、绿色生产和生态文明道德开展创建，成效明显。" * 4,
            "lead_group": "组长：演示组长；成员：演示成员",
            "honours": "市级文明单位（演示）",
            "features": "屋顶绿化与雨水回用（演示）",
        }
        # What the materials of a kind demand; a field the form hides is left out again.
        numbers = (
            "online_rate",
            "output_value",
            "energy_used",
            "water_used",
            "straw_use",
            "manure_use",
            "members",
        )
        shown = {one["key"]: one for one in task.detail["form"]["fields"] if not one["hidden"]}
        found |= {name: 8 if name == "members" else 98 for name in numbers if name in shown}
        for name in ("classes", "beds", "stars", "rooms", "sales_area", "households", "village_households"):
            if name in shown and not task.detail["data"].get(name):
                found[name] = 4
        for name in ("medical_waste", "one_way_items", "packaging", "property_firm", "green_courses"):
            if name in shown:
                found[name] = "已按要求落实（演示）"
        if "household_consent" in shown:
            found["household_consent"] = True
        if "permit_number" in shown and not task.detail["data"].get("permit_number"):
            found["permit_number"] = "DEMO-PERMIT-1"
        for name in ("evidence", "pledge_file"):
            found[name] = [{"id": task.actor.caller.upload(f"{name}.pdf", PDF)}]
        if story == "plain":
            found |= {
                "iso_number": "演示-14001",
                "iso_body": "演示认证机构",
                "iso_valid_to": f"{task.today.year + 2}-12-31",
                "iso_status": "valid",
            }
        return found

    def _fill_channel_review(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        return {"of_target": False, "untargeted_reason": "补充创建对象（演示）", "materials_true": "yes"}

    def _fill_upward_result(self, task: Task, outcome: str | None) -> dict[str, Any]:
        return {
            "namer_name": "上级命名机关（演示）",
            "decision_number": self.number("上级命名"),
            "decided_on": task.today.isoformat(),
            "certificate_number": self.number("上级证书"),
            **({"stage_name": "材料评审", "stage_on": task.today.isoformat()} if outcome == "stage" else {}),
        }

    def _fill_notice_objection(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        offered = task.options("objected_application")
        return {
            "objected_application": offered[0],
            "by_real_name": True,
            "objector_name": "演示群众",
            "objection_facts": "反映绿化面积不实（演示）",
        }

    def _fill_objection_findings(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        upheld = bool(self.taken["public_notice.Verify"].total() % 2)
        return {"findings.finding_result": "upheld" if upheld else "dismissed"}

    def _fill_title_decision(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        return {"decision_number": self.number("称号决定")}

    def _fill_county_naming_decision(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        return {"decision_number": self.number("县级命名")}

    def _fill_county_determination(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        rows = [one["row"] for one in task.rows("units")]
        refuse = rows[-1] if len(rows) > 2 else None
        return {
            "units.decision": lambda row, _start: "reject" if row == refuse else "approve",
            "units.reason": lambda row, _start: "本年度暂缓（演示）" if row == refuse else "",
        }

    def _fill_self_check_report(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        return {"self_score": 92}

    # --- what people begin by themselves

    def begin(self, campaign: "Campaign", now: datetime) -> None:
        """Start what is due to be started by hand on this day."""
        today = now.date()
        if (today.month, today.day) >= (3, 1) and self.once(f"plan {today.year}"):
            clerk = campaign.one("municipal_office")
            campaign.start(
                clerk, "annual_plan", {"year": today.year, "plan_title": f"{today.year}年创建方案（演示）"}
            )
        if today.month in (4, 5) and today.day in (8, 20):
            self._apply(campaign, today, {"county"})
        if today.month == 7 and today.day in (3, 12, 25):
            self._apply(campaign, today, {"city", "province", "nation"})
        if today.month == 7 and today.day >= 20:
            self._withdraw(campaign, today)
        if (today.month, today.day) >= (9, 14):
            for level in ("city", "province", "nation"):
                if self.once(f"deliberate {level} {today.year}"):
                    year_id = self._plan_year(campaign, today)
                    clerk = campaign.one("municipal_office")
                    campaign.start(clerk, "deliberation", {"plan_year_id": year_id, "level": level})

    def pace(self, day: date, worked: int) -> timedelta:
        """How far the clock goes before people act again."""
        if (3, 1) <= (day.month, day.day) <= (10, 20):
            return timedelta(days=1 if worked else 2)
        return timedelta(days=1 if worked else 6)

    def _apply(self, campaign: "Campaign", today: date, levels: set[str]) -> None:
        for actor in campaign.applicants():
            unit = next(iter(actor.organisations))
            if not self.once(f"apply {unit} {sorted(levels)} {today}"):
                continue
            try:
                form = actor.caller.get("/process-definitions/apply/start-form")
            except Refused:
                continue
            options = {
                one["key"]: [option["value"] for option in one["options"] or []]
                for one in form["form"]["fields"]
            }
            wanted = [one for one in options["level"] if one in levels]
            if not wanted or not options["plan_year_id"] or unit not in options["unit_id"]:
                continue
            story = self.story.get(unit, "plain")
            level = wanted[-1] if story == "skips" else wanted[0]
            data = {
                "plan_year_id": options["plan_year_id"][0],
                "unit_id": unit,
                "level": level,
                "skip": story == "skips",
            }
            campaign.start(actor, "apply", data)

    def _withdraw(self, campaign: "Campaign", today: date) -> None:
        for actor in campaign.applicants():
            unit = next(iter(actor.organisations))
            if self.story.get(unit) != "withdraws" or not self.once(f"withdraw {unit} {today.year}"):
                continue
            for row in actor.caller.pages("/matters", unit=unit, process="application"):
                view = actor.caller.get(f"/matters/{row['id']}")
                for action in view["actions"]:
                    actor.caller.post(
                        f"/instances/{action['instance_id']}/waits/{action['ref']}",
                        {"reason": "本年度暂不申报"},
                    )

    def _plan_year(self, campaign: "Campaign", today: date) -> str:
        clerk = campaign.one("municipal_office")
        form = clerk.caller.get("/process-definitions/deliberation/start-form")
        field = next(one for one in form["form"]["fields"] if one["key"] == "plan_year_id")
        return str(field["options"][0]["value"])

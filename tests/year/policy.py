"""What people want: who starts what when, which button they press, what they fill in.

Everybody does the plain thing by default and presses what nobody has pressed yet, so that every way through the
procedure is walked; units with a part (`tests/year/cast.py`) keep to it.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.year.cast import DECISIONS, FINDINGS, ORDERS, PARTS, SETTINGS
from tests.year.filling import PDF
from tests.year.initiative import Initiative
from tests.year.people import Actor

if TYPE_CHECKING:
    from tests.year.campaign import Campaign

#: Here units whose application must succeed are spared what nobody has pressed yet.
APPLYING = frozenset(
    {
        "application",
        "channel_review",
        "county_review",
        "office_intake",
        "inspection",
        "rectification",
        "skip_level_consent",
    }
)
#: Where the first button is not the plain one.
PLAIN = {
    "upward_recommendation.Result_province": "named",
    "upward_recommendation.Result_nation": "named",
    "self_check.Review": "accept",
}
#: Steps somebody does on demand only; see `Policy.wants`.
ON_DEMAND = frozenset({"county_round.Manage", "public_notice.Posted"})


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
    def unit(self) -> str:
        """The unit the matter is about, or nothing."""
        return self.row["unit_id"] or ""

    @property
    def due(self) -> date | None:
        """The day it is due."""
        at = self.row["due_at"]
        return datetime.fromisoformat(at).date() if at else None

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


class Policy(Initiative):
    """What everybody wants, repeatable by its seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)
        #: What was pressed at each step, and how often an order was followed.
        self.taken: dict[str, Counter[str]] = defaultdict(Counter)
        self._ordered: Counter[str] = Counter()
        self._decided: Counter[tuple[str, str]] = Counter()
        self._numbers = Counter[str]()

    def tell(self, campaign: "Campaign") -> None:
        """Learn which unit has which part."""
        self.meet(campaign)
        self.part = {self.units[code]: part for code, part in PARTS.items()}
        self._decisions = {(self.units[code], step): one for (code, step), one in DECISIONS.items()}

    # --- tasks

    def wants(self, task: Task) -> bool:
        """Whether the person does it now."""
        part, year, step = self.part.get(task.unit, ""), task.today.year, task.step
        name = task.row["title"]
        if step == "application.Fill":
            if part == "too_late":
                return not date(year, 7, 1) <= task.today < date(year, 9, 14)
            if part in ("late", "late_silent"):
                return not date(year, 7, 1) <= task.today < date(year, 8, 12)
            if part == "county_late":
                return not date(year, 4, 1) <= task.today < date(year, 7, 25)
            return part != "slow_fill" or year != 2031 or task.today > date(year, 7, 27)
        if step == "channel_review.Forward" and part == "late_body":
            return not date(year, 7, 1) <= task.today < date(year, 8, 12)
        if step == "channel_review.Forward" and part == "slow_forward":
            return year != 2031 or task.today > date(year, 7, 27)
        if step == "late_acceptance.explain":
            return part != "late_silent"
        if step == "rectification.Evidence":
            return part != "rectifies_never"
        if step == "reinspection.Self_check":
            late = task.due is not None and task.today > task.due + timedelta(days=20)
            return part != "silent" and (not part.startswith("slow") or late)
        if step == "self_check.Report":
            return part not in ("silent", "vetoed")
        if step in ("supervision.reply", "implementation.report", "preparation.do_scheme"):
            if task.row["organisation_name"].startswith("咸阳市总工会") and step != "supervision.reply":
                return not (3 <= task.today.month <= 4)
            return not task.row["organisation_name"].startswith("咸阳市总工会")
        if step == "deliberation.Vote":
            return not (task.actor.login.endswith("组委会-05") and year == 2027)
        if step == "county_round.Collect" and ("三原" in name or "淳化" in name):
            # Named in July: their titles end in the middle of a submission phase five years later.
            return task.today >= date(year, 6, 28)
        if step.startswith("county_filing"):
            return self._files(task, name)
        if step in ON_DEMAND:
            return self._on_demand(task, name)
        return True

    def _files(self, task: Task, name: str) -> bool:
        """Some counties file late: all of it, the electronic part, the paper part, the zero report."""
        overdue = task.due is not None and task.today > task.due + timedelta(days=1)
        element = task.row["element_id"]
        if element == "Prepare":
            return not ("渭城" in name or "兴平" in name) or overdue
        if element == "Nil":
            return "旬邑" not in name or overdue
        if element == "Paper":
            return "三原" not in name or overdue
        return True

    def _on_demand(self, task: Task, name: str) -> bool:
        year = task.today.year
        if task.row["element_id"] == "Posted":
            return ("彬州" in name and self.once(f"object Binzhou {year}")) or (
                year == 2026 and self.once(f"{name} {year}")
            )
        if task.today < date(year, 5, 10):
            return False
        return ("三原" in name or "礼泉" in name) and self.once(f"manage {name} {year}")

    def outcome(self, task: Task, outcomes: Sequence[Mapping[str, Any]]) -> str | None:
        """The button pressed."""
        if not outcomes:
            return None
        ids = [str(one["id"]) for one in outcomes]
        decided = self._decisions.get((task.unit, task.step))
        if decided is not None:
            return decided[min(self._decided[task.unit, task.step], len(decided) - 1)]
        process, element = task.row["process_key"], task.row["element_id"]
        press: Callable[[Task, list[str]], str | None] | None = getattr(
            self, f"_press_{process}_{element}".lower(), None
        )
        if press is not None and (pressed := press(task, ids)) is not None:
            return pressed
        if task.step in ORDERS:
            order = ORDERS[task.step]
            wanted = order[min(self._ordered[task.step], len(order) - 1)]
            return wanted
        fresh = [one for one in ids if not self.taken[task.step][one]]
        spared = process in APPLYING and self.part.get(task.unit, "") not in ("", "plain")
        if fresh and not spared and not (process == "upward_recommendation" and task.unit in self.part):
            return fresh[0]
        return PLAIN.get(task.step, ids[0])

    def done(self, task: Task, outcome: str | None) -> None:
        """Remember what was pressed."""
        self.taken[task.step][outcome or ""] += 1
        if (task.unit, task.step) in self._decisions:
            self._decided[task.unit, task.step] += 1
        else:
            self._ordered[task.step] += 1

    def _press_annual_plan_countersign(self, task: Task, ids: list[str]) -> str | None:
        # The members send the draft of 2028 back; whose word it is shows in the plan's second round.
        first = self.taken["annual_plan.draft_plan"].total() == 2
        return "revise" if first and task.today.year == 2028 else "agree"

    def _press_quota_allocation_confirm(self, task: Task, ids: list[str]) -> str | None:
        return "object" if task.today.year < 2028 and self.once(f"object {task.today.year}") else "confirm"

    def _press_application_fill(self, task: Task, ids: list[str]) -> str | None:
        year, part = task.today.year, self.part.get(task.unit, "")
        in_time = date(year, 7, 1) <= task.today <= date(year, 8, 10)
        return "submit" if in_time or part == "county_late" or task.today.month < 7 else "submit_late"

    def _press_county_round_manage(self, task: Task, ids: list[str]) -> str | None:
        return "extend" if "三原" in task.row["title"] else "close"

    def _press_county_round_collect(self, task: Task, ids: list[str]) -> str | None:
        return "none" if "旬邑" in task.row["title"] else "propose"

    def _press_county_review_review(self, task: Task, ids: list[str]) -> str | None:
        return "accept" if self.part.get(task.unit) else None

    def _press_deliberation_compile(self, task: Task, ids: list[str]) -> str | None:
        return "submit" if task.rows("candidates") else "cancel"

    def _press_skip_level_consent_vote(self, task: Task, ids: list[str]) -> str | None:
        return "refuse" if self.part.get(task.unit) in ("skip_refused", "skip_downgraded") else "agree"

    def _press_skip_level_consent_refused(self, task: Task, ids: list[str]) -> str | None:
        return "downgrade" if self.part.get(task.unit) == "skip_downgraded" else "refuse"

    def _press_skip_level_consent_grounds(self, task: Task, ids: list[str]) -> str | None:
        wanted = {"skip_given_up": "downgrade", "skip_withdrawn": "withdraw"}
        return wanted.get(self.part.get(task.unit, ""), "submit")

    def _press_skip_level_consent_opinion(self, task: Task, ids: list[str]) -> str | None:
        return next((one for one in ids if not self.taken[task.step][one]), "support")

    def _press_skip_level_consent_precheck(self, task: Task, ids: list[str]) -> str | None:
        return next((one for one in ids if not self.taken[task.step][one]), "forward")

    def _press_reinspection_self_check(self, task: Task, ids: list[str]) -> str | None:
        return "submit" if self.part.get(task.unit) else None

    def _press_late_acceptance_decide_chair(self, task: Task, ids: list[str]) -> str | None:
        return None if self.part.get(task.unit) != "late_body" else "accept"

    # --- forms

    def wishes(self, task: Task, outcome: str | None) -> dict[str, Any]:
        """What the form should say."""
        find: Callable[[Task, str | None], dict[str, Any]] | None = getattr(
            self, f"_fill_{task.detail['form']['id']}", None
        )
        return find(task, outcome) if find is not None else {}

    def number(self, kind: str) -> str:
        """A document number that was never used."""
        self._numbers[kind] += 1
        return f"{kind}〔演示〕{self._numbers[kind]}号"

    def _fill_annual_plan(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        changed = SETTINGS.get(task.detail["data"].get("year") or task.today.year, {})

        def value(row: str, start: Mapping[str, Any]) -> Any:
            return changed.get(row, start.get("value") or "")

        return {
            "total": sum(one["data"].get("places", 0) for one in task.rows("levels")),
            "settings.value": value,
        }

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

    def _fill_quota_move(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        number = self.taken[task.step].total()
        bodies = task.options("receiver_id")
        transfer = number < 2
        return {
            "move_level": "city",
            "move_places": 1,
            "move_kind": "transfer" if transfer else "increase",
            **({"giver_id": bodies[number]} if transfer else {}),
            "receiver_id": bodies[-1],
        }

    def _fill_creation_targets(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        units, levels = task.options("targets.unit"), task.options("targets.level")
        return {"targets": [{"unit": one, "level": levels[0]} for one in units[:3]], "reason": "演示"}

    def _fill_implementation_scheme(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        return {"tasks.target": 10}

    def _fill_county_round_change(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        closes = date.fromisoformat(task.detail["data"]["new_closes_on"])
        return {"new_closes_on": (closes + timedelta(days=5)).isoformat()}

    def _fill_inspection_team(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        people = task.options("team_members")
        first = self.chance.randrange(max(1, len(people) - 2))
        team = people[first : first + 3]
        visit = task.today
        if (7, 1) <= (visit.month, visit.day) <= (8, 11):
            visit = date(visit.year, 8, 11)
        return {
            "team_leader": team[0],
            "team_members": team,
            "team_scorers": team[1:],
            "visit_day": visit.isoformat(),
        }

    def _fill_inspection_sheet(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        part = self.part.get(task.unit, "")
        again = not self.once(f"sheet {task.row['instance_id']}")
        share = {
            "fails": 0.4,
            "rectifies": 0.72,
            "rectifies_badly": 0.76,
            "rectifies_never": 0.72,
            "spread": 1.0 if again else 0.75,
        }.get(part, 0.95)

        def awarded(_row: str, start: Mapping[str, Any]) -> float:
            return round(float(start["full"]) * share, 1)

        found: dict[str, Any] = {"sheet.awarded": awarded}
        if part == "vetoed" and not again:
            rows = [one["row"] for one in task.rows("site_vetoes")]
            found["site_vetoes.veto_found"] = lambda row, _start: row == rows[0] if rows else False
            found["site_vetoes.veto_facts"] = "现场发现（演示）"
        return found

    def _fill_inspection_report(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        if self.part.get(task.unit) != "recorded":
            return {}
        records = ("crime", "credit", "accident", "order", "dishonest")
        return {"satisfaction": 50} | {f"record_{one}": True for one in records}

    def _fill_inspection_consensus(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        return {"agreed_modules.agreed_points": lambda _row, start: start["lowest"]}

    def _fill_rectification_recheck(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        share = 0.7 if self.part.get(task.unit) == "rectifies_badly" else 0.95
        return {"recheck_modules.recheck_points": lambda _row, start: round(start["full"] * share, 1)}

    def _fill_deliberation_pack(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        # Once the office includes nobody and is asked again.
        nobody = bool(task.rows("candidates")) and self.once("nobody included")
        return {"candidates.included": not nobody, "meeting_day": task.today.isoformat()}

    def _fill_deliberation_ballot(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        against = task.today.year == 2028 and "国家级" in task.row["title"]
        return {"votes_cast.said": "against" if against else "favour"}

    def _fill_office_check(self, task: Task, outcome: str | None) -> dict[str, Any]:
        defects = [{"deficient": "缺少绿化台账", "required_how": "补充近三年台账"}]
        return {"deficiencies": defects if outcome == "correct" else []}

    def _fill_application_form(self, task: Task, _outcome: str | None) -> dict[str, Any]:
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
        if "key_polluter" in shown and self.part.get(task.unit) in ("model", "skips", "fails"):
            found["key_polluter"] = True
        for name in ("evidence", "pledge_file"):
            found[name] = [{"id": task.actor.caller.upload(f"{name}.pdf", PDF)}]
        if self.chance.random() < 0.3:
            found |= {
                "iso_number": "演示-14001",
                "iso_body": "演示认证机构",
                "iso_valid_to": f"{task.today.year + 2}-12-31",
                "iso_status": "valid",
            }
        return found

    def _fill_skip_grounds(self, task: Task, outcome: str | None) -> dict[str, Any]:
        honours = [{"name": "市级文明单位（演示）", "granted_by": "演示机关"}]
        return {"honours": honours if self.part.get(task.unit) == "skips_honoured" else []}

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
        refused = set(rows) if "长武" in task.row["title"] else set(rows[2:3])
        return {
            "units.decision": lambda row, _start: "reject" if row in refused else "approve",
            "units.reason": lambda row, _start: "本年度暂缓（演示）" if row in refused else "",
        }

    def _fill_filing_paper(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        # One county's paper came in time by post, before the electronic part.
        early = "兴平" in task.row["title"] and task.due is not None
        return {
            "received_on": (task.due - timedelta(days=3) if early and task.due else task.today).isoformat()
        }

    def _fill_incident_finding(self, task: Task, outcome: str | None) -> dict[str, Any]:
        nothing: dict[str, Any] = {"deaths": 0, "poisoned": 0, "moved": 0, "loss": 0, "water": "none"}
        number = self.taken["incident.Investigate"]["found"]
        return nothing | (dict(FINDINGS[number % len(FINDINGS)]) if outcome == "found" else {})

    def _fill_self_check_report(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        number = self.taken["self_check.Report"].total()
        return {"self_score": 70 if number % 12 == 3 else 92, "had_incident": number % 20 == 7}

    def _fill_extension_decision(self, task: Task, _outcome: str | None) -> dict[str, Any]:
        return {"document_number": self.number("延期决定")}

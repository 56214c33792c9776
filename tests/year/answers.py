"""What people fill in: by form, what the case at hand wants otherwise than the form's own beginning."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from tests.year.cast import FINDINGS, SETTINGS
from tests.year.filling import PDF
from tests.year.initiative import Initiative
from tests.year.task import Task


class Answers(Initiative):
    """Wishes for each form, repeatable by the seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)
        #: What was pressed at each step.
        self.taken: dict[str, Counter[str]] = defaultdict(Counter)
        self._numbers = Counter[str]()

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
        longer = {"granted_to": "2026-08-19"} if "至 2026-08-11" in task.row["title"] else {}
        return longer | {"document_number": self.number("延期决定")}

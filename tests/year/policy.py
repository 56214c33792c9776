"""What people want: who does what when, and which button they press.

Everybody does the plain thing by default and presses what nobody has pressed yet, so that every way through the
procedure is walked; units with a part (`tests/year/cast.py`) keep to it.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from tests.year.answers import Answers
from tests.year.cast import DECISIONS, ORDERS, PARTS
from tests.year.task import Task

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
#: Units that pass no inspection.
FAILING = frozenset({"fails", "vetoed", "recorded", "rectifies_badly", "rectifies_never"})
#: Steps somebody does on demand only; see `Policy.wants`.
ON_DEMAND = frozenset({"county_round.Manage", "public_notice.Posted"})


class Policy(Answers):
    """What everybody wants, repeatable by its seed."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        #: How often an order was followed, and how often a decision of a unit's part.
        self._ordered: Counter[str] = Counter()
        self._decided: Counter[tuple[str, str]] = Counter()
        self._gave_up: set[str] = set()
        #: Why titles were cancelled after a re-inspection.
        self.cancelled: Counter[str] = Counter()

    def tell(self, campaign: "Campaign") -> None:
        """Learn which unit has which part."""
        self.meet(campaign)
        self.part = {self.units[code]: part for code, part in PARTS.items()}
        self._decisions = {(self.units[code], step): one for (code, step), one in DECISIONS.items()}

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
        if step in ("supervision.reply", "implementation.report") or step.startswith("preparation.do_"):
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
        if process == "reinspection" and "cancel" in ids and self._reason_to_cancel(task) is not None:
            return "cancel"
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
        return ids[0]

    def done(self, task: Task, outcome: str | None) -> None:
        """Remember what was pressed."""
        self.taken[task.step][outcome or ""] += 1
        if (task.unit, task.step) in self._decisions:
            self._decided[task.unit, task.step] += 1
        else:
            self._ordered[task.step] += 1
        if task.step == "reinspection.Self_check" and outcome == "decline":
            self._gave_up.add(task.unit)
        if outcome == "cancel" and task.step.startswith("reinspection.Decide"):
            self.cancelled[self._reason_to_cancel(task) or "otherwise"] += 1

    def _reason_to_cancel(self, task: Task) -> str | None:
        part = self.part.get(task.unit, "")
        if part == "silent":
            return "absent"
        if task.unit in self._gave_up:
            return "declined"
        return "failed" if part in FAILING else None

    def _press_annual_plan_countersign(self, task: Task, ids: list[str]) -> str | None:
        # The members send the draft of 2028 back; whose word it is shows in the plan's second round.
        first = self.taken["annual_plan.draft_plan"].total() == 2
        return "revise" if first and task.today.year == 2028 else "agree"

    def _press_preparation_check_body(self, task: Task, ids: list[str]) -> str | None:
        return self._check_deliverable(task)

    def _press_preparation_check_targets(self, task: Task, ids: list[str]) -> str | None:
        return self._check_deliverable(task)

    def _press_preparation_check_scheme(self, task: Task, ids: list[str]) -> str | None:
        return self._check_deliverable(task)

    def _check_deliverable(self, task: Task) -> str | None:
        # What comes after the window is returned after it, once a year.
        late = (task.today.month, task.today.day) > (4, 3)
        return "return" if late and self.once(f"{task.step} {task.today.year}") else None

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

"""A year of the campaign, and the years after it, lived through the REST API by everybody who has a part in it."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.year.api import Refused
from tests.year.filling import fill
from tests.year.people import Actor
from tests.year.policy import Policy, Task

CITY = ZoneInfo("Asia/Shanghai")


@dataclass(slots=True)
class Log:
    """What happened: counts, and what was refused with which words."""

    completed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    fired: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    started: Counter[str] = field(default_factory=Counter)


class Campaign:
    """Moves the clock and lets people act; `policy` says what each wants."""

    def __init__(self, actors: list[Actor], policy: Policy, seed: int) -> None:
        self.actors = actors
        self.policy = policy
        self.chance = random.Random(seed)
        self.log = Log()
        self.administrator = next(one for one in actors if "duty.administrator" in one.roles)
        self.processes = next(one for one in actors if "duty.process_administrator" in one.roles)
        self.workers = [one for one in actors if not all(role.startswith("duty.") for role in one.roles)]
        self._idle: Counter[str] = Counter()
        self._waits: Counter[str] = Counter()

    def one(self, role: str) -> Actor:
        """Somebody who holds a role."""
        return next(one for one in self.workers if role in one.roles)

    def applicants(self) -> list[Actor]:
        """One person of every unit, in a fixed order."""
        return [one for one in self.workers if "applicant" in one.roles]

    def now(self) -> datetime:
        """The city's time."""
        read: str = self.administrator.caller.get("/clock")["now"]
        return datetime.fromisoformat(read).astimezone(CITY)

    def today(self) -> date:
        """The city's day."""
        return self.now().date()

    def advance(self, to: datetime) -> None:
        """Move the clock; everything due on the way happens."""
        answer = self.administrator.caller.post("/clock", {"to": to.isoformat()})
        for one in answer["fired"]:
            self.log.fired[one["kind"]] += 1
            if not one["ok"]:
                self.log.failed.append(f"{one['at']} {one['kind']} {one['title']} {one['element']}")

    def run_until(self, end: date) -> None:
        """Live day by day (faster in quiet times) until a day."""
        while (now := self.now()).date() < end:
            worked = self.act()
            self.policy.begin(self, now)
            step = self.policy.pace(now.date(), worked)
            target = min(
                now + step, datetime(end.year, end.month, end.day, 9, tzinfo=CITY) + timedelta(minutes=1)
            )
            self.advance(target)

    def act(self) -> int:
        """Let everybody do what waits for them; returns how much was done."""
        done = 0
        today = self.today()
        for actor in self.workers:
            # Who found nothing last time looks again a little later, as people do.
            if self._idle[actor.login] > 0:
                self._idle[actor.login] -= 1
                continue
            rows = actor.caller.get("/tasks", limit=100)["rows"]
            self._waits[actor.login] = 0 if rows else min(3, self._waits[actor.login] + 1)
            self._idle[actor.login] = self._waits[actor.login]
            for row in rows:
                done += self._do(actor, row, today)
        return done

    def start(self, actor: Actor, process: str, data: Mapping[str, Any], **more: Any) -> str | None:
        """Start a process by its form; a refusal is counted with its words."""
        try:
            answer = actor.caller.post("/instances", {"process": process, "data": dict(data), **more})
        except Refused as refused:
            self.log.refused[f"start {process}: {refused.problem.get('detail')}"] += 1
            return None
        self.log.started[process] += 1
        return str(answer["matter_id"])

    def _do(self, actor: Actor, row: Mapping[str, Any], today: date) -> int:
        task = Task(actor, row, today)
        if not self.policy.wants(task):
            return 0
        try:
            detail = actor.caller.get(f"/tasks/{row['id']}")
        except Refused:
            return 0
        task.detail = detail
        outcome = self.policy.outcome(task, detail["outcomes"])
        if outcome is None and detail["outcomes"]:
            return 0
        chosen = next((one for one in detail["outcomes"] if one["id"] == outcome), None)
        body: dict[str, Any] = {"outcome": outcome}
        if chosen is not None and chosen["opinion"] == "required":
            body["opinion"] = f"{row['name']['zh']}：{chosen['name']['zh']}，理由见附件（演示）。"
        try:
            if detail["form"] is not None:
                wishes = self.policy.wishes(task, outcome)
                body["data"] = self._filled(actor, detail, wishes, today)
            actor.caller.post(f"/tasks/{row['id']}/complete", body, key=f"year-{row['id']}")
        except Refused as refused:
            self._note_refusal(row, outcome, refused)
            return 0
        self.log.completed[row["process_key"], row["element_id"], outcome or ""] += 1
        self.policy.done(task, outcome)
        return 1

    def _filled(
        self, actor: Actor, detail: Mapping[str, Any], wishes: Mapping[str, Any], today: date
    ) -> dict[str, Any]:
        return fill(detail["form"], detail["data"], wishes, today, self.chance, actor.caller.upload)

    def _note_refusal(self, row: Mapping[str, Any], outcome: str | None, refused: Refused) -> None:
        words = str(refused.problem.get("detail"))[:160]
        self.log.refused[f"{row['process_key']}.{row['element_id']}/{outcome}: {words}"] += 1

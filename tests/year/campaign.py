"""A year of the campaign, and the years after it, lived through the REST API by everybody who has a part in it."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.year.api import Refused
from tests.year.filling import fill
from tests.year.people import Actor
from tests.year.policy import Policy
from tests.year.task import Task

CITY = ZoneInfo("Asia/Shanghai")
#: People come to work at this hour.
MORNING = time(9, 0)


@dataclass(slots=True)
class Log:
    """What happened: counts, and what was refused with which words."""

    completed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    fired: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    started: Counter[str] = field(default_factory=Counter)
    acted: Counter[str] = field(default_factory=Counter)
    nobodys: set[str] = field(default_factory=set)
    #: Who did what when, in its order: the same seed tells the same story.
    story: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ring:
    """A task that waits, as the telephone would say it: for whom, and nothing of what it is."""

    task_id: str
    person_id: str | None
    organisation_id: str | None
    role: str | None


class Campaign:
    """Moves the clock and lets people act; `policy` says what each wants.

    `bell` tells who has anything in the inbox, so that nobody is asked in vain; what it is and what may be done with
    it everybody reads through the API.
    """

    def __init__(
        self, actors: list[Actor], policy: Policy, seed: int, bell: Callable[[], list[Ring]]
    ) -> None:
        self.actors = actors
        self.policy = policy
        self.bell = bell
        self.chance = random.Random(seed)
        self.log = Log()
        self.administrator = next(one for one in actors if "duty.administrator" in one.roles)
        self.processes = next(one for one in actors if "duty.process_administrator" in one.roles)
        self.workers = [one for one in actors if not all(role.startswith("duty.") for role in one.roles)]
        self._by_id = {one.id: one for one in self.workers}
        self._pools: dict[tuple[str, str], list[Actor]] = defaultdict(list)
        for one in self.workers:
            for organisation in one.organisations:
                for role in one.roles:
                    self._pools[organisation, role].append(one)
        self._turns: Counter[tuple[str, str]] = Counter()
        #: Tasks somebody has looked at and left for a later day.
        self._left: dict[str, date] = {}
        self._refusals: Counter[str] = Counter()

    def one(self, role: str) -> Actor:
        """Somebody who holds a role."""
        return next(one for one in self.workers if role in one.roles)

    def at(self, organisation: str, role: str) -> Actor | None:
        """Somebody who holds a role at an organisation."""
        return next(iter(self._pools.get((organisation, role), [])), None)

    def applicants(self) -> list[Actor]:
        """One person of every unit, in a fixed order."""
        return [one for one in self.workers if "applicant" in one.roles]

    def now(self) -> datetime:
        """The city's time."""
        return self._read_clock()[0]

    def advance(self, to: datetime) -> None:
        """Move the clock; everything due on the way happens."""
        try:
            answer = self.administrator.caller.post("/clock", {"to": to.isoformat()})
        except Refused:
            # The clock runs on by itself too: where the machine's was set meanwhile, that morning is past already.
            if self.now() < to:
                raise
            return
        for one in answer["fired"]:
            self.log.fired[one["kind"]] += 1
            if not one["ok"]:
                self.log.failed.append(f"{one['at']} {one['kind']} {one['title']} {one['element']}")

    def run_until(self, end: date) -> None:
        """Live until the end of a day: every day that has work, and from one event to the next where none has."""
        while (now := self.now()).date() <= end:
            worked = self.act(now.date())
            worked += self.policy.begin(self, now.date())
            self.advance(self._next_morning(now, end, worked))

    def act(self, today: date) -> int:
        """Let everybody do what waits for them; returns how much was done."""
        done = 0
        for actor in self._called(today):
            for row in actor.caller.get("/tasks", limit=200)["rows"]:
                if self._left.get(row["id"], today) <= today:
                    done += self._do(actor, row, today)
        return done

    def start(
        self, actor: Actor, process: str, data: Mapping[str, Any], organisation_id: str | None = None
    ) -> str | None:
        """Start a process by its form; a refusal is counted with its words."""
        body: dict[str, Any] = {"process": process, "data": dict(data)}
        if organisation_id is not None:
            body["organisation_id"] = organisation_id
        try:
            answer = actor.caller.post("/instances", body)
        except Refused as refused:
            self.log.refused[f"start {process}: {refused.problem.get('detail')}"[:200]] += 1
            return None
        self.log.started[process] += 1
        return str(answer["matter_id"])

    def act_in(self, actor: Actor, matter_id: str, name: str, reason: str) -> bool:
        """Send what a matter waits for by hand, such as a withdrawal; False when it does not wait for it (now)."""
        for action in actor.caller.get(f"/matters/{matter_id}")["actions"]:
            if action["name"]["zh"] == name:
                path = f"/instances/{action['instance_id']}/waits/{action['ref']}"
                try:
                    actor.caller.post(path, {"reason": reason})
                except Refused as refused:
                    self.log.refused[f"{name}: {refused.problem.get('detail')}"[:200]] += 1
                    return False
                self.log.acted[name] += 1
                return True
        return False

    def _read_clock(self) -> tuple[datetime, datetime | None]:
        read = self.administrator.caller.get("/clock")
        following = read["next_event"]
        return (
            datetime.fromisoformat(read["now"]).astimezone(CITY),
            datetime.fromisoformat(following).astimezone(CITY) if following else None,
        )

    def _next_morning(self, now: datetime, end: date, worked: int) -> datetime:
        day = now.date() + timedelta(days=1)
        if not worked:
            event = self._read_clock()[1]
            waits = [self.policy.next_day(now.date()), end + timedelta(days=1)]
            if event is not None:
                waits.append(event.date() + timedelta(days=event.time() > MORNING))
            waits += [one for one in self._left.values() if one > now.date()]
            day = max(day, min(waits))
        return datetime.combine(day, MORNING, CITY)

    def _called(self, today: date) -> Iterator[Actor]:
        called: dict[str, Actor] = {}
        pools: set[tuple[str, str]] = set()
        waiting = self.bell()
        ids = {one.task_id for one in waiting}
        self._left = {task: day for task, day in self._left.items() if task in ids}
        for one in waiting:
            if self._left.get(one.task_id, today) > today:
                continue
            if one.person_id is not None:
                called[one.person_id] = self._by_id[one.person_id]
            elif one.organisation_id is not None and one.role is not None:
                pools.add((one.organisation_id, one.role))
            else:
                self.log.nobodys.add(one.task_id)
        for key in sorted(pools):
            # Colleagues take turns: who did the step before may be kept out of this one.
            colleague = self._pools[key][self._turns[key] % len(self._pools[key])]
            self._turns[key] += 1
            called[colleague.id] = colleague
        order = {one.id: index for index, one in enumerate(self.workers)}
        yield from sorted(called.values(), key=lambda one: order[one.id])

    def _do(self, actor: Actor, row: Mapping[str, Any], today: date) -> int:
        task = Task(actor, row, today)
        if not self.policy.wants(task):
            self._left[row["id"]] = today + timedelta(days=4)
            return 0
        try:
            task.detail = actor.caller.get(f"/tasks/{row['id']}")
        except Refused:
            return 0
        outcome = self.policy.outcome(task, task.detail["outcomes"])
        chosen = next((one for one in task.detail["outcomes"] if one["id"] == outcome), None)
        body: dict[str, Any] = {"outcome": outcome}
        if chosen is not None and chosen["opinion"] == "required":
            body["opinion"] = f"{row['name']['zh']}：{chosen['name']['zh']}，理由见附件（演示）。"
        try:
            if task.detail["form"] is not None:
                wishes = self.policy.wishes(task, outcome)
                body["data"] = fill(
                    task.detail["form"], task.detail["data"], wishes, today, self.chance, actor.caller.upload
                )
            actor.caller.post(f"/tasks/{row['id']}/complete", body, key=f"year-{row['id']}")
        except Refused as refused:
            words = f"{refused.problem.get('detail')} {refused.problem.get('fields') or ''}"[:240]
            self.log.refused[f"{row['process_key']}.{row['element_id']}/{outcome}: {words}"] += 1
            self._refusals[row["id"]] += 1
            self._left[row["id"]] = today + timedelta(days=min(30, 2 ** self._refusals[row["id"]]))
            return 0
        self.log.completed[row["process_key"], row["element_id"], outcome or ""] += 1
        self.log.story.append(f"{today} {actor.login} {row['title']} {row['element_id']} {outcome or '-'}")
        self.policy.done(task, outcome)
        return 1

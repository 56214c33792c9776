"""Opens a demo city, lets its people live the campaign through the API, and gathers what happened."""

import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from sqlalchemy import select

from service import demo, deployments
from service.config import Settings
from service.store.procedure import task
from service.system import System
from tests.year.campaign import Campaign, Ring
from tests.year.coverage import Walked, everything, watching
from tests.year.exceptions import NOT_TAKEN
from tests.year.people import all_actors
from tests.year.policy import Policy

ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Result:
    """Counts by kind, titles by level and state, what was not taken, and what should not have happened."""

    counts: dict[str, int] = field(default_factory=dict)
    titles: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    units: int = 0
    outcomes: tuple[int, int] = (0, 0)
    branches: tuple[int, int] = (0, 0)
    rules: tuple[int, int] = (0, 0)
    missing: list[str] = field(default_factory=list)
    excused: dict[str, str] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)


def live(folder: Path, url: str, seed: int, until: date) -> Result:
    """Live from the demo city's first day until a day; returns what happened."""
    from web.app import create_app

    settings = Settings(data=folder, database_url=url, secret=b"y" * 48)
    procedure = deployments.check(deployments.read_folder(ROOT / "workflows"))
    walked = Walked()
    with watching(procedure, walked):
        system, _ = demo.open_demo(settings, ROOT / "workflows")
        app = create_app(system, options={"TESTING": True})
        policy = Policy(seed)
        campaign = Campaign(all_actors(system, app), policy, seed, lambda: _bell(system))
        policy.tell(campaign)
        campaign.run_until(until)
    walked.outcomes = {
        f"{process}.{element}/{outcome}" for process, element, outcome in campaign.log.completed if outcome
    }
    result = _gather(campaign, walked, everything(procedure))
    system.database.dispose()
    return result


def _bell(system: System) -> list[Ring]:
    columns = (task.c.id, task.c.person_id, task.c.organisation_id, task.c.role)
    with system.database.read() as connection:
        return [
            Ring(*one)
            for one in connection.execute(select(*columns).where(task.c.state == "open").order_by(task.c.id))
        ]


def _gather(campaign: Campaign, walked: Walked, every: Walked) -> Result:
    result = Result(refused=campaign.log.refused)
    admin = campaign.processes.caller
    running = admin.pages("/instances")
    states = Counter(one["state"] for one in running)
    result.counts = {
        "instances": len(running),
        "running": states["active"],
        "tasks completed": campaign.log.completed.total(),
        "timers": campaign.log.fired["timer"],
        "messages": campaign.log.fired["message"] + campaign.log.fired["delivery"],
        "reminders": campaign.log.fired["reminder"],
        "API calls": sum(one.caller.calls for one in campaign.actors),
    }
    titles = admin.pages("/titles")
    result.titles = Counter(one["level"] for one in titles)
    result.states = Counter(f"{one['level']} {one['state']}" for one in titles)
    result.units = len({one["unit_id"] for one in running if one["process_key"] == "application"})
    for kind in ("outcomes", "branches", "rules"):
        wanted: set[str] = getattr(every, kind)
        taken: set[str] = getattr(walked, kind) & wanted
        setattr(result, kind, (len(taken), len(wanted)))
        for one in sorted(wanted - taken):
            if one in NOT_TAKEN:
                result.excused[one] = NOT_TAKEN[one]
            else:
                result.missing.append(one)
    result.unexpected += [f"job failed: {one}" for one in campaign.log.failed]
    result.unexpected += [
        f"incident: {one['title']} {one['element_id']} {one['text']['zh']}" for one in admin.get("/incidents")
    ]
    result.unexpected += [
        f"stuck: {one['process_key']} {one['title']}"
        for one in running
        if one["state"] == "active" and not one["open_steps"]
    ]
    return result


def show(result: Result, seconds: float) -> None:
    """Print what happened."""
    print(f"{seconds:.0f} s")
    for name, value in result.counts.items():
        print(f"  {name:20}{value:>8}")
    print(f"  units that applied  {result.units:>8}")
    print(
        "  titles by level: " + ", ".join(f"{name} {value}" for name, value in sorted(result.titles.items()))
    )
    print(
        "  titles by state: " + ", ".join(f"{name} {value}" for name, value in sorted(result.states.items()))
    )
    for kind in ("outcomes", "branches", "rules"):
        taken, every = getattr(result, kind)
        print(f"  {kind:12} {taken} of {every} taken")
    for one, why in result.excused.items():
        print(f"    not taken: {one}: {why}")
    for one in result.missing:
        print(f"    NOT TAKEN: {one}")
    print("  refused, as they should be:")
    for words, number in result.refused.most_common(25):
        print(f"    {number:>5} {words[:150]}")
    print(f"  unexpected: {len(result.unexpected)}")
    for one in result.unexpected[:30]:
        print(f"    {one}", file=sys.stderr)

"""Opens a demo city, lets its people live the campaign through the API, and gathers what happened."""

import hashlib
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from service import demo, deployments
from service.config import Settings
from service.store.procedure import task
from service.system import System
from tests.year.campaign import Campaign, Ring
from tests.year.coverage import Walked, everything, watching
from tests.year.exceptions import NOT_TAKEN, Reason
from tests.year.people import all_actors
from tests.year.policy import Policy

#: No process of the shipped procedure may keep more than this at any step (bytes).
LARGEST_STATE = 10_000
ROOT = Path(__file__).resolve().parents[2]

#: With these words the process administrators are told that a year's holidays are not known.
NO_LIST = "年的官方放假调休安排尚未导入"
#: These live with a unit and with a title; everything else is over within a year and a month.
LIFELONG = frozenset({"naming_chain", "title_term"})
#: What became of titles, as the buttons pressed and the rows matched tell it.
FATES = {
    "re-inspection passed": "reinspection_advice#r1",
    "re-inspection failed": "reinspection_advice#r2",
    "absent from re-inspection": "reinspection_advice#r3",
    "re-inspection declined": "reinspection_advice#r4",
    "late applications": "application.Fill/submit_late",
    "returned to the unit": "application.Gw_channel>St_returned",
    "not recommended": "application.Gw_channel>St_not_recommended",
    "refused by the office": "application.Gw_office>St_office_refused",
}


@dataclass(slots=True)
class Result:
    """Counts by kind, titles by level and state, what was not taken, and what should not have happened."""

    counts: dict[str, int] = field(default_factory=dict)
    fates: dict[str, int] = field(default_factory=dict)
    #: Titles the system granted, by level.
    named: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    units: int = 0
    outcomes: tuple[int, int] = (0, 0)
    branches: tuple[int, int] = (0, 0)
    rules: tuple[int, int] = (0, 0)
    missing: list[str] = field(default_factory=list)
    excused: dict[str, Reason] = field(default_factory=dict)
    #: Excused and taken all the same: the excuse is out of date.
    needless: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)

    @property
    def fingerprint(self) -> str:
        """The same for the same story."""
        return hashlib.sha256("\n".join(self.story).encode()).hexdigest()[:16]


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
    for (process, element, outcome), number in campaign.log.completed.items():
        walked.outcomes[f"{process}.{element}/{outcome}"] += number
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
    result = Result(refused=campaign.log.refused, story=campaign.log.story)
    admin = campaign.processes.caller
    instances = admin.pages("/instances")
    result.counts = {
        "instances": len(instances),
        "still running": sum(one["state"] == "active" for one in instances),
        "started by hand": campaign.log.started.total(),
        "tasks completed": campaign.log.completed.total(),
        "timers": campaign.log.fired["timer"],
        "messages": campaign.log.fired["message"] + campaign.log.fired["delivery"],
        "reminders": campaign.log.fired["reminder"],
        "actions by hand": campaign.log.acted.total(),
        "API calls": sum(one.caller.calls for one in campaign.actors),
        "years without a holiday list": 0,
        "largest state, bytes": walked.largest_state,
    }
    if walked.largest_state > LARGEST_STATE:
        result.unexpected.append(f"a state of {walked.largest_state} bytes, {LARGEST_STATE} at most")
    pressed = walked.outcomes + walked.branches + walked.rules
    result.fates = {name: pressed[key] for name, key in FATES.items()}
    for name, ending in (
        ("renewed", "reinspection.Decide_{}/renew"),
        ("revoked for an incident", "incident.Decide_{}/revoke"),
        ("revoked by cascade", "revocation_cascade.Decide_{}/revoke"),
    ):
        levels = ("county", "city", "province", "nation")
        result.fates[name] = sum(pressed[ending.format(level)] for level in levels)
    result.fates |= {
        f"cancelled, re-inspection: {why}": number for why, number in campaign.policy.cancelled.items()
    }
    result.fates["withdrawn"] = campaign.log.acted["撤回申报"]
    titles = admin.pages("/titles")
    result.named = Counter(one["level"] for one in titles if one["origin"] != "legacy")
    result.states = Counter(f"{one['level']} {one['state']}" for one in titles)
    result.units = len({one["unit_id"] for one in instances if one["process_key"] == "application"})
    for kind in ("outcomes", "branches", "rules"):
        wanted = set(getattr(every, kind))
        taken = set(getattr(walked, kind)) & wanted
        setattr(result, kind, (len(taken), len(wanted)))
        for one in sorted(wanted - taken):
            if one in NOT_TAKEN:
                result.excused[one] = NOT_TAKEN[one]
            else:
                result.missing.append(one)
        result.needless += sorted(taken & NOT_TAKEN.keys())
    result.unexpected += [f"job failed: {one}" for one in campaign.log.failed]
    result.unexpected += [f"task nobody may do: {one}" for one in sorted(campaign.log.nobodys)]
    for one in admin.get("/incidents"):
        # No list of holidays of a year to come is published yet; the process administrators are told once of each.
        if one["instance_id"] is None and NO_LIST in one["text"]["zh"]:
            result.counts["years without a holiday list"] += 1
        else:
            result.unexpected.append(f"incident: {one['title']} {one['element_id']} {one['text']['zh']}")
    long_ago = campaign.now() - timedelta(days=400)
    for one in instances:
        old = datetime.fromisoformat(one["started_at"]) < long_ago and one["process_key"] not in LIFELONG
        if one["state"] == "active" and (old or not one["open_steps"]):
            result.unexpected.append(f"stuck: {one['process_key']} {one['title']}")
    return result


def show(result: Result, seconds: float) -> None:
    """Print what happened."""
    print(f"{seconds:.0f} s, story {result.fingerprint}")
    for name, value in {**result.counts, "units that applied": result.units, **result.fates}.items():
        print(f"  {name:32}{value:>8}")
    print("  titles granted: " + ", ".join(f"{name} {value}" for name, value in sorted(result.named.items())))
    print(
        "  titles by state: " + ", ".join(f"{name} {value}" for name, value in sorted(result.states.items()))
    )
    for kind in ("outcomes", "branches", "rules"):
        taken, every = getattr(result, kind)
        print(f"  {kind:12} {taken} of {every} taken")
    for one, reason in result.excused.items():
        print(f"    not taken: {one}: {reason.why}; {reason.test}")
    for one in result.needless:
        print(f"    taken though excused: {one}")
    for one in result.missing:
        print(f"    NOT TAKEN: {one}")
    print("  refused, with which words:")
    for words, number in result.refused.most_common(40):
        print(f"    {number:>5} {words[:220]}")
    print(f"  unexpected: {len(result.unexpected)}")
    for one in result.unexpected[:30]:
        print(f"    {one}", file=sys.stderr)

"""A reminder ends with its task: nobody is reminded of what is done, and nothing fires for it."""

from pathlib import Path

import pytest
from sqlalchemy import func, select

from service import inbox, instances, tasks
from service.store import procedure as tables
from service.system import System
from tests.town import add_organisation, add_person, deploy

LEAVE = Path(__file__).parents[1] / "procedures" / "leave"
REQUEST = {"kind": "annual", "days": 2, "from_day": "2027-01-11", "reason": "探亲"}


def waiting_reminders(system: System) -> int:
    with system.database.read() as connection:
        query = select(func.count()).select_from(tables.job).where(tables.job.c.kind == "reminder")
        return int(connection.scalar(query) or 0)


@pytest.mark.parametrize("end", ["complete", "cancel"])
def test_reminders_end_with_their_task(system: System, end: str) -> None:
    deploy(system, LEAVE)
    with system.database.write() as connection:
        bureau = add_organisation(connection, "B1")
    asking = add_person(system, "asking", ("employee", bureau))
    head = add_person(system, "head", ("head", bureau), ("duty.process_administrator", None))
    started = instances.start(system, asking, "leave", data=REQUEST)
    assert waiting_reminders(system) == 1

    if end == "complete":
        (task,) = inbox.open_tasks(system, head).rows
        tasks.complete(system, head, task.id, outcome="approve")
    else:
        instances.cancel(system, head, started.instance_id, reason="误发")

    assert waiting_reminders(system) == 0

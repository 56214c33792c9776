"""A period that enters a year without an official list of holidays is reckoned, and said so once."""

from datetime import UTC, datetime
from pathlib import Path

from service import inbox, incidents, instances, jobs
from service.identity import duties
from service.system import System
from tests.town import add_organisation, add_person, deploy

LEAVE = Path(__file__).parents[1] / "procedures" / "leave"
REQUEST = {"kind": "annual", "days": 2, "from_day": "2027-01-11", "reason": "探亲"}


def test_the_process_administrators_are_told_once(system: System) -> None:
    deploy(system, LEAVE)
    jobs.advance_clock(system, datetime(2026, 12, 30, 2, tzinfo=UTC))
    with system.database.write() as connection:
        bureau = add_organisation(connection, "B1")
    asking = add_person(system, "asking", ("employee", bureau))
    head = add_person(system, "head", ("head", bureau))
    keeper = add_person(system, "keeper", (duties.PROCESS_ADMINISTRATOR, None))

    for _ in range(2):
        instances.start(system, asking, "leave", data=REQUEST)

    due = [one.due_at for one in inbox.open_tasks(system, head).rows]
    # Five working days after 30 December by the plain week: the last one is 6 January, until its 24:00.
    assert due == [datetime(2027, 1, 6, 16, tzinfo=UTC)] * 2
    (told,) = incidents.list_open(system, keeper)
    assert "2027" in told.text.zh
    assert told.instance_id is None

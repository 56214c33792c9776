"""Lists page by page: what begins on one day is shown once each, on both databases."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from service import inbox, instances, matters, tasks, tracing
from service.paging import Page
from service.system import System
from tests.service.test_engine_steps import lane, publish, town
from tests.unit.engine_drawing import end, flows, start, user


def ids(read: Callable[[str | None], Page[Any]]) -> list[str]:
    """Read all pages of a list; at most ten."""
    found: list[str] = []
    after = None
    for _ in range(10):
        page = read(after)
        found += [one.id for one in page.rows]
        after = page.next
        if after is None:
            break
    return found


def test_rows_of_one_day_come_once_each_on_as_many_pages_as_it_takes(system: System, tmp_path: Path) -> None:
    bureau, (person,) = town(system, "anna")
    publish(system, tmp_path, lane("s", "a", "e"), start(), user("a"), end(), flows("s", "a", "e"))
    for _ in range(7):
        instances.start(system, person, "p", organisation_id=bureau)

    def everything(of: str) -> list[str]:
        lists: dict[str, Callable[[str | None], Page[Any]]] = {
            "instances": lambda after: tracing.list_instances(system, person, after=after, limit=3),
            "matters": lambda after: matters.list_matters(system, person, after=after, limit=3),
            "open": lambda after: inbox.open_tasks(system, person, after=after, limit=3),
            "done": lambda after: inbox.done_tasks(system, person, after=after, limit=3),
        }
        return ids(lists[of])

    waiting = everything("open")
    for one in ("instances", "matters", "open"):
        found = everything(one)
        assert (len(found), len(set(found))) == (7, 7), one
    for task_id in waiting:
        tasks.complete(system, person, task_id, data={})
    assert sorted(everything("done")) == sorted(waiting)

"""What the demo city's people have done before anybody looks: a list of steps, carried out by the ordinary verbs.

The steps are data (`demo_data/story.toml`), since only they know the procedure: who starts what, who presses which
button of which step. A form is sent as its page shows it, with what the step says otherwise.
"""

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from service import clock, deployments, inbox, instances, jobs, tasks
from service.errors import NotFound, Text
from service.form_description import FormDescription, describe
from service.identity import people
from service.identity.people import Person
from service.system import System


def tell(system: System) -> int:
    """Carry out the story; returns how many steps it had, none under another procedure than the story's.

    Raises `NotFound` when a step's task is not there.
    """
    story = tomllib.loads((resources.files("service") / "demo_data" / "story.toml").read_text("utf-8"))
    if not _concerns(system, {step["start"] for step in story["steps"] if "start" in step}):
        return 0
    for step in story["steps"]:
        if "advance_to" in step:
            jobs.advance_clock(system, step["advance_to"])
        elif "start" in step:
            _start(system, _person(system, step["by"]), step)
        else:
            _complete(system, _person(system, step["by"]), step)
        jobs.run_due(system)
    return len(story["steps"])


def _concerns(system: System, processes: set[str]) -> bool:
    """Whether the procedure in force has the processes the story starts."""
    with system.database.read() as connection:
        deployment_id = deployments.in_force(system, connection)
        return processes <= system.procedure(connection, deployment_id).processes.keys()


def _person(system: System, login: str) -> Person:
    with system.database.read() as connection:
        return people.load_by_login(connection, login, clock.city_day(system.now(connection)))


def _start(system: System, person: Person, step: Mapping[str, Any]) -> None:
    shown = instances.start_form(system, person, step["start"])
    data: dict[str, Any] = {}
    if shown.form is not None:
        described = describe(shown.form, {}, shown.filling.sources, shown.filling.data)
        data = as_shown(described, shown.filling.data)
    instances.start(system, person, step["start"], data=data | step.get("data", {}))


def _complete(system: System, person: Person, step: Mapping[str, Any]) -> None:
    waiting = inbox.open_tasks(system, person).rows
    task_id = next((one.id for one in waiting if one.element_id == step["do"]), None)
    if task_id is None:
        raise NotFound(
            Text(
                f"演示故事：{step['by']} 没有步骤 {step['do']} 的待办",
                f"demo story: {step['by']} has no task of step {step['do']}",
            )
        )
    view = inbox.get(system, person, task_id)
    data: dict[str, Any] = {}
    if view.form is not None:
        data = as_shown(describe(view.form, view.access, view.filling.sources, view.data), view.data)
    tasks.complete(
        system,
        person,
        task_id,
        outcome=step.get("outcome"),
        data=data | step.get("data", {}),
        opinion=step.get("opinion"),
    )


def as_shown(form: FormDescription, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form's page would send if nobody changed anything on it."""
    sent = {one.key: data[one.key] for one in form.fields if one.access == "write" and one.key in data}
    for rows in form.lists:
        if rows.access != "write":
            continue
        if rows.rows is None:
            sent[rows.key] = data.get(rows.key) or []
            continue
        writable = {one.key for one in rows.fields if one.access == "write"}
        known = {one.get("row"): one for one in data.get(rows.key) or []}
        sent[rows.key] = [
            {
                "row": one.row,
                **{
                    key: value
                    for key, value in {**one.data, **known.get(one.row, {})}.items()
                    if key in writable
                },
            }
            for one in rows.rows
        ]
    return sent

"""What a form is shown with: the options it offers, and the values it starts from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping

from service import forms
from service.campaign import options
from service.engine.fields import Source
from service.engine.model import Functions, Procedure
from service.engine.runtime import Machine
from service.submissions import Submission, submissions
from service.system import System


@dataclass(frozen=True, slots=True)
class Facts:
    """For whom and in what a form is filled; ids, None where there is none yet."""

    instance_id: str | None
    matter_id: str | None
    plan_year_id: str | None
    unit_id: str | None
    organisation_id: str | None
    person_id: str | None


@dataclass(frozen=True, slots=True)
class Filling:
    """Sources of options and rows, and the data a form starts from."""

    sources: forms.OptionSources
    data: Mapping[str, Any]
    names: Mapping[str, Any]
    functions: Functions


@dataclass(frozen=True, slots=True)
class _Read:
    """Options and rows that were read while the database was open."""

    offered: Mapping[Source, list[forms.Option]]
    listed: Mapping[Source, list[forms.Row]]

    def options(self, name: str, parameter: str | None) -> list[forms.Option]:
        return self.offered[Source(name, parameter)]

    def rows(self, name: str, parameter: str | None) -> list[forms.Row]:
        return self.listed[Source(name, parameter)]


def to_show(form: forms.Form | None, filling: Filling) -> Filling:
    """Return the filling with everything the form offers read, to be shown when the connection is closed."""
    if form is None:
        return filling
    offered, listed = form.option_sources, form.row_sources
    return replace(
        filling,
        sources=_Read(
            {one: filling.sources.options(one.name, one.parameter) for one in offered},
            {one: filling.sources.rows(one.name, one.parameter) for one in listed},
        ),
    )


def to_read(
    connection: Connection,
    procedure: Procedure,
    form: forms.Form,
    instance: RowMapping,
    one: Submission,
    at: datetime,
    variables: Mapping[str, Any],
) -> forms.OptionSources:
    """Return what the form of a submission offers, for its words: choices are kept as values, read as labels.

    `variables` are the instance's as far as they are known: some sources ask them for a level.
    """
    context = options.SourceContext(
        connection=connection,
        now=at,
        procedure=procedure,
        instance_id=instance["id"],
        matter_id=instance["matter_id"],
        plan_year_id=instance["plan_year_id"],
        unit_id=instance["unit_id"],
        organisation_id=one.organisation_id,
        person_id=one.by,
        variables=variables,
    )
    return to_show(form, Filling(options.sources_for(context), {}, {}, {})).sources


def fill(
    system: System,
    connection: Connection,
    procedure: Procedure,
    form: forms.Form | None,
    facts: Facts,
    variables: Mapping[str, Any],
    at: datetime,
    *,
    access: Mapping[str, str] | None = None,
    own_only: bool = False,
) -> Filling:
    """Return what `form` starts from: its prefills, then what was last submitted with it in this matter.

    Fields this task may write start from what the same organisation (`own_only`: the same person) submitted
    last, so that nobody signs another's answers; fields it may only read (`access`) from what anybody did.
    """
    functions = system.functions(
        connection,
        at,
        matter_id=facts.matter_id,
        plan_year_id=facts.plan_year_id,
        organisation_id=facts.organisation_id,
        unit_id=facts.unit_id,
    )
    sources = options.sources_for(
        options.SourceContext(
            connection=connection,
            now=at,
            procedure=procedure,
            instance_id=facts.instance_id,
            matter_id=facts.matter_id,
            plan_year_id=facts.plan_year_id,
            unit_id=facts.unit_id,
            organisation_id=facts.organisation_id,
            person_id=facts.person_id,
            variables=variables,
        )
    )
    if form is None:
        return Filling(sources, {}, variables, functions)
    earlier = submissions(connection, facts.matter_id, form.id) if facts.matter_id else []
    data = dict(forms.prefill(form, variables, functions))
    if earlier:
        fixed = {key for key, right in (access or {}).items() if right != "write"}
        data |= {key: value for key, value in earlier[-1].data.items() if key in fixed}
    mine = [
        one
        for one in earlier
        if (one.by == facts.person_id if own_only else one.organisation_id == facts.organisation_id)
    ]
    if mine:
        # What is shown from the matter as it stands is shown so each time.
        current = {
            key
            for key, item in form.entries.items()
            if isinstance(item, forms.Field) and item.readonly and item.prefill is not None
        }
        data |= {key: value for key, value in mine[-1].data.items() if key not in current}
    return Filling(sources, data, variables, functions)


def fill_task(
    system: System,
    connection: Connection,
    procedure: Procedure,
    form: forms.Form | None,
    instance: RowMapping,
    task: RowMapping,
    person_id: str,
    at: datetime,
    *,
    machine: Machine | None = None,
) -> Filling:
    """Return what a task's form starts from; see `fill`. `machine` is the instance's, if it is loaded already."""
    facts = Facts(
        instance_id=instance["id"],
        matter_id=instance["matter_id"],
        plan_year_id=instance["plan_year_id"],
        unit_id=instance["unit_id"],
        organisation_id=task["organisation_id"],
        person_id=person_id,
    )
    variables: Mapping[str, Any] = {}
    if form is not None and task["state"] == "open":
        if machine is None:
            definition = procedure.processes[instance["process_key"]]
            machine = Machine.load(definition, procedure, instance["machine"], {})
        variables = next((one.variables for one in machine.user_tasks() if one.ref == task["ref"]), {})
    element = procedure.processes[task["process_key"]].elements[task["element_id"]]
    return fill(
        system,
        connection,
        procedure,
        form,
        facts,
        variables,
        at,
        access=element.fields,
        own_only=task["named"],
    )

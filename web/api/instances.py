"""Instances: start, look at, follow through history, act on, cancel; and messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from service import incidents, instances, matters, messages, tracing
from service.errors import Forbidden, Text
from service.identity import duties
from service.incidents import Incident
from service.instances import Started
from service.matters import MatterRow, MatterView
from service.paging import Page
from service.tracing import HistoryEvent, InstanceState
from web.api.endpoints import LIMIT, Call, Choice, Endpoint, limit_of
from web.api.reading import Body

#: Longest business key, longest key of a message, longest name of a message.
LONGEST_KEY, LONGEST_MESSAGE = 200, 120


class Start(Body):
    """Start a process: `data` is its start form, `variables` need the duty of a process administrator."""

    process: str
    data: dict[str, Any] = Field(default_factory=dict)
    variables: dict[str, Any] = Field(default_factory=dict)
    organisation_id: str | None = None
    business_key: str | None = Field(
        default=None,
        max_length=LONGEST_KEY,
        description="The caller's own name for the instance; several may have the same",
    )


class Reason(Body):
    """Why."""

    reason: str


class Message(Body):
    """A message from outside; it starts processes that start on it and wakes instances that wait for it."""

    message: str = Field(min_length=1, max_length=LONGEST_MESSAGE)
    key: str = Field(default="", max_length=LONGEST_KEY)
    payload: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The message is on its way, as this job."""

    job_id: str


def _start(call: Call) -> Started:
    body: Start = call.body
    return instances.start(
        call.system,
        call.person,
        body.process,
        data=body.data,
        variables=body.variables,
        organisation_id=body.organisation_id,
        business_key=body.business_key,
        request_key=call.request_key,
    )


def _list(call: Call) -> Page[InstanceState]:
    query = call.query
    return tracing.list_instances(
        call.system,
        call.person,
        process=query.get("process"),
        business_key=query.get("business_key"),
        state=query.get("state"),
        matter=query.get("matter"),
        after=query.get("after"),
        limit=limit_of(query),
    )


def _matters(call: Call) -> Page[MatterRow]:
    query = call.query
    return matters.list_matters(
        call.system,
        call.person,
        process=query.get("process"),
        unit=query.get("unit"),
        search=query.get("search"),
        after=query.get("after"),
        limit=limit_of(query),
    )


def _message(call: Call) -> Accepted:
    if not call.person.has(duties.PROCESS_ADMINISTRATOR):
        raise Forbidden(Text("只有流程管理员可以发送消息", "Only process administrators may send messages"))
    body: Message = call.body
    return Accepted(
        messages.send(
            call.system,
            body.message,
            key=body.key,
            payload=body.payload,
            by=call.person.id,
            request_key=call.request_key,
        )
    )


#: What every list takes.
PAGE: Mapping[str, str] = {"after": "cursor of the previous page", LIMIT: "rows"}

ENDPOINTS = [
    Endpoint(
        "POST",
        "/instances",
        _start,
        "Start a process instance",
        Started,
        body=Start,
        status=201,
        idempotent=True,
    ),
    Endpoint(
        "GET",
        "/instances",
        _list,
        "Instances one may see, newest first",
        Page[InstanceState],
        query={
            "process": "process key",
            "business_key": "exactly this key; several instances may have it",
            "state": Choice("only in this state", tracing.STATES),
            "matter": "matter id",
            **PAGE,
        },
    ),
    Endpoint(
        "GET",
        "/instances/{instance_id}",
        lambda call: tracing.get(call.system, call.person, call.path["instance_id"]),
        "One instance: state, open steps, children",
        InstanceState,
    ),
    Endpoint(
        "GET",
        "/instances/{instance_id}/history",
        lambda call: tracing.events(call.system, call.person, call.path["instance_id"]),
        "Every element entered, completed or cancelled",
        list[HistoryEvent],
    ),
    Endpoint(
        "POST",
        "/instances/{instance_id}/cancel",
        lambda call: instances.cancel(
            call.system, call.person, call.path["instance_id"], reason=call.body.reason
        ),
        "End an instance where it stands",
        body=Reason,
    ),
    Endpoint(
        "POST",
        "/instances/{instance_id}/waits/{ref}",
        lambda call: matters.act(
            call.system, call.person, call.path["instance_id"], call.path["ref"], reason=call.body.reason
        ),
        "Send an awaited message by hand (an action of the matter, such as withdrawing)",
        body=Reason,
    ),
    Endpoint(
        "GET",
        "/matters",
        _matters,
        "Matters one may see, newest first",
        Page[MatterRow],
        query={"process": "process key", "unit": "unit id", "search": "words of the title or number", **PAGE},
    ),
    Endpoint(
        "GET",
        "/matters/{matter_id}",
        lambda call: matters.get(call.system, call.person, call.path["matter_id"]),
        "One matter: instances, open tasks, timeline, actions",
        MatterView,
    ),
    Endpoint(
        "POST",
        "/messages",
        _message,
        "Send a message that a diagram receives",
        Accepted,
        body=Message,
        status=202,
        idempotent=True,
    ),
    Endpoint(
        "GET",
        "/incidents",
        lambda call: incidents.list_open(call.system, call.person),
        "Open incidents",
        list[Incident],
    ),
    Endpoint(
        "POST",
        "/incidents/{incident_id}/retry",
        lambda call: incidents.retry(call.system, call.person, call.path["incident_id"]),
        "Close an incident and try its job again",
    ),
]

"""Organisations, units and titles, and who the caller is."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import Field

from service.campaign import titles
from service.campaign.titles import Title
from service.identity import directory, organisations
from service.identity.organisations import Organisation
from service.identity.people import Membership, Person
from service.instances import Startable, startable
from service.paging import Page
from web.api.endpoints import Call, Choice, Endpoint, limit_of
from web.api.instances import PAGE
from web.api.reading import Body


@dataclass(frozen=True, slots=True)
class Me:
    """The caller: memberships and the processes they may start."""

    id: str
    name: str
    memberships: list[Membership]
    startable: list[Startable]


class NewOrganisation(Body):
    """An organisation to add; `profile` holds the facts of a unit, by name as in the import template."""

    code: str
    name: str
    kind: str
    name_en: str = ""
    area_code: str | None = None
    parent_id: str | None = None
    valid_from: date | None = None
    profile: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Added:
    """The new organisation's id."""

    id: str


def _add(call: Call) -> Added:
    body: NewOrganisation = call.body
    return Added(directory.add(call.system, call.person, **dict(body)))


def _me(call: Call) -> Me:
    person: Person = call.person
    return Me(person.id, person.name, list(person.memberships), startable(call.system, person))


def _list(call: Call) -> Page[Organisation]:
    query = call.query
    return organisations.list_for(
        call.system,
        call.person,
        kind=query.get("kind"),
        area=query.get("area"),
        search=query.get("search"),
        after=query.get("after"),
        limit=limit_of(query),
    )


ENDPOINTS = [
    Endpoint("GET", "/me", _me, "Who the token belongs to", Me),
    Endpoint(
        "GET",
        "/organisations",
        _list,
        "Organisations and units, by code; what the caller may not read is redacted",
        Page[Organisation],
        query={"kind": "organisation kind", "area": "area code", "search": "words of the name", **PAGE},
    ),
    Endpoint(
        "POST",
        "/organisations",
        _add,
        "Add an organisation or a unit (administrators)",
        Added,
        body=NewOrganisation,
        status=201,
    ),
    Endpoint(
        "GET",
        "/organisations/{organisation_id}",
        lambda call: organisations.get_for(call.system, call.person, call.path["organisation_id"]),
        "One organisation",
        Organisation,
    ),
    Endpoint(
        "GET",
        "/titles",
        lambda call: titles.list_for(
            call.system,
            call.person,
            level=call.query.get("level"),
            unit=call.query.get("unit"),
            state=call.query.get("state"),
            after=call.query.get("after"),
            limit=limit_of(call.query),
        ),
        "Titles by certificate number; what the caller may not read is redacted",
        Page[Title],
        query={
            "level": "level code",
            "unit": "unit id",
            "state": Choice("only in this state", tuple(titles.FOLLOWS)),
            **PAGE,
        },
    ),
]

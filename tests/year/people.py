"""The people of the demo city as callers of the API, each with a token of their own."""

from dataclasses import dataclass

from flask import Flask

from service.identity import people, tokens
from service.system import System
from tests.year.api import Caller


@dataclass(slots=True)
class Actor:
    """One person who works from their own inbox."""

    login: str
    id: str
    caller: Caller
    roles: frozenset[str]
    organisations: frozenset[str]


def all_actors(system: System, app: Flask) -> list[Actor]:
    """Give everybody a token, as `chuanglv token create` does, and return them."""
    found = []
    for one in people.list_people(system):
        token = tokens.create_by_command(system, one.login, label="year", days=366)
        found.append(
            Actor(
                login=one.login,
                id=one.id,
                caller=Caller(app, token),
                roles=frozenset(one.roles),
                organisations=frozenset(one.organisation_ids),
            )
        )
    return found

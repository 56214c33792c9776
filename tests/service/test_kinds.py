"""Kinds of organisations are data: a procedure's roles bring those they need."""

from pathlib import Path

from service.identity import commands, directory, organisations
from service.system import System
from tests import town

LEAVE = Path(__file__).resolve().parents[1] / "procedures" / "leave"


def test_where_a_role_sits_becomes_a_kind_when_the_procedure_is_deployed(system: System) -> None:
    with system.database.read() as connection:
        before = [one.kind for one in organisations.kinds(connection)]
    town.deploy(system, LEAVE)
    town.deploy(system, LEAVE)
    with system.database.read() as connection:
        after = [one.kind for one in organisations.kinds(connection)]
    assert after == [*before, "headquarters"]
    administrator = town.add_person(system, "admin", ("duty.administrator", None))
    house = directory.add(system, administrator, code="H", name="总部", kind="headquarters")
    commands.add_membership(system, "admin", "director", "H")
    with system.database.read() as connection:
        assert organisations.get(connection, house).kind == "headquarters"

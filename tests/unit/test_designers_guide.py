"""The designers' guide leaves nothing out, and its example runs through the check."""

import re
from pathlib import Path

import pytest

from service.campaign import options
from service.engine import extensions, forms
from service.engine.vocabulary import BUILT_IN
from service.operations import registry

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "designers.md").read_text()
CODE = " ".join(re.findall(r"`([^`\n]+)`", GUIDE))
WORDS = frozenset(re.findall(r"[A-Za-z_][\w.]*", CODE))


def test_every_extension_attribute_is_explained() -> None:
    named = {name for names in extensions.ATTRIBUTES.values() for name in names}
    assert [name for name in sorted(named) if f"`cl:{name}`" not in GUIDE] == []


def test_every_extension_element_and_its_attributes_are_explained() -> None:
    assert [name for name in sorted(extensions.OWN_ATTRIBUTES) if f"<cl:{name}" not in CODE] == []
    inner = {name for both in extensions.OWN_ATTRIBUTES.values() for names in both for name in names}
    assert sorted(inner - WORDS) == []


def test_every_function_is_explained() -> None:
    functions = BUILT_IN.keys() | registry.function_names()
    assert [name for name in sorted(functions) if f"`{name}(" not in GUIDE] == []


@pytest.mark.parametrize("name", sorted(registry.known()))
def test_every_operation_stands_in_the_list_with_its_parameters(name: str) -> None:
    row = next((line for line in GUIDE.splitlines() if line.startswith(f"| `{name}` |")), None)
    assert row is not None, f"add {name} to the table of operations"
    operation = registry.known()[name]
    required, optional = (
        {one.strip() for one in cell.split(",")} - {"–"} for cell in row.strip("| ").split(" | ")[1:3]
    )
    assert required == operation.required
    assert optional == operation.types.keys() - operation.required
    assert operation.summary.zh in row
    assert operation.summary.en in row


def test_no_operation_is_listed_that_does_not_exist() -> None:
    listed = set(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", GUIDE.split("## 操作一览")[1], re.MULTILINE))
    assert listed == registry.known().keys()


def test_every_component_of_forms_and_its_properties_are_explained() -> None:
    assert sorted(forms.COMPONENTS.keys() - WORDS) == []
    assert sorted({name for names in forms.PROPERTIES.values() for name in names} - WORDS) == []
    assert sorted({name for names in forms.CHECKS.values() for name in names} - WORDS) == []


def test_every_source_of_forms_is_explained() -> None:
    assert sorted(name for names in options.names() for name in names if f"`{name}`" not in GUIDE) == []


def test_the_example_is_clean() -> None:
    blocks = {
        kind: text
        for kind, text in re.findall(r"```(\w+)\n(.*?)```", GUIDE.split("## 能画什么")[0], re.DOTALL)
    }
    found = registry.read(
        {
            "example.bpmn": blocks["xml"].encode(),
            "forms/room_request.json": blocks["json"].encode(),
            "roles.toml": blocks["toml"].encode(),
        }
    )
    assert found.problems == ()
    assert found.processes.keys() == {"example"}

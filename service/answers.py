"""What a person answers a task with, checked: the button, the opinion, variables of a step without a form."""

from collections.abc import Iterator, Mapping
from typing import Any

from service import form_values
from service.engine.assignments import STANDARD
from service.engine.model import Element, ProcessDefinition
from service.errors import Invalid, Text
from service.identity import duties
from service.identity.people import Person

#: Largest opinion or reason, in characters.
LONGEST_OPINION = 4000
#: What a task without a form may bring along, in characters of a text variable.
LONGEST_VARIABLE = 4000


def chosen(element: Element, given: str | None) -> str | None:
    """Return the button that was pressed; a step with one button needs not name it. Raises `Invalid`."""
    if not element.outcomes:
        if given:
            message = Text(
                "这个任务没有办理结果可选，请不要填写", "This task has no outcomes to choose from; give none"
            )
            raise Invalid(message, fields={"outcome": message}, outcomes=[])
        return None
    if given is None and len(element.outcomes) == 1:
        return element.outcomes[0].id
    if given not in {one.id for one in element.outcomes}:
        raise Invalid(
            Text(
                "请选择办理结果：" + "、".join(one.name.zh for one in element.outcomes),
                "Choose an outcome: " + ", ".join(one.name.en for one in element.outcomes),
            ),
            fields={"outcome": Text("不是这个任务的办理结果", "Not an outcome of this task")},
            outcomes=[one.id for one in element.outcomes],
        )
    return given


def opinion(element: Element, outcome: str | None, given: str | None) -> str | None:
    """Return the opinion given with a button. Raises `Invalid` where the button demands one."""
    pressed = next((one for one in element.outcomes if one.id == outcome), None)
    return text(given, "opinion", required=pressed is not None and pressed.opinion == "required")


def text(given: str | None, field: str, *, required: bool) -> str | None:
    """Return an opinion or reason without surrounding space, None when empty. Raises `Invalid` naming `field`."""
    try:
        said = form_values.read_text(given or "", lines=True)
    except form_values.Wrong as error:
        raise Invalid(error.text, fields={field: error.text}) from error
    if required and not said:
        message = Text("请填写意见或理由", "Please give an opinion or reason")
        raise Invalid(message, fields={field: message})
    if len(said) > LONGEST_OPINION:
        message = Text(f"不能超过 {LONGEST_OPINION} 字", f"At most {LONGEST_OPINION} characters")
        raise Invalid(message, fields={field: message})
    return said or None


def free_names(person: Person, definition: ProcessDefinition) -> frozenset[str]:
    """Return the variables a person may set with a step that has no form: those the diagram reads and never gives.

    What the diagram reckons, decides or is told is nobody's to overwrite but a process administrator's, and whose
    matter it is not even theirs.
    """
    return definition.reads - STANDARD if person.has(duties.PROCESS_ADMINISTRATOR) else definition.asks


def free_variables(person: Person, definition: ProcessDefinition, data: dict[str, Any]) -> dict[str, Any]:
    """Return what a step without a form brings along, `free_names` only. Raises `Invalid`."""
    free = free_names(person, definition)
    wrong = {
        name: Text(
            f"变量 {name} 由流程给出，不能填写", f"The procedure gives {name} itself; it cannot be set"
        )
        if name in definition.reads
        else Text(f"流程不读取变量 {name}", f"The procedure reads no variable {name}")
        for name in data
        if name not in free
    }
    wrong |= {
        name: Text("文本过长", "The text is too long")
        for name, value in data.items()
        if isinstance(value, str) and len(value) > LONGEST_VARIABLE
    }
    if wrong:
        raise Invalid(next(iter(wrong.values())), fields=wrong)
    refuse_unwritable(data)
    return data


def refuse_unwritable(data: Mapping[str, Any]) -> None:
    """Raise `Invalid` where what others send along holds signs that no text has and no database keeps."""
    wrong: dict[str, Text] = {}
    for name, value in data.items():
        try:
            for one in _texts([name, value]):
                form_values.read_text(one, lines=True)
        except form_values.Wrong as error:
            wrong[name.encode("ascii", "replace").decode()] = error.text
    if wrong:
        raise Invalid(next(iter(wrong.values())), fields=wrong)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for one in pair for text in _texts(one))
    elif isinstance(value, list):
        yield from (text for one in value for text in _texts(one))

"""The vocabulary of named operations: what a diagram may ask of Python, checked by name and parameter type."""

import hashlib
import importlib
import inspect
import pkgutil
import types
import typing
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Connection

from service import clock, operations
from service.campaign.calendar import WorkCalendar
from service.engine.model import Json, OperationSignature, Procedure
from service.errors import Invalid, Text

F = TypeVar("F", bound=Callable[..., Json])


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """What an operation may know of the instance that calls it."""

    id: str
    matter_id: str
    process_key: str
    deployment_id: str
    plan_year_id: str | None
    unit_id: str | None
    organisation_id: str | None
    business_key: str | None


@dataclass(slots=True)
class Context:
    """What an operation is given beside its parameters; it writes through `connection`, in the step's transaction."""

    connection: Connection
    now: datetime
    calendar: WorkCalendar
    instance: InstanceFacts
    variables: Mapping[str, Any]
    actor_id: str | None
    matter_changes: dict[str, Any] = field(default_factory=dict)

    @property
    def today(self) -> date:
        """The city's calendar day of `now`."""
        return clock.city_day(self.now)

    def set_matter(
        self,
        *,
        status: Text | None = None,
        title: str | None = None,
        number: str | None = None,
        unit_id: str | None = None,
        organisation_id: str | None = None,
        plan_year_id: str | None = None,
    ) -> None:
        """Say what people read of the matter: its state in words, title, number, and whom it concerns."""
        changes = {
            "title": title,
            "number": number,
            "unit_id": unit_id,
            "organisation_id": organisation_id,
            "plan_year_id": plan_year_id,
        }
        self.matter_changes.update({name: value for name, value in changes.items() if value is not None})
        if status is not None:
            self.matter_changes.update(status_zh=status.zh, status_en=status.en)


@dataclass(frozen=True, slots=True)
class Operation:
    """One registered operation: its function, typed parameters and what it says of itself."""

    name: str
    function: Callable[..., Json]
    types: Mapping[str, Any]
    required: frozenset[str]
    summary: Text
    changes: Text | None


_KNOWN: dict[str, Operation] = {}
_loaded = False

#: How many read sets of files one process keeps.
KEPT_SETS = 8
_read: "OrderedDict[str, Procedure]" = OrderedDict()
_guard = Lock()


def operation(name: str, summary: Text, *, changes: Text | None = None) -> Callable[[F], F]:
    """Register a function as the operation `name` (`subject.verb`).

    Its first parameter is the `Context`, all others are keyword-only and typed; `changes` says in words what it
    writes (None: it only reads).
    """

    def register(function: F) -> F:
        if name in _KNOWN and _KNOWN[name].function.__module__ != function.__module__:
            raise ValueError(f"operation {name} is registered twice")
        hints = typing.get_type_hints(function)
        parameters = list(inspect.signature(function).parameters.values())[1:]
        unnamed = [one.name for one in parameters if one.kind is not inspect.Parameter.KEYWORD_ONLY]
        if unnamed:
            raise ValueError(f"operation {name}: parameters {unnamed} must be keyword-only")
        _KNOWN[name] = Operation(
            name=name,
            function=function,
            types={one.name: hints[one.name] for one in parameters},
            required=frozenset(one.name for one in parameters if one.default is inspect.Parameter.empty),
            summary=summary,
            changes=changes,
        )
        return function

    return register


def known() -> Mapping[str, Operation]:
    """Return every operation by name."""
    global _loaded
    if not _loaded:
        for module in pkgutil.iter_modules(operations.__path__):
            importlib.import_module(f"{operations.__name__}.{module.name}")
        _loaded = True
    return _KNOWN


def signatures() -> dict[str, OperationSignature]:
    """Return what the deployment check needs to know of each operation."""
    return {
        one.name: OperationSignature(one.name, one.required, frozenset(one.types) - one.required, one.summary)
        for one in known().values()
    }


def run(name: str, context: Context, arguments: Mapping[str, Any]) -> Json:
    """Run an operation. Raises `Invalid` naming the parameter when an argument has the wrong type."""
    found = known().get(name)
    if found is None:
        raise Invalid(Text(f"没有名为 {name} 的操作", f"There is no operation named {name}"), operation=name)
    for parameter, value in arguments.items():
        if not _fits(value, found.types.get(parameter)):
            raise Invalid(
                Text(
                    f"操作“{found.summary.zh}”（{name}）的参数 {parameter} 的值不符合要求：{_short(value)}",
                    f"Operation “{found.summary.en}” ({name}): parameter {parameter} cannot be {_short(value)}",
                ),
                operation=name,
                parameter=parameter,
            )
    return found.function(context, **arguments)


def function_names() -> frozenset[str]:
    """Return the names of all functions an expression may call beside the built-in ones."""
    from service import submissions
    from service.campaign import date_functions

    return (
        frozenset(date_functions.FUNCTION_NAMES) | date_functions.PLAN_FUNCTIONS | submissions.FUNCTION_NAMES
    )


def read(files: Mapping[str, bytes]) -> Procedure:
    """Read and check files against this vocabulary and the campaign's names; the same set again costs nothing.

    A set is published, checked again and loaded within moments, and a procedure is never changed once read.
    """
    from service.campaign import known_names
    from service.engine.procedure import read_procedure

    content = hashlib.sha256()
    for path in sorted(files):
        content.update(f"{path}\0{len(files[path])}\0".encode())
        content.update(files[path])
    digest = content.hexdigest()
    with _guard:
        found = _read.get(digest)
    if found is None:
        found = read_procedure(files, signatures(), function_names())
        if unknown := tuple(known_names.problems(found)):
            found = replace(found, problems=unknown + found.problems)
    with _guard:
        _read[digest] = found
        _read.move_to_end(digest)
        while len(_read) > KEPT_SETS:
            _read.popitem(last=False)
    return found


def _fits(value: Any, hint: Any) -> bool:
    if hint is None:
        return False
    if hint is Any or hint is Json:
        return True
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(
            _fits(value, one) if one is not types.NoneType else value is None for one in typing.get_args(hint)
        )
    kind = origin or hint
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in (str, bool, dict, list):
        return isinstance(value, kind)
    if kind is Mapping or getattr(kind, "__name__", "") == "Mapping":
        return isinstance(value, dict)
    if getattr(kind, "__name__", "") == "Sequence":
        return isinstance(value, list)
    return kind is typing.Literal and value in typing.get_args(hint)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"

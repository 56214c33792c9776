"""Named sources of what forms offer: options of a choice and rows of a list, read for whom the form is shown.

Modules of this package whose name ends with `_options` register the sources.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection

from service import campaign
from service.engine.fields import Option
from service.engine.model import Procedure
from service.errors import NotFound, Text
from service.forms import Row

__all__ = ["Option", "Row", "SourceContext", "Sources", "names", "options", "rows", "sources_for"]


@dataclass(frozen=True, slots=True)
class SourceContext:
    """For whom and in what a form is shown; ids are None where there is none yet."""

    connection: Connection
    now: datetime
    procedure: Procedure
    instance_id: str | None
    matter_id: str | None
    plan_year_id: str | None
    unit_id: str | None
    #: The organisation the task belongs to.
    organisation_id: str | None
    person_id: str | None
    variables: Mapping[str, Any] = field(default_factory=dict)


OptionFunction: TypeAlias = Callable[[SourceContext, str | None], list[Option]]
RowFunction: TypeAlias = Callable[[SourceContext, str | None], list[Row]]

_OPTIONS: dict[str, OptionFunction] = {}
_ROWS: dict[str, RowFunction] = {}
_loaded = False


def options(name: str) -> Callable[[OptionFunction], OptionFunction]:
    """Register a function as the source `name` of options."""

    def register(function: OptionFunction) -> OptionFunction:
        _OPTIONS[name] = function
        return function

    return register


def rows(name: str) -> Callable[[RowFunction], RowFunction]:
    """Register a function as the source `name` of rows."""

    def register(function: RowFunction) -> RowFunction:
        _ROWS[name] = function
        return function

    return register


def names() -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of all sources: of options, and of rows."""
    _load()
    return frozenset(_OPTIONS), frozenset(_ROWS)


@dataclass(frozen=True, slots=True)
class Sources:
    """All sources, read for one form."""

    context: SourceContext

    def options(self, name: str, parameter: str | None) -> list[Option]:
        """Return the options on offer now. Raises `NotFound` for a name nobody registered."""
        _load()
        if name not in _OPTIONS:
            raise _unknown(name)
        return _OPTIONS[name](self.context, parameter)

    def rows(self, name: str, parameter: str | None) -> list[Row]:
        """Return the rows in order. Raises `NotFound` for a name nobody registered."""
        _load()
        if name not in _ROWS:
            raise _unknown(name)
        return _ROWS[name](self.context, parameter)


def sources_for(context: SourceContext) -> Sources:
    """Return the sources as a form shown in `context` sees them."""
    return Sources(context)


def _load() -> None:
    global _loaded
    if not _loaded:
        for module in pkgutil.iter_modules(campaign.__path__):
            if module.name.endswith("_options"):
                importlib.import_module(f"{campaign.__name__}.{module.name}")
        _loaded = True


def _unknown(name: str) -> NotFound:
    return NotFound(Text(f"没有名为 {name} 的数据来源", f"There is no data source named {name}"), source=name)

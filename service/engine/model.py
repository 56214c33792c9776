"""What a checked procedure consists of: processes, elements, roles and the problems found in them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from service.errors import Text

if TYPE_CHECKING:
    from service.engine.decisions import DecisionTable
    from service.engine.expressions import Expression
    from service.engine.forms import Form

#: A value the engine may hold: what JSON can say.
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Variables: TypeAlias = dict[str, Any]
Functions: TypeAlias = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in a procedure's files; an error forbids deployment, a warning does not."""

    file: str
    line: int | None
    element: str | None
    severity: Literal["error", "warning"]
    code: str
    text: Text


@dataclass(frozen=True, slots=True)
class Role:
    """A role of `roles.toml`: who does the steps of a lane, and where they sit.

    `sits` is an organisation kind (`"*"`: any) and `of` the variable that holds an organisation id;
    `sees` widens what members may read: `own` organisation, its `area`, or `all`.
    """

    id: str
    label: Text
    sits: str
    of: str | None
    sees: Literal["own", "area", "all"]


@dataclass(frozen=True, slots=True)
class OperationSignature:
    """What a diagram may ask of Python: the operation's name, its parameters and what it says of itself."""

    name: str
    required: frozenset[str]
    optional: frozenset[str]
    summary: Text


@dataclass(frozen=True, slots=True)
class Outcome:
    """A button of a user task (`cl:outcome`)."""

    id: str
    name: Text
    opinion: Literal["required", "optional", "none"] = "optional"
    form: Literal["complete", "partial"] = "complete"
    style: Literal["primary", "danger", "plain"] = "plain"


@dataclass(frozen=True, slots=True)
class Deadline:
    """A deadline text: `duration` (ISO 8601), `working_days`, `day` (a date), or an `expression` giving one."""

    source: str
    kind: Literal["duration", "working_days", "day", "instant", "expression"]
    expression: "Expression | None" = None


@dataclass(frozen=True, slots=True)
class Vote:
    """How a spread user task is decided (`cl:vote`); `needed` is all, any, majority, a fraction or `=expr`."""

    pass_: str
    needed: str
    veto: str | None
    otherwise: str | None
    expression: "Expression | None" = None


@dataclass(frozen=True, slots=True)
class Spread:
    """A user task given to several at once or in turn (multi-instance): one engine task, a row for each."""

    collection: str
    item: str
    each: Literal["person", "organisation"]
    sequential: bool
    vote: Vote | None


@dataclass(frozen=True, slots=True)
class Send:
    """A thrown message (`cl:send`): `each` fans out over a list, `item` names the list's element."""

    message: str
    key: "Expression | None"
    each: "Expression | None"
    item: str | None
    deployment: Literal["starter", "plan", "newest"]
    payload: Mapping[str, "Expression"]


@dataclass(frozen=True, slots=True)
class Receive:
    """An awaited message (`cl:receive`): the key it is found by, and variable name by payload name.

    Persons of the roles in `by` may send it themselves from the matter's page.
    """

    message: str
    key: "Expression | None"
    variables: Mapping[str, str]
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Element:
    """One node of a diagram with what our extensions say about it; unset facets are None or empty."""

    id: str
    type: str
    name: Text
    line: int
    lane: str | None = None
    role: str | None = None
    # user task
    form: str | None = None
    organisation: "Expression | None" = None
    person: "Expression | None" = None
    exclude: "Expression | None" = None
    not_by: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    due: Deadline | None = None
    remind: tuple[Deadline, ...] = ()
    priority: int = 50
    bulk: bool = False
    cc: tuple[str, ...] = ()
    fields: Mapping[str, Literal["write", "read", "hidden"]] = field(default_factory=dict)
    shows: tuple[str, ...] = ()
    spread: Spread | None = None
    # service task
    operation: str | None = None
    parameters: Mapping[str, "Expression"] = field(default_factory=dict)
    result: str | None = None
    # business rule task, call activity, events
    decision: str | None = None
    calls: str | None = None
    send: Send | None = None
    receive: Receive | None = None
    timer: Deadline | None = None
    attached_to: str | None = None
    interrupting: bool = True


@dataclass(frozen=True, slots=True)
class ProcessDefinition:
    """One executable process: what it is called, what starts it, its elements and what it reaches.

    `closure` is the SHA-256 of the file and of every form, decision and called process it reaches: a new
    version exists exactly when it changes. `reads` are the variable names its expressions (and those of
    what it reaches) read; `asks` those of them nothing in the diagrams gives: they come with a step that has no
    form. `xml` is the checked file the engine's specification is built from.
    """

    key: str
    name: Text
    file: str
    xml: bytes
    closure: str
    elements: Mapping[str, Element]
    reads: frozenset[str]
    asks: frozenset[str]
    own_matter: bool
    title: "Expression | None"
    starters: tuple[str, ...]
    start_form: str | None
    starts_on: str | None
    calls: tuple[str, ...]
    decisions: tuple[str, ...]
    forms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Procedure:
    """All files of one deployment, read and checked; `problems` with an error mean it may not be deployed."""

    files: Mapping[str, bytes]
    processes: Mapping[str, ProcessDefinition]
    decisions: Mapping[str, "DecisionTable"]
    forms: Mapping[str, "Form"]
    roles: Mapping[str, Role]
    problems: tuple[Problem, ...]

    @property
    def deployable(self) -> bool:
        """Whether no problem is an error."""
        return all(problem.severity != "error" for problem in self.problems)

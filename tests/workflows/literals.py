"""Finds string literals of the product that are ids of the procedure, and the few that may be both."""

import ast
import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from service import store
from service.engine.model import Procedure
from service.operations import registry
from service.store.types import metadata

ROOT = Path(__file__).resolve().parents[2]
#: Calls whose arguments are words people read, in both languages.
WORDS_FOR_PEOPLE = frozenset({"Text", "_", "_l", "gettext", "_column"})

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_SCRIPT_WORDS = re.compile(r"\bt\((?:[^()]|\([^()]*\))*\)")
_QUOTED = re.compile(r"""(['"`])([A-Za-z_][\w-]*)\1""")


@dataclass(frozen=True)
class Found:
    """A literal that is also an id: the id, what it is the id of, and where it stands."""

    id: str
    kinds: frozenset[str]
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.id} is the id of: {', '.join(sorted(self.kinds))}"


@dataclass(frozen=True)
class Allowed:
    """Ids that are words of our own in some places, with the reason."""

    reason: str
    ids: frozenset[str]
    places: tuple[str, ...]


def ids_of(procedure: Procedure) -> Mapping[str, frozenset[str]]:
    """Return every id of a procedure with what it is the id of."""
    found: dict[str, set[str]] = defaultdict(set)
    for key, definition in procedure.processes.items():
        found[key].add("process")
        for element in definition.elements.values():
            found[element.id].add("element")
            for outcome in element.outcomes:
                found[outcome.id].add("outcome")
    for form in procedure.forms.values():
        found[form.id].add("form")
        for path in form.fields:
            for key in path.split("."):
                found[key].add("field")
    for key in procedure.decisions:
        found[key].add("decision")
    for key in procedure.roles:
        found[key].add("role")
    return {key: frozenset(kinds) for key, kinds in found.items()}


def own_words() -> frozenset[str]:
    """Return the names of our tables and columns and of the operations' parameters.

    A form's field may be called like the column it ends up in: the diagram hands it over by a `cl:param`, and a
    literal of that name in Python means the column or the parameter.
    """
    for module in pkgutil.iter_modules(store.__path__):
        importlib.import_module(f"{store.__name__}.{module.name}")
    words = set(metadata.tables)
    words |= {column.name for table in metadata.tables.values() for column in table.columns}
    words |= {name for operation in registry.known().values() for name in operation.types}
    return frozenset(words)


def literals(ids: Mapping[str, frozenset[str]]) -> Iterator[Found]:
    """Yield every literal in `service` and `web` that equals an id."""
    for folder in ("service", "web"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "node_modules" not in path.parts:
                yield from _in_python(path, ids)
    for path in sorted((ROOT / "web" / "templates").rglob("*.*")):
        text = path.read_text()
        yield from _in_text(path, text, [(one.start(), one[0]) for one in _JINJA.finditer(text)], ids)
    for path in sorted((ROOT / "web" / "frontend" / "src").rglob("*.js")):
        text = _SCRIPT_WORDS.sub(lambda words: " " * len(words[0]), path.read_text())
        yield from _in_text(path, text, [(0, text)], ids)


def _in_python(path: Path, ids: Mapping[str, frozenset[str]]) -> Iterator[Found]:
    tree = ast.parse(path.read_text())
    words = {
        id(argument)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and _name(call.func) in WORDS_FOR_PEOPLE
        for argument in [*call.args, *(one.value for one in call.keywords)]
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in words:
            kinds = ids.get(node.value)
            if kinds is not None:
                yield Found(node.value, kinds, path.relative_to(ROOT).as_posix(), node.lineno)


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else ""


def _in_text(
    path: Path, text: str, parts: list[tuple[int, str]], ids: Mapping[str, frozenset[str]]
) -> Iterator[Found]:
    for begin, part in parts:
        for quoted in _QUOTED.finditer(part):
            kinds = ids.get(quoted[2])
            if kinds is not None:
                line = text.count("\n", 0, begin + quoted.start()) + 1
                yield Found(quoted[2], kinds, path.relative_to(ROOT).as_posix(), line)


def _allowed(reason: str, ids: str, places: str) -> Allowed:
    return Allowed(reason, frozenset(ids.split()), tuple(places.split()))


#: Ids of the shipped procedure that are also words of our own, and where they are.
ALLOWED = (
    _allowed(
        "tables and columns are called like what they keep",
        "application authority agreed county_filing county_round document_title draft extension_authority form "
        "incident inspection inspection_veto inspector issued late measure named naming_decision notice_objection "
        "progress_report quota_allocation self_check window_extension",
        "service/store/",
    ),
    _allowed(
        "states of our rows, as their tables keep them",
        "accepted confirmed delivered done draft incident issued late recalled withdrawn",
        "service/assignment.py service/inbox.py service/instances.py service/jobs.py service/matters.py service/pending_jobs.py "
        "service/submissions.py service/tasks.py service/campaign/ service/operations/ web/api/ web/pages/ "
        "web/templates/ web/year.py",
    ),
    _allowed(
        "what was done, as the history keeps it and rights name it",
        "cancel complete return start",
        "service/inbox.py service/instances.py service/matters.py service/messages.py service/tasks.py "
        "web/pages/task.py web/templates/",
    ),
    _allowed(
        "columns of a task: whether it names a person, its form, its place in a spread",
        "form named",
        "service/filling.py service/inbox.py service/recording.py service/rights.py service/submissions.py "
        "service/tasks.py",
    ),
    _allowed(
        "milestones the board counts, told by the states of applications and titles",
        "forwarded inspected named",
        "service/campaign/overview.py web/templates/board/",
    ),
    _allowed(
        "words of BPMN, DMN, form-js, XML and our extensions",
        "accept again complete decision end form missing none read receive remind rule start",
        "service/engine/ service/differences.py service/form_description.py service/forms.py "
        "web/api/tasks.py web/frontend/src/designer web/pages/designer.py web/templates/designer/",
    ),
    _allowed("an attribute BPMN itself gives tasks", "implementation", "service/engine/ignored.py"),
    _allowed(
        "options of an operation whose rows the diagram gives it, or keys of what it answers",
        "agreed application authority closes confirmed delivered found inspector late named opens said why",
        "service/operations/ service/campaign/",
    ),
    _allowed(
        "attributes of a source's rows, which a form shows in a field of that name",
        "agreed closes full help highest last_figure late lowest measure method opens rank rule",
        "service/campaign/",
    ),
    _allowed("names of sources", "units", "service/campaign/"),
    _allowed(
        "the setting that says in words who may extend a window; it is shown, nothing is decided by it",
        "extension_authority",
        "service/campaign/windows.py",
    ),
    _allowed(
        "layouts of printed papers and what their texts may be filled with",
        "authority decision form letter recommender",
        "service/documents/ service/operations/decisions.py web/pages/documents.py",
    ),
    _allowed(
        "words of HTML, JavaScript, OpenAPI and ISO 8601, and names of our pages and their fields",
        "again cancel check checked close drop form found minutes missing more object problems receive redo sheet "
        "start submit tasks who",
        "service/cli.py service/form_values.py service/imports.py web/",
    ),
    _allowed("whether a button takes an opinion", "none", "web/templates/task/"),
    _allowed("words people read", "Close", "web/frontend/src/base.js"),
    _allowed("what a step of the demo's story says of itself", "start", "service/demo_story.py"),
    _allowed("kinds of jobs", "remind start", "web/templates/admin/"),
)


def unexplained(procedure: Procedure) -> list[Found]:
    """Return the literals that are ids of `procedure` and nothing else."""
    own = own_words()
    return [
        one
        for one in literals(ids_of(procedure))
        if not (one.kinds == {"field"} and one.id in own)
        and not any(one.id in rule.ids and one.file.startswith(rule.places) for rule in ALLOWED)
    ]

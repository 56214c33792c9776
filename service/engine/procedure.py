"""Reads and checks all files of a procedure: roles, forms, decisions, diagrams and data, as one whole."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from service.engine import checks, names, paths, references
from service.engine.assignments import Assignments
from service.engine.diagram import Diagram, read_diagram
from service.engine.forms import parse_form
from service.engine.model import OperationSignature, Problem, Procedure, ProcessDefinition
from service.engine.parts import Parts, Reach, called_by, reached
from service.engine.problems import Allowance, Findings
from service.engine.roles import read_roles
from service.engine.specs import Made, SpecError, specs_of
from service.engine.tables import read_decision
from service.engine.toml import parse_toml
from service.errors import Text

ROLES = "roles.toml"
_MOST_FILES = 500
_MOST_BYTES = 1 << 20
_MOST_BYTES_TOGETHER = 16 << 20
#: Characters of expressions in all files; the city's own procedure has a fifth of it.
MOST_EXPRESSIONS = 200_000
_STEM = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,79}")


def read_procedure(
    files: Mapping[str, bytes],
    signatures: Mapping[str, OperationSignature],
    function_names: frozenset[str],
) -> Procedure:
    """Read `files` (path → content) and check them as a whole; nothing is raised for what is wrong in them.

    `signatures` are the operations a diagram may call, `function_names` the functions beside the built-in ones.
    Processes, forms and decisions with problems are on the result as far as they could be read.
    """
    parts = _read_files(files)
    for diagram in parts.diagrams.values():
        checks.check_diagram(diagram)
    paths.check_loops(parts.diagrams)
    references.check_references(parts, signatures)
    names.check_names(parts, function_names)
    reach = reached(parts)
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    assignments = Assignments(parts)
    own = {key: assignments.anywhere(key) for key in parts.diagrams}
    processes = {
        key: _definition(
            diagram,
            reach[key],
            frozenset().union(*(own[one] for one in called_by(parts, key))),
            digests,
        )
        for key, diagram in parts.diagrams.items()
    }
    problems = list(parts.problems)
    for diagram in parts.diagrams.values():
        problems += diagram.findings.problems
    procedure = Procedure(
        files=dict(files),
        processes=processes,
        decisions=parts.decisions,
        forms=parts.forms,
        roles=parts.roles,
        problems=_sorted(problems),
    )
    if not procedure.deployable:
        return procedure
    return replace(procedure, problems=_sorted([*problems, *_try_build(procedure)]))


def _sorted(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    order = {"error": 0, "warning": 1}
    return tuple(sorted(problems, key=lambda one: (order[one.severity], one.file, one.line or 0)))


def _try_build(procedure: Procedure) -> list[Problem]:
    """Build what the engine runs: whatever the checks overlooked must show now, not with the first instance."""
    found = []
    made: Made = {}
    for definition in procedure.processes.values():
        try:
            specs_of(definition, procedure, made)
        except SpecError as error:
            element = definition.elements.get(error.facts.get("element") or "")
            found.append(
                Problem(
                    definition.file,
                    element.line if element is not None else None,
                    element.id if element is not None else None,
                    "error",
                    "not-buildable",
                    error.text,
                )
            )
    return found


def _read_files(files: Mapping[str, bytes]) -> Parts:
    parts = Parts()
    if len(files) > _MOST_FILES:
        parts.problems.append(
            Problem(
                sorted(files)[_MOST_FILES],
                None,
                None,
                "error",
                "too-many-files",
                Text(
                    f"文件有 {len(files)} 个，最多 {_MOST_FILES} 个",
                    f"there are {len(files)} files, {_MOST_FILES} at most",
                ),
            )
        )
    left = _MOST_BYTES_TOGETHER
    allowance = Allowance(
        MOST_EXPRESSIONS,
        Text(
            f"全部文件的表达式、脚本和决策表合计超过 {MOST_EXPRESSIONS} 个字符；从这里起没有检查",
            f"the expressions, scripts and tables of all files have more than {MOST_EXPRESSIONS} characters together; "
            "from here on none was checked",
        ),
    )
    for path in sorted(files)[:_MOST_FILES]:
        findings = Findings(path)
        left -= len(files[path])
        if left < 0:
            findings.error(
                "files-too-large",
                f"全部文件超过 {_MOST_BYTES_TOGETHER} 字节，从这个文件起没有检查",
                f"all files together have more than {_MOST_BYTES_TOGETHER} bytes; from this one on none was checked",
            )
            parts.problems += findings.problems
            break
        if len(files[path]) > _MOST_BYTES:
            findings.error(
                "file-too-large",
                f"文件有 {len(files[path])} 字节，最多 {_MOST_BYTES} 字节",
                f"the file has {len(files[path])} bytes, {_MOST_BYTES} at most",
            )
        else:
            _read_file(parts, findings, path, files[path], allowance)
        parts.problems += findings.problems
    if ROLES not in files:
        parts.problems.append(
            Problem(
                ROLES,
                None,
                None,
                "error",
                "roles-missing",
                Text(
                    "缺少 roles.toml：其中写明每个角色的名称和所在机构",
                    "roles.toml is missing: it says what each role is called and where it sits",
                ),
            )
        )
    return parts


def _read_file(parts: Parts, findings: Findings, path: str, data: bytes, allowance: Allowance) -> None:
    where = PurePosixPath(path)
    folder, key = where.parent.as_posix(), where.stem
    if not _STEM.fullmatch(key):
        findings.error(
            "file-name",
            f"文件名“{key[:60]}”不能作编号；以字母开头，由字母、数字、下划线、连字符组成",
            f"the file name “{key[:60]}” is no id; begin with a letter, use letters, digits, underscores, hyphens",
        )
    elif path == ROLES:
        parts.roles, found = read_roles(path, data)
        findings.extend(found)
    elif folder == "." and where.suffix == ".bpmn":
        diagram, found_in_diagram = read_diagram(path, data, allowance)
        if diagram is None:
            findings.extend(found_in_diagram.problems)
        elif diagram.key == key:
            parts.diagrams[key] = diagram
        else:
            findings.extend(found_in_diagram.problems)
    elif folder == "decisions" and where.suffix == ".dmn":
        table, found = read_decision(path, data, allowance)
        findings.extend(found)
        if table is not None:
            parts.decisions[key] = table
    elif folder == "forms" and where.suffix == ".json":
        form, found_in_form = parse_form(path, data, allowance)
        findings.extend(found_in_form)
        if form is not None:
            parts.forms[key] = form
    elif folder == "." and where.suffix == ".toml":
        parse_toml(findings, data, "toml-unreadable")
    else:
        findings.error(
            "unknown-file",
            "不认识这个文件；流程图放在最上层（*.bpmn），决策表在 decisions/*.dmn，表单在 forms/*.json，"
            "角色在 roles.toml，数据在最上层的 *.toml",
            "this file is not understood; diagrams stand at the top (*.bpmn), tables in decisions/*.dmn, forms in "
            "forms/*.json, roles in roles.toml, data at the top in *.toml",
        )


def _definition(
    diagram: Diagram, whole: Reach, given: frozenset[str], digests: Mapping[str, str]
) -> ProcessDefinition:
    elements = diagram.elements
    return ProcessDefinition(
        key=diagram.key,
        name=diagram.name,
        file=diagram.file,
        xml=diagram.data,
        closure=_closure(digests, whole.files),
        elements=dict(elements),
        reads=whole.reads,
        asks=whole.reckons - given,
        own_matter=diagram.own_matter,
        title=diagram.title,
        starters=diagram.starters,
        start_form=diagram.start_form,
        starts_on=diagram.starts_on,
        calls=_listed(one.calls for one in elements.values()),
        decisions=_listed(one.decision for one in elements.values()),
        forms=_listed(form for one in elements.values() for form in (one.form, *one.shows)),
    )


def _closure(digests: Mapping[str, str], paths: Iterable[str]) -> str:
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(f"{path}\0{digests[path]}\0".encode())
    return total.hexdigest()


def _listed(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name}))

"""What is wrong in one file of a procedure, gathered while it is read: element, line and what to do instead."""

from collections.abc import Iterable
from typing import Any, Literal

from service.engine.model import Problem
from service.errors import Text

#: More findings than this help nobody; the rest is left out and said so.
MOST_PROBLEMS = 200
#: Kept while reading, so that an error that comes late is not lost behind many warnings.
_MOST_KEPT = 1_000


class Allowance:
    """How many characters of expressions may be compiled, in one file and in all of them together."""

    def __init__(self, most: int, told: Text, whole: "Allowance | None" = None) -> None:
        """Allow `most`, and no more than what is left of `whole`; `told` is what to say when it is too much."""
        self._left = most
        self._told = told
        self._whole = whole

    def take(self, length: int) -> tuple[bool, Text | None]:
        """Return whether so many more may be compiled, and what to tell when these are the first too many."""
        had = self._left
        self._left -= length
        if self._left < 0:
            return False, self._told if had >= 0 else None
        return (True, None) if self._whole is None else self._whole.take(length)


class Findings:
    """The problems found in one file, in the order they were found."""

    def __init__(self, file: str) -> None:
        """Gather problems of `file`."""
        self.file = file
        self._found: dict[tuple[object, ...], Problem] = {}

    def error(self, code: str, zh: str, en: str, at: Any = None, *, line: int | None = None) -> None:
        """Note what forbids deployment; `at` is the XML element concerned, `line` overrides its line."""
        self._add("error", code, Text(zh, en), at, line)

    def warning(self, code: str, zh: str, en: str, at: Any = None, *, line: int | None = None) -> None:
        """Note what is allowed but probably a mistake."""
        self._add("warning", code, Text(zh, en), at, line)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Take over problems found elsewhere."""
        for problem in problems:
            if self.full:
                return
            self._found.setdefault(
                (problem.file, problem.code, problem.element, problem.line, problem.text.en), problem
            )

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems, errors and warnings, each once and no more than `MOST_PROBLEMS`."""
        found = sorted(self._found.values(), key=lambda one: one.severity != "error")
        return tuple(found[:MOST_PROBLEMS])

    @property
    def full(self) -> bool:
        """Whether no more is kept; looking for more is then in vain."""
        return len(self._found) >= _MOST_KEPT

    @property
    def failed(self) -> bool:
        """Whether an error was found."""
        return any(problem.severity == "error" for problem in self._found.values())

    def _add(
        self, severity: Literal["error", "warning"], code: str, text: Text, at: Any, line: int | None
    ) -> None:
        element = None
        node = at
        while node is not None and element is None:
            element = node.get("id")
            node = node.getparent()
        where = line if line is not None else getattr(at, "sourceline", None)
        self.extend([Problem(self.file, where, element, severity, code, text)])

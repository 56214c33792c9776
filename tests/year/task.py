"""A task as the person who holds it sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tests.year.people import Actor


@dataclass(slots=True)
class Task:
    """One task in somebody's inbox; `detail` is what the task page shows."""

    actor: Actor
    row: Any
    today: date
    detail: Any = None

    @property
    def step(self) -> str:
        """Process and element."""
        return f"{self.row['process_key']}.{self.row['element_id']}"

    @property
    def unit(self) -> str:
        """The unit the matter is about, or nothing."""
        return self.row["unit_id"] or ""

    @property
    def due(self) -> date | None:
        """The day it is due."""
        at = self.row["due_at"]
        return datetime.fromisoformat(at).date() if at else None

    def rows(self, key: str) -> Sequence[Any]:
        """The rows a list of the form demands."""
        return next((one["rows"] or [] for one in self.detail["form"]["lists"] if one["key"] == key), [])

    def options(self, path: str) -> list[str]:
        """The values a choice offers."""
        first, _, last = path.partition(".")
        fields = self.detail["form"]["fields"]
        if last:
            fields = next(one["fields"] for one in self.detail["form"]["lists"] if one["key"] == first)
        field = next(one for one in fields if one["key"] == (last or first))
        return [one["value"] for one in field["options"] or []]

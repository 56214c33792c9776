"""Pages of long lists: rows and the cursor that leads to the next ones."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

#: The most rows one page holds, whatever is asked for.
LARGEST_PAGE = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of rows and the cursor of the next page (None: this is the last)."""

    rows: list[T]
    next: str | None

"""Pages of long lists: rows and the cursor that leads to the next ones."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from service.errors import Invalid, Text

T = TypeVar("T")

#: The most rows one page holds, whatever is asked for.
LARGEST_PAGE = 200


def wrong_cursor() -> Invalid:
    """Return what is said of a cursor that no page gave out."""
    message = Text("翻页参数无效，请从第一页开始", "The page cursor is not valid; start at the first page")
    return Invalid(message, fields={"after": message})


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of rows and the cursor of the next page (None: this is the last)."""

    rows: list[T]
    next: str | None

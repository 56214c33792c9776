"""What a campaign does not take, each with the reason and the test that takes it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something cannot occur in the lived years, and which test of `tests/workflows` takes it."""

    why: str
    test: str


NOT_TAKEN: dict[str, Reason] = {}

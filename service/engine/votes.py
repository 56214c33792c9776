"""Counts the answers of a step given to several: when it is decided, and how."""

import re
from collections.abc import Mapping
from typing import Any

from service.engine.model import Functions, Vote
from service.errors import Invalid, Text

_FRACTION = re.compile(r"([1-9]\d?)/([1-9]\d?)")


def decide(
    vote: Vote | None,
    counts: Mapping[str, int],
    total: int,
    names: Mapping[str, Any] | None = None,
    functions: Functions | None = None,
) -> tuple[bool, str | None]:
    """Return whether `counts` (answers given so far, by outcome) of `total` asked decide, and the verdict.

    A veto decides at once. Otherwise it is decided as soon as the outcome `pass` surely has the answers it needs,
    or can no longer reach them; the verdict is then `pass` or `otherwise`. While a veto can still come, agreement
    is not sure. Without a rule everybody answers, and the verdict is what all said, if they said the same. A
    share is of all who were asked, not of those who answered. `names` and `functions` are what an expression in
    `needed` may read, beside `total`. Raises `Invalid` when it gives no number.
    """
    given = sum(counts.values())
    if vote is None:
        said = [outcome for outcome, number in counts.items() if number > 0]
        return given >= total, (said[0] or None) if len(said) == 1 and given >= total else None
    if vote.veto is not None and counts.get(vote.veto, 0) > 0:
        return True, vote.veto
    needed = needed_of(vote, total, names, functions)
    agreed = counts.get(vote.pass_, 0)
    if agreed >= needed:
        sure = vote.veto is None or given >= total
        return sure, vote.pass_ if sure else None
    if agreed + (total - given) < needed:
        return True, vote.otherwise
    return False, None


def needed_of(
    vote: Vote, total: int, names: Mapping[str, Any] | None = None, functions: Functions | None = None
) -> int:
    """Return how many of `total` must say `pass`: at least one, at most all. Raises `Invalid`."""
    needed: Any = vote.needed.strip()
    if vote.expression is not None:
        needed = vote.expression.evaluate({**(names or {}), "total": total}, functions or {})
    fraction = _FRACTION.fullmatch(needed) if isinstance(needed, str) else None
    if isinstance(needed, float) and needed.is_integer():
        # What a division gives.
        needed = int(needed)
    if isinstance(needed, int) and not isinstance(needed, bool):
        count = needed
    elif needed == "all":
        count = total
    elif needed == "any":
        count = 1
    elif needed == "majority":
        count = total // 2 + 1
    elif fraction is not None:
        count = -(-total * int(fraction[1]) // int(fraction[2]))
    else:
        shown = repr(needed)[:60]
        raise Invalid(
            Text(
                f"cl:vote 的 needed（{vote.needed[:80]}）得到 {shown}，不是人数、all、any、majority 或分数",
                f"needed of cl:vote ({vote.needed[:80]}) gives {shown}, which is no number, all, any, majority or "
                "fraction",
            )
        )
    return max(1, min(count, total))

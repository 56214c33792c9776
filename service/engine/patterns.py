"""Patterns of form fields: a part of regular expressions of which it is known beforehand that they match quickly.

Python's matcher goes back and tries every other way a pattern may divide a text. How many ways there can be follows
from the pattern alone; one with too many could hold the server for ever on a text made for it, and is refused.
"""

import re

from service.errors import Text

#: Longest text a pattern is tried on, in characters: what is longer is no match.
LONGEST_TEXT = 1000
LONGEST_PATTERN = 200
#: Two repetitions without an end are the most that fit.
MOST_WAYS = (LONGEST_TEXT + 1) ** 2

_ESCAPE = re.compile(r"\\(?:[dDwWsS]|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[^\w\s])", re.ASCII)
_CLASS = re.compile(rf"\[\^?(?:{_ESCAPE.pattern}|[^\[\]\\])+\]", re.ASCII)
_SET_OPERATION = re.compile(r"--|&&|~~|\|\|")
_TIMES = re.compile(r"[?*+]|\{(\d{1,4})(?:(,)(\d{1,4})?)?\}", re.ASCII)


def mistake(pattern: object) -> Text | None:
    """Return why a pattern cannot be used and what to write instead; None for one that can."""
    if not isinstance(pattern, str) or len(pattern) > LONGEST_PATTERN:
        return Text(
            f"须是不超过 {LONGEST_PATTERN} 字的文字",
            f"must be a text of at most {LONGEST_PATTERN} characters",
        )
    reader = _Reader(pattern)
    try:
        ways = reader.alternatives()
        if reader.at != len(pattern):
            raise ValueError
        re.compile(pattern)
    except (ValueError, re.error, OverflowError, RecursionError):
        return Text(
            f"第 {reader.at + 1} 个字符处无法理解；可用文字、\\d 等类别、[…]、(…)、| 和 ? * + {{m,n}}",
            f"not understood at character {reader.at + 1}; use text, classes such as \\d, […], (…), | and ? * + "
            "{m,n}",
        )
    if ways > MOST_WAYS:
        return Text(
            "匹配可能极慢；请给重复写上限，如 {1,20}，不要在重复里再用重复、? 或 |",
            "could take very long to match; give repetitions an end, such as {1,20}, and use no repetition, ? or | "
            "inside a repetition",
        )
    return None


class _Reader:
    """Reads a pattern once and counts in how many ways it can divide a text. Raises `ValueError`."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def alternatives(self) -> int:
        ways = self._sequence()
        while self._takes("|"):
            ways += self._sequence()
        return ways

    def _sequence(self) -> int:
        ways = 1
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            ways = min(ways * self._piece(), MOST_WAYS + 1)
        return ways

    def _piece(self) -> int:
        ways = self._atom()
        times = _TIMES.match(self.pattern, self.at)
        if times is None:
            return ways
        self.at = times.end()
        least, most = {"?": (0, 1), "*": (0, LONGEST_TEXT), "+": (1, LONGEST_TEXT)}.get(times[0], (0, 0))
        if times[1] is not None:
            least = int(times[1])
            most = int(times[3] or LONGEST_TEXT) if times[2] else least
        if _TIMES.match(self.pattern, self.at):
            # Lazy and possessive repetitions only differ in what they try first.
            raise ValueError
        return int(max(1, min(most, LONGEST_TEXT) - least + 1) * ways ** min(most, LONGEST_TEXT))

    def _atom(self) -> int:
        for known in (_ESCAPE, _CLASS):
            if found := known.match(self.pattern, self.at):
                if _SET_OPERATION.search(found[0]):
                    # Python means to give these a meaning of their own.
                    raise ValueError
                self.at = found.end()
                return 1
        if self._takes("("):
            self._takes("?:")
            ways = self.alternatives()
            if not self._takes(")"):
                raise ValueError
            return ways
        if self.pattern[self.at] in "\\[]{}?*+)":
            raise ValueError
        self.at += 1
        return 1

    def _takes(self, signs: str) -> bool:
        taken = self.pattern.startswith(signs, self.at)
        self.at += len(signs) * taken
        return taken

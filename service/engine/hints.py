"""“Did you mean …”: which known name was probably meant by an unknown one, at a bounded cost."""

from collections.abc import Iterable
from difflib import get_close_matches

#: Longer names are no slips of the pen.
_LONGEST = 80
#: Pairs of characters compared for all files of a procedure: some hundred hints, within a second at worst.
_MOST_COMPARED = 5_000_000


class Hints:
    """Finds likely names until what it may compare is used up; after that there are no hints any more."""

    def __init__(self, most: int = _MOST_COMPARED) -> None:
        """Compare no more than `most` pairs of characters."""
        self._left = most

    def close(self, name: str, known: Iterable[str], least: float = 0.75) -> str | None:
        """Return the known name most like `name`, None when none is like enough."""
        if len(name) > _LONGEST or self._left < 0:
            return None
        names = sorted(one for one in known if len(one) <= _LONGEST)
        self._left -= len(name) * sum(len(one) for one in names)
        if self._left < 0:
            return None
        return next(iter(get_close_matches(name, names, 1, least)), None)

    def slip(self, name: str, known: Iterable[str], least: float = 0.75) -> tuple[str, str]:
        """Return “did you mean …” in Chinese and English, empty when no name is like enough."""
        close = self.close(name, known, least)
        return ("", "") if close is None else (f"；是否为 {close}？", f"; did you mean {close}?")

    def hint(self, name: str, known: Iterable[str]) -> tuple[str, str]:
        """Return “did you mean …” or what there is, in Chinese and English."""
        names = sorted(known)
        said = self.slip(name, names)
        if said[0] or not names:
            return said
        shown = [one[:_LONGEST] for one in names[:12]]
        more = ("等", " and others") if len(names) > len(shown) else ("", "")
        return f"；可用：{'、'.join(shown)}{more[0]}", f"; there are: {', '.join(shown)}{more[1]}"

"""Numbers of documents, certificates and filings: without a gap within their kind, scope and year."""

import re
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from service.errors import Invalid, Text
from service.store.campaign import number_series

#: What a number looks like where the procedure names no pattern of its own.
DEFAULT_PATTERN: Final = "{scope}-{year}-{number:4}"

_PLACE = re.compile(r"\{(\w*)(?::(\d))?\}")


def next_number(
    connection: Connection, *, kind: str, scope: str, year: int, pattern: str = DEFAULT_PATTERN
) -> str:
    """Take the next number of a series and return it written as `pattern` says.

    A pattern holds `{year}`, `{scope}` and `{number}` (`{number:4}` fills up with zeros to four digits), for
    example `咸创绿发〔{year}〕{number}号` (GB/T 9704: year in 〔〕, no leading zero). The series' row stays
    locked until the transaction ends: a number taken in a transaction that fails is given out again.
    Raises `Invalid` for a pattern that names something else or no `{number}`.
    """
    _check(pattern)
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    taken = (
        dialect.insert(number_series)
        .values(kind=kind, scope=scope, year=year, last=1)
        .on_conflict_do_update(
            index_elements=[number_series.c.kind, number_series.c.scope, number_series.c.year],
            set_={"last": number_series.c.last + 1},
        )
        .returning(number_series.c.last)
    )
    number = connection.execute(taken).scalar_one()
    values = {"year": year, "scope": scope, "number": number}
    return _PLACE.sub(lambda place: str(values[place[1]]).zfill(int(place[2] or 0)), pattern)


def _check(pattern: str) -> None:
    named = [place[1] for place in _PLACE.finditer(pattern)]
    unknown = sorted(set(named) - {"year", "scope", "number"})
    if unknown or "number" not in named or re.search(r"[{}]", _PLACE.sub("", pattern)):
        raise Invalid(
            Text(
                f"编号式样“{pattern}”只能用 {{year}}、{{scope}}、{{number}}，且必须有 {{number}}",
                f"The number pattern {pattern!r} may hold {{year}}, {{scope}}, {{number}} and needs {{number}}",
            ),
            pattern=pattern,
        )

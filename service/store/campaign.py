"""Tables the whole campaign shares: the working calendar and the series of document and certificate numbers."""

from sqlalchemy import Boolean, Column, Date, Index, Integer, String, Table, Text

from service.store.types import Instant, metadata

#: Days on which an official list departs from the plain week or names a holiday (Civil Code 203).
calendar_day = Table(
    "calendar_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("is_workday", Boolean, nullable=False),
    Column("name", String(80), nullable=False),
    Column("source", Text, nullable=False),
    #: The year whose list holds the day; a list may begin in the December before.
    Column("list_year", Integer, nullable=False),
    Column("imported_at", Instant, nullable=False),
    Index(None, "list_year"),
)

#: The last number given out in a series; a number is taken in the transaction that uses it, so none is lost.
number_series = Table(
    "number_series",
    metadata,
    Column("kind", String(40), primary_key=True),
    Column("scope", String(80), primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
)

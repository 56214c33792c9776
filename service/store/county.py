"""The table of the counties' own yearly rounds of applications and namings."""

from sqlalchemy import Column, Date, ForeignKey, Table, UniqueConstraint

from service.store.types import Id, Instant, metadata

#: One county's round of a plan year (G17); both days belong to the time in which units may apply.
county_round = Table(
    "county_round",
    metadata,
    Column("id", Id, primary_key=True),
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), nullable=False),
    Column("county_org_id", Id, ForeignKey("organisation.id"), nullable=False),
    Column("matter_id", Id),
    Column("opens_on", Date, nullable=False),
    Column("closes_on", Date, nullable=False),
    #: The day by which the county means to name.
    Column("naming_by", Date, nullable=False),
    #: Set when the round was closed, by its last day or early.
    Column("closed_at", Instant),
    #: Set when the list of who passed was drawn up; who passes later is named on its own.
    Column("listed_at", Instant),
    Column("opened_at", Instant, nullable=False),
    UniqueConstraint("plan_year_id", "county_org_id"),
)

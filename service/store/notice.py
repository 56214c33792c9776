"""Tables of public notices: what was posted from when to when, objections, and how each unit came out."""

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, Integer, String, Table, Text

from service.store.types import Id, Instant, metadata

notice = Table(
    "notice",
    metadata,
    Column("id", Id, primary_key=True),
    #: What asked for the notice: a deliberation, a county's round.
    Column("subject_id", Id, nullable=False),
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), nullable=False),
    Column("level", String(40), nullable=False),
    Column("publisher_id", Id, ForeignKey("organisation.id"), nullable=False),
    Column("matter_id", Id, nullable=False),
    Column("number", String(80), nullable=False, unique=True),
    Column("heading", String(200), nullable=False),
    Column("body", Text, nullable=False),
    Column("contact", String(200), nullable=False),
    Column("published_at", Instant, nullable=False),
    #: The last day of the period, which ends at its 24:00.
    Column("closes_on", Date, nullable=False),
    Column("closed_at", Instant),
    Column("result", Text, nullable=False),
    Index(None, "subject_id"),
    Index(None, "plan_year_id", "level"),
)

notice_item = Table(
    "notice_item",
    metadata,
    Column("notice_id", Id, ForeignKey("notice.id"), primary_key=True),
    Column("application_id", Id, ForeignKey("application.id"), primary_key=True),
    Column("position", Integer, nullable=False),
    #: The name as it was posted: a military unit's is withheld.
    Column("posted_name", String(200), nullable=False),
    Column("state", String(12), nullable=False),  # posted, held, cleared, upheld
    Index(None, "application_id"),
)

#: An objection raised while a notice was posted, and how it was settled.
notice_objection = Table(
    "notice_objection",
    metadata,
    Column("id", Id, primary_key=True),
    Column("notice_id", Id, ForeignKey("notice.id"), nullable=False),
    Column("application_id", Id, ForeignKey("application.id"), nullable=False),
    Column("real_name", Boolean, nullable=False),
    Column("objector", String(120), nullable=False),
    Column("facts", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("received_by", Id),
    Column("finding", Text, nullable=False),
    Column("upheld", Boolean),
    Column("settled_at", Instant),
    Column("settled_by", Id),
    Index(None, "notice_id"),
)

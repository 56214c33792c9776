"""Tables of applications: one unit's wish for a title in a plan year, and every decision about it."""

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from service.store.types import Id, Instant, Json, metadata

#: An application in its present state; what was filled in stands in the task rows of its matter.
application = Table(
    "application",
    metadata,
    Column("id", Id, primary_key=True),
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), nullable=False),
    Column("unit_id", Id, ForeignKey("organisation.id"), nullable=False),
    Column("level", String(40), nullable=False),
    Column("channel", String(40), nullable=False),
    Column("recommender_id", Id, ForeignKey("organisation.id"), nullable=False),
    Column("county_id", Id, ForeignKey("organisation.id")),
    Column("matter_id", Id, nullable=False),
    Column("state", String(24), nullable=False),
    #: Whether nothing of it goes on any more.
    Column("closed", Boolean, nullable=False),
    Column("skip", Boolean, nullable=False),
    Column("consented", Boolean, nullable=False),
    Column("corrections", Integer, nullable=False),
    Column("number", String(80), unique=True),
    Column("self_score", Float),
    Column("score", Float),
    Column("opened_at", Instant, nullable=False),
    Column("submitted_at", Instant),
    Column("forwarded_at", Instant),
    Column("arrived_at", Instant),
    #: Whether it arrived at the office within the window (R13); null before it arrived.
    Column("in_time", Boolean),
    #: The application of an earlier year or round it continues.
    Column("previous_id", Id),
    Index(None, "unit_id", "plan_year_id", "level"),
    Index(None, "plan_year_id", "level", "state"),
    Index(None, "matter_id"),
)

#: Every change of an application's state: who decided what by which authority, when, in which document.
application_change = Table(
    "application_change",
    metadata,
    Column("id", Id, primary_key=True),
    Column("application_id", Id, ForeignKey("application.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("from_state", String(24)),
    Column("to_state", String(24), nullable=False),
    Column("reason", Text, nullable=False),
    Column("authority", String(200), nullable=False),
    Column("document_number", String(80)),
    Column("actor_id", Id),
    Column("instance_id", Id),
    UniqueConstraint("application_id", "seq"),
)

#: A decision that names units, with its document (R22, R23).
naming_decision = Table(
    "naming_decision",
    metadata,
    Column("id", Id, primary_key=True),
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), nullable=False),
    Column("level", String(40), nullable=False),
    Column("authority_id", Id, ForeignKey("organisation.id"), nullable=False),
    Column("document_number", String(80), nullable=False, unique=True),
    Column("document_title", String(200), nullable=False),
    Column("decided_on", Date, nullable=False),
    Column("decided_by", Id),
    Column("matter_id", Id, nullable=False),
    Column("instance_id", Id, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index(None, "plan_year_id", "level"),
)

naming_item = Table(
    "naming_item",
    metadata,
    Column("decision_id", Id, ForeignKey("naming_decision.id"), primary_key=True),
    Column("application_id", Id, ForeignKey("application.id"), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("title_id", Id, ForeignKey("title.id"), nullable=False),
    Column("facts", Json, nullable=False),
    Index(None, "title_id"),
)

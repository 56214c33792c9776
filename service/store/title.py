"""Tables of titles: what a unit holds, every change of it, its terms, filings and self-checks."""

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from service.store.types import Id, Instant, Json, metadata

#: A named title. Its number and its verification code never change; its state does, by `title_change` rows.
title = Table(
    "title",
    metadata,
    Column("id", Id, primary_key=True),
    Column("unit_id", Id, ForeignKey("organisation.id"), nullable=False),
    #: The unit's name when it was named: a certificate shows this one.
    Column("unit_name", String(200), nullable=False),
    Column("level", String(40), nullable=False),
    Column("number", String(80), nullable=False, unique=True),
    #: What the QR code leads to; says nothing by itself.
    Column("verification_code", String(32), nullable=False, unique=True),
    Column("state", String(24), nullable=False),  # active, pending_reinspection, suspended, revoked, ended
    Column("namer_id", Id, ForeignKey("organisation.id")),
    Column("namer_name", String(200), nullable=False),
    Column("decided_on", Date, nullable=False),
    Column("decision_number", String(80), nullable=False),
    #: First day of the current term; the last day is null where the level has no term.
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    Column("term", Integer, nullable=False),
    Column("plan_year_id", Id),
    Column("matter_id", Id),
    #: system: named here; legacy: held before the system, with proof; external: named by a higher level.
    Column("origin", String(12), nullable=False),
    Column("proof", Json),
    Column("recorded_at", Instant, nullable=False),
    Column("recorded_by", Id),
    #: When the procedure was told of a title held before the system; its term runs from then on.
    Column("announced_at", Instant),
    Index(None, "unit_id", "level"),
    Index(None, "state", "valid_to"),
    Index(None, "plan_year_id", "level"),
)

#: Every change of a title's state or term, with who decided it by which document.
title_change = Table(
    "title_change",
    metadata,
    Column("id", Id, primary_key=True),
    Column("title_id", Id, ForeignKey("title.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("from_state", String(24)),
    Column("to_state", String(24), nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_by", String(200), nullable=False),
    Column("decided_on", Date),
    Column("decision_number", String(80)),
    Column("valid_from", Date),
    Column("valid_to", Date),
    Column("matter_id", Id),
    Column("instance_id", Id),
    Column("actor_id", Id),
    UniqueConstraint("title_id", "seq"),
)

#: Plaques made for a title: handed over, recalled, lost.
plaque = Table(
    "plaque",
    metadata,
    Column("id", Id, primary_key=True),
    Column("title_id", Id, ForeignKey("title.id"), nullable=False),
    Column("state", String(12), nullable=False),  # ordered, delivered, recalled, lost
    Column("delivered_on", Date),
    Column("receiver", String(80)),
    Column("recalled_on", Date),
    Column("changed_at", Instant, nullable=False),
    Index(None, "title_id"),
)

#: A county's filing of one naming decision, or its nil return of a year (R29).
county_filing = Table(
    "county_filing",
    metadata,
    Column("id", Id, primary_key=True),
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), nullable=False),
    Column("county_org_id", Id, ForeignKey("organisation.id"), nullable=False),
    Column("matter_id", Id),
    Column("nil_return", Boolean, nullable=False),
    Column("named_on", Date),
    Column("decision_number", String(80)),
    Column("due_on", Date, nullable=False),
    #: When each part first came; a return for correction does not move it.
    Column("electronic_arrived_at", Instant),
    Column("paper_arrived_on", Date),
    #: When the office accepted each part.
    Column("paper_received_on", Date),
    Column("paper_registrar", String(80)),
    Column("electronic_received_at", Instant),
    Column("package_sha256", String(64)),
    Column("roster", Json, nullable=False),
    Column("number", String(80), unique=True),
    Column("state", String(12), nullable=False),  # open, filed
    Column("late", Boolean, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("filed_at", Instant),
    Index(None, "plan_year_id", "county_org_id"),
)

#: The yearly self-check of a titled unit (R25); an absent one is a risk flag, never a revocation.
self_check = Table(
    "self_check",
    metadata,
    Column("id", Id, primary_key=True),
    Column("title_id", Id, ForeignKey("title.id"), nullable=False),
    Column("year", Integer, nullable=False),
    Column("state", String(12), nullable=False),  # answered, absent
    Column("score", Integer),
    Column("note", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    UniqueConstraint("title_id", "year"),
)

"""Tables of inspections: teams, what each inspector scored alone, veto findings and the result."""

from sqlalchemy import Boolean, Column, Date, Float, ForeignKey, Index, Integer, String, Table, Text

from service.store.types import Id, Instant, Json, metadata

inspection = Table(
    "inspection",
    metadata,
    Column("id", Id, primary_key=True),
    #: The application or the re-inspection it belongs to.
    Column("subject_id", Id, nullable=False),
    Column("purpose", String(24), nullable=False),
    Column("unit_id", Id, ForeignKey("organisation.id"), nullable=False),
    Column("unit_kind", String(40), nullable=False),
    Column("plan_year_id", Id),
    Column("level", String(40), nullable=False),
    Column("organiser_id", Id, ForeignKey("organisation.id"), nullable=False),
    Column("matter_id", Id, nullable=False),
    Column("state", String(16), nullable=False),  # planned, scored, passed, failed
    Column("scheduled_on", Date, nullable=False),
    #: Rounds of rectification so far.
    Column("rounds", Integer, nullable=False),
    Column("total", Float),
    Column("bonus", Float),
    Column("spread", Float),
    #: Points and full points by module.
    Column("modules", Json, nullable=False),
    Column("formed_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Index(None, "subject_id"),
    Index(None, "plan_year_id", "state"),
)

inspection_member = Table(
    "inspection_member",
    metadata,
    Column("inspection_id", Id, ForeignKey("inspection.id"), primary_key=True),
    Column("person_id", Id, ForeignKey("person.id"), primary_key=True),
    Column("leads", Boolean, nullable=False),
    Column("scores", Boolean, nullable=False),
    Index(None, "person_id"),
)

#: One line of one inspector's sheet, as it was scored on site.
inspection_score = Table(
    "inspection_score",
    metadata,
    Column("inspection_id", Id, ForeignKey("inspection.id"), primary_key=True),
    Column("person_id", Id, ForeignKey("person.id"), primary_key=True),
    Column("indicator", String(40), primary_key=True),
    Column("work_item", String(12)),
    Column("module", String(12), nullable=False),
    Column("full_score", Float, nullable=False),
    Column("score", Float, nullable=False),
    Column("deduction_reason", Text, nullable=False),
    Column("photos", Json, nullable=False),
)

#: A veto item an inspector found to apply, with the facts.
inspection_veto = Table(
    "inspection_veto",
    metadata,
    Column("inspection_id", Id, ForeignKey("inspection.id"), primary_key=True),
    Column("code", String(12), primary_key=True),
    Column("person_id", Id, ForeignKey("person.id"), primary_key=True),
    Column("facts", Text, nullable=False),
)

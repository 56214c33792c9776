"""Tables of the plan year: windows, settings, quotas, work items, preparation, progress and supervision."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
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

#: One year of the campaign; `deployment_id` pins the procedure it runs under.
plan_year = Table(
    "plan_year",
    metadata,
    Column("id", Id, primary_key=True),
    Column("year", Integer, nullable=False, unique=True),
    Column("title", String(200), nullable=False),
    Column("state", String(12), nullable=False),  # draft, published, closed
    Column("total", Integer, nullable=False),
    Column("deployment_id", Id),
    Column("matter_id", Id),
    Column("document_number", String(80)),
    Column("decided_on", Date),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Id),
    Column("published_at", Instant),
    Column("closed_at", Instant),
    Column("closing_note", Text),
)

#: Levels of the year in order, with the city-wide number of places (none: the plan sets no number).
plan_level = Table(
    "plan_level",
    metadata,
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), primary_key=True),
    Column("level", String(40), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("label_zh", String(80), nullable=False),
    Column("label_en", String(80), nullable=False),
    Column("places", Integer),
    Column("source_zh", String(200), nullable=False),
    Column("source_en", String(200), nullable=False),
)

#: A phase of the year; both days belong to it.
plan_window = Table(
    "plan_window",
    metadata,
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("label_zh", String(80), nullable=False),
    Column("label_en", String(80), nullable=False),
    Column("opens_on", Date, nullable=False),
    Column("closes_on", Date, nullable=False),
    Column("source_zh", String(200), nullable=False),
    Column("source_en", String(200), nullable=False),
    CheckConstraint("opens_on <= closes_on", name="order"),
)

#: A decided extension of a window, for all, one organisation or one unit's application.
window_extension = Table(
    "window_extension",
    metadata,
    Column("id", Id, primary_key=True),
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), nullable=False),
    Column("window", String(40), nullable=False),
    Column("organisation_id", Id, ForeignKey("organisation.id")),
    Column("unit_id", Id, ForeignKey("organisation.id")),
    Column("previous_closes_on", Date, nullable=False),
    Column("extended_to", Date, nullable=False),
    Column("authority", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("document_number", String(80), nullable=False),
    Column("decided_on", Date, nullable=False),
    Column("decided_by", Id),
    Column("matter_id", Id),
    Column("recorded_at", Instant, nullable=False),
    Index(None, "plan_year_id", "window"),
)

#: What the work plan leaves open, decided for this year; always with its source.
plan_setting = Table(
    "plan_setting",
    metadata,
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), primary_key=True),
    Column("key", String(60), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("type", String(12), nullable=False),  # int, bool, text, choice, day, days, period, json
    Column("value", Json),
    Column("choices", Json),
    Column("label_zh", String(200), nullable=False),
    Column("label_en", String(200), nullable=False),
    Column("source_zh", String(200), nullable=False),
    Column("source_en", String(200), nullable=False),
    Column("help_zh", Text, nullable=False),
    Column("help_en", Text, nullable=False),
    Column("changed_at", Instant),
    Column("changed_by", Id),
)

#: The checkable items of the work plan (W1.1 and so on) as this year words them.
plan_work_item = Table(
    "plan_work_item",
    metadata,
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), primary_key=True),
    Column("code", String(12), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("priority", String(12), nullable=False),
    Column("text_zh", Text, nullable=False),
    Column("text_en", Text, nullable=False),
    #: Unit kinds it applies to; empty: all.
    Column("kinds", Json, nullable=False),
    #: Organisation kinds whose scheme carries it; empty: all.
    Column("organisation_kinds", Json, nullable=False),
    Column("measure_zh", String(80), nullable=False),
    Column("measure_en", String(80), nullable=False),
)

#: The split of places as one whole; exactly one is in force (`issued`).
quota_version = Table(
    "quota_version",
    metadata,
    Column("id", Id, primary_key=True),
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String(12), nullable=False),  # draft, issued, superseded
    Column("reason", Text, nullable=False),
    Column("authority", String(200)),
    Column("document_number", String(80)),
    Column("issued_on", Date),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Id),
    UniqueConstraint("plan_year_id", "number"),
)

quota_allocation = Table(
    "quota_allocation",
    metadata,
    Column("version_id", Id, ForeignKey("quota_version.id"), primary_key=True),
    Column("organisation_id", Id, ForeignKey("organisation.id"), primary_key=True),
    Column("level", String(40), primary_key=True),
    Column("places", Integer, nullable=False),
    CheckConstraint("places >= 0", name="places"),
)

#: What an organisation said to a split; silence is recorded as silence.
quota_confirmation = Table(
    "quota_confirmation",
    metadata,
    Column("version_id", Id, ForeignKey("quota_version.id"), primary_key=True),
    Column("organisation_id", Id, ForeignKey("organisation.id"), primary_key=True),
    Column("answer", String(12), nullable=False),  # confirmed, objected, silent
    Column("remark", Text, nullable=False),
    Column("answered_at", Instant, nullable=False),
    Column("answered_by", Id),
)

#: Places moved from one organisation to another, or added above the total (`from_id` empty).
quota_movement = Table(
    "quota_movement",
    metadata,
    Column("id", Id, primary_key=True),
    Column("version_id", Id, ForeignKey("quota_version.id"), nullable=False),
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), nullable=False),
    Column("level", String(40), nullable=False),
    Column("from_id", Id, ForeignKey("organisation.id")),
    Column("to_id", Id, ForeignKey("organisation.id"), nullable=False),
    Column("places", Integer, nullable=False),
    Column("authority", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("moved_at", Instant, nullable=False),
    Column("moved_by", Id),
    Index(None, "plan_year_id"),
    CheckConstraint("places > 0", name="places"),
)

#: One deliverable of the preparation phase per organisation, in its last state.
plan_deliverable = Table(
    "plan_deliverable",
    metadata,
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), primary_key=True),
    Column("organisation_id", Id, ForeignKey("organisation.id"), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("label_zh", String(120), nullable=False),
    Column("label_en", String(120), nullable=False),
    Column("state", String(12), nullable=False),  # submitted, returned, accepted
    Column("rounds", Integer, nullable=False),
    Column("in_time", Boolean, nullable=False),
    Column("facts", Json, nullable=False),
    Column("first_submitted_at", Instant, nullable=False),
    Column("submitted_at", Instant, nullable=False),
    Column("submitted_by", Id),
    Column("checked_at", Instant),
    Column("checked_by", Id),
    Column("remark", Text, nullable=False),
)

#: A unit an organisation means to bring to a level this year (创建对象).
creation_target = Table(
    "creation_target",
    metadata,
    Column("id", Id, primary_key=True),
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), nullable=False),
    Column("organisation_id", Id, ForeignKey("organisation.id"), nullable=False),
    Column("unit_id", Id, ForeignKey("organisation.id"), nullable=False),
    Column("level", String(40), nullable=False),
    Column("state", String(12), nullable=False),  # planned, withdrawn
    Column("origin", String(12), nullable=False),  # list, change
    Column("reason", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("recorded_by", Id),
    UniqueConstraint("plan_year_id", "organisation_id", "unit_id", "level"),
    Index(None, "unit_id"),
)

#: The task an organisation's scheme sets for one work item, with the figure to reach.
scheme_task = Table(
    "scheme_task",
    metadata,
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), primary_key=True),
    Column("organisation_id", Id, ForeignKey("organisation.id"), primary_key=True),
    Column("work_item", String(12), primary_key=True),
    Column("task", Text, nullable=False),
    Column("target", Float, nullable=False),
    Column("responsible", String(200), nullable=False),
    Column("due_on", Date, nullable=False),
    Column("recorded_at", Instant, nullable=False),
)

progress_report = Table(
    "progress_report",
    metadata,
    Column("id", Id, primary_key=True),
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), nullable=False),
    Column("organisation_id", Id, ForeignKey("organisation.id"), nullable=False),
    #: The day the report speaks of: its period ends with it.
    Column("period_ends_on", Date, nullable=False),
    Column("summary", Text, nullable=False),
    Column("in_time", Boolean, nullable=False),
    Column("submitted_at", Instant, nullable=False),
    Column("submitted_by", Id),
    Column("guidance", Text, nullable=False),
    Column("guided_at", Instant),
    Column("guided_by", Id),
    UniqueConstraint("plan_year_id", "organisation_id", "period_ends_on"),
)

#: A report's answer to one task of the scheme: the figure reached since the year began.
progress_figure = Table(
    "progress_figure",
    metadata,
    Column("report_id", Id, ForeignKey("progress_report.id"), primary_key=True),
    Column("work_item", String(12), primary_key=True),
    Column("figure", Float, nullable=False),
    Column("remark", Text, nullable=False),
)

#: A supervision case (督办) against an organisation.
supervision_case = Table(
    "supervision_case",
    metadata,
    Column("id", Id, primary_key=True),
    Column("plan_year_id", Id, ForeignKey("plan_year.id"), nullable=False),
    Column("organisation_id", Id, ForeignKey("organisation.id"), nullable=False),
    Column("matter_id", Id),
    Column("state", String(12), nullable=False),  # open, answered, closed
    Column("reason", Text, nullable=False),
    Column("notice", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("escalations", Integer, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("closed_at", Instant),
    Column("closed_by", Id),
    Index(None, "plan_year_id", "organisation_id", "state"),
)

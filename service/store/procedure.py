"""Tables of the engine's side: deployments, instances, tasks, history, waiting messages and jobs."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from service.store.types import Bytes, Id, Instant, Json, metadata

#: One row: what was decided when the database was created, and what is in force.
installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("movable_clock", Boolean, nullable=False),
    #: Microseconds added to the system clock; always 0 where the clock is not movable.
    Column("clock_offset", String(24), nullable=False),
    Column("demo", Boolean, nullable=False),
    Column("deployment_id", Id),
    Column("created_at", Instant, nullable=False),
)

blob = Table(
    "blob",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("data", Bytes, nullable=False),
)

deployment = Table(
    "deployment",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    #: SHA-256 over all paths and contents: the same set of files is the same deployment.
    Column("digest", String(64), nullable=False, unique=True),
    Column("note", Text, nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("published_by", Id),
    Column("proposed_by", Id),
)

deployment_file = Table(
    "deployment_file",
    metadata,
    Column("deployment_id", Id, ForeignKey("deployment.id"), primary_key=True),
    Column("path", String(200), primary_key=True),
    Column("sha256", String(64), ForeignKey("blob.sha256"), nullable=False),
)

#: A version of a process: rises only when its closure changed.
process_definition = Table(
    "process_definition",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", String(120), nullable=False),
    Column("version", Integer, nullable=False),
    Column("closure", String(64), nullable=False),
    Column("name_zh", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
    Column("deployment_id", Id, ForeignKey("deployment.id"), nullable=False),
    UniqueConstraint("key", "version"),
    UniqueConstraint("key", "closure"),
)

deployment_process = Table(
    "deployment_process",
    metadata,
    Column("deployment_id", Id, ForeignKey("deployment.id"), primary_key=True),
    Column("key", String(120), primary_key=True),
    Column("definition_id", Id, ForeignKey("process_definition.id"), nullable=False),
)

#: Files being edited; published by a second person into a deployment.
draft = Table(
    "draft",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("note", Text, nullable=False),
    Column("state", String(12), nullable=False),  # editing, submitted, published, discarded
    Column("based_on", Id, ForeignKey("deployment.id")),
    Column("created_by", Id, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("submitted_by", Id),
    Column("submitted_at", Instant),
    Column("version", Integer, nullable=False),
)

draft_file = Table(
    "draft_file",
    metadata,
    Column("draft_id", Id, ForeignKey("draft.id"), primary_key=True),
    Column("path", String(200), primary_key=True),
    Column("sha256", String(64), ForeignKey("blob.sha256"), nullable=False),
    Column("saved_by", Id, nullable=False),
    Column("saved_at", Instant, nullable=False),
)

#: What people follow (事项): one application, one title's term, one filing; it may span several instances.
matter = Table(
    "matter",
    metadata,
    Column("id", Id, primary_key=True),
    Column("process_key", String(120), nullable=False),
    Column("title", String(400), nullable=False),
    Column("number", String(80)),
    Column("status_zh", String(80)),
    Column("status_en", String(80)),
    Column("unit_id", Id),
    Column("organisation_id", Id),
    Column("plan_year_id", Id),
    Column("opened_at", Instant, nullable=False),
    Column("opened_by", Id),
    Column("closed_at", Instant),
    Index(None, "unit_id"),
    Index(None, "plan_year_id", "process_key"),
)

instance = Table(
    "instance",
    metadata,
    Column("id", Id, primary_key=True),
    Column("process_key", String(120), nullable=False),
    Column("definition_id", Id, ForeignKey("process_definition.id"), nullable=False),
    Column("deployment_id", Id, ForeignKey("deployment.id"), nullable=False),
    Column("matter_id", Id, ForeignKey("matter.id"), nullable=False),
    Column("parent_id", Id),
    Column("business_key", String(200)),
    Column("unit_id", Id),
    Column("organisation_id", Id),
    Column("plan_year_id", Id),
    Column("title", String(400), nullable=False),
    Column("state", String(12), nullable=False),  # active, incident, suspended, completed, cancelled
    Column("version", Integer, nullable=False),
    Column("machine", Bytes, nullable=False),
    Column("history_seq", Integer, nullable=False),
    Column("history_head", String(64), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("started_by", Id),
    Column("ended_at", Instant),
    Index(None, "matter_id"),
    Index(None, "process_key", "state"),
    Index(None, "business_key"),
    Index(None, "parent_id"),
)

task = Table(
    "task",
    metadata,
    Column("id", Id, primary_key=True),
    Column("instance_id", Id, ForeignKey("instance.id"), nullable=False),
    Column("matter_id", Id, nullable=False),
    Column("process_key", String(120), nullable=False),
    Column("element_id", String(120), nullable=False),
    #: The engine's name of the open step; several rows share one when a step is given to several.
    Column("ref", String(64), nullable=False),
    Column("name_zh", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
    Column("title", String(400), nullable=False),
    Column("unit_id", Id),
    Column("role", String(120)),
    Column("organisation_id", Id),
    #: Who has it: named by the diagram, or claimed.
    Column("person_id", Id),
    Column("named", Boolean, nullable=False),
    Column("excluded", Json),
    #: Turn in a step done one after another; rows whose turn has not come are `queued`.
    Column("turn", Integer, nullable=False),
    Column("state", String(10), nullable=False),  # open, queued, done, cancelled
    Column("priority", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant),
    #: Due instant, or the far future: what the inbox is ordered by.
    Column("sort_at", Instant, nullable=False),
    Column("sent_by", Id),
    Column("returned", Boolean, nullable=False),
    Column("form", String(120)),
    Column("outcome", String(120)),
    Column("opinion", Text),
    Column("data", Json),
    Column("closed_at", Instant),
    Column("closed_by", Id),
    Column("reminded_at", Instant),
    Index(None, "instance_id", "state"),
    Index(None, "matter_id", "element_id"),
    Index(None, "closed_by", "closed_at"),
)
# The inbox reads one short range of one of these, however many tasks are open.
Index(
    "ix_task_pool",
    task.c.organisation_id,
    task.c.role,
    task.c.sort_at,
    task.c.id,
    sqlite_where=(task.c.state == "open") & task.c.person_id.is_(None),
    postgresql_where=(task.c.state == "open") & task.c.person_id.is_(None),
)
Index(
    "ix_task_mine",
    task.c.person_id,
    task.c.sort_at,
    task.c.id,
    sqlite_where=(task.c.state == "open"),
    postgresql_where=(task.c.state == "open"),
)

task_draft = Table(
    "task_draft",
    metadata,
    Column("task_id", Id, ForeignKey("task.id"), primary_key=True),
    Column("person_id", Id, primary_key=True),
    Column("data", Json, nullable=False),
    Column("saved_at", Instant, nullable=False),
)

#: One row per step of an instance: who did what, and what moved. Rows of an instance form a hash chain.
history = Table(
    "history",
    metadata,
    Column("instance_id", Id, ForeignKey("instance.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor_id", Id),
    Column("action", String(40), nullable=False),
    Column("detail", Json, nullable=False),
    #: `[[element, type, entered|completed|cancelled, process], …]` in order.
    Column("trace", Json, nullable=False),
    Column("hash", String(64), nullable=False),
)

subscription = Table(
    "subscription",
    metadata,
    Column("instance_id", Id, ForeignKey("instance.id"), primary_key=True),
    Column("ref", String(64), primary_key=True),
    Column("process_key", String(120), nullable=False),
    Column("element_id", String(120), nullable=False),
    Column("message", String(120), nullable=False),
    Column("key", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    Index(None, "message", "key"),
)

#: Messages that arrived before anybody waited for them.
early_message = Table(
    "early_message",
    metadata,
    Column("id", Id, primary_key=True),
    Column("message", String(120), nullable=False),
    Column("key", String(200), nullable=False),
    Column("payload", Json, nullable=False),
    Column("sender_id", Id),
    Column("arrived_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index(None, "message", "key"),
)

#: The names people's programs gave to their requests, and what each made: sent again, it is not done again.
request_key = Table(
    "request_key",
    metadata,
    Column("person_id", Id, primary_key=True),
    Column("name", String(200), primary_key=True),
    #: Digest of what the request said; none where it cannot be told.
    Column("content", String(64)),
    #: The instance, task or job.
    Column("made_id", Id, nullable=False),
    Column("used_at", Instant, nullable=False),
)

job = Table(
    "job",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("lane", String(12), nullable=False),  # engine, delivery
    Column("instance_id", Id),
    Column("dedupe_key", String(200), unique=True),
    Column("payload", Json, nullable=False),
    #: When it may run; moved forward while a worker has it: the lease.
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("state", String(10), nullable=False),  # ready, incident
    Column("last_error", Text),
    Column("created_at", Instant, nullable=False),
    Index(None, "instance_id", "kind"),
)
Index(
    "ix_job_due",
    job.c.lane,
    job.c.due_at,
    sqlite_where=job.c.state == "ready",
    postgresql_where=job.c.state == "ready",
)

#: What could not go on and waits for an administrator.
incident = Table(
    "incident",
    metadata,
    Column("id", Id, primary_key=True),
    Column("instance_id", Id),
    Column("job_id", Id),
    Column("element_id", String(120)),
    Column("text_zh", Text, nullable=False),
    Column("text_en", Text, nullable=False),
    Column("facts", Json, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closed_by", Id),
    Column("resolution", String(20)),
    Index(None, "instance_id"),
)

"""Runs the schema versions on the connection that `schema.upgrade` hands over."""

from alembic import context

from service.store import schema
from service.store.types import metadata

schema.load_tables()
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()

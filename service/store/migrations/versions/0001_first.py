"""The first schema: all tables as `service.store` defines them."""

from alembic import op

from service.store import schema
from service.store.types import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table. Until the first release this version is the definitions themselves."""
    schema.load_tables()
    metadata.create_all(op.get_bind())

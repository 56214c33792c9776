"""Schema versions (Alembic): `chuanglv migrate` brings a database to the newest."""

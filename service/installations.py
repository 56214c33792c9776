"""Making a database, bringing it to the newest schema, and opening it."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from service import system as systems
from service.campaign import days
from service.config import Settings
from service.errors import Conflict, Text, Unavailable
from service.identity import reference
from service.store import schema
from service.store.database import Database
from service.store.procedure import installation
from service.system import System


def migrate(
    settings: Settings,
    *,
    movable_clock: bool = False,
    demo: bool = False,
    starts_at: datetime | None = None,
) -> bool:
    """Make the database or bring it to the newest schema; returns whether it was made.

    Whether the clock may be moved, and where a movable one begins, is decided here, once. Raises `Conflict`
    when an existing database was made otherwise, `Unavailable` when there is no server.
    """
    database = Database(settings.database_url)
    try:
        with database.write() as connection:
            schema.upgrade(connection)
            known = connection.execute(select(installation)).one_or_none()
            if known is None:
                systems.prepare(connection, movable_clock=movable_clock, demo=demo, starts_at=starts_at)
                reference.store(connection)
                days.store_official_days(connection)
                return True
            if movable_clock and not known.movable_clock:
                raise Conflict(
                    Text(
                        "这个数据库按真实时钟建立，时钟不能改为可调整",
                        "This database was made with a real clock; it cannot be made movable",
                    )
                )
            return False
    except OperationalError as error:
        raise Unavailable(
            Text(f"无法连接数据库：{error.orig}", f"Cannot reach the database: {error.orig}")
        ) from error
    finally:
        database.dispose()


def open_system(settings: Settings) -> System:
    """Open a database for work; an empty or older one is brought to the newest schema first."""
    migrate(settings)
    return System(settings, Database(settings.database_url))

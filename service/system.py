"""One running installation: its settings, database, clock and the procedures it has read."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from service import clock
from service.campaign.calendar import WorkCalendar
from service.config import Settings
from service.engine.model import Functions, Procedure
from service.errors import Conflict, Text
from service.operations import registry
from service.store.database import Database
from service.store.procedure import blob as blob_table
from service.store.procedure import deployment_file, installation
from service.submissions import Submission, functions_for_matter

#: How many deployments' checked procedures one process keeps in memory.
KEPT_PROCEDURES = 24
#: A list of holidays imported by another process is known here after this time.
CALENDAR_LIFE = timedelta(minutes=1)

_INSTALLATION = select(installation)


@dataclass(frozen=True, slots=True)
class Installation:
    """What was decided when the database was made, and the deployment in force."""

    movable_clock: bool
    clock_offset: timedelta
    demo: bool
    deployment_id: str | None


@dataclass(slots=True)
class System:
    """What every verb of `service` is given first."""

    settings: Settings
    database: Database
    #: Called after a commit that left work to do: wakes the worker.
    wake: Callable[[], None] = field(default=lambda: None)
    _procedures: "OrderedDict[str, Procedure]" = field(default_factory=OrderedDict)
    _calendar: WorkCalendar | None = None
    _calendar_read_at: datetime | None = None
    _movable: bool | None = None
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _turning: threading.RLock = field(default_factory=threading.RLock)

    def now(self, connection: Connection) -> datetime:
        """Return the installation's present instant (UTC): the system's, or a moved one where it may be moved."""
        if self._movable is None:
            self._movable = self.installation(connection).movable_clock
        if not self._movable:
            return clock.system_now()
        return clock.system_now() + self.installation(connection).clock_offset

    def installation(self, connection: Connection) -> Installation:
        """Read the installation's one row. Raises `Conflict` when the database was never prepared."""
        row = connection.execute(_INSTALLATION).one_or_none()
        if row is None:
            raise Conflict(
                Text(
                    "数据库尚未建立，请先运行 chuanglv migrate",
                    "The database is not prepared; run `chuanglv migrate`",
                )
            )
        return Installation(
            movable_clock=row.movable_clock,
            clock_offset=timedelta(microseconds=int(row.clock_offset)),
            demo=row.demo,
            deployment_id=row.deployment_id,
        )

    def set_clock(self, connection: Connection, at: datetime) -> None:
        """Move the installation's clock forward to `at`; one that has walked past it by itself stays.

        Raises `Conflict` where the clock is real.
        """
        state = self.installation(connection)
        if not state.movable_clock:
            raise Conflict(
                Text(
                    "本系统使用真实时钟，不能调整",
                    "This installation runs on real time; its clock cannot be moved",
                )
            )
        offset = at.astimezone(UTC) - clock.system_now()
        if offset > state.clock_offset:
            kept = str(offset // timedelta(microseconds=1))
            connection.execute(update(installation).values(clock_offset=kept))

    @contextmanager
    def moving_clock(self) -> Iterator[None]:
        """Hold the clock: while it is being moved, jobs run in the order of their instants and nowhere else.

        Where time is real this holds nobody up.
        """
        if self._movable is None:
            with self.database.read() as connection:
                self._movable = self.installation(connection).movable_clock
        if not self._movable:
            yield
            return
        with self._turning:
            yield

    def calendar(self, connection: Connection) -> WorkCalendar:
        """Return the working calendar; read anew after `forget_calendar` and, for what others import, at times."""
        now = clock.system_now()
        read_at = self._calendar_read_at
        if self._calendar is None or read_at is None or now - read_at > CALENDAR_LIFE:
            from service.campaign.days import read_calendar

            self._calendar = read_calendar(connection)
            self._calendar_read_at = now
        return self._calendar

    def forget_calendar(self) -> None:
        """Read the calendar anew next time."""
        self._calendar = None

    def procedure(self, connection: Connection, deployment_id: str) -> Procedure:
        """Return the checked procedure of a deployment, from memory or from its files."""
        with self._guard:
            known = self._procedures.get(deployment_id)
            if known is not None:
                self._procedures.move_to_end(deployment_id)
                return known
        files = deployment_files(connection, deployment_id)
        procedure = registry.read(files)
        with self._guard:
            self._procedures[deployment_id] = procedure
            while len(self._procedures) > KEPT_PROCEDURES:
                self._procedures.popitem(last=False)
        return procedure

    def functions(
        self,
        connection: Connection,
        at: datetime,
        *,
        matter_id: str | None,
        plan_year_id: str | None,
        organisation_id: str | None = None,
        unit_id: str | None = None,
        submission: Submission | None = None,
        warn: Callable[[Text], object] | None = None,
    ) -> Functions:
        """Return what expressions of one instance may call: calendar, plan year, submitted forms.

        `submission` is being submitted right now and not yet written. `warn` is told what reckoning is not
        sure of, such as a year without an official list.
        """
        from service.campaign.date_functions import functions_for
        from service.campaign.windows import functions_for_plan

        every: dict[str, Callable[..., Any]] = dict(functions_for(self.calendar(connection), at, warn=warn))
        every |= functions_for_plan(
            connection,
            plan_year_id,
            roll_forward=every["roll_forward"],
            organisation_id=organisation_id,
            unit_id=unit_id,
        )
        every |= functions_for_matter(connection, matter_id, submission)
        return every


def deployment_files(connection: Connection, deployment_id: str) -> Mapping[str, bytes]:
    """Return path → content of a deployment's files."""
    rows = connection.execute(
        select(deployment_file.c.path, blob_table.c.data)
        .join(blob_table, blob_table.c.sha256 == deployment_file.c.sha256)
        .where(deployment_file.c.deployment_id == deployment_id)
    )
    return {row.path: bytes(row.data) for row in rows}


def prepare(
    connection: Connection, *, movable_clock: bool, demo: bool, starts_at: datetime | None = None
) -> None:
    """Write the installation's row once, when the database is made.

    A movable clock may begin at `starts_at`, also in the past; from then on it only moves forward.
    """
    offset = starts_at - clock.system_now() if movable_clock and starts_at is not None else timedelta(0)
    connection.execute(
        insert(installation).values(
            id=1,
            movable_clock=movable_clock,
            clock_offset=str(offset // timedelta(microseconds=1)),
            demo=demo,
            deployment_id=None,
            created_at=clock.system_now(),
        )
    )

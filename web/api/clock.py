"""The clock of an installation made with a movable one: read it, move it forward."""

from dataclasses import dataclass
from datetime import datetime

from service import jobs
from service.errors import Forbidden, Invalid, Text
from service.identity import duties
from service.jobs import Fired
from web.api.endpoints import Call, Endpoint
from web.api.reading import Body


@dataclass(frozen=True, slots=True)
class Clock:
    """The present instant (UTC), whether it may be moved, and when the next job is due."""

    now: datetime
    movable: bool
    next_event: datetime | None


@dataclass(frozen=True, slots=True)
class Advanced:
    """Where the clock stands now and what fired on the way, in order."""

    now: datetime
    fired: list[Fired]


class Advance(Body):
    """Move the clock forward to this instant; null: to the next event."""

    to: datetime | None = None


def _read(call: Call) -> Clock:
    with call.system.database.read() as connection:
        now = call.system.now(connection)
        movable = call.system.installation(connection).movable_clock
    return Clock(now, movable, jobs.next_event(call.system))


def _advance(call: Call) -> Advanced:
    if not call.person.has(duties.ADMINISTRATOR):
        raise Forbidden(Text("只有系统管理员可以调整时钟", "Only administrators may move the clock"))
    to = call.body.to if call.body.to is not None else jobs.next_event(call.system)
    if to is None or to.tzinfo is None:
        message = Text("请给出带时区的时间", "Give an instant with its offset")
        raise Invalid(message, fields={"to": message})
    fired = jobs.advance_clock(call.system, to)
    return Advanced(_read(call).now, fired)


ENDPOINTS = [
    Endpoint("GET", "/clock", _read, "The installation's clock", Clock),
    Endpoint(
        "POST",
        "/clock",
        _advance,
        "Move the clock forward; all that is due happens, in order",
        Advanced,
        body=Advance,
    ),
]

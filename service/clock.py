"""The only reader of the system clock; everything else gets the time as a parameter."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

#: The city's time zone: calendar days, windows and periods are days of this zone.
CITY_ZONE = ZoneInfo("Asia/Shanghai")


def system_now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)


def city_day(instant: datetime) -> date:
    """Return the Asia/Shanghai calendar day of an aware `instant`."""
    return instant.astimezone(CITY_ZONE).date()

"""How instants, days, deadlines and sizes are written for people, in the city's time."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import Flask

from service.clock import CITY_ZONE, city_day
from web import context
from web.language import current, gettext, ngettext

#: From here on a deadline is shown as near.
SOON = timedelta(days=3)
_WEEKDAYS = ("一", "二", "三", "四", "五", "六", "日")


@dataclass(frozen=True, slots=True)
class Left:
    """The time left until a deadline: how it is badged (`overdue`, `soon`, `neutral`) and in words."""

    kind: str
    words: str


def install(app: Flask) -> None:
    """Give templates the filters of this module."""
    filters = app.jinja_env.filters
    filters["day"] = day
    filters["moment"] = moment
    filters["clock"] = clock_time
    filters["deadline"] = deadline
    filters["iso"] = iso
    filters["left"] = left
    filters["since"] = since
    filters["size"] = size
    filters["browser"] = browser


def day(value: date | datetime | None) -> str:
    """Write a calendar day, with the weekday; an instant is taken in the city's time."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = city_day(value)
    if current() == "en":
        return value.strftime("%a, %-d %b %Y")
    return f"{value.year}年{value.month}月{value.day}日 周{_WEEKDAYS[value.weekday()]}"


def moment(value: datetime | None, *, seconds: bool = False) -> str:
    """Write an instant in the city's time, to the minute."""
    if value is None:
        return ""
    return value.astimezone(CITY_ZONE).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def deadline(value: datetime | None) -> str:
    """Write the instant a deadline ends; midnight is the end of the day before, as people say it."""
    if value is None:
        return ""
    local = value.astimezone(CITY_ZONE)
    if (local.hour, local.minute) == (0, 0):
        return f"{(local - timedelta(days=1)).strftime('%Y-%m-%d')} 24:00"
    return local.strftime("%Y-%m-%d %H:%M")


def clock_time(value: datetime) -> str:
    """Write the time of day of an instant in the city's time."""
    return value.astimezone(CITY_ZONE).strftime("%H:%M")


def iso(value: date | datetime | None) -> str:
    """Write an instant or day for machines (`<time datetime>`)."""
    if isinstance(value, datetime):
        return value.astimezone(CITY_ZONE).isoformat(timespec="seconds")
    return value.isoformat() if value is not None else ""


def left(due: datetime | None) -> Left | None:
    """Say how much time a deadline leaves; None where there is no deadline."""
    if due is None:
        return None
    rest = due - context.now()
    if rest < timedelta(0):
        return Left("overdue", gettext("超期 %(time)s", time=_duration(-rest)))
    words = gettext("还剩 %(time)s", time=_duration(rest))
    return Left("soon" if rest <= SOON else "neutral", words)


def since(value: datetime | None) -> str:
    """Say how long ago an instant was."""
    if value is None:
        return ""
    passed = context.now() - value
    if passed < timedelta(minutes=1):
        return gettext("刚刚")
    return gettext("%(time)s前", time=_duration(passed))


def size(count: int | None) -> str:
    """Write a number of bytes."""
    if count is None:
        return ""
    if count < 1024:
        return f"{count} B"
    if count < 1024 * 1024:
        return f"{count / 1024:.0f} KB"
    return f"{count / 1024 / 1024:.1f} MB"


#: What browsers and systems write of themselves, the more particular first: most pretend to be others as well.
_BROWSERS = (
    ("MicroMessenger", "微信"), ("DingTalk", "钉钉"), ("Edg", "Edge"), ("OPR/", "Opera"), ("QQBrowser", "QQ 浏览器"),
    ("HuaweiBrowser", "华为浏览器"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("HarmonyOS", "HarmonyOS"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"),
    ("Windows", "Windows"), ("Mac OS", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def browser(agent: str) -> str:
    """Say in words what browser on what system sent a request; programs by their own name."""
    program = next((name for mark, name in _BROWSERS if mark in agent), agent.split("/")[0][:40])
    machine = next((name for mark, name in _SYSTEMS if mark in agent), "")
    return " · ".join(part for part in (program, machine) if part) or gettext("未知")


def _duration(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 60:
        return ngettext("%(num)d 分钟", "%(num)d 分钟", max(minutes, 1))
    if minutes < 48 * 60:
        return ngettext("%(num)d 小时", "%(num)d 小时", minutes // 60)
    return ngettext("%(num)d 天", "%(num)d 天", minutes // (24 * 60))

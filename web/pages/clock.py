"""The time bar of an installation whose clock may be moved: today, the next event, the next phase, a date."""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from service import jobs, matters
from service.clock import CITY_ZONE, city_day
from service.errors import Conflict, Forbidden, Invalid, NotFound, Text
from service.identity import duties
from service.jobs import Fired
from web import year
from web.context import current_person, current_system, forget_now, installation, now
from web.language import gettext, ngettext, say
from web.session_cookie import safe_target

page = Blueprint("clock", __name__)

#: How many moves of the clock the page remembers; they are for looking at, the history is in the matters.
REMEMBERED = 10
#: A day on which more fired than this is folded.
MOST_UNFOLDED = 20


#: What each kind of job is called.
KINDS = {
    "timer": Text("时限到期", "Timer"),
    "message": Text("发送消息", "Message sent"),
    "delivery": Text("收到消息", "Message received"),
    "reminder": Text("提醒", "Reminder"),
}


@page.app_template_global("kind_word")
def kind_word(kind: str) -> str:
    """Return what a kind of job is called."""
    return say(KINDS.get(kind, Text(kind, kind)))


@dataclass(frozen=True, slots=True)
class Bar:
    """What the time bar shows."""

    today: datetime
    next_event: datetime | None
    next_phase: date | None
    next_phase_label: Text | None
    may_move: bool
    demo: bool


@dataclass(frozen=True, slots=True)
class Move:
    """One move of the clock and what fired on the way, in order."""

    start: datetime
    end: datetime
    fired: Sequence[Fired]

    def days(self, seen: Collection[str]) -> list[tuple[datetime, list[Fired]]]:
        """What fired day by day in the matters of `seen`."""
        found: dict[date, list[Fired]] = {}
        for one in self.fired:
            if one.matter_id in seen:
                found.setdefault(city_day(one.at), []).append(one)
        return [(several[0].at, several) for several in found.values()]

    def hidden(self, seen: Collection[str]) -> int:
        """How many fired in other matters."""
        return sum(one.matter_id not in seen for one in self.fired)


def bar() -> Bar:
    """Return what the time bar shows now."""
    running = year.today()
    phase = running.next_phase if running is not None else None
    return Bar(
        today=now(),
        next_event=jobs.next_event(current_system()),
        next_phase=phase.opens if phase is not None else None,
        next_phase_label=phase.label if phase is not None else None,
        may_move=_may_move(),
        demo=installation().demo,
    )


@page.get("/clock")
def show() -> ResponseReturnValue:
    """Show the last moves of the clock and what fired in the matters the reader may see."""
    _demand_clock()
    moves = list(_moves())
    ids = {one.matter_id for move in moves for one in move.fired if one.matter_id is not None}
    places = matters.places(current_system(), current_person(), ids)
    return render_template("clock/show.html", moves=moves, places=places, most_unfolded=MOST_UNFOLDED)


@page.post("/clock")
def move() -> ResponseReturnValue:
    """Move the clock to the next event, the next phase or a date; all that falls due on the way happens."""
    _demand_clock()
    if not _may_move():
        raise Forbidden(Text("只有系统管理员可以调整时钟", "Only administrators may move the clock"))
    start = now()
    try:
        end = _target(request.form.get("to", ""), start)
        fired = jobs.advance_clock(current_system(), end)
    except (Invalid, Conflict) as error:
        flash(say(error.text), "soon")
        return redirect(safe_target(request.form.get("next")), 303)
    forget_now()
    _moves().appendleft(Move(start, now(), fired))
    if fired:
        flash(
            ngettext("时间已推进，其间发生了 %(num)d 件事", "时间已推进，其间发生了 %(num)d 件事", len(fired))
        )
        return redirect(url_for("clock.show"), 303)
    flash(gettext("时间已推进，其间没有事情发生"))
    return redirect(safe_target(request.form.get("next")), 303)


def _target(wanted: str, start: datetime) -> datetime:
    if wanted == "event":
        due = jobs.next_event(current_system())
        if due is None:
            raise Invalid(Text("没有已安排的事件", "No event is planned"))
        return max(due, start)
    if wanted == "phase":
        running = year.today()
        phase = running.next_phase if running is not None else None
        if phase is None:
            raise Invalid(Text("本年度没有下一个阶段", "This year has no further phase"))
        return _midnight(phase.opens)
    try:
        day = date.fromisoformat(request.form.get("day", ""))
    except ValueError:
        raise Invalid(Text("请选择日期", "Choose a date")) from None
    if day <= city_day(start):
        raise Invalid(Text("只能推进到今天以后的日期", "Choose a date after today"))
    return _midnight(day)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0, 0), CITY_ZONE).astimezone(UTC)


def _moves() -> "deque[Move]":
    moves: deque[Move] = current_app.extensions.setdefault("chuanglv_moves", deque(maxlen=REMEMBERED))
    return moves


def _may_move() -> bool:
    return installation().demo or current_person().has(duties.ADMINISTRATOR)


def _demand_clock() -> None:
    if not installation().movable_clock:
        raise NotFound(Text("没有这个页面", "There is no such page"))

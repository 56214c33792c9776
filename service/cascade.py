"""How far the machine has gone by itself: a circle of timers, messages or starts that never rests is stopped."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from service.engine.runtime import EngineIncident
from service.errors import Text

#: Steps one thing may lead to, one after another, before a person or the time has to come in between.
MOST_STEPS = 50
#: How often a process may start itself again in that, directly or not: two messages each time double every time.
MOST_STARTS = 3


@dataclass(frozen=True, slots=True)
class Cascade:
    """How many steps led to this one since a person, the time or another system did something.

    `started` are the processes that were started by each other on the way to this instance, the last at the end.
    """

    steps: int = 0
    started: tuple[str, ...] = ()

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Self:
        """Return the cascade a job goes on with; one that had to wait for its instant begins anew."""
        kept = payload.get("trail") or {}
        return cls(int(kept.get("steps", 0)), tuple(kept.get("started", ())))

    def after(self) -> dict[str, Any]:
        """Return what a job that follows at once carries along."""
        return {"steps": self.steps + 1, "started": list(self.started)}

    def starting(self, key: str) -> Self:
        """Return the cascade in which process `key` is started. Raises `EngineIncident` when it never ends."""
        if self.started.count(key) >= MOST_STARTS:
            raise EngineIncident(
                Text(
                    f"流程 {key} 接连启动自己，中间没有人办理，也没有等待时间，已停下；请检查谁发出启动它的消息",
                    f"the process {key} starts itself again and again, with no person and no time in between, and was "
                    "stopped; check who sends the message that starts it",
                )
            )
        return replace(self, started=(*self.started, key))

    def check(self, element: str | None) -> None:
        """Raise `EngineIncident` when this has gone on for too long."""
        if self.steps > MOST_STEPS:
            raise EngineIncident(
                Text(
                    f"自行走了 {MOST_STEPS} 步，中间没有人办理，也没有等待时间，已停下；"
                    "流程图里有一个由定时或消息连成的循环",
                    f"{MOST_STEPS} steps followed each other with no person and no time in between, and were stopped: "
                    "the diagrams have a circle of timers or messages",
                ),
                element,
            )

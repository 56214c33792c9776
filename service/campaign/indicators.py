"""Indicators of the inspection sheets: what is scored for a kind of unit, and which veto items apply to it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from service.errors import Conflict, Text

#: File of a deployment that holds the indicators.
INDICATORS_FILE = "indicators.toml"
#: Module of indicators that count beyond the hundred points.
BONUS = "bonus"


@dataclass(frozen=True, slots=True)
class Indicator:
    """A line of a sheet for one kind of unit; `work_item` None: an extension or bonus, not the plan's wording."""

    code: str
    work_item: str | None
    module: str
    text: Text
    method: Text
    rule: Text
    full_score: float
    veto: str | None


@dataclass(frozen=True, slots=True)
class VetoItem:
    """A fact that rules a unit out; `found`: on `site` by each inspector, or in a `record` by the leader."""

    code: str
    text: Text
    found: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """All lines of the sheet of one kind of unit, with the modules' names in order."""

    kind: str
    indicators: tuple[Indicator, ...]
    vetoes: tuple[VetoItem, ...]
    modules: Mapping[str, Text]
    bonus_limit: float
    source: Text

    def full(self, module: str) -> float:
        """Return the full points of a module."""
        return sum(one.full_score for one in self.indicators if one.module == module)


def read_sheet(files: Mapping[str, bytes], kind: str) -> Sheet:
    """Return the sheet for a kind of unit. Raises `Conflict` when the procedure has no indicators for it."""
    data = files.get(INDICATORS_FILE)
    if data is None:
        raise _none(kind)
    return _read(bytes(data), kind)


@lru_cache(maxsize=64)
def _read(data: bytes, kind: str) -> Sheet:
    # Every applicant's form and every inspector's sheet asks for it; a deployment's files never change.
    content = tomllib.loads(data.decode())
    lines = tuple(
        Indicator(
            code=one["code"],
            work_item=one.get("work_item"),
            module=one["module"],
            text=Text(one["text"], one["text_en"]),
            method=Text(one["method"], one["method_en"]),
            rule=Text(one["rule"], one["rule_en"]),
            full_score=one["scores"][kind],
            veto=one.get("veto"),
        )
        for one in content["indicators"]
        if kind in one["scores"]
    )
    if not lines:
        raise _none(kind)
    return Sheet(
        kind=kind,
        indicators=lines,
        vetoes=tuple(
            VetoItem(one["code"], Text(one["text"], one["text_en"]), one["found"])
            for one in content["vetoes"]
            if _applies(one, kind)
        ),
        modules={code: Text(one["label"], one["label_en"]) for code, one in content["modules"].items()},
        bonus_limit=content["bonus_limit"],
        source=Text(content["source"], content["source_en"]),
    )


def _applies(entry: Mapping[str, Any], kind: str) -> bool:
    return not entry.get("kinds") or kind in entry["kinds"]


def _none(kind: str) -> Conflict:
    return Conflict(
        Text(
            f"流程文件 {INDICATORS_FILE} 中没有适用于 {kind} 的检查指标",
            f"The procedure's {INDICATORS_FILE} has no indicators for units of kind {kind}",
        ),
        file=INDICATORS_FILE,
    )

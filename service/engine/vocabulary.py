"""The built-in functions of the expression language, each bounded like the operators."""

import ast
from collections.abc import Callable, Mapping
from typing import Any

from service.engine.limits import Frame, add, compare, kind, number, text_cost, weigh, wrong

#: A number written as text is no longer than this.
MOST_DIGITS = 40


def _len(frame: Frame, value: Any) -> int:
    if isinstance(value, list | dict | str | tuple):
        return len(value)
    raise wrong(f"{kind(value)[0]}没有长度", f"{kind(value)[1]} has no length")


def _sum(frame: Frame, values: Any) -> Any:
    total: Any = 0
    for value in frame.items(values):
        frame.charge(1)
        total = add(frame, total, number(frame, value))
    return total


def _min(frame: Frame, *values: Any, **options: Any) -> Any:
    return _extreme(frame, "min", values, options)


def _max(frame: Frame, *values: Any, **options: Any) -> Any:
    return _extreme(frame, "max", values, options)


def _round(frame: Frame, value: Any, digits: Any = None) -> Any:
    if digits is None:
        return number(frame, round(number(frame, value)))
    if not isinstance(digits, int) or not -15 <= digits <= 15:
        raise wrong("round 的位数在 -15 与 15 之间", "round takes -15 to 15 digits")
    return number(frame, round(number(frame, value), digits))


def _abs(frame: Frame, value: Any) -> Any:
    return abs(number(frame, value))


def _int(frame: Frame, value: Any) -> int:
    return int(number(frame, int(_numeric(value, int))))


def _float(frame: Frame, value: Any) -> float:
    return float(number(frame, _numeric(value, float)))


def _str(frame: Frame, value: Any = "") -> str:
    if isinstance(value, list | dict | tuple):
        raise wrong(f"str(…) 不能用于{kind(value)[0]}", f"str(…) cannot take {kind(value)[1]}")
    return frame.written(str(value))


def _any(frame: Frame, values: Any) -> bool:
    items = frame.items(values)
    frame.charge(len(items))
    return any(items)


def _all(frame: Frame, values: Any) -> bool:
    items = frame.items(values)
    frame.charge(len(items))
    return all(items)


def _sorted(frame: Frame, values: Any, *, reverse: Any = False) -> list[Any]:
    items = frame.items(values)
    frame.charge(4 + len(items))
    frame.charge(3 * sum(text_cost(one) for one in items))
    weigh(frame, items)
    if not (all(isinstance(one, int | float) for one in items) or all(isinstance(one, str) for one in items)):
        raise wrong("sorted 只排数字或只排文字", "sorted takes numbers only or texts only")
    return sorted(items, reverse=bool(reverse))


#: Functions every expression may call, by name; the first parameter is the frame.
BUILT_IN: Mapping[str, Callable[..., Any]] = {
    "len": _len,
    "sum": _sum,
    "min": _min,
    "max": _max,
    "round": _round,
    "abs": _abs,
    "int": _int,
    "float": _float,
    "str": _str,
    "any": _any,
    "all": _all,
    "sorted": _sorted,
}

_LESS = compare(ast.Lt)


def _extreme(frame: Frame, name: str, values: tuple[Any, ...], options: dict[str, Any]) -> Any:
    if options.keys() - {"default"}:
        raise wrong(f"{name} 只有 default 选项", f"{name} has the option “default” only")
    items = frame.items(values[0]) if len(values) == 1 else list(values)
    if not items:
        if "default" in options:
            return options["default"]
        raise wrong(f"{name} 需要至少一个值", f"{name} needs at least one value")
    best = items[0]
    for item in items[1:]:
        frame.charge(1)
        if _LESS(frame, item, best) if name == "min" else _LESS(frame, best, item):
            best = item
    return best


def _numeric(value: Any, convert: Callable[[Any], Any]) -> Any:
    if isinstance(value, str):
        if len(value) > MOST_DIGITS:
            raise wrong("数字太长", "the number is too long")
        try:
            return convert(value)
        except ValueError:
            raise wrong(f"{kind(value)[0]}不是数字", f"{kind(value)[1]} is not a number") from None
    if isinstance(value, int | float):
        try:
            return convert(value)
        except (OverflowError, ValueError):
            raise wrong("数字太大", "the number is too large") from None
    raise wrong(f"{kind(value)[0]}不是数字", f"{kind(value)[1]} is not a number")

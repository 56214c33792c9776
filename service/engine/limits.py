"""The arithmetic of expressions, each operation bounded in time and memory and strict about kinds of values."""

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any

from service.errors import AppError, Invalid, NotFound, Text

#: One evaluation (or script) may take this many steps, and make this many characters of text.
MOST_STEPS = 60_000
MOST_TEXT = 10_000
MOST_NEW_TEXT = 400_000
#: Amounts in cents of the whole city's budget have 15 digits; more is a mistake.
LARGEST_NUMBER = 10**15
#: What a call of a given function costs: reckoning working days over two centuries takes about as long.
_CALL = 30
#: So many characters are compared in a step, so many pairs of them looked at when one text is sought in another.
_LETTERS_COMPARED = 1_000
_LETTERS_SEARCHED = 8_000


class Frame:
    """One evaluation: the variables and functions it sees and what is left of its budget."""

    __slots__ = ("bound", "functions", "names", "steps", "text")

    def __init__(self, names: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> None:
        """See `names` and `functions` with a full budget."""
        self.names = names
        self.functions = functions
        self.bound: dict[str, Any] = {}
        self.steps = MOST_STEPS
        self.text = MOST_NEW_TEXT

    def charge(self, steps: int) -> None:
        """Take `steps` from the budget. Raises `Invalid` when it is spent."""
        self.steps -= steps
        if self.steps < 0:
            raise wrong("计算量太大", "too expensive to compute")

    def items(self, value: Any) -> list[Any]:
        """Return what a comprehension or function goes through: a list's items or a dict's keys."""
        if isinstance(value, list | tuple):
            return list(value)
        if isinstance(value, dict):
            return list(value)
        raise wrong(f"{kind(value)[0]}不是列表", f"{kind(value)[1]} is not a list")

    def written(self, text: str) -> str:
        """Return a newly made `text` if it is within bounds."""
        self.text -= len(text)
        if len(text) > MOST_TEXT or self.text < 0:
            raise wrong("文字太长", "the text is too long")
        return text


def wrong(zh: str, en: str) -> Invalid:
    """Return the error to raise within an evaluation; the expression adds where it stands."""
    return Invalid(Text(zh, en))


def kind(value: Any) -> tuple[str, str]:
    """Return what kind of value it is, in Chinese and English."""
    if value is None:
        return "空值 None", "None (no value)"
    names = {bool: ("是否值", "a truth value"), int: ("数字", "a number"), float: ("数字", "a number")}
    names |= {str: ("文字", "a text"), list: ("列表", "a list"), dict: ("一组字段", "a set of fields")}
    zh, en = names.get(type(value), (type(value).__name__, type(value).__name__))
    if isinstance(value, bool | int | float | str):
        shown = repr(value[:20] if isinstance(value, str) else value)
        return f"{zh} {shown}", f"{en} {shown}"
    return zh, en


def number(frame: Frame, value: Any) -> Any:
    """Return a number within bounds. Raises `Invalid` for others."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        if -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
            return value
        raise wrong("数字太大", "the number is too large")
    if isinstance(value, float):
        if isfinite(value):
            return value
        raise wrong("数字太大", "the number is too large")
    raise wrong(f"{kind(value)[0]}不是数字", f"{kind(value)[1]} is not a number")


def positive(frame: Frame, value: Any) -> Any:
    """Return `+value`."""
    return number(frame, value)


def negate(frame: Frame, value: Any) -> Any:
    """Return `-value`."""
    return -number(frame, value)


def add(frame: Frame, left: Any, right: Any) -> Any:
    """Add numbers, join texts or lists."""
    if isinstance(left, str) and isinstance(right, str):
        if len(left) + len(right) > MOST_TEXT:
            raise wrong("文字太长", "the text is too long")
        return frame.written(left + right)
    if isinstance(left, list) and isinstance(right, list):
        frame.charge(len(left) + len(right))
        return made_list(frame, left + right)
    if isinstance(left, str) or isinstance(right, str):
        raise wrong(
            f"不能把{kind(left)[0]}与{kind(right)[0]}相加；请用 str(…)",
            f"cannot add {kind(left)[1]} and {kind(right)[1]}; use str(…)",
        )
    return number(frame, number(frame, left) + number(frame, right))


def subtract(frame: Frame, left: Any, right: Any) -> Any:
    """Subtract numbers."""
    return number(frame, number(frame, left) - number(frame, right))


def multiply(frame: Frame, left: Any, right: Any) -> Any:
    """Multiply numbers; a text or list times a number is refused."""
    return number(frame, number(frame, left) * number(frame, right))


def divide(frame: Frame, left: Any, right: Any) -> Any:
    """Divide numbers."""
    return number(frame, _divided(operator.truediv, frame, left, right))


def floor_divide(frame: Frame, left: Any, right: Any) -> Any:
    """Divide numbers, rounding down."""
    return number(frame, _divided(operator.floordiv, frame, left, right))


def modulo(frame: Frame, left: Any, right: Any) -> Any:
    """Remainder of numbers; never text formatting, which is a memory bomb."""
    return number(frame, _divided(operator.mod, frame, left, right))


def equal(frame: Frame, left: Any, right: Any) -> bool:
    """Whether two values are the same; a truth value is no number, though Python's are."""
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    if isinstance(left, list | dict) and isinstance(right, list | dict):
        weigh(frame, left)
        weigh(frame, right)
    return bool(left == right)


def contains(frame: Frame, item: Any, container: Any) -> bool:
    """Whether `item` is in a list, a text in a text, or a key among the fields."""
    if isinstance(container, str):
        if not isinstance(item, str):
            raise wrong(f"{kind(item)[0]}不是文字", f"{kind(item)[1]} is not a text")
        # At worst the one text is laid at every place of the other and compared to its end.
        places = max(len(container) - len(item), 0)
        frame.charge(1 + len(container) // 16 + places * len(item) // _LETTERS_SEARCHED)
        return item in container
    if isinstance(container, dict):
        return isinstance(item, str) and item in container
    if isinstance(container, list | tuple):
        if isinstance(item, list | dict):
            weigh(frame, item)
            weigh(frame, container)
        else:
            frame.charge(len(container) * text_cost(item))
        if isinstance(item, bool | int | float):
            return any(item == one and isinstance(item, bool) is isinstance(one, bool) for one in container)
        return item in container
    raise wrong(f"{kind(container)[0]}不是列表", f"{kind(container)[1]} is not a list")


def compare(which: type[ast.cmpop]) -> Callable[[Frame, Any, Any], bool]:
    """Return the comparison for `<`, `<=`, `>` or `>=`: numbers with numbers, texts with texts."""
    test: Callable[[Any, Any], bool] = {
        ast.Lt: operator.lt,
        ast.LtE: operator.le,
        ast.Gt: operator.gt,
        ast.GtE: operator.ge,
    }[which]

    def run(frame: Frame, left: Any, right: Any) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            frame.charge(min(text_cost(left), text_cost(right)))
            return test(left, right)
        if _ordered(left) and _ordered(right):
            return test(left, right)
        raise wrong(
            f"不能比较{kind(left)[0]}与{kind(right)[0]}的大小",
            f"cannot order {kind(left)[1]} and {kind(right)[1]}",
        )

    return run


def text_cost(value: Any) -> int:
    """Return how many steps it takes to compare `value` with another: long texts take more than one."""
    return 1 + len(value) // _LETTERS_COMPARED if isinstance(value, str) else 1


def made_list(frame: Frame, items: list[Any]) -> list[Any]:
    """Return a newly made list, charged with all it holds: a list of lists of lists stays affordable."""
    frame.charge(4 + len(items))
    for item in items:
        if isinstance(item, list | dict):
            weigh(frame, item)
    return items


def made_dict(frame: Frame, pairs: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    """Return newly made fields; keys are texts, as in JSON."""
    made: dict[str, Any] = {}
    for key, value in pairs:
        if not isinstance(key, str):
            raise wrong(
                f"字段名必须是文字，不是{kind(key)[0]}", f"a field's name is a text, not {kind(key)[1]}"
            )
        made[key] = value
        if isinstance(value, list | dict):
            weigh(frame, value)
    frame.charge(16 + 2 * len(made))
    return made


def weigh(frame: Frame, value: Any) -> None:
    """Charge for every value within `value`, counting what is shared as often as it is reached."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            frame.charge(1 + len(one))
            waiting.extend(inner for inner in one.values() if isinstance(inner, list | dict))
        else:
            frame.charge(1 + len(one))
            waiting.extend(inner for inner in one if isinstance(inner, list | dict))


def field_of(value: Any, name: str) -> Any:
    """Return the field `name`; a dot takes keys only, never Python attributes."""
    if isinstance(value, dict):
        try:
            return value[name]
        except KeyError:
            raise wrong(f"没有字段 {name}", f"there is no field {name}") from None
    raise wrong(f"{kind(value)[0]}没有字段 {name}", f"{kind(value)[1]} has no field {name}")


def item_of(value: Any, index: Any) -> Any:
    """Return the item at `index` of a list or text (from 0), or the field of that name."""
    if isinstance(value, dict):
        if not isinstance(index, str):
            raise wrong(f"{kind(index)[0]}不是字段名", f"{kind(index)[1]} is not a field's name")
        return field_of(value, index)
    if isinstance(value, list | tuple | str):
        if not isinstance(index, int) or isinstance(index, bool):
            raise wrong(f"{kind(index)[0]}不是序号", f"{kind(index)[1]} is not a position")
        if not -len(value) <= index < len(value):
            raise wrong(f"没有第 {index} 项（从 0 数）", f"there is no item {index} (counting from 0)")
        return value[index]
    raise wrong(f"{kind(value)[0]}不能用 […] 取值", f"cannot take an item of {kind(value)[1]}")


def part_of(frame: Frame, value: Any, lower: Any, upper: Any) -> Any:
    """Return the part of a text or list from `lower` up to before `upper`."""
    for bound in (lower, upper):
        if bound is not None and (not isinstance(bound, int) or isinstance(bound, bool)):
            raise wrong(f"{kind(bound)[0]}不是序号", f"{kind(bound)[1]} is not a position")
    if isinstance(value, str):
        return frame.written(value[lower:upper])
    if isinstance(value, list):
        frame.charge(len(value))
        return made_list(frame, value[lower:upper])
    raise wrong(f"{kind(value)[0]}不能用 […] 取值", f"cannot take a part of {kind(value)[1]}")


def call_function(
    frame: Frame,
    name: str,
    built_in: Callable[..., Any] | None,
    values: list[Any],
    options: dict[str, Any],
) -> Any:
    """Call a built-in or one of the given functions; what a person may have caused becomes `Invalid`."""
    try:
        if built_in is not None:
            return built_in(frame, *values, **options)
        function = frame.functions.get(name)
        if function is None:
            raise wrong(f"没有函数 {name}", f"there is no function {name}")
        frame.charge(_CALL)
        given = function(*values, **options)
        if isinstance(given, list | dict):
            frame.charge(len(given))
        return given
    except (Invalid, NotFound):
        raise
    except AppError:
        raise
    except TypeError as error:
        reason = str(error)[:120]
        raise wrong(f"{name}(…) 的参数不对：{reason}", f"{name}(…): wrong arguments: {reason}") from error
    except (ValueError, ArithmeticError, LookupError) as error:
        reason = str(error)[:120]
        raise wrong(f"{name}(…) 算不出：{reason}", f"{name}(…) failed: {reason}") from error


def _ordered(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _divided(how: Callable[[Any, Any], Any], frame: Frame, left: Any, right: Any) -> Any:
    divisor = number(frame, right)
    if divisor == 0:
        raise wrong("除数为 0", "division by zero")
    return how(number(frame, left), divisor)

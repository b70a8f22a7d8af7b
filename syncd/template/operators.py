"""Comparisons and arithmetic of templates: strict about kinds, so that `"5" == 5` is an error and not false."""

import operator
from collections.abc import Callable, Mapping
from typing import Final

from syncd.json_text import Number
from syncd.template.meter import Meter
from syncd.template.tree import Comparison, Sign
from syncd.template.values import LARGEST, Value, fail, kind, number_of, text_of

_OPERATIONS: Final[Mapping[str, Callable[[int, int], int]]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod,
}  # fmt: skip
_LESS_THAN_MAKING: Final = 4
"""To look at a text costs less than to make one."""


def compared(meter: Meter, comparison: Comparison, left: Value, right: Value) -> bool:
    """Tell whether `left` stands in that relation to `right`. Raises StoppedError for what cannot be compared."""
    match comparison:
        case "eq":
            return _equal(meter, left, right)
        case "ne":
            return not _equal(meter, left, right)
        case "in":
            return _within(meter, left, right)
        case "notin":
            return not _within(meter, left, right)
        case _:
            order = _order(meter, left, right)
            return {"lt": order < 0, "lteq": order <= 0, "gt": order > 0, "gteq": order >= 0}[comparison]


def _equal(meter: Meter, left: Value, right: Value) -> bool:
    if left is None or right is None:
        return left is right
    if isinstance(left, bool) and isinstance(right, bool):
        return left is right
    return _order(meter, left, right) == 0


def _order(meter: Meter, left: Value, right: Value) -> int:
    """Compare two texts by their code points, or two whole numbers: negative, 0 or positive."""
    if _is_text(left) and _is_text(right):
        one, other = (text_of(value, meter, "a comparison") for value in (left, right))
        meter.work(min(len(one), len(other)) // _LESS_THAN_MAKING)
        return (one > other) - (one < other)
    if kind(left) != kind(right):
        hint = "; `int` makes a number of a text" if {kind(left), kind(right)} == {"a text", "a number"} else ""
        fail(f"{kind(left)} cannot be compared with {kind(right)}{hint}")
    if kind(left) != "a number":
        fail(f"{kind(left)} cannot be compared with another")
    a, b = number_of(left, "a comparison"), number_of(right, "a comparison")
    return (a > b) - (a < b)


def _is_text(value: Value) -> bool:
    return isinstance(value, str | bytes) and not isinstance(value, Number)


def _within(meter: Meter, part: Value, whole: Value) -> bool:
    if isinstance(whole, dict):
        return text_of(part, meter, "`in`") in whole
    if isinstance(whole, list):
        meter.work(_LESS_THAN_MAKING * len(whole))
        return any(kind(item) == kind(part) and _equal(meter, part, item) for item in whole)
    if not _is_text(whole):
        fail(f"`in` looks into texts, lists and objects, and was given {kind(whole)}")
    text = text_of(whole, meter, "`in`")
    meter.work(len(text) // _LESS_THAN_MAKING)
    return text_of(part, meter, "`in`") in text


def calculated(sign: Sign, left: Value, right: Value) -> int:
    """Reckon with whole numbers of at most 63 bits. Raises StoppedError."""
    if sign == "+" and _is_text(left):
        fail("`+` adds numbers; `~` puts texts together")
    a, b = number_of(left, f"`{sign}`"), number_of(right, f"`{sign}`")
    if sign in ("//", "%") and not b:
        fail(f"`{sign}` by 0")
    result = _OPERATIONS[sign](a, b)
    if abs(result) > LARGEST:
        fail(f"`{sign}` gives a number of more than 63 bits")
    return result

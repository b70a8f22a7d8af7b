"""JMESPath over a value as JSON, with bounded work: the one importer of jmespath.

Expressions come from mapping files, which a tenant may write, and the library bounds nothing: `[@,@]` piped into
itself doubles at every step. So each result that an expression builds is weighed, and the whole is given up beyond
a fixed weight. Errors of the library quote values; none is let out.
"""

import json
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from typing import Any, Final

import jmespath
from jmespath import exceptions, functions, visitor

from syncd.json_text import Flaw, JsonValue, Number, spelled

MAX_EXPRESSION: Final = 2000
"""Characters of an expression."""
MAX_VALUES: Final = 200_000
"""Values that the JSON may hold which a query is applied to: the library looks at each of them several times."""
MAX_WEIGHT: Final = 8 * 1024 * 1024
"""Items and characters that an expression may build on its way."""
MAX_TEXT: Final = 2 * 1024 * 1024
"""Bytes of the JSON text that a result is written as: twice what a Secret holds."""


class QueryFlaw(Enum):
    """Why a query gave nothing; the value is what a message says about it."""

    INVALID = "is not a JMESPath expression"
    FAILED = "cannot be applied to this value"
    TOO_MUCH = "has more to work on than syncd allows"
    NOTHING = "finds nothing"


class _TooMuchError(Exception):
    """Unwinds an evaluation; never leaves this module."""


class _Integer(int):
    """An integer that remembers its text: JSON has one that Python spells otherwise, `-0`."""

    text: str


class _Fraction(float):
    """A fraction that remembers its text, such as `0.10`."""

    __slots__ = ("text",)
    text: str


# The library tells types by the name of the class.
_Integer.__name__ = "int"
_Fraction.__name__ = "float"
_MINUS_ZERO: Final = _Integer(0)
_MINUS_ZERO.text = "-0"


def _numeric(value: JsonValue) -> Any:  # noqa: ANN401 — the library takes and gives whatever JSON holds
    """Turn numbers, which are text in our tree, into numbers that JMESPath can compare."""
    if isinstance(value, Number):
        return _number(value)
    if isinstance(value, list):
        return [_numeric(item) for item in value]
    if isinstance(value, dict):
        return {key: _numeric(item) for key, item in value.items()}
    return value


def _number(text: Number) -> float:
    """Give the number that `text` spells, able to spell itself the same way; a plain one where that takes no memory."""
    if text == "-0":
        return _MINUS_ZERO
    if text.lstrip("-").isdigit():
        return int(text)
    plain = float(text)
    if repr(plain) == text:
        return plain
    number = _Fraction(plain)
    number.text = text
    return number


def _has_more_values(value: JsonValue, most: int) -> bool:
    """Tell whether `value` holds more than `most` values, itself and all below it counted."""
    count = 1
    waiting = [value]
    while waiting and count <= most:
        item = waiting.pop()
        if isinstance(item, list | dict):
            count += len(item)
            waiting.extend(item if isinstance(item, list) else item.values())
    return count > most


def _weigh(value: Any, allowance: int) -> int:  # noqa: ANN401 — as above
    """Count the items and characters of `value` as if it were written out; stops above `allowance`."""
    weight = 0
    waiting = [value]
    while waiting:
        item = waiting.pop()
        weight += 1 + (len(item) if isinstance(item, str) else 0)
        if weight > allowance:
            raise _TooMuchError
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item.values())
    return weight


_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _tokens(value: Any) -> Iterator[str]:  # noqa: ANN401 — as above
    """Write compact JSON, piece by piece; numbers in their source text."""
    if isinstance(value, _Integer | _Fraction):
        yield value.text
    elif isinstance(value, dict):
        for index, (key, item) in enumerate(value.items()):
            yield f"{',' if index else '{'}{_encode(key)}:"
            yield from _tokens(item)
        yield "}" if value else "{}"
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield "," if index else "["
            yield from _tokens(item)
        yield "]" if value else "[]"
    else:
        yield _encode(value)


def _written(value: Any) -> str:  # noqa: ANN401 — as above
    """Write `value` as JSON text, as long as that stays within MAX_TEXT characters."""
    pieces: list[str] = []
    size = 0
    for piece in _tokens(value):
        size += len(piece)
        if size > MAX_TEXT:
            raise _TooMuchError
        pieces.append(piece)
    return "".join(pieces)


class _Functions(functions.Functions):  # type: ignore[misc]  # the library is untyped
    """The standard functions; `to_string` keeps the source text of numbers and stays within bounds."""

    @functions.signature({"types": []})  # type: ignore[untyped-decorator]  # the library is untyped
    def _func_to_string(self, argument: Any) -> str:  # noqa: ANN401 — as above
        return argument if isinstance(argument, str) else _written(argument)


_BUILDING: Final = frozenset(
    {
        "flatten", "filter_projection", "function_expression", "multi_select_dict", "multi_select_list",
        "projection", "slice", "value_projection",
    }
)  # fmt: skip
"""Nodes whose result is new; the others hand on what is there."""


class _Interpreter(visitor.TreeInterpreter):  # type: ignore[misc]  # the library is untyped
    """The library's interpreter with an allowance."""

    def __init__(self) -> None:
        super().__init__(jmespath.Options(custom_functions=_Functions()))
        self._allowance = MAX_WEIGHT

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 — the library's signature
        result = super().visit(node, *args, **kwargs)
        self._allowance -= _weigh(result, self._allowance) if node["type"] in _BUILDING else 1
        if self._allowance < 0:
            raise _TooMuchError
        return result


@lru_cache(maxsize=4096)
def _compiled(expression: str) -> Any:  # noqa: ANN401 — the library's tree, None where the text is no expression
    if len(expression) > MAX_EXPRESSION:
        return None
    try:
        return jmespath.compile(expression).parsed
    except (exceptions.JMESPathError, RecursionError, ValueError):
        return None


def valid(expression: str) -> bool:
    """Tell whether `expression` is one that `run` can apply."""
    return _compiled(expression) is not None


def run(expression: str, value: JsonValue) -> bytes | QueryFlaw | Flaw:
    """Apply `expression`: a string's UTF-8, a number's source text, `true` or `false`, compact JSON for the rest.

    Null is NOTHING: JMESPath does not tell a missing field from a null one.
    """
    tree = _compiled(expression)
    if tree is None:
        return QueryFlaw.INVALID
    try:
        if _has_more_values(value, MAX_VALUES):
            raise _TooMuchError  # noqa: TRY301 — the other places that raise it are deeper
        result = _Interpreter().visit(tree, _numeric(value))
        if result is None:
            return QueryFlaw.NOTHING
        return spelled(result if isinstance(result, str) else _written(result))
    except _TooMuchError:
        return QueryFlaw.TOO_MUCH
    except Exception:  # noqa: BLE001 — the library's functions let TypeError, ValueError and others out, with values
        return QueryFlaw.FAILED

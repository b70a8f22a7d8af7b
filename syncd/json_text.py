"""JSON as stored bytes: a strict reader that keeps the source text of numbers and of whole parts.

A value is bytes from end to end, and a usual reader changes them: `0.10` becomes 0.1, `1e400` infinity, the last of
two equal keys wins, `NaN` passes. This one reads numbers as their text, refuses what JSON (RFC 8259) does not
know and what two readers may understand differently, and can cut an object or array out as it stands. No failure
carries a piece of the text.
"""

import json
import re
from collections.abc import Sequence
from enum import Enum
from typing import Final, Never, TypeAlias

import msgspec

MAX_DEPTH: Final = 64
"""Objects and arrays inside each other."""
MAX_NUMBER: Final = 1024
"""Characters of one number: far more than any use, far less than what makes its conversion slow."""


class Number(str):
    """A number as its source text."""

    __slots__ = ()


_DIGITS: Final = {digit: Number(digit) for digit in "0123456789"}
"""Shared: each takes a hundred bytes, and a list of digits two for each in the text."""

JsonValue: TypeAlias = bool | str | list["JsonValue"] | dict[str, "JsonValue"] | None
"""What `read` gives; a number is a `Number`."""


class Flaw(Enum):
    """Why bytes were not read; the value is what a message says about them."""

    NOT_JSON = "is not JSON"
    DUPLICATE_KEY = "is a JSON object with the same key twice"
    TOO_DEEP = f"is JSON nested deeper than {MAX_DEPTH}"
    LONG_NUMBER = f"holds a number of more than {MAX_NUMBER} characters"
    LONE_SURROGATE = "holds half of a surrogate pair, which is no text"


class _FlawedError(Exception):
    """Unwinds the reader; never leaves this module."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.name)
        self.flaw = flaw


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _FlawedError(Flaw.DUPLICATE_KEY)
    return made


def _number(text: str) -> Number:
    if len(text) > MAX_NUMBER:
        raise _FlawedError(Flaw.LONG_NUMBER)
    return _DIGITS.get(text) or Number(text)


def _constant(_text: str) -> Never:
    raise _FlawedError(Flaw.NOT_JSON)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_number, parse_constant=_constant
)
_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
"""Strings, closed or not (so that each character is looked at once), and brackets outside of them."""
_RAW_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RAW_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])


def read(data: bytes) -> JsonValue | Flaw:
    """Read `data`, UTF-8 without a byte order mark, as one JSON value."""
    try:
        text = data.decode()
        if text.count("[") + text.count("{") > MAX_DEPTH and _too_deep(text):
            return Flaw.TOO_DEEP
        value: JsonValue = _DECODER.decode(text)
    except _FlawedError as failure:
        return failure.flaw
    except ValueError:  # JSONDecodeError and UnicodeDecodeError, both of which hold the text
        return Flaw.NOT_JSON
    return value


def _too_deep(text: str) -> bool:
    """Tell whether brackets outside of strings nest deeper than MAX_DEPTH, up to where they do."""
    depth = 0
    for token in _BRACKETS.finditer(text):
        first = token[0][0]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif first != '"':
            depth -= 1
    return False


def spelled(value: bool | str) -> bytes | Flaw:  # noqa: FBT001 — a JSON truth value, not a switch
    """Give the bytes of a scalar: UTF-8 of a string, the source text of a number, `true` or `false`."""
    if isinstance(value, bool):
        return b"true" if value else b"false"
    try:
        return value.encode()
    except UnicodeEncodeError:
        return Flaw.LONE_SURROGATE


def cut(data: bytes, path: Sequence[str | int]) -> bytes | Flaw:
    """Cut the part at `path` out of `data` as it stands; `data` was read before and the path was found in it."""
    part: bytes | msgspec.Raw = data
    try:
        for step in path:
            part = _RAW_OBJECT.decode(part)[step] if isinstance(step, str) else _RAW_ARRAY.decode(part)[step]
    except msgspec.DecodeError:  # the two readers differ on one thing only
        return Flaw.LONE_SURROGATE
    return bytes(part)


def parts(data: bytes) -> dict[str, bytes] | Flaw:
    """Cut every value of the object `data` out as it stands; `data` was read before."""
    try:
        return {key: bytes(part) for key, part in _RAW_OBJECT.decode(data).items()}
    except msgspec.DecodeError:
        return Flaw.LONE_SURROGATE

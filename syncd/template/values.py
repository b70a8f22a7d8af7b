"""What a template reckons with, and how a part of one is used as text, as a number or as a truth."""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final, Never, TypeAlias

from syncd.json_text import Number
from syncd.template.meter import Meter, Reason, stop


class Absent(Enum):
    """Stands for what is not there; only `default` and `is defined` take it."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

Value: TypeAlias = str | bytes | int | bool | list["Value"] | dict[str, "Value"] | Absent | None
"""Bytes are what a store keeps, and text as soon as a template uses them as such. A `Number` is a number of a JSON
text in its own spelling."""

_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
LARGEST: Final = 2**63 - 1


_KINDS: Final[Mapping[type, str]] = {
    bool: "a truth value",
    int: "a number",
    Number: "a number",
    str: "a text",
    bytes: "a text",
    list: "a list",
    dict: "an object",
    type(None): "null",
    Absent: "nothing",
}


def kind(value: Value) -> str:
    """Name the kind of a value for a message, as people call it."""
    return _KINDS[type(value)]


def fail(message: str) -> Never:
    """Stop, since something cannot be done with what was given."""
    stop(Reason.FAILED, message)


def text_of(value: Value, meter: Meter, use: str = "text") -> str:
    """Give a text, a number's spelling, or `true` or `false`.

    Raises StoppedError for what has no text form, and NOT_TEXT for bytes that are no UTF-8. `use` says in a message
    what needs the text.
    """
    match value:
        case bytes():
            if len(value) > meter.limits.text:
                meter.too_large("a value")
            try:
                text = value.decode()
            except UnicodeDecodeError:
                message = f"{use} needs text, and the value is not UTF-8; b64encode takes any bytes"
                stop(Reason.NOT_TEXT, message)
            meter.make(text)
            return text
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int():
            return str(value)
        case _:
            fail(f"{use} needs text, and was given {kind(value)}")


def encoded(text: str) -> bytes:
    """Give the UTF-8 of a text; raises StoppedError for half of a surrogate pair, which JSON can spell."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        stop(Reason.NOT_TEXT, "half of a surrogate pair is no text")


def bytes_of(value: Value, meter: Meter, use: str) -> bytes:
    """Give stored bytes as they are, and the UTF-8 of a text."""
    if isinstance(value, bytes):
        if len(value) > meter.limits.text:
            meter.too_large("a value")
        return value
    return encoded(text_of(value, meter, use))


def number_of(value: Value, use: str) -> int:
    """Give a whole number; raises StoppedError for everything else."""
    if isinstance(value, Number) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    what = "a number that is not whole or has too many digits" if isinstance(value, Number) else kind(value)
    hint = "; the filter `int` makes a number of it" if isinstance(value, str | bytes) else ""
    fail(f"{use} needs a whole number, and was given {what}{hint}")


def whole(text: str) -> int | None:
    """Read a whole number of at most 18 digits, or give None."""
    return int(text) if _WHOLE.fullmatch(text) else None


def list_of(value: Value, use: str) -> list[Value]:
    """Give a list; raises StoppedError for everything else."""
    if isinstance(value, list):
        return value
    hint = "; `split` makes a list of it" if isinstance(value, str | bytes) and not isinstance(value, Number) else ""
    fail(f"{use} needs a list, and was given {kind(value)}{hint}")


def is_true(value: Value) -> bool:
    """Tell whether `if` takes a value for true: all but false, null, 0, and what is empty."""
    if isinstance(value, Number):
        return re.search("[1-9]", value.lower().partition("e")[0]) is not None
    return bool(value)

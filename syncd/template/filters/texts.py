"""Filters that make one text of another."""

import binascii
import hashlib
import shlex
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote as percent_encoded

from syncd.template.meter import Meter
from syncd.template.signature import Filter, Parameter
from syncd.template.values import ABSENT, Value, bytes_of, encoded, fail, is_true, kind, text_of, whole

_BLANKS: Final = b" \t\r\n\v\f"


def _b64encode(meter: Meter, value: Value) -> Value:
    data = bytes_of(value, meter, "b64encode")
    meter.foresee((len(data) + 2) // 3 * 4)
    return meter.make(binascii.b2a_base64(data, newline=False).decode())


def _b64decode(meter: Meter, value: Value) -> Value:
    data = bytes_of(value, meter, "b64decode")
    meter.work(2 * len(data))
    try:
        return binascii.a2b_base64(data.translate(None, _BLANKS), strict_mode=True)
    except binascii.Error:
        fail("b64decode was given something else than base64")


def _urlencode(meter: Meter, value: Value) -> Value:
    data = bytes_of(value, meter, "urlencode")
    meter.work(3 * len(data))
    return meter.make(percent_encoded(data, safe=""))


def _quote(meter: Meter, value: Value) -> Value:
    text = text_of(value, meter, "quote")
    if "\0" in text:
        fail("quote was given a NUL, which no shell takes")
    meter.foresee(len(text) + 4 * text.count("'") + 2)
    return meter.make(shlex.quote(text))


def _trim(meter: Meter, value: Value, characters: Value) -> Value:
    text = text_of(value, meter, "trim")
    return meter.make(text.strip(None if characters is None else text_of(characters, meter, "trim")))


def _upper(meter: Meter, value: Value) -> Value:
    return meter.make(text_of(value, meter, "upper").upper())


def _lower(meter: Meter, value: Value) -> Value:
    return meter.make(text_of(value, meter, "lower").lower())


def _replace(meter: Meter, value: Value, old: Value, new: Value) -> Value:
    text = text_of(value, meter, "replace")
    before, after = text_of(old, meter, "replace"), text_of(new, meter, "replace")
    if not before:
        fail("replace was asked to replace an empty text")
    meter.work(len(text))
    meter.foresee(len(text) + text.count(before) * (len(after) - len(before)))
    return meter.make(text.replace(before, after))


def _indent(meter: Meter, value: Value, width: Value, first: Value, blank: Value) -> Value:
    text = text_of(value, meter, "indent")
    pad = " " * (width if isinstance(width, int) else 0)
    meter.foresee(len(text) + (text.count("\n") + 1) * len(pad))
    lines = text.split("\n")
    meter.work(64 * len(lines))
    done = [pad + line if blank or line.strip("\r") else line for line in lines]
    if not first:
        done[0] = lines[0]
    return meter.make("\n".join(done))


def _length(meter: Meter, value: Value) -> Value:
    if isinstance(value, list | dict):
        return len(value)
    return len(text_of(value, meter, "length"))


def _int(meter: Meter, value: Value) -> Value:
    number = whole(text_of(value, meter, "int").strip())
    if number is None:
        fail(f"int needs a whole number of at most 18 digits, and was given {kind(value)} that is none")
    return number


def _default(_meter: Meter, value: Value, other: Value, empty: Value) -> Value:
    return other if value is ABSENT or (empty is True and not is_true(value)) else value


def _sha256(meter: Meter, value: Value) -> Value:
    return hashlib.sha256(encoded(text_of(value, meter, "sha256"))).hexdigest()


FILTERS: Final[Mapping[str, Filter]] = {
    "b64encode": Filter(_b64encode),
    "b64decode": Filter(_b64decode),
    "urlencode": Filter(_urlencode),
    "quote": Filter(_quote),
    "trim": Filter(_trim, (Parameter("characters"),)),
    "upper": Filter(_upper),
    "lower": Filter(_lower),
    "replace": Filter(_replace, (Parameter("old", required=True), Parameter("new", required=True))),
    "indent": Filter(
        _indent,
        (
            Parameter("width", "count", default=4),
            Parameter("first", "flag", default=False),
            Parameter("blank", "flag", default=False),
        ),
    ),
    "length": Filter(_length),
    "int": Filter(_int),
    "default": Filter(
        _default,
        (Parameter("value", "any", required=True), Parameter("empty", "flag", default=False)),
        takes_absent=True,
    ),
    "sha256": Filter(_sha256, literal_only=True),
}

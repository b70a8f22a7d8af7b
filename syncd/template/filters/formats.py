"""Filters that read and write JSON and YAML. Numbers keep the spelling of the JSON that they come from."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from syncd import node
from syncd.json_text import MAX_DEPTH, Flaw, JsonValue, Number
from syncd.json_text import read as read_json
from syncd.node import SyntaxProblem, Tree
from syncd.template.meter import Meter
from syncd.template.signature import Filter, Parameter
from syncd.template.values import Value, encoded, fail, text_of

_JSON_COSTS: Final = 24
"""Bytes of memory for each character of the shortest lists and objects that JSON can spell."""
_YAML_COSTS: Final = 96
"""The same of YAML, which takes longer too."""
_PART: Final = 8
"""Characters that a part of a structure is taken for, besides its text."""
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_NOT_PLAIN: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""What some reader of YAML takes for something else than text, in small letters."""
_NOT_IN_YAML: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What JSON lets stand in a text and YAML 1.2 does not, or takes for the end of a line."""


def _fromjson(meter: Meter, value: Value) -> Value:
    text = text_of(value, meter, "fromjson")
    meter.work(_JSON_COSTS * len(text))
    found = read_json(encoded(text))
    if isinstance(found, Flaw):
        fail(f"what fromjson was given {found.value}")
    return _json_value(found)


def _json_value(found: JsonValue) -> Value:
    """Take what the reader gives as it is: the same types, told in two ways."""
    return found  # type: ignore[return-value]  # a list of JSON values is a list of values


def _fromyaml(meter: Meter, value: Value) -> Value:
    data = encoded(text_of(value, meter, "fromyaml"))
    meter.work(_YAML_COSTS * len(data))
    try:
        found: Tree = node.read(data, limit=len(data)).tree
    except SyntaxProblem as error:
        fail(f"what fromyaml was given is not YAML of one plain document{_where(error)}")
    return found  # type: ignore[return-value]  # as above


def _where(error: SyntaxProblem) -> str:
    return f" (its line {error.problems[0][0]})" if error.problems else ""


class _Writer:
    """Puts pieces together until they are too many."""

    def __init__(self, meter: Meter, use: str) -> None:
        self.meter = meter
        self.use = use
        self._room = meter.limits.text

    def scalar(self, value: Value) -> str:
        """Spell what is no list and no object, as JSON does."""
        match value:
            case None:
                text = "null"
            case bool() | int() | Number():
                text = text_of(value, self.meter, self.use)
            case str() | bytes():
                text = json.dumps(text_of(value, self.meter, self.use), ensure_ascii=False)
            case _:
                fail(f"{self.use} was given a part that is not there")
        return self.count(text)

    def count(self, text: str) -> str:
        """Count a piece, and its place in the structure."""
        self._room -= len(text) + 1
        if self._room < 0:
            self.meter.too_large("a text on the way")
        self.meter.work(len(text) + _PART)
        return text

    def check_depth(self, depth: int) -> None:
        """Refuse what no reader of ours takes back."""
        if depth > MAX_DEPTH:
            fail(f"{self.use} was given lists and objects nested deeper than {MAX_DEPTH}")


def _tojson(meter: Meter, value: Value, width: Value) -> Value:
    writer = _Writer(meter, "tojson")
    step = width if isinstance(width, int) else None
    return meter.make("".join(_json(writer, value, step, 1)))


def _json(writer: _Writer, value: Value, step: int | None, depth: int) -> Iterator[str]:
    writer.check_depth(depth)
    if not isinstance(value, list | dict) or not value:
        yield writer.count("[]" if value == [] else "{}") if isinstance(value, list | dict) else writer.scalar(value)
        return
    before = "" if step is None else "\n" + " " * (step * depth)
    between = ", " if step is None else "," + before
    after = "" if step is None else "\n" + " " * (step * (depth - 1))
    left, right = "[]" if isinstance(value, list) else "{}"
    yield writer.count(left + before)
    for index, item in enumerate(value):
        if index:
            yield writer.count(between)
        if isinstance(value, dict):
            yield writer.scalar(item) + ": "
            yield from _json(writer, value[str(item)], step, depth + 1)
        else:
            yield from _json(writer, item, step, depth + 1)
    yield writer.count(after + right)


def _toyaml(meter: Meter, value: Value) -> Value:
    return meter.make("\n".join(_yaml(_Writer(meter, "toyaml"), value, 1)))


def _yaml(writer: _Writer, value: Value, depth: int) -> Iterator[str]:
    """Give the lines of a value, not indented."""
    writer.check_depth(depth)
    if not isinstance(value, list | dict) or not value:
        yield _yaml_scalar(writer, value)
        return
    for item in value:
        inner = value[str(item)] if isinstance(value, dict) else item
        head = f"{_yaml_scalar(writer, item)}:" if isinstance(value, dict) else "-"
        # Below a key a list or an object starts on a line of its own; below a dash it starts beside it.
        beside = not isinstance(inner, list | dict) or not inner or isinstance(value, list)
        if not beside:
            yield writer.count(head)
        for number, line in enumerate(_yaml(writer, inner, depth + 1)):
            yield f"{head} {line}" if beside and not number else writer.count("  ") + line


def _yaml_scalar(writer: _Writer, value: Value) -> str:
    if isinstance(value, list | dict):
        return writer.count("[]" if isinstance(value, list) else "{}")
    if isinstance(value, str | bytes) and not isinstance(value, Number):
        text = text_of(value, writer.meter, "toyaml")
        if _PLAIN.fullmatch(text) and text.lower() not in _NOT_PLAIN:
            return writer.count(text)
        return writer.count(_NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", writer.scalar(text)))
    return writer.scalar(value)


FILTERS: Final[Mapping[str, Filter]] = {
    "fromjson": Filter(_fromjson),
    "tojson": Filter(_tojson, (Parameter("indent", "count"),)),
    "fromyaml": Filter(_fromyaml),
    "toyaml": Filter(_toyaml),
}

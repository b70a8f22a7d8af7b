"""Filters that read and write JSON and YAML. Numbers keep the spelling of the JSON that they come from."""

import json
import re
from collections.abc import Mapping
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
_PIECE: Final = 100
"""Bytes that a piece of JSON or YAML is counted for, besides its text: to put one to the others takes time."""
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_NOT_PLAIN: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""What some reader of YAML takes for something else than text, in small letters."""
_NOT_IN_YAML: Final = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF)}
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
        self._meter = meter
        self._use = use
        self._room = meter.limits.text
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        """Take one more piece."""
        self._room -= len(piece)
        if self._room < 0:
            self._meter.too_large("a text on the way")
        self._meter.work(len(piece) + _PIECE)
        self._pieces.append(piece)

    def text(self, between: str = "") -> str:
        """Give all that was added."""
        return self._meter.make(between.join(self._pieces))

    def scalar(self, value: Value) -> str:
        """Spell what is no list and no object, or an empty one, as JSON does."""
        match value:
            case None:
                return "null"
            case list():
                return "[]"
            case dict():
                return "{}"
            case bool() | int() | Number():
                return text_of(value, self._meter, self._use)
            case _:
                return json.dumps(text_of(value, self._meter, self._use), ensure_ascii=False)

    def yaml_scalar(self, value: Value) -> str:
        """Spell the same as YAML does: a text as it stands where every reader takes it for one."""
        if isinstance(value, Number) or not isinstance(value, str | bytes):
            return self.scalar(value)
        text = text_of(value, self._meter, self._use)
        if _PLAIN.fullmatch(text) and text.lower() not in _NOT_PLAIN:
            return text
        return json.dumps(text, ensure_ascii=False).translate(_NOT_IN_YAML)

    def check_depth(self, depth: int) -> None:
        """Refuse what no reader of ours takes back."""
        if depth > MAX_DEPTH:
            fail(f"{self._use} was given lists and objects nested deeper than {MAX_DEPTH}")


def _tojson(meter: Meter, value: Value, width: Value) -> Value:
    writer = _Writer(meter, "tojson")
    _write_json(writer, value, width if isinstance(width, int) else None, 1)
    return writer.text()


def _write_json(writer: _Writer, value: Value, step: int | None, depth: int) -> None:
    if not isinstance(value, list | dict) or not value:
        writer.add(writer.scalar(value))
        return
    writer.check_depth(depth)
    lead = "" if step is None else "\n" + " " * (step * depth)
    left, right = "[]" if isinstance(value, list) else "{}"
    writer.add(left + lead)
    for index, item in enumerate(value):
        if index:
            writer.add(", " if step is None else "," + lead)
        if isinstance(value, dict):
            writer.add(writer.scalar(item) + ": ")
            _write_json(writer, value[str(item)], step, depth + 1)
        else:
            _write_json(writer, item, step, depth + 1)
    writer.add(lead[: len(lead) - (step or 0)] + right)


def _toyaml(meter: Meter, value: Value) -> Value:
    writer = _Writer(meter, "toyaml")
    if isinstance(value, list | dict) and value:
        _write_yaml(writer, value, "", 1)
    else:
        writer.add(writer.yaml_scalar(value))
    return writer.text("\n")


def _write_yaml(writer: _Writer, value: list[Value] | dict[str, Value], lead: str, depth: int) -> None:
    """Add the lines of a list or object that is not empty; `lead` stands before the first of them."""
    writer.check_depth(depth)
    blank = "  " * (depth - 1)
    for item in value:
        inner = value[str(item)] if isinstance(value, dict) else item
        head = f"{lead}{writer.yaml_scalar(item)}:" if isinstance(value, dict) else f"{lead}-"
        lead = blank
        if not isinstance(inner, list | dict) or not inner:
            writer.add(f"{head} {writer.yaml_scalar(inner)}")
        elif isinstance(value, dict):
            writer.add(head)
            _write_yaml(writer, inner, blank + "  ", depth + 1)
        else:
            _write_yaml(writer, inner, head + " ", depth + 1)


FILTERS: Final[Mapping[str, Filter]] = {
    "fromjson": Filter(_fromjson),
    "tojson": Filter(_tojson, (Parameter("indent", "count"),)),
    "fromyaml": Filter(_fromyaml),
    "toyaml": Filter(_toyaml),
}

"""The forms a file of keys and values may have, from bytes to values by key. Pure; errors hold no text of a file."""

import codecs
import json
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Final, NamedTuple, TypeAlias

import msgspec

from syncd.node import SyntaxProblem, read
from syncd_providers.file.dotenv import pairs
from syncd_providers.file.malformed import Malformed

SIZE_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of a file of keys and values."""


class Value(NamedTuple):
    """One value: its bytes, and whether they are a JSON object that the file spelt as keys and values."""

    data: bytes
    structured: bool = False

    def __repr__(self) -> str:
        """Give the form alone."""
        return f"Value(structured={self.structured})"


Values: TypeAlias = Mapping[str, Value | None]
"""By top-level key; None where the file says null."""


def form(name: str) -> Callable[[bytes], Values] | None:
    """Give what reads a file of this name; None where the name does not tell."""
    path = PurePath(name)
    if path.name == ".env" or path.name.startswith(".env.") or path.suffix == ".env":
        return dotenv_values
    return {".yaml": yaml_values, ".yml": yaml_values, ".json": json_values}.get(path.suffix.lower())


def shape(name: str) -> str:
    """Say for a message what stands in a file of this name."""
    return _SHAPES.get(PurePath(name).suffix.lower(), "lines of KEY=VALUE, each key once")


_SHAPES: Final = {
    **dict.fromkeys((".yaml", ".yml"), "one YAML mapping of keys to values, each key once"),
    ".json": "one JSON object, each key once",
}


def dotenv_values(data: bytes) -> Values:
    """Read KEY=VALUE lines. Raises Malformed."""
    return {key: Value(value) for key, value in pairs(data).items()}


def yaml_values(data: bytes) -> Values:
    """Read a YAML mapping. Raises Malformed.

    A scalar is its source text; a mapping or list below becomes JSON, in which what YAML 1.2's core rules of syncd
    do not read as a word or an integer is text.
    """
    try:
        tree = read(data, limit=SIZE_LIMIT).tree
    except SyntaxProblem as error:
        line, column = error.problems[0][:2] if error.problems else (1, 1)
        raise Malformed(line, column) from None
    if not isinstance(tree, dict):
        raise Malformed(1, 1)
    found: dict[str, Value | None] = {}
    for key, value in tree.items():
        if isinstance(value, str):
            found[key] = Value(value.encode())
        else:
            found[key] = None if value is None else Value(msgspec.json.encode(value), isinstance(value, dict))
    return found


def json_values(data: bytes) -> Values:
    """Read a JSON object. Raises Malformed.

    A text is its UTF-8 bytes; everything else keeps its source text, so that 1.10 stays 1.10.
    """
    try:
        # Twice: the first finds duplicate keys at any depth, which decoding would drop in silence (RFC 8259, 4).
        # It reads no numbers, so their length does not matter.
        data = data.removeprefix(codecs.BOM_UTF8)
        json.loads(data.decode(), object_pairs_hook=_unique, parse_int=str, parse_float=str)
        raw = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        return {key: _json_value(bytes(value).strip()) for key, value in raw.items()}
    except json.JSONDecodeError as error:
        raise Malformed(error.lineno, error.colno) from None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Malformed(1, 1) from None


def _json_value(source: bytes) -> Value | None:
    if source == b"null":
        return None
    if source.startswith(b'"'):
        return Value(msgspec.json.decode(source, type=str).encode())
    return Value(source, source.startswith(b"{"))


def _unique(pairs_of: list[tuple[str, object]]) -> None:
    if len({key for key, _ in pairs_of}) < len(pairs_of):
        raise Malformed(1, 1)

"""Bytes to a plain tree, in one pass over libyaml's events."""

import gc
import re
from array import array
from collections.abc import Callable
from typing import Final

from yaml._yaml import CParser
from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)
from yaml.reader import ReaderError

from syncd.node.document import MAX_DEPTH, Document
from syncd.node.problem import Path, Problem, SyntaxProblem, Tree

MAX_PROBLEMS: Final = 100
"""After so many, reading stops: the file is something else."""
_FIRST: Final = frozenset(("", *"-0123456789tfn~"))
"""What a plain scalar starts with that may be more than text."""
_INTEGER: Final = re.compile(r"(?:0|-?[1-9][0-9]{0,17})\Z")
_WORDS: Final[dict[str, Tree]] = {"true": True, "false": False, "null": None, "~": None, "": None}
_BYTES_A_BOX: Final = 8
"""A file of nothing but brackets would cost more time and memory than its size allows for."""
_FEW: Final = 1_000
_BYTES_AN_ITEM: Final = 4
"""The same for lists of words, whose items take two bytes each."""
_ODD_KEYS: Final = frozenset(("", "<<"))
_IN_TOP: Final = 2
"""How many boxes are around the items of a top-level field: the root, and the mapping that the document is."""
_DEFAULTS: Final = "write the value out, or put it under `defaults`"


def document(data: bytes, *, limit: int) -> Document:
    """Read the one document in `data`; see `syncd.node.read`."""
    if len(data) > limit:
        raise SyntaxProblem([(1, 1, Problem((), f"the file is larger than {limit} bytes", "split it"))])
    try:
        data.decode()
    except UnicodeDecodeError as error:
        problem = Problem((), "the file is not UTF-8 text", "save it as UTF-8")
        raise SyntaxProblem([(*_place(data, error.start), problem)]) from None
    builder = _Builder(
        most_boxes=max(len(data) // _BYTES_A_BOX, _FEW), most_items=max(len(data) // _BYTES_AN_ITEM, _FEW)
    )
    collecting = gc.isenabled()
    gc.disable()  # a tree only grows and has no cycles, and looking for some again and again costs as much as reading
    try:
        builder.build(CParser(data).get_event)
    except _Stop:
        pass
    except YAMLError as error:
        builder.problems.append(_syntax(data, error))
    finally:
        if collecting:
            gc.enable()
    if builder.problems:
        raise SyntaxProblem(builder.problems)
    return Document(builder.root[0] if builder.root else None, builder.marks)


def place_of(event: Event) -> tuple[int, int]:
    """Give line and column, from 1, of where an event starts."""
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def _place(data: bytes, position: int) -> tuple[int, int]:
    """Turn a byte offset into line and column, from 1."""
    before = data[:position]
    line_start = before.rfind(b"\n") + 1
    return before.count(b"\n") + 1, len(before[line_start:].decode("utf-8", "replace")) + 1


def _syntax(data: bytes, error: YAMLError) -> tuple[int, int, Problem]:
    """Say libyaml's error with its place. Its texts are fixed ones: they quote nothing of the file."""
    if isinstance(error, ReaderError):
        return (*_place(data, error.position), Problem((), f"not readable as YAML: {error.reason}"))
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.context, error.problem) if part)
        if mark is not None:
            lines = data.decode("utf-8", "replace").split("\n")[mark.line : mark.line + 1]
            tab = any(line[mark.column : mark.column + 1] == "\t" for line in lines)
            hint = "YAML is indented with spaces, never with tabs" if tab else ""
            return mark.line + 1, mark.column + 1, Problem((), f"not well-formed YAML: {what}", hint)
    return 1, 1, Problem((), "not well-formed YAML")


class _Stop(Exception):  # noqa: N818 — unwinds the loop; the problem is noted already
    """Reading cannot go on."""


def _scalar(value: str) -> Tree:
    """Give what a plain scalar is by the YAML 1.2 core rules that syncd keeps: a word, an integer, or its text."""
    if value in _WORDS:
        return _WORDS[value]
    return int(value) if _INTEGER.match(value) else value


class _Builder:
    """The tree as it grows, and what was wrong on the way."""

    def __init__(self, *, most_boxes: int, most_items: int) -> None:
        self._room = most_boxes
        self._items_left = most_items
        self.root: list[Tree] = []
        """Holds the document's one node."""
        self.problems: list[tuple[int, int, Problem]] = []
        self.marks: dict[str, array[int]] = {}
        self._above: list[tuple[dict[str, Tree] | None, list[Tree], str | None]] = []
        """What is being filled around the innermost box, each with the key whose value is inside."""
        self._documents = 0

    def build(self, next_event: Callable[[], Event | None]) -> None:  # noqa: C901, PLR0912, PLR0915 — calls would double its cost
        """Take events until the stream ends. Loading costs what stands in this loop: scalars first, little else."""
        fields: dict[str, Tree] | None = None  # the mapping being filled; None while `items` is
        items = self.root
        key: str | None = None  # whose value comes next
        above, maybe_more = self._above, _FIRST
        in_top = False  # is this the list or mapping of a top-level field?
        items_left = self._items_left
        spellings: dict[str, str] = {}  # one object for each: a file repeats a dozen keys
        while (event := next_event()) is not None:
            if isinstance(event, ScalarEvent):
                value = event.value
                if event.anchor is not None or event.tag is not None:
                    self._refuse(event, fields, items, key)
                if key is not None and fields is not None:
                    fields[key] = value if event.style or value[:1] not in maybe_more else _scalar(value)
                    key = None
                    continue
                if in_top:
                    self._mark(event)
                if fields is None:
                    items.append(value if event.style or value[:1] not in maybe_more else _scalar(value))
                    items_left -= 1
                    if items_left < 0:
                        self._note(event, (), "too many items of lists", "split the file")
                        raise _Stop
                else:
                    key = spellings.setdefault(value, value)
                    if key in fields or key in _ODD_KEYS:
                        self._check_key(event, fields, key)
            elif isinstance(event, CollectionStartEvent):
                self._room -= 1
                odd = event.anchor is not None or event.tag is not None or (key is None and fields is not None)
                if odd or len(above) >= MAX_DEPTH or self._room < 0:
                    self._check_start(event, fields, items, key)
                inner: dict[str, Tree] | list[Tree] = {} if isinstance(event, MappingStartEvent) else []
                if key is not None and fields is not None:
                    fields[key] = inner
                else:
                    if in_top:
                        self._mark(event)
                    items.append(inner)
                above.append((fields, items, key))
                in_top = len(above) == _IN_TOP
                fields, items = (inner, items) if isinstance(inner, dict) else (None, inner)
                key = None
            elif isinstance(event, CollectionEndEvent):
                fields, items, _ = above.pop()
                in_top = len(above) == _IN_TOP
                key = None
            elif isinstance(event, AliasEvent):
                key = self._refuse_alias(event, fields, items, key)
            elif isinstance(event, DocumentStartEvent):
                self._check_document(event)

    def _mark(self, event: Event) -> None:
        """Keep the place of an item of a top-level list, or of an entry of a top-level mapping."""
        name = self._above[-1][2]
        if name is not None:
            self.marks.setdefault(name, array("I")).extend(place_of(event))

    def _path(self, fields: dict[str, Tree] | None, items: list[Tree], key: str | None) -> Path:
        """Spell the path of what comes next. Every box above is the last item, or the pending key, of its own."""
        path: list[str | int] = []
        for outer, list_of, name in self._above[1:]:
            path.append(name or "" if outer is not None else len(list_of) - 1)
        if self._above:
            path.append(len(items)) if fields is None else path.extend(() if key is None else (key,))
        return tuple(path)

    def _check_key(self, event: ScalarEvent, fields: dict[str, Tree], key: str) -> None:
        path = self._path(fields, [], key)
        if key in fields:
            self._note(event, path, "this key stands here twice", "remove one of them")
        elif event.style:
            return
        elif key == "<<":
            self._note(event, path, "merge keys are not supported", _DEFAULTS)
        elif not key:
            self._note(event, path[:-1], "a key is empty", "write it before the colon")

    def _check_start(
        self, event: CollectionStartEvent, fields: dict[str, Tree] | None, items: list[Tree], key: str | None
    ) -> None:
        if fields is not None and key is None:
            self._note(event, self._path(fields, items, None), "a key must be text", "write a word before the colon")
            raise _Stop
        if self._room < 0:
            self._note(event, (), "too many lists and mappings", "split the file")
            raise _Stop
        if len(self._above) >= MAX_DEPTH:
            self._note(
                event, self._path(fields, items, key), f"nested deeper than {MAX_DEPTH} levels", "write it flatter"
            )
            raise _Stop
        if event.anchor is not None or event.tag is not None:
            self._refuse(event, fields, items, key)

    def _refuse(self, event: NodeEvent, fields: dict[str, Tree] | None, items: list[Tree], key: str | None) -> None:
        """Note an anchor or a tag."""
        if event.anchor is not None:
            self._note(event, self._path(fields, items, key), "anchors are not supported", _DEFAULTS)
        if isinstance(event, (ScalarEvent, CollectionStartEvent)) and event.tag is not None:
            self._note(event, self._path(fields, items, key), "tags are not supported", "put text in quotes instead")

    def _refuse_alias(
        self, event: AliasEvent, fields: dict[str, Tree] | None, items: list[Tree], key: str | None
    ) -> str | None:
        """Note an alias, let it stand for nothing, and give the key whose value comes next."""
        self._note(event, self._path(fields, items, key), "aliases are not supported", _DEFAULTS)
        if fields is None:
            items.append(None)
        return "*" if fields is not None and key is None else None

    def _check_document(self, event: Event) -> None:
        self._documents += 1
        if self._documents > 1:
            self._note(event, (), "a file holds one document", "put the second one into a file of its own")
            raise _Stop

    def _note(self, event: Event, path: Path, message: str, hint: str) -> None:
        self.problems.append((*place_of(event), Problem(path, message, hint)))
        if len(self.problems) >= MAX_PROBLEMS:
            raise _Stop

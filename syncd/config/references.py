"""References of the file: the short form, the long form, and what they ask of a store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from syncd.config.convert import Shape
from syncd.config.names import has_control, nearest
from syncd.config.spec import DescribesObjects, FindsObjects, NamesObjects
from syncd.model.reference import Query, RemoteRef
from syncd.model.selection import DataSource, Decode, Literally, Selection
from syncd.node import Path, Problem, Text, text

LONGEST_KEY: Final = 2_048
"""The longest name of an object that a store takes: an AWS ARN."""
LONGEST_QUERY: Final = 4_096


class ReferenceShape(Shape, frozen=True, kw_only=True):
    """A value of one object in a store: the long form of `key#property`."""

    store: Text | None = None
    key: Text | None = None
    property: Text | None = None
    query: Text | None = None
    version: Text | None = None
    mount: Text | None = None
    decode: Decode = "none"
    optional: bool = False
    metadata: Text | None = None


class DataShape(ReferenceShape, frozen=True, kw_only=True):
    """Where the value of one key comes from: an object in a store, or a text that is not secret."""

    literal: Text | None = None


TOLD: Final = "?"
"""Stands for a store that was named wrongly in a place above a reference, which was told there."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The stores that references may name, and what was found out about references so far."""

    providers: Mapping[str, NamesObjects | None]
    """Who spells the names of each store's objects; None for a store that is broken itself, which was told already.
    `TOLD` is always among them."""
    _known: dict[RemoteRef, RemoteRef | Problem] = field(default_factory=dict)
    _expressions: dict[str, str] = field(default_factory=dict)

    def canonical(self, ref: RemoteRef) -> RemoteRef | Problem:
        """Give the one name of the object, or why `ref` names none; found out once for each spelling."""
        found = self._known.get(ref)
        if found is None:
            found = self._known[ref] = self._look_up(ref)
        return found

    def _look_up(self, ref: RemoteRef) -> RemoteRef | Problem:
        if ref.store not in self.providers:
            return self.unknown(ref.store)
        if not ref.key or len(ref.key) > LONGEST_KEY or any(map(has_control, ref)):
            hint = f"1 to {LONGEST_KEY} characters, none of them a control character"
            return Problem((), "not the name of an object", hint)
        provider = self.providers[ref.store]
        if provider is None:
            return ref
        if ref.part and not isinstance(provider, DescribesObjects):
            return Problem(("metadata",), "a store of this type keeps no metadata", "leave it out")
        return provider.canonical(ref)

    def canonical_query(self, query: Query) -> Query | Problem:
        """Give the one form of a query, or why nothing can be looked for so."""
        if query.store not in self.providers:
            return self.unknown(query.store)
        if any(map(has_control, (query.path, query.mount, *(text for tag in query.tags for text in tag)))):
            return Problem(("find",), "it holds a control character", "write the text as it is in the store")
        provider = self.providers[query.store]
        if provider is None:
            return query
        if not isinstance(provider, FindsObjects):
            return Problem(("find",), "a store of this type cannot be searched", "name each object with `key`")
        return provider.canonical_query(query)

    def unknown(self, store: str) -> Problem:
        """Say that there is no store of that name; an empty one was named nowhere."""
        if not store:
            return Problem((), "no store named", "give it a `store`, or put one under `defaults`")
        meant = nearest(store, self.providers)
        hint = f"did you mean {meant}?" if meant else "declare it under `stores`"
        return Problem(("store",), f"there is no store {store[:64]!r}", hint)

    def query_mistake(self, expression: str) -> str:
        """Say what is wrong with a JMESPath expression, or give an empty text."""
        found = self._expressions.get(expression)
        if found is None:
            found = self._expressions[expression] = _query_mistake(expression)
        return found


Report = list[Problem]
"""Where problems are put; their paths start at the mapping that is being read."""


def source(
    written: DataShape | Text, path: Path, *, store: str, catalogue: Catalogue, report: Report
) -> DataSource | None:
    """Give what the value of one key is made of, or None where a problem was reported."""
    if isinstance(written, DataShape):
        if written.literal is None:
            return selection(written, path, store=store, catalogue=catalogue, report=report)
        if written != DataShape(literal=written.literal):
            report.append(Problem(path, "a literal stands alone", "leave out the other fields, or the literal"))
            return None
        return Literally(text(written.literal))
    key, sharp, wanted = text(written).partition("#")
    if sharp and not wanted:
        report.append(Problem(path, "nothing after the #", "write KEY#PROPERTY, or KEY alone for the whole value"))
        return None
    found = catalogue.canonical(RemoteRef(store, key))
    if isinstance(found, Problem):
        report.append(found.under(*path))
        return None
    return Selection(found, wanted or None)


def selection(
    written: ReferenceShape, path: Path, *, store: str, catalogue: Catalogue, report: Report
) -> Selection | None:
    """Give the selection that a long form asks for, or None where a problem was reported."""
    before = len(report)
    if written.property is not None and written.query is not None:
        report.append(Problem((*path, "query"), "property and query exclude each other", "keep one of them"))
    if written.metadata is not None and (written.property is not None or written.query is not None):
        report.append(Problem((*path, "metadata"), "metadata stands for property and query", "keep one of them"))
    for name, value in (("property", written.property), ("query", written.query), ("metadata", written.metadata)):
        if value is not None and not text(value):
            hint = "leave it out for the whole value" if name != "metadata" else "write the name of a tag"
            report.append(Problem((*path, name), "empty", hint))
    query = None if written.query is None else text(written.query)
    if query and (mistake := catalogue.query_mistake(query)):
        report.append(Problem((*path, "query"), mistake, "see jmespath.org for the language"))
    if written.key is None:
        report.append(Problem((*path, "key"), "missing", "name the object in the store"))
        return None
    wanted = RemoteRef(
        text(written.store) if written.store is not None else store,
        text(written.key),
        "" if written.version is None else text(written.version),
        "" if written.mount is None else text(written.mount),
        "" if written.metadata is None else "metadata",
    )
    found = catalogue.canonical(wanted)
    if isinstance(found, Problem):
        report.append(found.under(*path))
        return None
    if len(report) > before:
        return None
    named = written.property if written.metadata is None else written.metadata
    wanted_property = None if named is None else text(named)
    return Selection(found, wanted_property, query, written.decode, written.optional)


def _query_mistake(expression: str) -> str:
    import jmespath  # noqa: PLC0415 — few mappings have a query

    if len(expression) > LONGEST_QUERY:
        return f"longer than {LONGEST_QUERY} characters"
    try:
        jmespath.compile(expression)
    except RecursionError:
        return "not a JMESPath expression: nested too deeply"
    except (jmespath.exceptions.JMESPathError, ValueError) as error:
        # The expression stands in the file and is no secret, so jmespath may say what it minds about it.
        said = str(error).partition("\n")[0].removesuffix(":").removesuffix(", for expression")
        said = said.removeprefix("Bad jmespath expression: ").removeprefix("Invalid jmespath expression: ")
        return f"not a JMESPath expression: {said[:120]}"
    return ""

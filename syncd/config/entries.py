"""Entries of `dataFrom`: objects whose keys are taken, queries, what is issued; and what is made of their keys."""

import msgspec

from syncd import pattern
from syncd.config.convert import Shape
from syncd.config.dynamic import DynamicShape, lease
from syncd.config.references import Catalogue, ReferenceShape, Report, selection
from syncd.model.reference import Query
from syncd.model.selection import ALL_KEYS, Entry, Extract, Finding, KeyRules
from syncd.node import Path, Problem, Text, text

PATTERN_HINT = "the language is that of RE2"


class FindShape(Shape, frozen=True, kw_only=True):
    """Which secrets are looked for: all of them, or those whose names and tags fit."""

    path: Text = ""
    name: Text = ""
    tags: dict[str, Text] = msgspec.field(default_factory=dict)


class ReplaceShape(Shape, frozen=True, kw_only=True):
    """What stands for each match of a pattern in a key."""

    pattern: Text
    stand_in: Text = msgspec.field(name="with")


class KeysShape(Shape, frozen=True, kw_only=True):
    """Which keys are taken and what they are called, applied in this order."""

    include: list[Text] = msgspec.field(default_factory=list)
    exclude: list[Text] = msgspec.field(default_factory=list)
    rename: dict[str, Text] = msgspec.field(default_factory=dict)
    replace: list[ReplaceShape] = msgspec.field(default_factory=list)
    prefix: Text = ""


class EntryShape(ReferenceShape, frozen=True, kw_only=True):
    """An object whose keys become keys of the Secret, a query for secrets that each become one, or what is issued."""

    find: FindShape | None = None
    dynamic: DynamicShape | None = None
    keys: KeysShape | None = None
    overrides: bool = False


def entry(written: EntryShape, path: Path, *, store: str, catalogue: Catalogue, report: Report) -> Entry | None:
    """Give an entry of `dataFrom`, or None where a problem was reported."""
    before = len(report)
    rules = ALL_KEYS if written.keys is None else _rules(written.keys, (*path, "keys"), report)
    if written.dynamic is not None:
        if written.find is not None:
            report.append(Problem((*path, "find"), "find and dynamic exclude each other", "keep one of them"))
        return lease(
            written,
            written.dynamic,
            path,
            keys=rules,
            overrides=written.overrides,
            store=store,
            catalogue=catalogue,
            report=report,
        )
    if written.find is not None:
        query = _query(written, written.find, path, store=store, catalogue=catalogue, report=report)
        fine = query is not None and len(report) == before
        return Finding(query, written.decode, written.overrides, rules) if query is not None and fine else None
    if written.metadata is not None:
        hint = "take it with `data`"
        report.append(Problem((*path, "metadata"), "dataFrom takes many keys, and metadata is one text", hint))
    if written.key is None:
        hint = "name an object in the store, look for some, or have one issued"
        report.append(Problem(path, "it has neither key, find nor dynamic", hint))
        return None
    found = selection(written, path, store=store, catalogue=catalogue, report=report)
    return None if found is None or len(report) > before else Extract(found, written.overrides, rules)


def _query(
    written: EntryShape, find: FindShape, path: Path, *, store: str, catalogue: Catalogue, report: Report
) -> Query | None:
    for name in ("key", "property", "query", "version", "metadata"):
        if getattr(written, name) is not None:
            report.append(Problem((*path, name), f"{name} and find exclude each other", "keep one of them"))
    if written.optional:
        hint = "`allowEmpty` lets it find nothing"
        report.append(Problem((*path, "optional"), "a find is never optional", hint))
    name = text(find.name)
    if name and (mistake := pattern.mistake(name, names=True)):
        report.append(Problem((*path, "find", "name"), f"not a pattern: {mistake}", PATTERN_HINT))
    wanted = Query(
        store if written.store is None else text(written.store),
        text(find.path),
        name,
        tuple(sorted((tag, text(value)) for tag, value in find.tags.items())),
        "" if written.mount is None else text(written.mount),
    )
    found = catalogue.canonical_query(wanted)
    if isinstance(found, Problem):
        report.append(found.under(*path))
        return None
    return found


def _rules(written: KeysShape, path: Path, report: Report) -> KeyRules:
    include = _patterns(written.include, (*path, "include"), report)
    exclude = _patterns(written.exclude, (*path, "exclude"), report)
    for old, new in written.rename.items():
        if not text(new):
            report.append(Problem((*path, "rename", old), "a key without a name", "`exclude` leaves a key out"))
    replace: list[tuple[str, str]] = []
    for index, each in enumerate(written.replace):
        what, stand_in = text(each.pattern), text(each.stand_in)
        place = (*path, "replace", index)
        if mistake := pattern.mistake(what, names=True):
            report.append(Problem((*place, "pattern"), f"not a pattern: {mistake}", PATTERN_HINT))
        elif mistake := pattern.stand_in_mistake(what, stand_in):
            hint = r"write \1 for the first group, and \\ for a backslash"
            report.append(Problem((*place, "with"), mistake, hint))
        replace.append((what, stand_in))
    renamed = tuple(sorted((old, text(new)) for old, new in written.rename.items()))
    return KeyRules(include, exclude, renamed, tuple(replace), text(written.prefix))


def _patterns(written: list[Text], path: Path, report: Report) -> tuple[str, ...]:
    patterns = tuple(text(each) for each in written)
    for index, each in enumerate(patterns):
        if mistake := pattern.mistake(each, names=True):
            report.append(Problem((*path, index), f"not a pattern: {mistake}", PATTERN_HINT))
    return patterns

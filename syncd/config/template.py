"""`template:` of a mapping: texts made of its keys, checked with the line of every mistake in them."""

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from syncd import template
from syncd.config.convert import Shape
from syncd.config.metadata import Kind, checked
from syncd.config.names import is_data_key
from syncd.config.references import Report
from syncd.model.selection import DataSource, Literally
from syncd.model.shaping import Template
from syncd.node import Path, Problem, Text, text

MOST_TOLD: Final = 10
"""Mistakes of one template that are told."""
_OF_METADATA: Final = template.Limits(output=192 * 1024, loops=1_000, steps=10_000, work=4 * 1024 * 1024)
"""For what is rendered while a file is loaded: small, since a file may have many."""
Sources = Collection[tuple[str, DataSource]]


class TemplateShape(Shape, frozen=True, kw_only=True):
    """Keys, labels and annotations made of the mapping's keys."""

    data: dict[str, Text] = msgspec.field(default_factory=dict)
    labels: dict[str, Text] = msgspec.field(default_factory=dict)
    annotations: dict[str, Text] = msgspec.field(default_factory=dict)
    keep: bool = True


def template_of(
    written: TemplateShape | None,
    data: Sources,
    keys: Collection[str] | None,
    report: Report,
) -> Template | None:
    """Give the templates of keys; `keys` are those that the mapping can give, None where the stores tell."""
    if written is None:
        return None
    if not written.data and not written.labels and not written.annotations:
        report.append(Problem(("template",), "no template in it", "write template: {data: {KEY: TEXT}}"))
    if not written.data and not written.keep:
        report.append(Problem(("template", "keep"), "nothing would be left", "give it a key under `data`"))
    if not written.data:
        return None
    made: list[tuple[str, str]] = []
    for key, value in written.data.items():
        where = ("template", "data", key)
        if not is_data_key(key):
            hint = "letters, digits, -, _ and ., at most 253; not . and not starting with .."
            report.append(Problem(where, "not a key for a Secret", hint))
        report.extend(_mistakes(text(value), where, data, keys))
        made.append((key, text(value)))
    return Template(tuple(made), written.keep)


def with_templates(keys: frozenset[str] | None, made: Template | None) -> frozenset[str] | None:
    """Give the keys that the Secret can have after its templates; None where the stores tell."""
    if made is None:
        return keys
    named = frozenset(key for key, _ in made.data)
    if not made.keep:
        return named
    return None if keys is None else keys | named


def templated(
    kind: Kind,
    written: TemplateShape | None,
    data: Sources,
    beside: Mapping[str, Text],
    secret_type: str,
    report: Report,
) -> Mapping[str, Text]:
    """Give labels or annotations: those that stand `beside` the template, and those that it makes.

    They are made of literals alone, for everybody can read them; so they are made here, and checked like any other.
    """
    if written is None:
        return beside
    found = dict(beside)
    for key, value in (written.labels if kind == "labels" else written.annotations).items():
        where = ("template", kind, key)
        wrong: Report = []
        if key in beside:
            wrong.append(Problem(where, f"it stands under `{kind}` of the mapping too", "remove one of them"))
        made = _made(text(value), where, data, wrong)
        if not wrong:
            wrong += [Problem(where, each.message, each.hint) for each in _unfit(kind, key, made, secret_type)]
        if not wrong:
            found[key] = made
        report.extend(wrong)
    return found


def _unfit(kind: Kind, key: str, value: str, secret_type: str) -> Report:
    wrong: Report = []
    checked(kind, {key: value}, secret_type, wrong)
    return wrong


def _made(written: str, where: Path, data: Sources, report: Report) -> str:
    """Render a template of literals; what is wrong with it is put in `report`."""
    values = {
        key: source.text.encode("utf-8", "surrogatepass") for key, source in data if isinstance(source, Literally)
    }
    wrong = _mistakes(written, where, data, [key for key, _ in data], literals_only=True)
    program = template.read(written)
    if wrong or isinstance(program, tuple):
        report.extend(wrong)
        return ""
    result = template.render(program, values, _OF_METADATA)
    if isinstance(result, template.Stopped):
        report.append(Problem(where, f"line {result.line}: {result.message}"))
        return ""
    return result.decode()


def _mistakes(
    written: str, where: Path, data: Sources, keys: Collection[str] | None, *, literals_only: bool = False
) -> Report:
    """Say what is wrong with a template, each with its line in the text."""
    program = template.read(written)
    if isinstance(program, tuple):
        found = program
    else:
        literals = frozenset(key for key, source in data if isinstance(source, Literally))
        known = template.Known(frozenset(keys or ()), literals, more=keys is None)
        found = template.mistakes(program, known, literals_only=literals_only)
    return [Problem(where, f"line {each.line}: {each.message}", each.hint) for each in found[:MOST_TOLD]]

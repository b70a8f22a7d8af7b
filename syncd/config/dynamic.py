"""`dynamic`: short-lived secrets that a store issues for a mapping, as an entry of `dataFrom`."""

from typing import Final

import msgspec

from syncd.config.convert import Shape
from syncd.config.names import has_control
from syncd.config.references import Catalogue, ReferenceShape, Report
from syncd.config.spec import IssuesLeases
from syncd.config.template import TemplateShape
from syncd.model.selection import KeyRules, Lease
from syncd.node import Path, Problem, Text, text

LONGEST_PATH: Final = 1_024
MOST_PARAMETERS: Final = 64
_EXCLUDED: Final = ("key", "property", "query", "version", "mount", "metadata")


class DynamicShape(Shape, frozen=True, kw_only=True):
    """What is issued: the endpoint of a secrets engine, and what is sent along."""

    path: Text
    parameters: dict[str, Text] = msgspec.field(default_factory=dict)


def lease(
    written: ReferenceShape,
    dynamic: DynamicShape,
    path: Path,
    *,
    keys: KeyRules,
    overrides: bool,
    store: str,
    catalogue: Catalogue,
    report: Report,
) -> Lease | None:
    """Give the entry, or None where a problem was reported."""
    before = len(report)
    for name in _EXCLUDED:
        if getattr(written, name) is not None:
            hint = "the path holds the mount" if name == "mount" else "keep one of them"
            report.append(Problem((*path, name), f"{name} and dynamic exclude each other", hint))
    if written.optional:
        report.append(Problem((*path, "optional"), "what is issued is never optional", "leave it out"))
    if written.decode != "none":
        report.append(Problem((*path, "decode"), "what is issued is taken as it is", "leave it out"))
    parameters = tuple(sorted((name, text(value)) for name, value in dynamic.parameters.items()))
    if len(parameters) > MOST_PARAMETERS:
        report.append(Problem((*path, "dynamic", "parameters"), f"more than {MOST_PARAMETERS}"))
    if any(not name or has_control(name) for name, _ in parameters):
        report.append(Problem((*path, "dynamic", "parameters"), "not the name of a parameter"))
    name = store if written.store is None else text(written.store)
    found = _canonical(name, text(dynamic.path), catalogue)
    if isinstance(found, Problem):
        report.append(found.under(*path))
        return None
    return Lease(name, found, parameters, overrides, keys) if len(report) == before else None


def lease_mistakes(leases: tuple[Lease, ...], template: TemplateShape | None, *, immutable: bool) -> Report:
    """Say what a mapping with short-lived secrets cannot be; paths start at the mapping."""
    report: Report = []
    if leases and template is not None and not template.keep:
        hint = "say `keep: true`: their values stand in the Secret and nowhere else"
        report.append(Problem(("template", "keep"), "it would drop the keys of a short-lived secret", hint))
    if leases and immutable:
        hint = "leave it out: a short-lived secret is replaced again and again"
        report.append(Problem(("immutable",), "a Secret with a short-lived secret has to change", hint))
    return report


def _canonical(store: str, path: str, catalogue: Catalogue) -> str | Problem:
    if store not in catalogue.providers:
        return catalogue.unknown(store)
    if not path or len(path) > LONGEST_PATH or has_control(path):
        hint = "write the mount and the path below it, such as database/creds/app"
        return Problem(("dynamic", "path"), "not the path of an engine", hint)
    provider = catalogue.providers[store]
    if provider is None:
        return path
    if not isinstance(provider, IssuesLeases):
        return Problem(("dynamic",), "a store of this type issues no short-lived secrets", "name a Vault store")
    found = provider.canonical_path(path)
    return found.under("dynamic") if isinstance(found, Problem) else found

"""Where a mapping's Secret goes: namespace and target."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from syncd.config.names import LABEL_HINT, is_dns_label, nearest
from syncd.config.references import Report
from syncd.node import Problem, Text, text

NO_NAMESPACE: Final = Problem(("namespace",), "missing", "name it here, or under `defaults`")


@dataclass(frozen=True, slots=True)
class Places:
    """Which namespaces and targets a mapping may name, and which it gets where it names none."""

    targets: Collection[str]
    """Names, in the order of the file; empty where the targets are broken themselves, which was told already."""
    protected: Collection[str] = frozenset()
    """Namespaces that no mapping may write to."""
    namespace: str | None = None
    """The default."""


def namespace_mistake(name: str, protected: Collection[str]) -> Problem | None:
    """Say why no mapping may write to the namespace `name`."""
    if not is_dns_label(name):
        return Problem(("namespace",), f"{name[:64]!r} is not a name for a namespace", LABEL_HINT)
    if name in protected:
        hint = "`guards.protectedNamespaces` lists them; the home namespace always is"
        return Problem(("namespace",), f"{name} is a protected namespace", hint)
    return None


def namespace_of(written: Text | None, places: Places, report: Report) -> str:
    """Give the namespace, the default where none is written; empty where a problem was reported."""
    if written is None:
        if places.namespace is None:
            report.append(NO_NAMESPACE)
        return places.namespace or ""
    name = text(written)
    mistake = namespace_mistake(name, places.protected)
    if mistake is not None:
        report.append(mistake)
    return name


def target_of(written: Text | None, places: Places, report: Report) -> str:
    """Give the name of the target, the only one where none is written; empty where a problem was reported."""
    if not places.targets:
        return ""
    if written is None:
        if len(places.targets) > 1:
            hint = "one of " + ", ".join(places.targets)
            report.append(Problem(("target",), "missing, since there are several targets", hint))
        return next(iter(places.targets))
    name = text(written)
    if name not in places.targets:
        meant = nearest(name, places.targets)
        hint = f"did you mean {meant}?" if meant else "one of " + ", ".join(places.targets)
        report.append(Problem(("target",), f"there is no target {name[:64]!r}", hint))
    return name

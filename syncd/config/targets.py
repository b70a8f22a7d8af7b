"""Targets of the file: where Secrets go."""

from pathlib import Path

from syncd.config.convert import Shape
from syncd.config.durations import number
from syncd.config.names import is_word
from syncd.config.settings import DirectoryTarget, KubernetesTarget, TargetSettings
from syncd.config.stores import MOST_REQUESTS, NAME_HINT
from syncd.node import Problem, Text, text

DEFAULT_NAME = "default"
"""Of the one target that `target:` gives."""


class ApiLimitsShape(Shape, frozen=True, kw_only=True):
    """How hard the API server may be asked."""

    requests_per_second: Text = 500


class KubernetesShape(Shape, frozen=True, kw_only=True):
    """A cluster: the Pod's own, or the one that a kubeconfig's context names."""

    kubeconfig: Text | None = None
    context: Text | None = None
    limits: ApiLimitsShape = ApiLimitsShape()


class DirectoryShape(Shape, frozen=True, kw_only=True):
    """A folder of manifests."""

    path: Text


class TargetShape(Shape, frozen=True, kw_only=True):
    """Where Secrets go: exactly one kind."""

    kubernetes: KubernetesShape | None = None
    directory: DirectoryShape | None = None


def targets_of(
    single: TargetShape | None, several: dict[str, TargetShape] | None, *, base: Path
) -> dict[str, TargetSettings] | list[Problem]:
    """Give the targets by name, in the order of the file, or all that is wrong with them."""
    if single is not None and several is not None:
        return [Problem(("targets",), "target and targets exclude each other", "keep one of them")]
    if single is not None:
        found = _target(DEFAULT_NAME, single, base)
        return [problem.under("target") for problem in found] if isinstance(found, list) else {DEFAULT_NAME: found}
    if not several:
        return [Problem(("target",), "missing", "write target: {kubernetes: {}}")]
    targets: dict[str, TargetSettings] = {}
    report: list[Problem] = []
    for name, shape in several.items():
        if not is_word(name):
            report.append(Problem(("targets", name), "not a name for a target", NAME_HINT))
        found = _target(name, shape, base)
        if isinstance(found, list):
            report.extend(problem.under("targets", name) for problem in found)
        else:
            targets[name] = found
    return report or targets


def _target(name: str, shape: TargetShape, base: Path) -> TargetSettings | list[Problem]:
    if (shape.kubernetes is None) == (shape.directory is None):
        return [Problem((), "exactly one of kubernetes and directory", "such as {kubernetes: {}}")]
    if shape.directory is not None:
        path = text(shape.directory.path)
        return DirectoryTarget(name, base / path) if path else [Problem(("directory", "path"), "empty")]
    cluster = shape.kubernetes or KubernetesShape()
    rate = number(text(cluster.limits.requests_per_second))
    if not rate or rate > MOST_REQUESTS:
        where = ("kubernetes", "limits", "requestsPerSecond")
        return [Problem(where, f"not a number above 0, at most {MOST_REQUESTS}")]
    return KubernetesTarget(
        name,
        kubeconfig=None if cluster.kubeconfig is None else base / text(cluster.kubeconfig),
        context=None if cluster.context is None else text(cluster.context),
        requests_per_second=rate,
    )

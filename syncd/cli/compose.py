"""The composition root: from a configuration file to stores, targets and the home that a verb works with."""

import fnmatch
import os
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from syncd.cli.stop import CONFIGURATION, USAGE, Stop
from syncd.config.files import ConfigurationError
from syncd.config.load import load
from syncd.config.settings import Configuration, DirectoryTarget, Guards, KubernetesTarget, TargetSettings
from syncd.config.settings import Home as HomeSettings
from syncd.fetch.call import CallRecord
from syncd.fetch.gateway import Gateway
from syncd.fetch.registry import ProviderUnusable, Registry
from syncd.fetch.seam import Provider
from syncd.keys import InstanceKey
from syncd.model.inventory import Entry, Inventory
from syncd.model.mapping import SecretMapping
from syncd.plan.instance import Instance, Rules
from syncd.reconcile import Standing, objection, orphaned
from syncd.target.directory import DirectoryReader
from syncd.target.directory import DirectoryTarget as Folder
from syncd.target.seam import Home, HomeReader, Target, TargetReader

if TYPE_CHECKING:
    from syncd.cli.cluster import Opened

R = TypeVar("R", bound=TargetReader)
H = TypeVar("H", bound=HomeReader)
Observe = Callable[[CallRecord], None]

DEFAULT_HOME = "syncd"
"""Namespace of the home objects outside a Pod."""
_SHOWN = 5
"""Secrets that a message lists as examples."""


@dataclass(frozen=True, slots=True)
class Parts(Generic[R, H]):
    """What a verb works with. A diff's readers and home cannot write: their types have nothing to write with."""

    configuration: Configuration[Provider]
    mappings: tuple[SecretMapping, ...]
    """Those that `--select` leaves."""
    gateway: Gateway
    targets: Mapping[str, R]
    home: H | None
    """None where every target is a folder."""
    home_namespace: str

    def instance(self, key: InstanceKey | None) -> Instance:
        """Say who plans, with the key at hand."""
        configuration = self.configuration
        plain = frozenset(n for n, target in configuration.targets.items() if isinstance(target, DirectoryTarget))
        return Instance(
            name=configuration.instance,
            key=key,
            configuration=configuration.home.configuration or str(configuration.file),
            sources=configuration.home.sources,
            plain_targets=plain,
            former=frozenset(before.instance for before in configuration.home.previous),
        )

    def standing(self, key: InstanceKey | None, options: Namespace | None) -> Standing:
        """Say who reconciles and what this run may do; None: the daemon, which is told nothing."""
        allowed = rules(self.configuration, options, home_namespace=self.home_namespace)
        return Standing.of(self.configuration.mappings, instance=self.instance(key), rules=allowed)

    def orphans(self, standing: Standing, inventory: Inventory | None, options: Namespace) -> list[Entry]:
        """List what is owned and wanted by nobody; with `--select` nothing outside is an orphan."""
        if options.select:
            return []
        return orphaned(self.configuration.mappings, inventory, self.targets, instance=standing.instance)

    def objection(self, standing: Standing, inventory: Inventory | None, *, take_over: bool = False) -> str | None:
        """Say why the configuration may not act on what its instance owns; None where it may."""
        configuration = self.configuration
        return objection(
            configuration.mappings,
            inventory,
            instance=standing.instance,
            allow_no_mappings=configuration.guards.allow_no_mappings,
            take_over=take_over,
        )

    def describe(self) -> str:
        """Name every target for the head of a diff."""
        return ", ".join(target.describe() for target in self.targets.values())


def own_namespace(environment: Mapping[str, str]) -> str:
    """Name the home namespace of a configuration that names none: the Pod's own in a Pod."""
    if "KUBERNETES_SERVICE_HOST" not in environment:
        return DEFAULT_HOME
    from syncd.target import kube_login  # noqa: PLC0415 — as heavy as urllib3, and outside of a Pod there is none

    return kube_login.own_namespace(environment, kube_login.SERVICE_ACCOUNT) or DEFAULT_HOME


def load_configuration(options: Namespace, *, may_consume: bool = False) -> Configuration[Provider]:
    """Load the file that the options name; raises Stop with every problem.

    Only a run that writes may use up what serves once, such as a wrapped secret id.
    """
    path = Path(options.config)
    if not os.path.lexists(path):
        message = f"syncd: there is no file {path}; name the configuration with --config FILE or in SYNCD_CONFIG"
        raise Stop(CONFIGURATION, message)
    try:
        return load(path, Registry(), own_namespace=own_namespace(os.environ), may_consume=may_consume)
    except ConfigurationError as error:
        lines = [str(diagnostic) for diagnostic in error.diagnostics]
        many = f"{len(lines)} problems" if len(lines) > 1 else "1 problem"
        raise Stop(CONFIGURATION, "\n".join([*lines, f"syncd: {many} in {path}"])) from None
    except ProviderUnusable as error:
        raise Stop(CONFIGURATION, f"syncd: {path}: {error}") from None


def rules(configuration: Configuration[Provider], options: Namespace | None, *, home_namespace: str) -> Rules:
    """Join what the file allows with what this run was told.

    The daemon is told nothing: it removes what has been due for long enough, within the guards.
    """
    guards: Guards = configuration.guards
    stores = configuration.stores.values()
    return Rules(
        allow_replace=guards.allow_replace or bool(options and options.allow_replace),
        prune=options is None or bool(options.prune),
        issue=options is None or bool(options.issue),
        allow_deletes=options.allow_deletes if options else None,
        allow_changes=options.allow_changes if options else None,
        max_deletes_count=guards.max_deletes_count,
        max_deletes_percent=guards.max_deletes_percent,
        max_changes_percent=guards.max_changes_percent,
        protected_namespaces=guards.protected_namespaces | {home_namespace},
        formerly={store.formerly: store.name for store in stores if store.formerly},
    )


def opened_for_reading(
    options: Namespace, *, observe: Observe | None = None
) -> AbstractContextManager[Parts[TargetReader, HomeReader]]:
    """Open everything for a run that cannot write."""

    def folder(settings: DirectoryTarget) -> TargetReader:
        return DirectoryReader(_as_typed(settings.path), target=settings.name)

    def cluster(settings: KubernetesTarget, home: HomeSettings, instance: str) -> "Opened[TargetReader, HomeReader]":
        from syncd.cli.cluster import open_reader  # noqa: PLC0415 — a run that writes to a folder does not pay for it

        return open_reader(settings, home, instance, os.environ)

    return _opened(options, observe, folder, cluster, writes=False)


def opened_for_writing(
    options: Namespace, *, observe: Observe | None = None
) -> AbstractContextManager[Parts[Target, Home]]:
    """Open everything for a run that writes: which cluster must have been said, so that nobody writes by accident."""

    def folder(settings: DirectoryTarget) -> Target:
        return Folder(_as_typed(settings.path), target=settings.name)

    def cluster(settings: KubernetesTarget, home: HomeSettings, instance: str) -> "Opened[Target, Home]":
        from syncd.cli.cluster import open_target  # noqa: PLC0415 — a run that writes to a folder does not pay for it

        return open_target(settings, home, instance, os.environ)

    return _opened(options, observe, folder, cluster, writes=True)


@contextmanager
def _opened(
    options: Namespace,
    observe: Observe | None,
    folder: Callable[[DirectoryTarget], R],
    cluster: "Callable[[KubernetesTarget, HomeSettings, str], Opened[R, H]]",
    *,
    writes: bool,
) -> Iterator[Parts[R, H]]:
    configuration = load_configuration(options, may_consume=writes)
    selected = _selected(configuration, options)
    with ExitStack() as stack:
        targets: dict[str, R] = {}
        home: H | None = None
        namespace = configuration.home.namespace or DEFAULT_HOME
        for name, settings in _told(configuration, options).items():
            if isinstance(settings, DirectoryTarget):
                targets[name] = folder(settings)
            else:
                opened = cluster(settings, configuration.home, configuration.instance)
                targets[name] = opened.target
                if home is None:  # the home objects stand in the first cluster
                    home, namespace = opened.home, opened.namespace
            stack.callback(targets[name].close)
        gateway = Gateway(configuration.stores, observe=observe)
        stack.callback(gateway.close)
        yield Parts(configuration, selected, gateway, targets, home, namespace)


def _as_typed(path: Path) -> Path:
    """Give the path of a folder as a person would type it from where they are, if that is above it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _told(configuration: Configuration[Provider], options: Namespace) -> dict[str, TargetSettings]:
    """Give the targets with `--context` in the one that it is for."""
    context: str | None = getattr(options, "context", None)
    targets = dict(configuration.targets)
    if context is None:
        return targets
    clusters = [name for name, settings in targets.items() if isinstance(settings, KubernetesTarget)]
    if len(clusters) != 1:
        many = "none: leave it out" if not clusters else f"{len(clusters)}: write a `context` under each of them"
        message = f"syncd: --context is for a configuration with one cluster; {options.config} has {many}"
        raise Stop(USAGE, message)
    return {
        name: replace(settings, context=context) if isinstance(settings, KubernetesTarget) else settings
        for name, settings in targets.items()
    }


def _selected(configuration: Configuration[Provider], options: Namespace) -> tuple[SecretMapping, ...]:
    patterns: Sequence[str] = getattr(options, "select", ())
    if not patterns:
        return configuration.mappings
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(str(mapping.key), pattern) for mapping in configuration.mappings):
            raise Stop(USAGE, _unmatched(pattern, options.config, configuration.mappings))
    return tuple(
        mapping
        for mapping in configuration.mappings
        if any(fnmatch.fnmatchcase(str(mapping.key), pattern) for pattern in patterns)
    )


def _unmatched(pattern: str, file: str, mappings: Sequence[SecretMapping]) -> str:
    """Say that `--select` matches nothing, and what was probably meant, or at least what there is."""
    known = sorted({str(mapping.key) for mapping in mappings})
    said = f"syncd: --select {pattern} matches no Secret of {file}"
    if not known:
        return f"{said}, which has no mappings"
    close = get_close_matches(pattern, known, n=1)
    if close:
        return f"{said}; did you mean {close[0]}?"
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"{said}; write NAMESPACE/NAME, such as {', '.join(known[:_SHOWN])}{more}"

"""What a loaded configuration is: the types that the rest of syncd is given. Paths are absolute, names checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Literal, TypeVar

from syncd.model.mapping import SecretMapping
from syncd.model.store import Store


@dataclass(frozen=True, slots=True)
class KubernetesTarget:
    """A cluster."""

    name: str
    kubeconfig: Path | None = None
    context: str | None = None
    requests_per_second: float = 500.0


@dataclass(frozen=True, slots=True)
class DirectoryTarget:
    """A folder of manifests."""

    name: str
    path: Path = field(default=Path())


TargetSettings = KubernetesTarget | DirectoryTarget


@dataclass(frozen=True, slots=True)
class Guards:
    """What a run may change without being told twice."""

    max_deletes_count: int = 10
    max_deletes_percent: float = 5.0
    max_changes_percent: float | None = None
    allow_no_mappings: bool = False
    allow_replace: bool = False
    allow_restart: bool = False
    allow_types: frozenset[str] = frozenset()
    protected_namespaces: frozenset[str] = frozenset({"kube-system", "kube-public", "kube-node-lease"})


@dataclass(frozen=True, slots=True)
class PreviousHome:
    """Under which name, and with which key, the instance wrote before: its marks and inventory are still believed."""

    instance: str
    secret: str | None = None
    """Name of the Secret of the home namespace that holds the key under `key`; None with a key file."""
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Home:
    """Where the instance keeps its key, inventory and Lease."""

    namespace: str | None = None
    """None: the Pod's own, else `syncd`."""
    key_file: Path | None = None
    configuration: str | None = None
    """The configuration's name in the inventory; None: the absolute path of the main file."""
    sources: Literal["full", "store", "none"] = "full"
    previous: tuple[PreviousHome, ...] = ()


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """How `syncd run` behaves."""

    listen: str | None = None
    """HOST:PORT; None: 127.0.0.1:8080, in a Pod :8080."""
    workers: int = 16


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How much is logged, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = "auto"


P_co = TypeVar("P_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Configuration(Generic[P_co]):
    """One whole, checked configuration."""

    file: Path
    """The main file, absolute."""
    instance: str
    targets: Mapping[str, TargetSettings]
    """By name, in the order of the file; the one of `target:` is called `default`."""
    stores: Mapping[str, Store[P_co]]
    mappings: tuple[SecretMapping, ...]
    """Of all files, in their order; every reference canonical, no two for one Secret."""
    guards: Guards = Guards()
    home: Home = Home()
    daemon: DaemonSettings = DaemonSettings()
    log: LogSettings = LogSettings()
    files: tuple[Path, ...] = ()
    """Every file that was read, absolute, the main file first: what a reload watches."""

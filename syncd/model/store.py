"""Stores as the configuration declares them: settings that every store takes, and a store with its provider."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from syncd.model.position import Position

P_co = TypeVar("P_co", covariant=True)
"""The provider; a parameter, so that the configuration can hold stores without knowing the fetch seam."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a store may take, in seconds."""

    connect: float = 3.0
    read: float = 10.0
    """Between two packets."""
    total: float = 20.0
    """For one wire request with its body."""


@dataclass(frozen=True, slots=True)
class Tls:
    """How a store's certificate is checked, and ours shown. Verification is never off."""

    ca_file: Path | None = None
    server_name: str | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    system_too: bool = False
    """True: beside `ca_file` the system's authorities are believed, as at the login endpoints of public clouds."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """What every store takes beside its own options, handed to `ProviderSpec.create`."""

    name: str
    """The store's name in the configuration."""
    base: Path
    """Folder of the file that names the store; relative paths of credentials start here."""
    timeouts: Timeouts = Timeouts()
    tls: Tls = Tls()
    proxy: str | None = None
    plaintext: bool = False
    """True where the platform file says `plaintext: mesh`: `http://` is then allowed beyond loopback."""
    clock: Callable[[], float] | None = None
    """Monotonic seconds; None for the real clock. Tests move it."""
    may_consume: bool = False
    """True where what serves only once may be used up, such as a wrapped secret id; never in a diff or a check."""


@dataclass(frozen=True, slots=True)
class Store(Generic[P_co]):
    """One store of the configuration, ready to be read."""

    name: str
    type: str
    provider: P_co
    origin: Position
    requests_per_second: float
    concurrency: int
    formerly: str | None = None
    """The name it had before; the sources recorded under it are the same objects."""

"""What is made of values once they are read: typed Secrets, templates, and what must hold of them before a write."""

from dataclasses import dataclass
from typing import Final

from syncd.model.selection import DataSource


@dataclass(frozen=True, slots=True)
class TlsPair:
    """`kubernetes.io/tls` from PEM: the chain, sorted leaf first, its key, and `ca.crt` where one is given."""

    certificate: DataSource
    private_key: DataSource
    ca: DataSource | None = None


@dataclass(frozen=True, slots=True)
class TlsBundle:
    """`kubernetes.io/tls` from a PKCS#12 bundle."""

    pkcs12: DataSource
    password: DataSource | None = None


@dataclass(frozen=True, slots=True)
class Registry:
    """One registry of images and who logs in to it."""

    server: DataSource
    username: DataSource
    password: DataSource
    email: DataSource | None = None


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """`kubernetes.io/dockerconfigjson` of one or several registries."""

    registries: tuple[Registry, ...]


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """`kubernetes.io/basic-auth`; one of the two may be missing."""

    username: DataSource | None = None
    password: DataSource | None = None


@dataclass(frozen=True, slots=True)
class SshAuth:
    """`kubernetes.io/ssh-auth`: a private key in a PEM frame, and `known_hosts` where one is given."""

    private_key: DataSource
    known_hosts: DataSource | None = None


Builder = TlsPair | TlsBundle | DockerConfig | BasicAuth | SshAuth


def sources_of(builder: Builder) -> tuple[DataSource, ...]:
    """Give every source that a builder takes, in the order of its fields."""
    found: tuple[DataSource | None, ...]
    match builder:
        case TlsPair():
            found = (builder.certificate, builder.private_key, builder.ca)
        case TlsBundle():
            found = (builder.pkcs12, builder.password)
        case DockerConfig():
            parts = ((each.server, each.username, each.password, each.email) for each in builder.registries)
            found = tuple(source for part in parts for source in part)
        case BasicAuth():
            found = (builder.username, builder.password)
        case SshAuth():
            found = (builder.private_key, builder.known_hosts)
    return tuple(source for source in found if source is not None)


@dataclass(frozen=True, slots=True)
class Template:
    """Texts that are made of the mapping's keys, each under its key; checked when the file was loaded."""

    data: tuple[tuple[str, str], ...]
    labels: tuple[tuple[str, str], ...] = ()
    """Made of literals only, as annotations are: a label shows what stands in it."""
    annotations: tuple[tuple[str, str], ...] = ()
    keep: bool = True
    """False: keys that no template names are dropped."""


@dataclass(frozen=True, slots=True)
class CertificateCheck:
    """How long the leaf certificate under a key must still be valid."""

    key: str = "tls.crt"
    min_valid: float = 0.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What must hold of the finished keys before anything is written."""

    required: tuple[str, ...] = ()
    matches: tuple[tuple[str, str], ...] = ()
    """Key and RE2 pattern, unanchored."""
    json: tuple[str, ...] = ()
    """Keys whose values are JSON."""
    max_bytes: int | None = None
    """Of all values together."""
    certificate: CertificateCheck | None = None


NO_CHECKS: Final = Checks()

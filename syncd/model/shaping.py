"""What is made of values once they are read: typed Secrets, templates, and what must hold of them before a write."""

from dataclasses import dataclass
from typing import Final, NamedTuple

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


class Part(NamedTuple):
    """One value that a builder takes."""

    name: str
    """Its place in the mapping, such as `tls.certificate` or `docker[0].password`."""
    key: str
    """The key of the Secret that it ends up in."""
    source: DataSource


def parts_of(builder: Builder) -> tuple[Part, ...]:
    """Give every value that a builder takes, in the order of its fields."""
    found: tuple[tuple[str, str, DataSource | None], ...]
    match builder:
        case TlsPair():
            found = (
                ("tls.certificate", "tls.crt", builder.certificate),
                ("tls.privateKey", "tls.key", builder.private_key),
                ("tls.ca", "ca.crt", builder.ca),
            )
        case TlsBundle():
            found = (("tls.pkcs12", "tls.key", builder.pkcs12), ("tls.password", "tls.key", builder.password))
        case DockerConfig():
            found = tuple(
                (f"docker[{index}].{name}", ".dockerconfigjson", source)
                for index, each in enumerate(builder.registries)
                for name, source in (
                    ("server", each.server),
                    ("username", each.username),
                    ("password", each.password),
                    ("email", each.email),
                )
            )
        case BasicAuth():
            found = (
                ("basicAuth.username", "username", builder.username),
                ("basicAuth.password", "password", builder.password),
            )
        case SshAuth():
            found = (
                ("sshAuth.privateKey", "ssh-privatekey", builder.private_key),
                ("sshAuth.knownHosts", "known_hosts", builder.known_hosts),
            )
    return tuple(Part(name, key, source) for name, key, source in found if source is not None)


def keys_of(builder: Builder) -> frozenset[str]:
    """Name every key that a builder makes, those of optional values among them."""
    made = {part.key for part in parts_of(builder)}
    return frozenset(made | {"tls.crt"} if isinstance(builder, TlsBundle) else made)


@dataclass(frozen=True, slots=True)
class Template:
    """Texts that are made of the mapping's keys, each under its key; checked when the file was loaded.

    Labels and annotations are made of literals alone, and so when the file is loaded: the mapping has them as they are.
    """

    data: tuple[tuple[str, str], ...]
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

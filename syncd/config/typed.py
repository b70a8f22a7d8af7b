"""Builders of typed Secrets as the file spells them, and the `Builder` that each becomes."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from syncd.config.convert import Shape
from syncd.config.names import SHORT_TYPES
from syncd.config.references import Catalogue, DataShape, Report, source
from syncd.model.selection import DataSource, Literally, Selection
from syncd.model.shaping import BasicAuth, Builder, DockerConfig, Registry, SshAuth, TlsBundle, TlsPair, keys_of
from syncd.node import Path, Problem, Text, text

Written = DataShape | Text | None
"""A reference in its short or long form, or `{literal: TEXT}`."""


class TlsSecretShape(Shape, frozen=True, kw_only=True):
    """`kubernetes.io/tls`: a PEM chain and its key, or a PKCS#12 bundle."""

    certificate: Written = None
    private_key: Written = None
    ca: Written = None
    pkcs12: Written = None
    password: Written = None


class RegistryShape(Shape, frozen=True, kw_only=True):
    """A registry of images, and who logs in to it. Plain text for `server` is the address itself."""

    server: DataShape | Text
    username: DataShape | Text
    password: DataShape | Text
    email: Written = None


class BasicAuthShape(Shape, frozen=True, kw_only=True):
    """`kubernetes.io/basic-auth`: at least one of the two."""

    username: Written = None
    password: Written = None


class SshAuthShape(Shape, frozen=True, kw_only=True):
    """`kubernetes.io/ssh-auth`: a private key in its PEM frame."""

    private_key: DataShape | Text
    known_hosts: Written = None


BuilderShape = TlsSecretShape | list[RegistryShape] | BasicAuthShape | SshAuthShape
TYPES: Final[Mapping[str, str]] = {
    "tls": SHORT_TYPES["tls"],
    "docker": SHORT_TYPES["docker-registry"],
    "basicAuth": SHORT_TYPES["basic-auth"],
    "sshAuth": SHORT_TYPES["ssh-auth"],
}
"""The type of Secret that each builder makes."""
_SECRET: Final = frozenset({"privateKey", "pkcs12", "password"})
"""What is never written in the file."""
_NEEDED: Final = _SECRET - {"password"} | {"certificate", "server"}
"""What no Secret can be made without, wherever it stands."""
_NAME_IT: Final = "name where it is in a store, such as KEY#PROPERTY"


class _Reader:
    """Reads the parts of one builder; every problem is told at its own place."""

    def __init__(self, store: str, catalogue: Catalogue, report: Report) -> None:
        self._store, self._catalogue, self._report = store, catalogue, report

    def part(self, written: Written, path: Path, *, needed: bool = False) -> DataSource | None:
        """Give where the value comes from; None where none is written, or a problem was told."""
        name = str(path[-1])
        if written is None:
            return None
        if isinstance(written, DataShape) and written.literal is not None and name in _SECRET:
            self.tell((*path, "literal"), "a credential is never written in the file", _NAME_IT)
            return None
        found = self._plain(written, path)
        if found is None:
            found = source(written, path, store=self._store, catalogue=self._catalogue, report=self._report)
        if isinstance(found, Selection) and found.optional and (needed or name in _NEEDED):
            self.tell((*path, "optional"), "no such Secret can be made without it", "leave `optional` out")
        return found

    def _plain(self, written: DataShape | Text, path: Path) -> DataSource | None:
        """Give an address that stands for itself, which a server's does; None for a reference."""
        if isinstance(written, DataShape):
            return None
        address = text(written)
        if path[-1] == "email" and "@" in address and "#" not in address:
            hint = "write {literal: ADDRESS}; plain text is a reference, and a key with @ in it stands as {key: KEY}"
            self.tell(path, "an address itself, where a reference stands", hint)
            return Literally(address)
        if path[-1] != "server":
            return None
        if not address or "#" in address:
            hint = "plain text is the address itself; from a store it is {key: KEY, property: PROPERTY}"
            self.tell(path, "not the address of a registry", hint)
        return Literally(address)

    def missing(self, path: Path, hint: str) -> None:
        self.tell(path, "missing", hint)

    def tell(self, path: Path, message: str, hint: str) -> None:
        self._report.append(Problem(path, message, hint))


def builder_of(
    written: Mapping[str, BuilderShape], *, store: str, catalogue: Catalogue, report: Report
) -> Builder | None:
    """Give what makes the keys of a typed Secret; None where none is written, or it cannot be told.

    `written` holds the builders by their fields.
    """
    reader = _Reader(store, catalogue, report)
    found: Builder | None = None
    first = ""
    for name, shape in written.items():
        if first:
            reader.tell((name,), f"{first} and {name} exclude each other", "a Secret has one type: keep one of them")
            continue
        first = name
        match shape:
            case TlsSecretShape():
                found = _tls(shape, (name,), reader)
            case BasicAuthShape():
                found = _basic_auth(shape, (name,), reader)
            case SshAuthShape():
                found = _ssh_auth(shape, (name,), reader)
            case _:
                found = _docker(shape, (name,), reader)
    return found


def _tls(shape: TlsSecretShape, path: Path, reader: _Reader) -> Builder | None:
    pem = {"certificate": shape.certificate, "privateKey": shape.private_key, "ca": shape.ca}
    pkcs12 = {"pkcs12": shape.pkcs12, "password": shape.password}
    parts = {name: reader.part(value, (*path, name)) for name, value in {**pem, **pkcs12}.items()}
    here = [name for name, value in pem.items() if value is not None]
    others = [name for name, value in pkcs12.items() if value is not None]
    if here and others:
        hint = "a pair has certificate, privateKey and ca; a bundle has pkcs12 and password"
        reader.tell((*path, others[0]), f"{here[0]} and {others[0]} exclude each other", hint)
        return None
    for name in ("pkcs12",) if others else ("certificate", "privateKey"):
        if {**pem, **pkcs12}[name] is None:
            reader.missing((*path, name), "" if here or others else "or name a bundle with `pkcs12`")
    if parts["pkcs12"] is not None:
        return TlsBundle(parts["pkcs12"], parts["password"])
    certificate, key = parts["certificate"], parts["privateKey"]
    return None if certificate is None or key is None else TlsPair(certificate, key, parts["ca"])


def _docker(shape: list[RegistryShape], path: Path, reader: _Reader) -> Builder | None:
    if not shape:
        reader.tell(path, "an empty list", "name a registry: {server, username, password}")
    registries: list[Registry] = []
    known: dict[str, int] = {}
    for index, each in enumerate(shape):
        place = (*path, index)
        server = reader.part(each.server, (*place, "server"))
        username = reader.part(each.username, (*place, "username"), needed=True)
        password = reader.part(each.password, (*place, "password"), needed=True)
        email = reader.part(each.email, (*place, "email"))
        if isinstance(server, Literally) and known.setdefault(server.text, index) != index:
            hint = f"registry {known[server.text] + 1} of the list is the same"
            reader.tell((*place, "server"), "this server is there twice", hint)
        if server is not None and username is not None and password is not None:
            registries.append(Registry(server, username, password, email))
    return DockerConfig(tuple(registries)) if registries else None


def _basic_auth(shape: BasicAuthShape, path: Path, reader: _Reader) -> Builder | None:
    if shape.username is None and shape.password is None:
        reader.tell(path, "it has neither username nor password", "name at least one of them")
        return None
    username = reader.part(shape.username, (*path, "username"))
    password = reader.part(shape.password, (*path, "password"))
    return None if username is None and password is None else BasicAuth(username, password)


def _ssh_auth(shape: SshAuthShape, path: Path, reader: _Reader) -> Builder | None:
    key = reader.part(shape.private_key, (*path, "privateKey"))
    hosts = reader.part(shape.known_hosts, (*path, "knownHosts"))
    return None if key is None else SshAuth(key, hosts)


def implied_type(fields: Iterable[str]) -> str:
    """Give the type of a mapping that says none and holds these builders."""
    return next((TYPES[name] for name in fields), SHORT_TYPES["opaque"])


def type_mistakes(
    fields: Iterable[str], written_type: str, builder: Builder | None, data: Iterable[str]
) -> Iterator[Problem]:
    """Say where a builder contradicts the rest of its mapping.

    `fields` are the builders that are written, `written_type` the full name of the type that is, or an empty text.
    """
    for name in fields:
        if written_type and written_type != TYPES[name]:
            hint = f"leave `type` out, or `{name}`"
            yield Problem(("type",), f"{name} makes a Secret of type {TYPES[name]}", hint)
    if builder is None:
        return
    made = keys_of(builder)
    for key in data:
        if key in made:
            yield Problem(("data", key), "the builder makes this key", "leave it out here")

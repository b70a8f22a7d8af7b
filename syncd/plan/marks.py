"""The mark: the labels and annotations by which an instance knows its own Secrets again, and the proof among them.

Written from a mapping and its content, read back from a live Secret. Whether a mark is to be believed is judged in
`ownership`; here is only its form.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, TypeVar

import msgspec

from syncd.keys import InstanceKey
from syncd.model.mapping import Policy, SecretKey
from syncd.model.reference import Part, RemoteRef
from syncd.model.secret import SourceVersion
from syncd.plan.lease_records import EMPTY, LEASES, Book, read_book

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGER: Final = "syncd"
INSTANCE: Final = "syncd.dev/instance"
MAPPING: Final = "syncd.dev/mapping"
SOURCES: Final = "syncd.dev/sources"
MANAGED: Final = "syncd.dev/managed"
WHEN_MAPPING_GONE: Final = "syncd.dev/when-mapping-gone"
OWNER: Final = "syncd.dev/owner"
PLACE: Final = "syncd.dev/secret"
"""For which Secret a plain mark was made, where no proof says so: TARGET/NAMESPACE/NAME."""
SCHEMA: Final = "syncd.dev/schema"
SUSPEND: Final = "syncd.dev/suspend"
"""The user's own: never written, never bound by the proof."""

SCHEMA_VERSION: Final = "1"
_BOUND: Final = (MAPPING, SOURCES, MANAGED, WHEN_MAPPING_GONE, SCHEMA, LEASES)
MARK_LABELS: Final = frozenset({MANAGED_BY, INSTANCE})
MARK_ANNOTATIONS: Final = frozenset({*_BOUND, OWNER, PLACE})

T = TypeVar("T")

_SOURCES_LIMIT: Final = 4096
"""Bytes; a longer list is written as a count."""
_VERSION_DIGITS: Final = 18
"""Longer numbers are no KV version numbers; a Key Vault version id may, by chance, have no letter in it."""


class _Managed(msgspec.Struct, frozen=True, omit_defaults=True):
    keys: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    merge: bool = False
    found: dict[str, tuple[str, ...]] = {}


class _Source(msgspec.Struct, frozen=True, omit_defaults=True):
    store: str
    mount: str = ""
    key: str = ""
    pin: str = ""
    version: str = ""
    created: float | None = None
    part: Part = ""


class _Count(msgspec.Struct, frozen=True):
    count: int


@dataclass(frozen=True, slots=True)
class Mark:
    """What the mark of a live Secret says."""

    mapping: str
    """Tenant and id, in the form of `mapping_text`."""
    when_mapping_gone: Policy
    keys: frozenset[str] = frozenset()
    """Names of the data keys that are ours; likewise the labels and annotations."""
    labels: frozenset[str] = frozenset()
    annotations: frozenset[str] = frozenset()
    merge: bool = False
    """Whether others' keys may stand beside ours: the object then never goes, whatever becomes of the mapping."""
    sources: tuple[SourceVersion, ...] | None = None
    """None where they are not recorded in full."""
    stores: frozenset[str] = frozenset()
    """Names of the stores it was made from, as far as recorded."""
    found: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The keys that each `find` gave, by its fingerprint (`syncd.plan.finds`)."""
    book: Book = EMPTY
    """What it says of short-lived secrets (`syncd.plan.leases`)."""
    place: str = ""
    """For which Secret a plain mark was made, in the form of `place_text`; empty where it does not say."""

    @property
    def tenant(self) -> str:
        """Give the tenant; empty where there is none."""
        return self.mapping.partition("/")[0]


def mapping_text(tenant: str, mapping_id: str) -> str:
    """Name a mapping as the mark does: TENANT/ID, or /ID. Tenants' names have no slash, so it reads one way only."""
    return f"{tenant}/{mapping_id}"


def place_text(key: SecretKey) -> str:
    """Name a Secret as a plain mark does: TARGET/NAMESPACE/NAME. No part has a slash, so it reads one way only."""
    return f"{key.target}/{key.namespace}/{key.name}"


def managed_text(
    keys: Iterable[str],
    labels: Iterable[str],
    annotations: Iterable[str],
    *,
    merge: bool,
    found: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> str:
    """Write the names of what is ours as compact JSON, sorted; `found` are the keys that finds gave."""
    managed = _Managed(tuple(sorted(keys)), tuple(sorted(labels)), tuple(sorted(annotations)), merge, dict(found))
    return msgspec.json.encode(managed).decode()


def sources_text(sources: Iterable[SourceVersion], detail: Literal["full", "store", "none"]) -> str | None:
    """Write which versions a Secret is made of as compact JSON, sorted; None where nothing is to be told."""
    if detail == "none":
        return None
    listed = sorted({source.ref: source for source in sources}.values(), key=_order)
    if detail == "store":
        told = [_Source(store) for store in sorted({source.ref.store for source in listed})]
    else:
        told = [
            _Source(s.ref.store, s.ref.mount, s.ref.key, s.ref.version, s.version, s.created, s.ref.part)
            for s in listed
        ]
    text = msgspec.json.encode(told)
    if len(text) > _SOURCES_LIMIT:
        text = msgspec.json.encode(_Count(len(told)))
    return text.decode()


def proof(key: InstanceKey, instance: str, secret: SecretKey, annotations: Mapping[str, str]) -> str:
    """Sign a mark for this very object (base64url, without padding)."""
    mac = key.mac("mark", _message(instance, secret, annotations))
    return urlsafe_b64encode(mac).rstrip(b"=").decode()


def proved(key: InstanceKey, instance: str, secret: SecretKey, annotations: Mapping[str, str]) -> bool:
    """Tell whether `annotations`, as they stand on the live object, carry our proof for it."""
    text = annotations.get(OWNER, "")
    try:
        mac = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (Base64Error, UnicodeEncodeError):
        return False
    return key.verify("mark", _message(instance, secret, annotations), mac)


def read_mark(annotations: Mapping[str, str]) -> Mark:
    """Read a mark, believed or not: what cannot be read counts as not told."""
    managed = _decoded(annotations.get(MANAGED, ""), _Managed) or _Managed()
    recorded = _decoded(annotations.get(SOURCES, ""), tuple[_Source, ...])
    full = recorded is not None and all(source.key for source in recorded)
    return Mark(
        mapping=annotations.get(MAPPING, ""),
        when_mapping_gone="delete" if annotations.get(WHEN_MAPPING_GONE) == "delete" else "keep",
        keys=frozenset(managed.keys),
        labels=frozenset(managed.labels),
        annotations=frozenset(managed.annotations),
        merge=managed.merge,
        sources=tuple(_version(source) for source in recorded) if recorded is not None and full else None,
        stores=frozenset(source.store for source in recorded or ()),
        found=managed.found,
        book=read_book(annotations.get(LEASES, "")),
        place=annotations.get(PLACE, ""),
    )


def number(version: str) -> int | None:
    """Give a version as the number it counts by, as Vault's KV 2 does; None for every other kind of version."""
    if version.isascii() and version.isdigit() and len(version) <= _VERSION_DIGITS:
        return int(version)
    return None


def _message(instance: str, secret: SecretKey, annotations: Mapping[str, str]) -> bytes:
    # Netstrings: each part with its length before it, so that no two marks have one message. A field that is not
    # there is left out whole, so that a field added later leaves the proofs of older marks good.
    parts = [instance, *secret]
    for name in _BOUND:
        text = annotations.get(name)
        if text is not None:
            parts += (name, text)
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join([b"%d:%b," % (len(part), part) for part in encoded])


def _order(source: SourceVersion) -> tuple[str, str, str, str, str]:
    return (source.ref.store, source.ref.mount, source.ref.key, source.ref.version, source.ref.part)


def _version(source: _Source) -> SourceVersion:
    ref = RemoteRef(source.store, source.key, source.pin, source.mount, source.part)
    return SourceVersion(ref, source.version, source.created)


def _decoded(text: str, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return None

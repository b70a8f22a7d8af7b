"""What an answer of Vault means: a value, or a class of failure with a fixed reason code. Pure.

Only one shape is ABSENT: a 404 whose body is Vault's own JSON with an empty list of errors and nothing else.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from syncd.fetch.http import Answer
from syncd.model.reference import Failure, FailureClass, Fetched, RemoteRef
from syncd.redact import SecretValue
from syncd_providers.vault.statuses import envelope, is_vault, malformed, not_the_store, refused, unrouted


class _NotFound(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Vault's own 404 for an object that is not there: nothing but an empty list."""

    errors: list[str]


class _Metadata(msgspec.Struct, frozen=True):
    version: int
    created_time: str = ""
    deletion_time: str = ""
    destroyed: bool = False


class _Versioned(msgspec.Struct, frozen=True):
    """`data` of a KV 2 answer: https://openbao.org/api-docs/secret/kv/kv-v2/."""

    metadata: _Metadata
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Versioned2(msgspec.Struct, frozen=True):
    data: _Versioned | None = None
    mount_type: str = "kv"


class _Plain(msgspec.Struct, frozen=True):
    """A KV 1 answer."""

    data: msgspec.Raw = msgspec.Raw(b"null")
    mount_type: str = "kv"


class _Deleted(msgspec.Struct, frozen=True):
    data: _Versioned


class _Mount(msgspec.Struct, frozen=True):
    type: str
    path: str = ""
    options: dict[str, str] | None = None


class _MountReply(msgspec.Struct, frozen=True):
    data: _Mount


_STANDBY: Final = 473
"""What a performance standby says of itself; where it carries the object all the same, the object counts."""
_KV_TYPES: Final = frozenset({"kv", "generic"})
"""`generic` is what KV 1 was called before Vault 0.9."""
_not_found = msgspec.json.Decoder(_NotFound)
_versioned = msgspec.json.Decoder(_Versioned2)
_plain = msgspec.json.Decoder(_Plain)
_deleted = msgspec.json.Decoder(_Deleted)
_mount = msgspec.json.Decoder(_MountReply)
_versioned_inside = msgspec.json.Decoder(_Versioned)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, for the messages and the comparison with the answer."""

    ref: RemoteRef
    kv: int
    """KV version of the mount."""
    address: str


def read(answer: Answer, asked: Asked) -> Fetched | Failure:
    """Judge the answer to the read of an object in a mount that is known to exist."""
    if answer.status in (200, _STANDBY):
        found = _read_versioned(answer.body, asked) if asked.kv == 2 else _read_plain(answer.body, asked)
        if answer.status == 200 or isinstance(found, Fetched):
            return found
    if answer.status == 404:
        return _missing(answer.body, asked)
    return refused(answer, f"{asked.ref}", asked.address)


def mount(answer: Answer, name: str, address: str) -> int | Failure:
    """Judge the answer to the question for a mount: the KV version of the engine there, or why it is not known."""
    if answer.status == 200:
        try:
            found = _mount.decode(answer.body).data
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return malformed("answer-malformed", f"{address} described the mount {name} in a form that is not Vault's")
        return _engine(found, name)
    if answer.status == 404:
        return unrouted(answer.body, f"the mount {name}", address)
    if answer.status == 403 and is_vault(answer.body):
        message = (
            f"there is no mount {name} at {address}, or the token has no right on anything below it; correct `mount`, "
            "or grant it read there"
        )
        return Failure(FailureClass.DENIED, "permission-denied", message, transient=False)
    return refused(answer, f"the mount {name}", address)


def _engine(found: _Mount, name: str) -> int | Failure:
    if found.path.strip("/") != name:
        message = f"{name} is not a mount; the engine is mounted at {_shown(found.path)}: name that as the mount"
        return Failure(FailureClass.CONFIG, "mount-mismatch", message, transient=False)
    if found.type not in _KV_TYPES:
        message = f"the engine at {name} is not a KV engine; name a KV mount"
        return Failure(FailureClass.CONFIG, "mount-not-kv", message, transient=False)
    return 2 if (found.options or {}).get("version") == "2" else 1


def _read_versioned(body: bytes, asked: Asked) -> Fetched | Failure:
    ref = asked.ref
    try:
        reply = _versioned.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if envelope(body) is None:
            return _not_json(asked)
        return malformed("wrong-nesting", f"{ref} is not laid out as KV 2 keeps it; check kvVersion")
    if reply.mount_type not in _KV_TYPES:
        return malformed(
            "wrong-mount-type", f"the answer for {ref} comes from an engine that is not KV; name a KV mount"
        )
    if reply.data is None:
        return malformed("no-data", f"{asked.address} answered without data for {ref}; is a proxy in between?")
    return _version(bytes(reply.data.data), reply.data.metadata, ref)


def _version(found: bytes, metadata: _Metadata, ref: RemoteRef) -> Fetched | Failure:
    if found == b"null":
        return _unusable(metadata, ref) or malformed(
            "null-data", f"the data of {ref} is null; write a version with keys"
        )
    if ref.version and str(metadata.version) != ref.version:
        return malformed("wrong-version", f"the answer for {ref} is version {metadata.version}; is a cache in between?")
    return _object(found, str(metadata.version), _epoch(metadata.created_time), ref)


def _read_plain(body: bytes, asked: Asked) -> Fetched | Failure:
    ref = asked.ref
    try:
        reply = _plain.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _not_json(asked)
    if reply.mount_type not in _KV_TYPES:
        return malformed(
            "wrong-mount-type", f"the answer for {ref} comes from an engine that is not KV; name a KV mount"
        )
    found = bytes(reply.data)
    if found == b"null":
        return malformed("null-data", f"{asked.address} answered without data for {ref}")
    if b'"metadata"' in found and _is_versioned(found):
        return malformed("wrong-nesting", f"{ref} is laid out as KV 2 keeps it; check mount and kvVersion")
    return _object(found, "", None, ref)


def _is_versioned(found: bytes) -> bool:
    """Tell whether a KV 1 object is a KV 2 answer: exactly `data` and `metadata`, the latter as KV 2 writes it."""
    try:
        keys = msgspec.json.decode(found, type=dict[str, msgspec.Raw]).keys()
        inside = _versioned_inside.decode(found)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return keys == {"data", "metadata"} and bool(inside.metadata.created_time)


def _object(found: bytes, version: str, created: float | None, ref: RemoteRef) -> Fetched | Failure:
    if found[:1] != b"{":
        return malformed("wrong-nesting", f"the data of {ref} is not an object of keys and values")
    if not found[1:-1].strip():
        return malformed("no-keys", f"{ref} holds no keys; write a key there")
    return Fetched(SecretValue(found), version, created, structured=True)


def _missing(body: bytes, asked: Asked) -> Failure:
    ref = asked.ref
    try:
        deleted = _deleted.decode(body).data.metadata
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    else:
        return _unusable(deleted, ref) or not_the_store(asked.address)
    if says_nothing_is_there(body):
        message = f"{ref} does not exist; create it, or correct `key` in the mapping"
        return Failure(FailureClass.ABSENT, "not-found", message, transient=False)
    return unrouted(body, f"{ref}", asked.address)


def says_nothing_is_there(body: bytes) -> bool:
    """Tell whether a 404 is Vault's own for what is not there: an empty list of errors and nothing else."""
    try:
        return _not_found.decode(body).errors == []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _unusable(metadata: _Metadata, ref: RemoteRef) -> Failure | None:
    number = metadata.version
    if metadata.destroyed:
        message = f"{ref} is destroyed in version {number}; write a new version or pin another"
        return Failure(FailureClass.UNUSABLE, "version-destroyed", message, transient=False)
    if metadata.deletion_time:
        message = f"{ref} is deleted in version {number}; undelete it, or remove the object with its metadata"
        return Failure(FailureClass.UNUSABLE, "version-deleted", message, transient=False)
    return None


def _not_json(asked: Asked) -> Failure:
    message = f"{asked.address} answered 200 for {asked.ref} in a form that is not Vault's; is a proxy in between?"
    return malformed("answer-malformed", message)


def _shown(path: str) -> str:
    """Give a mount path that the server named, if it is fit to be shown."""
    plain = path.strip("/")
    return plain if plain and len(plain) <= 200 and plain.isprintable() else "another path"


def _epoch(moment: str) -> float | None:
    try:
        return datetime.fromisoformat(moment).timestamp()
    except (ValueError, OverflowError):
        return None

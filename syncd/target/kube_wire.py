"""Secrets in the JSON of the Kubernetes API: small structs to decode into, and the bodies of writes. Pure.

Bodies of both directions hold values: they are parsed, never shown.
"""

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from syncd.model.mapping import SecretKey
from syncd.model.secret import DesiredSecret, LiveSecret
from syncd.redact import SecretValue

MERGE_PATCH: Final = "application/merge-patch+json"
_Json = dict[str, object]
T = TypeVar("T")


class _Owner(msgspec.Struct, frozen=True):
    kind: str = ""
    name: str = ""


class _Manager(msgspec.Struct, frozen=True):
    manager: str = ""


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """What syncd reads of an object's metadata
    (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/).
    """  # noqa: D205 — the source is part of the sentence

    name: str
    namespace: str
    uid: str
    resource_version: str
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[_Owner] | None = None
    managed_fields: list[_Manager] | None = None


class _Secret(msgspec.Struct, frozen=True):
    kind: str
    metadata: Metadata
    type: str = "Opaque"
    data: dict[str, bytes] | None = None
    immutable: bool | None = None

    def __repr__(self) -> str:
        return "_Secret()"


class ConfigMap(msgspec.Struct, frozen=True, rename="camel"):
    """A ConfigMap that holds bytes."""

    kind: str
    metadata: Metadata
    binary_data: dict[str, bytes] | None = None


class _Object(msgspec.Struct, frozen=True):
    metadata: Metadata


_SECRET: Final = msgspec.json.Decoder(_Secret)
_CONFIG_MAP: Final = msgspec.json.Decoder(ConfigMap)
_OBJECT: Final = msgspec.json.Decoder(_Object)
_ENCODER: Final = msgspec.json.Encoder()


def decode_secret(body: bytes, key: SecretKey) -> LiveSecret | None:
    """Read a Secret; None where the body is no Secret or another one than was asked for."""
    found = _decoded(_SECRET, body)
    if found is None or found.kind != "Secret" or not _is(found.metadata, key.namespace, key.name):
        return None
    meta = found.metadata
    return LiveSecret(
        key=key,
        uid=meta.uid,
        resource_version=meta.resource_version,
        type=found.type,
        data={name: SecretValue(value) for name, value in (found.data or {}).items()},
        labels=meta.labels or {},
        annotations=meta.annotations or {},
        immutable=bool(found.immutable),
        owners=tuple(f"{owner.kind}/{owner.name}" for owner in meta.owner_references or ()),
        managers=tuple(dict.fromkeys(entry.manager for entry in meta.managed_fields or () if entry.manager)),
    )


def decode_config_map(body: bytes, namespace: str, name: str) -> ConfigMap | None:
    """Read a ConfigMap; None where the body is none, or another one."""
    found = _decoded(_CONFIG_MAP, body)
    return found if found and found.kind == "ConfigMap" and _is(found.metadata, namespace, name) else None


def decode_metadata(body: bytes, namespace: str, name: str) -> Metadata | None:
    """Read the answer to a write, of which only the metadata was asked for."""
    found = _decoded(_OBJECT, body)
    return found.metadata if found and _is(found.metadata, namespace, name) else None


def encode_secret(desired: DesiredSecret) -> bytes:
    """Give the body of a create."""
    body: _Json = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _named(desired.key.namespace, desired.key.name, desired.labels, desired.annotations),
        "type": desired.type,
        "data": {name: value.reveal() for name, value in desired.data.items()},
    }
    if desired.immutable:
        body["immutable"] = True
    return _ENCODER.encode(body)


def encode_config_map(namespace: str, name: str, labels: Mapping[str, str], binary_data: Mapping[str, bytes]) -> bytes:
    """Give the body of a create."""
    metadata = _named(namespace, name, labels, {})
    return _ENCODER.encode({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": binary_data})


def encode_secret_patch(live: LiveSecret, desired: DesiredSecret) -> bytes:
    """Give the merge patch from one to the other: what differs, nulls for what goes, and both preconditions."""
    data = {
        name: value.reveal()
        for name, value in desired.data.items()
        if name not in live.data or live.data[name] != value
    }
    gone = dict.fromkeys(live.data.keys() - desired.data.keys())
    metadata: _Json = {"uid": live.uid, "resourceVersion": live.resource_version}
    for field, before, after in (
        ("labels", live.labels, desired.labels),
        ("annotations", live.annotations, desired.annotations),
    ):
        if change := _text_changes(before, after):
            metadata[field] = change
    patch: _Json = {"metadata": metadata}
    if data or gone:
        patch["data"] = {**data, **gone}
    if desired.immutable and not live.immutable:
        patch["immutable"] = True
    return _ENCODER.encode(patch)


def encode_config_map_patch(metadata: Metadata, binary_data: Mapping[str, bytes]) -> bytes:
    """Give the merge patch that sets these keys, with both preconditions."""
    preconditions = {"uid": metadata.uid, "resourceVersion": metadata.resource_version}
    return _ENCODER.encode({"metadata": preconditions, "binaryData": binary_data})


def encode_delete(uid: str, resource_version: str) -> bytes:
    """Give the body of a delete that only removes this object in this state."""
    preconditions = {"uid": uid, "resourceVersion": resource_version}
    return _ENCODER.encode({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions})


def same(live: LiveSecret, desired: DesiredSecret) -> bool:
    """Tell whether what is there is what was meant; labels and annotations that an admission added do not matter."""
    return (
        live.type == desired.type
        and live.immutable == desired.immutable
        and live.data == desired.data
        and desired.labels.items() <= live.labels.items()
        and desired.annotations.items() <= live.annotations.items()
    )


def _text_changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    changed = {name: text for name, text in after.items() if before.get(name) != text}
    return {**changed, **dict.fromkeys(before.keys() - after.keys())}


def _named(namespace: str, name: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> _Json:
    metadata: _Json = {"name": name, "namespace": namespace}
    if labels:
        metadata["labels"] = labels
    if annotations:
        metadata["annotations"] = annotations
    return metadata


def _is(metadata: Metadata, namespace: str, name: str) -> bool:
    return metadata.name == name and metadata.namespace == namespace


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T | None:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None

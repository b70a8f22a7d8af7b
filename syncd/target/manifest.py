"""One v1 Secret as the text of a manifest file, written deterministically and read back.

The text is block YAML that kubectl and this module read alike: every value stands in double quotes, a key only
stands bare where no YAML version takes it for anything but text.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Final

from syncd.model.mapping import SecretKey
from syncd.model.secret import DesiredSecret, LiveSecret
from syncd.node import SyntaxProblem, Text, Tree, read, text
from syncd.redact import SecretValue

LIMIT: Final = 4 * 1024 * 1024
"""Bytes of a file: a Secret of 1 MiB in base64, with room for annotations of others."""

_BARE: Final = re.compile(r"[A-Za-z][A-Za-z0-9._/-]*")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""What JSON leaves as it is and YAML wants escaped."""


class UnreadableManifestError(Exception):
    """The bytes are no manifest of the Secret that the file's place names. The message quotes nothing of them."""


def write_manifest(desired: DesiredSecret) -> bytes:
    """Spell a Secret as YAML; equal Secrets give equal bytes."""
    lines = ["apiVersion: v1", "kind: Secret", "metadata:"]
    lines += [f"  name: {_quoted(desired.key.name)}", f"  namespace: {_quoted(desired.key.namespace)}"]
    lines += _section("  ", "labels", desired.labels)
    lines += _section("  ", "annotations", desired.annotations)
    lines.append(f"type: {_quoted(desired.type)}")
    if desired.immutable:
        lines.append("immutable: true")
    lines += _section("", "data", {k: base64.b64encode(v.reveal()).decode() for k, v in desired.data.items()})
    return ("\n".join(lines) + "\n").encode()


def _section(indent: str, name: str, entries: Mapping[str, str]) -> list[str]:
    if not entries:
        return []
    return [f"{indent}{name}:", *(f"{indent}  {_key(key)}: {_quoted(entries[key])}" for key in sorted(entries))]


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) and key.lower() not in _WORDS else _quoted(key)


def _quoted(value: str) -> str:
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def read_manifest(data: bytes, key: SecretKey, *, resource_version: str) -> LiveSecret:
    """Read a manifest of `key`, ours or a hand-written one; raises UnreadableManifestError."""
    try:
        tree = read(data, limit=LIMIT).tree
    except SyntaxProblem:
        message = "it is not well-formed YAML"
        raise UnreadableManifestError(message) from None
    if not isinstance(tree, dict) or tree.get("apiVersion") != "v1" or tree.get("kind") != "Secret":
        message = "it is not a manifest of a v1 Secret"
        raise UnreadableManifestError(message)
    metadata = tree.get("metadata")
    if not isinstance(metadata, dict):
        message = "it has no metadata"
        raise UnreadableManifestError(message)
    if metadata.get("name") != key.name or metadata.get("namespace", key.namespace) != key.namespace:
        message = f"it is the manifest of another Secret than {key}"
        raise UnreadableManifestError(message)
    return LiveSecret(
        key=key,
        uid="",
        resource_version=resource_version,
        type=_word(tree.get("type", "Opaque")),
        data=_data(tree),
        labels=_texts(metadata.get("labels")),
        annotations=_texts(metadata.get("annotations")),
        immutable=tree.get("immutable") is True,
    )


def _data(tree: Mapping[str, Tree]) -> dict[str, SecretValue]:
    data: dict[str, SecretValue] = {}
    for key, encoded in _texts(tree.get("data")).items():
        try:
            data[key] = SecretValue(base64.b64decode(encoded.encode("ascii"), validate=True))
        except ValueError:
            message = "its data is not base64"
            raise UnreadableManifestError(message) from None
    for key, plain in _texts(tree.get("stringData")).items():
        data[key] = SecretValue(plain.encode())
    return data


def _texts(tree: Tree) -> dict[str, str]:
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        message = "one of its maps is none"
        raise UnreadableManifestError(message)
    return {key: _word(value) for key, value in tree.items()}


def _word(value: Tree) -> str:
    if not isinstance(value, Text):
        message = "it holds a list or a map where a text belongs"
        raise UnreadableManifestError(message)
    return text(value)

"""What a key of a Key Vault store names: one spelling for one secret, in references and in answers."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from syncd.model.reference import Query, RemoteRef
from syncd.node import Problem
from syncd_providers.azure.options import origin

_NAME: Final = re.compile(r"[0-9a-zA-Z-]{1,127}\Z")
"""Source: learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates, object identifiers."""
_VERSION: Final = re.compile(r"[0-9a-fA-F]{32}\Z")


@dataclass(frozen=True, slots=True)
class SecretId:
    """The parts of `https://VAULT/secrets/NAME/VERSION`, in canonical spelling."""

    vault: str
    """Origin, as `options.origin` spells it."""
    name: str
    """Lower case: the service does not tell cases apart."""
    version: str
    """32 hexadecimal digits in lower case, or empty."""

    @classmethod
    def parse(cls, url: str) -> "SecretId | None":
        """Take an id apart; None for anything that is not one."""
        try:
            parts = urlsplit(url)
            vault = origin(url)
        except ValueError:
            return None
        segments = parts.path.removeprefix("/").removesuffix("/").split("/")
        if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment or parts.username is not None:
            return None
        if segments[0] != "secrets" or len(segments) not in (2, 3) or not _NAME.match(segments[1]):
            return None
        version = segments[2] if len(segments) == 3 else ""
        if version and not _VERSION.match(version):
            return None
        return cls(vault, segments[1].lower(), version.lower())


def canonical(ref: RemoteRef, vault: str) -> RemoteRef | Problem:
    """Give the one name of the secret that `ref` names in `vault`, or why it names none.

    A key is a secret's name or its whole id.
    """
    if ref.mount:
        return Problem(("mount",), "Key Vault has no mounts", "leave it out")
    if "://" not in ref.key:
        return _named(ref, ref.key, ref.version)
    found = SecretId.parse(ref.key)
    if found is None:
        return Problem(("key",), "not the id of a secret", f"write the secret's name, or {vault}/secrets/NAME")
    if found.vault != vault:
        return Problem(("key",), f"the id of a secret in another vault than {vault}", "name the store of that vault")
    if found.version and ref.version and found.version != ref.version.lower():
        return Problem(("version",), "another version than the one in the id", "keep one of the two")
    return _named(ref, found.name, found.version or ref.version)


def _named(ref: RemoteRef, name: str, version: str) -> RemoteRef | Problem:
    if not _NAME.match(name):
        hint = "the name of a secret has 1 to 127 letters, digits and dashes"
        return Problem(("key",), "not the name of a secret", hint)
    if version and not _VERSION.match(version):
        hint = "write the version id, 32 hexadecimal digits, or leave it out for the current one"
        return Problem(("version",), "not the version of a secret", hint)
    return RemoteRef(ref.store, name.lower(), version.lower(), part=ref.part)


def canonical_query(query: Query) -> Query | Problem:
    """Give the one form of a query: a beginning of names in lower case, up to and with a dash, or everything."""
    if query.mount:
        return Problem(("mount",), "Key Vault has no mounts", "leave it out")
    path = query.path.lower()
    if path and not path.endswith("-"):
        path += "-"
    if path and not _NAME.match(path):
        hint = "names have letters, digits and dashes; write how they begin, such as app-, or leave it out for all"
        return Problem(("find", "path"), "not the beginning of a secret's name", hint)
    return query._replace(path=path)

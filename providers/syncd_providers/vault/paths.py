"""Names of KV objects: the one spelling of each, and what is refused before it can reach a URL.

hvac and urllib3 resolve dot segments, so `team-a/../team-b/x` would be sent as `team-b/x`, past any comparison of
prefixes. Nothing that a URL may read in two ways is let through.
"""

import re
from typing import Final

from syncd.model.reference import Query, RemoteRef
from syncd.node import Problem

MAX_BYTES: Final = 1024
"""Of a mount or a key, in UTF-8; Consul storage takes half of it, the others more."""
_ENCODED: Final = re.compile(r"%(?:25)*(?:2e|2f|5c)", re.IGNORECASE)
_ODD: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\\?#]")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,9}\Z")
_NOT_KV: Final = frozenset({"sys", "auth", "identity", "cubbyhole"})
"""Built-in mounts, which hold no KV objects that could be synced."""


def canonical(ref: RemoteRef, default_mount: str, kv_version: int | None) -> RemoteRef | Problem:
    """Give the one name of the object: mount filled in, one outer slash dropped where it says nothing."""
    mount = (ref.mount or default_mount).removeprefix("/").removesuffix("/")
    if fault := fault_of_mount(mount):
        return Problem(("mount",), f"the mount {fault}", "write the path that the KV engine is mounted at, as secret")
    key = ref.key.removeprefix("/")
    if fault := fault_of_path(key):
        return Problem(("key",), f"the key {fault}", "write the path below the mount, such as payments/db")
    problem = _mistaken_part(ref, kv_version) if ref.version or ref.part else None
    if problem is not None:
        return problem
    if mount == ref.mount and key == ref.key:
        return ref
    return ref._replace(key=key, mount=mount)


def _mistaken_part(ref: RemoteRef, kv_version: int | None) -> Problem | None:
    """Say what is wrong with the version or the part of an object that is asked for."""
    if ref.part and kv_version == 1:
        return Problem(("metadata",), "a KV 1 mount keeps no metadata", "leave it out")
    if not ref.version:
        return None
    if kv_version == 1:
        return Problem(("version",), "a KV 1 mount keeps no versions", "leave version out")
    if ref.part:
        return Problem(("version",), "metadata belongs to the object, not to a version", "leave version out")
    if not _VERSION.match(ref.version):
        return Problem(("version",), "this is no KV 2 version", "write a number from 1 on, or leave version out")
    return None


def canonical_query(query: Query, default_mount: str, kv_version: int | None) -> Query | Problem:
    """Give the one form of a query: mount filled in, its path a folder with a final slash, or empty for the mount."""
    mount = (query.mount or default_mount).removeprefix("/").removesuffix("/")
    if fault := fault_of_mount(mount):
        return Problem(("mount",), f"the mount {fault}", "write the path that the KV engine is mounted at, as secret")
    path = query.path.removeprefix("/").removesuffix("/")
    if path and (fault := fault_of_path(path)):
        return Problem(("find", "path"), f"the path {fault}", "write a folder below the mount, such as payments/")
    if query.tags and kv_version == 1:
        return Problem(("find", "tags"), "a KV 1 mount keeps no metadata", "leave them out")
    return query._replace(path=f"{path}/" if path else "", mount=mount)


def canonical_path(path: str) -> str | Problem:
    """Give the one spelling of an engine's endpoint: its mount and what is below it."""
    plain = path.removeprefix("/").removesuffix("/")
    hint = "write the mount and the path below it, such as database/creds/app"
    if plain.split("/", 1)[0] in _NOT_KV:
        return Problem(("path",), f"{plain.split('/', 1)[0]} is no secrets engine", hint)
    fault = fault_of_path(plain) or ("" if "/" in plain else "is a mount alone")
    return Problem(("path",), f"the path {fault}", hint) if fault else plain


def fault_of_mount(mount: str) -> str:
    """Say what is wrong with a mount path, as the end of a sentence; empty where nothing is."""
    plain = mount.removeprefix("/").removesuffix("/")
    if plain.split("/", 1)[0] in _NOT_KV:
        return f"{plain.split('/', 1)[0]} is no KV engine"
    return fault_of_path(plain)


def fault_of_path(path: str) -> str:
    """Say what is wrong with a path, as the end of a sentence; empty where nothing is."""
    framed = f"/{path}/"
    fault = ""
    if not path:
        fault = "is empty"
    elif _ODD.search(path):
        fault = "holds a control character, a backslash, ? or #"
    elif len(path) * 4 > MAX_BYTES and len(path.encode()) > MAX_BYTES:
        fault = f"is longer than {MAX_BYTES} bytes"
    elif "%" in path and _ENCODED.search(path):
        fault = "holds a percent-encoded slash, backslash or dot"
    elif path.endswith("/"):
        fault = "ends with a slash, which names a folder"
    elif "//" in framed:
        fault = "has an empty segment"
    elif "/./" in framed or "/../" in framed:
        fault = "has a . or .. segment"
    return fault

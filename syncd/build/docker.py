"""`.dockerconfigjson`, as `kubectl create secret docker-registry` writes it, for one registry or several.

The format is that of `DockerConfigJSON` in Kubernetes (pkg/credentialprovider/config.go).
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from syncd.build.select import Fault
from syncd.model.reference import FailureClass

KEY: Final = ".dockerconfigjson"
_NO_SERVER: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f]|^$")
_NO_USERNAME: Final = re.compile(r"[:\x00-\x1f\x7f]")
"""What ends a user name in `auth`, and what may not stand in one (RFC 7617, section 2)."""


def docker_config(registries: Sequence[Mapping[str, bytes]]) -> dict[str, bytes] | list[Fault]:
    """Make the one key of the values of each registry, by the name of the field; `email` may be missing.

    The same values give the same bytes, in whatever order the registries stand.
    """
    faults: list[Fault] = []
    auths: dict[str, dict[str, str]] = {}
    for index, values in enumerate(registries):
        texts = {name: _text(value) for name, value in values.items()}
        entry = {name: text for name, text in texts.items() if text is not None}
        odd = sorted(texts.keys() - entry.keys())
        faults += [_fault("docker-not-text", index, name, "is not UTF-8 text") for name in odd]
        server = entry.pop("server", None)
        if server is not None and _NO_SERVER.search(server):
            faults.append(_fault("docker-bad-server", index, "server", "holds white space, so it is no address"))
        if _NO_USERNAME.search(entry.get("username", "")):
            faults.append(_fault("docker-bad-username", index, "username", "holds a colon or a control character"))
        if server in auths:
            faults.append(_fault("docker-duplicate-server", index, "server", "is the same as of another registry"))
        if server is not None:
            auths[server] = entry
    return faults or {KEY: _written(auths)}


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:  # it quotes the bytes
        return None


def _written(auths: Mapping[str, Mapping[str, str]]) -> bytes:
    made: dict[str, dict[str, str]] = {}
    for server in sorted(auths):
        entry = auths[server]
        pair = f"{entry['username']}:{entry['password']}".encode()
        known = {name: entry[name] for name in ("username", "password", "email") if name in entry}
        made[server] = {**known, "auth": base64.b64encode(pair).decode()}
    return json.dumps({"auths": made}, ensure_ascii=False, separators=(",", ":")).encode()


def _fault(reason: str, index: int, name: str, said: str) -> Fault:
    return Fault(FailureClass.CONFIG, reason, f"`{name}` of registry {index + 1} {said}; mend it")

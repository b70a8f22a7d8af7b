"""What the API server demands of a Secret, checked before anything is written.

The rules are those of `ValidateSecret` and `IsConfigMapKey` in Kubernetes (pkg/apis/core/validation/validation.go,
apimachinery's validation.go), which answers 422 otherwise; the bootstrap token's keys are those that its
documentation names as required.
"""

import re
from collections.abc import Mapping
from typing import Final

from syncd.build.select import Fault, shown
from syncd.json_text import read
from syncd.model.reference import FailureClass

MAX_BYTES: Final = 1024 * 1024
"""`MaxSecretSize`: all values together."""
_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")

TLS: Final = "kubernetes.io/tls"
DOCKER_CONFIG_JSON: Final = "kubernetes.io/dockerconfigjson"
DOCKER_CONFIG: Final = "kubernetes.io/dockercfg"
BASIC_AUTH: Final = "kubernetes.io/basic-auth"
SSH_AUTH: Final = "kubernetes.io/ssh-auth"
SERVICE_ACCOUNT_TOKEN: Final = "kubernetes.io/service-account-token"  # noqa: S105 — the name of a type
BOOTSTRAP_TOKEN: Final = "bootstrap.kubernetes.io/token"  # noqa: S105 — the name of a type
SERVICE_ACCOUNT: Final = "kubernetes.io/service-account.name"

_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    TLS: ("tls.crt", "tls.key"),
    DOCKER_CONFIG_JSON: (".dockerconfigjson",),
    DOCKER_CONFIG: (".dockercfg",),
    SSH_AUTH: ("ssh-privatekey",),
    BOOTSTRAP_TOKEN: ("token-id", "token-secret"),
}
_JSON: Final[Mapping[str, str]] = {DOCKER_CONFIG_JSON: ".dockerconfigjson", DOCKER_CONFIG: ".dockercfg"}


def bad_key(key: str) -> Fault | None:
    """Tell why a Secret cannot have a key of this name."""
    if _KEY.fullmatch(key) and key != "." and not key.startswith(".."):
        return None
    rule = "1 to 253 of letters, digits, `-`, `_` and `.`, not `.` and not starting with `..`"
    text = f"the key {shown(key)} cannot stand in a Secret ({rule}); map it under another name with data"
    return Fault(FailureClass.CONFIG, "bad-key", text)


def broken_rule(type_: str, data: Mapping[str, bytes], annotations: Mapping[str, str]) -> Fault | None:
    """Tell what the API server would refuse about a Secret whose keys are well named."""
    size = sum(map(len, data.values()))
    if size > MAX_BYTES:
        text = f"all values together are larger than a Secret can hold ({MAX_BYTES} bytes); split it in two"
        return Fault(FailureClass.CONFIG, "too-large", text)
    return _broken_by_type(type_, data, annotations)


def _broken_by_type(type_: str, data: Mapping[str, bytes], annotations: Mapping[str, str]) -> Fault | None:
    missing = tuple(key for key in _REQUIRED.get(type_, ()) if key not in data)
    if missing:
        return _lacks(type_, " and ".join(f"`{key}`" for key in missing))
    if type_ == BASIC_AUTH and not data.keys() & {"username", "password"}:
        return _lacks(type_, "`username` or `password`")
    if type_ == SSH_AUTH and not data["ssh-privatekey"]:
        return _lacks(type_, "a value in `ssh-privatekey`")
    if type_ == SERVICE_ACCOUNT_TOKEN and not annotations.get(SERVICE_ACCOUNT):
        text = f"a Secret of type {type_} needs the annotation `{SERVICE_ACCOUNT}`; add it to the mapping"
        return Fault(FailureClass.CONFIG, "annotation-missing", text)
    if type_ in _JSON and not isinstance(read(data[_JSON[type_]]), dict):
        text = f"a Secret of type {type_} needs a JSON object in `{_JSON[type_]}`; correct the value in the store"
        return Fault(FailureClass.CONFIG, "docker-config-not-json", text)
    return None


def _lacks(type_: str, what: str) -> Fault:
    text = f"a Secret of type {type_} needs {what}; add it to the mapping, or leave the type out"
    return Fault(FailureClass.CONFIG, "required-key-missing", text)

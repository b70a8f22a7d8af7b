"""What an answer of the API server that is no success means: its Status object, read into fixed codes. Pure.

The server's own sentences may quote what was sent (argo-cd's CVE-2025-23216), so they are looked at to tell cases
apart and never passed on.
"""

import re
from typing import Final, NamedTuple

import msgspec

from syncd.model.mapping import SecretKey
from syncd.model.reference import FailureClass
from syncd.model.secret import ReadFailure, WriteFailure, WriteFailureKind

NOT_READY: Final = "api-server-not-ready"
"""Reason of a 503, which says nothing of the one object that was asked for; another 5xx may."""
TOO_LARGE: Final = "it is larger than the API server takes (3 MiB at most): split it in two"
_RIGHTS: Final = "where it writes, syncd needs get, create, patch and delete on secrets (`kubectl auth can-i` tells)"
_FIELD: Final = re.compile(r"[A-Za-z0-9_.\[\]/-]{1,200}", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z]{1,64}", re.ASCII)


class _Cause(msgspec.Struct, frozen=True):
    reason: str = ""
    field: str = ""


class _Details(msgspec.Struct, frozen=True):
    name: str = ""
    kind: str = ""
    causes: list[_Cause] | None = None


class Status(msgspec.Struct, frozen=True):
    """The API server's own answer to what it did not do
    (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/).
    """  # noqa: D205 — the source is part of the sentence

    kind: str = ""
    message: str = ""
    reason: str = ""
    details: _Details | None = None

    def __repr__(self) -> str:
        """Give nothing of it: the message may quote a value."""
        return "Status()"

    def not_found(self, kind: str, name: str) -> bool:
        """Tell whether it says that this very object does not exist; a proxy's 404 does not."""
        details = self.details or _Details()
        return self.reason == "NotFound" and details.kind == kind and details.name == name

    def causes(self) -> tuple[_Cause, ...]:
        """Give the fields that it complains about."""
        return tuple(self.details.causes or ()) if self.details else ()


class Meaning(NamedTuple):
    """An answer in syncd's terms."""

    kind: WriteFailureKind
    cls: FailureClass
    reason: str
    sentence: str
    """What the API server says and what to do, to stand after `NAMESPACE/NAME: `."""


_STATUS: Final = msgspec.json.Decoder(Status)


def decode_status(body: bytes) -> Status:
    """Read a Status; an empty one where the body is none."""
    try:
        found = _STATUS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Status()
    return found if found.kind == "Status" else Status()


def meaning(code: int, body: bytes, namespace: str) -> Meaning:
    """Say what an answer with this status and body means for an object in `namespace`."""
    status = decode_status(body)
    if code in _PLAIN:
        return _PLAIN[code]
    if code >= 500:
        sentence = f"the API server has an error ({code}): look at its log"
        return Meaning("unavailable", FailureClass.UNAVAILABLE, "api-server-error", sentence)
    if code == 404 and status.reason == "NotFound":
        return _not_found(status, namespace)
    if code in _TOLD_BY_STATUS and status.kind:
        return _TOLD_BY_STATUS[code](status, namespace)
    if status.kind:
        sentence = f"the API server refuses it ({code}); its audit log or the webhooks of the cluster say why"
        return Meaning("denied", FailureClass.DENIED, "refused", sentence)
    sentence = f"something that is not the API server answered ({code}): look at the address in the kubeconfig"
    return Meaning("unavailable", FailureClass.UNAVAILABLE, "not-the-api-server", sentence)


def read_failure(key: SecretKey, code: int, body: bytes) -> ReadFailure:
    """Say why a Secret was not told."""
    found = meaning(code, body, key.namespace)
    if found.cls is FailureClass.ABSENT:
        # A 404 that names another object: only the one about this Secret means that it is missing.
        sentence = "the answer is about another object (404)"
        return ReadFailure(key, FailureClass.UNAVAILABLE, "not-the-api-server", f"{key}: {sentence}")
    return ReadFailure(key, found.cls, found.reason, f"{key}: {found.sentence}")


def write_failure(key: SecretKey, code: int, body: bytes) -> WriteFailure:
    """Say why a write did not happen."""
    found = meaning(code, body, key.namespace)
    return WriteFailure(key, found.kind, found.reason, f"{key}: {found.sentence}")


def _forbidden(status: Status, namespace: str) -> Meaning:
    if any(cause.reason == "NamespaceTerminating" for cause in status.causes()):
        sentence = f"namespace {namespace} is being deleted and takes nothing new; write to another, or make it anew"
        return Meaning("gone", FailureClass.CONFIG, "namespace-terminating", sentence)
    # The quota plugin's own words (k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go).
    if "exceeded quota" in status.message or "failed quota" in status.message:
        look = f"kubectl -n {namespace} describe quota"
        sentence = f"a quota of namespace {namespace} is used up: raise it or remove Secrets (`{look}`)"
        return Meaning("quota", FailureClass.DENIED, "quota-exceeded", sentence)
    if "denied the request" in status.message or "denied request" in status.message:
        sentence = "an admission webhook or policy of the cluster does not let it in; its log says why"
        return Meaning("denied", FailureClass.DENIED, "admission-denied", sentence)
    sentence = f"syncd has no right to do that in namespace {namespace} (403); {_RIGHTS}"
    return Meaning("denied", FailureClass.DENIED, "permission-denied", sentence)


def _conflict(status: Status, _namespace: str) -> Meaning:
    if status.reason == "AlreadyExists":
        return Meaning("exists", FailureClass.CONFIG, "already-exists", "something of that name is there already")
    sentence = "somebody else changed it meanwhile; it is looked at again in the next pass"
    return Meaning("conflict", FailureClass.UNAVAILABLE, "changed-meanwhile", sentence)


def _invalid(status: Status, _namespace: str) -> Meaning:
    causes = status.causes()
    if any(cause.field == "metadata.uid" for cause in causes):
        sentence = "it is another object of the same name by now; it is looked at again in the next pass"
        return Meaning("conflict", FailureClass.UNAVAILABLE, "changed-meanwhile", sentence)
    named = [f"{_shown(_FIELD, cause.field)} ({_shown(_WORD, cause.reason)})" for cause in causes[:5]]
    fields = ", ".join(dict.fromkeys(named)) or "a field it does not name"
    return Meaning(
        "invalid", FailureClass.CONFIG, "rejected", f"the API server does not take {fields}; correct the mapping"
    )


def _not_found(status: Status, namespace: str) -> Meaning:
    if status.not_found("namespaces", namespace):
        sentence = f"there is no namespace {namespace}: `kubectl create namespace {namespace}` makes it"
        return Meaning("gone", FailureClass.CONFIG, "namespace-missing", sentence)
    return Meaning("gone", FailureClass.ABSENT, "not-found", "it is not there any more")


def _shown(allowed: re.Pattern[str], text: str) -> str:
    return text if allowed.fullmatch(text) else "unnamed"


_PLAIN: Final = {
    401: Meaning(
        "denied",
        FailureClass.DENIED,
        "not-authenticated",
        "the API server does not know syncd's credential (401): look at the kubeconfig's user or the Pod's token",
    ),
    413: Meaning("invalid", FailureClass.CONFIG, "too-large", TOO_LARGE),
    503: Meaning(
        "unavailable",
        FailureClass.UNAVAILABLE,
        NOT_READY,
        "the API server is not ready, or nobody stands behind its address (503); it is asked again soon",
    ),
    429: Meaning(
        "unavailable", FailureClass.THROTTLED, "throttled", "the API server says to slow down (429); try again later"
    ),
}
_TOLD_BY_STATUS: Final = {403: _forbidden, 409: _conflict, 422: _invalid}

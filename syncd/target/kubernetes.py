"""Secrets in a cluster: read by name, created by POST, changed by merge patch, deleted, each with its preconditions."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Final

from syncd.model.mapping import SecretKey
from syncd.model.reference import FailureClass
from syncd.model.secret import (
    DesiredSecret,
    Live,
    LiveSecret,
    Missing,
    ReadFailure,
    WriteFailure,
    WriteOutcome,
    Written,
)
from syncd.target.kube_answer import NOT_SENT, Answer, CallFailed
from syncd.target.kube_api import CONCURRENCY, Api, ApiReader, Place
from syncd.target.kube_status import NOT_READY, decode_status, read_failure, write_failure
from syncd.target.kube_wire import (
    decode_metadata,
    decode_secret,
    encode_delete,
    encode_secret,
    encode_secret_patch,
    same,
)
from syncd.target.seam import Permit
from syncd.workers import run_each

_CLASSES: Final = {
    "name-unusable": FailureClass.CONFIG,
    "too-large": FailureClass.CONFIG,
    "answer-too-large": FailureClass.MALFORMED,
    "rate-limited": FailureClass.THROTTLED,
    "credential-unusable": FailureClass.DENIED,
    "login-program-failed": FailureClass.DENIED,
    "tls-not-verified": FailureClass.CONFIG,
    "plaintext-refused": FailureClass.CONFIG,
    "kubeconfig-missing": FailureClass.CONFIG,
}
"""Of a call without an answer; what is not listed is UNAVAILABLE."""
_OUT_OF_REACH: Final = NOT_SENT | {NOT_READY}
"""Reasons that are the server's own and no Secret's."""
_DENIED: Final = frozenset({FailureClass.DENIED, FailureClass.CONFIG})


class KubernetesReader:
    """What a diff gets: it looks, and has nothing to write with."""

    def __init__(self, api: ApiReader) -> None:
        """Speak through `api`, which is closed with this reader."""
        self._reads = api

    def describe(self) -> str:
        """Name the cluster and the context."""
        return self._reads.cluster.describe()

    def read(self, keys: Collection[SecretKey]) -> Iterable[Live]:
        """Look at each by name, side by side; answers come as they arrive.

        Once the API server has proved out of reach for one, with all its tries, the rest is not tried any more.
        """
        lost: list[ReadFailure] = []

        def look(key: SecretKey) -> Live:
            if lost:
                return _again(lost[0], key)
            live = self._look(key)
            if isinstance(live, ReadFailure) and live.reason in _OUT_OF_REACH:
                lost.append(live)
            return live

        for _, live in run_each(look, tuple(keys), workers=CONCURRENCY, name="syncd-read"):
            yield live

    def close(self) -> None:
        """Close sockets."""
        self._reads.close()

    def _look(self, key: SecretKey) -> Live:
        try:
            answer = self._reads.get(_place(key))
        except CallFailed as failed:
            cls = _CLASSES.get(failed.reason, FailureClass.UNAVAILABLE)
            return ReadFailure(key, cls, failed.reason, f"{key}: {failed.message}")
        if answer.status == 200:
            live = decode_secret(answer.body, key)
            if live is not None:
                return live
            message = f"{key}: the API server answered with something that is not this Secret"
            return ReadFailure(key, FailureClass.MALFORMED, "answer-malformed", message)
        if answer.status == 404 and decode_status(answer.body).not_found("secrets", key.name):
            return Missing(key)
        return read_failure(key, answer.status, answer.body)


class KubernetesTarget(KubernetesReader):
    """What apply and the daemon get. Called from several threads."""

    def __init__(self, api: Api) -> None:
        """Speak through `api`, which is closed with this target."""
        super().__init__(api)
        self._writes = api

    def create(self, desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        """Make it by POST."""
        place, body = _place(desired.key), encode_secret(desired)

        def judged(live: LiveSecret | Missing) -> WriteOutcome | None:
            if isinstance(live, Missing):
                return None
            if same(live, desired):
                return _written(live)
            message = f"{desired.key}: something of that name is there already"
            return WriteFailure(desired.key, "exists", "already-exists", message)

        return self._settled(desired.key, lambda: self._writes.create(place, body, permit), judged)

    def update(self, live: LiveSecret, desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        """Change what differs by merge patch; a type never changes, and immutable is only ever switched on."""
        key = desired.key
        if live.type != desired.type:
            message = f"{key}: its type is {live.type} and cannot become {desired.type}; it can only be replaced"
            return WriteFailure(key, "invalid", "type-immutable", message)
        if live.immutable and not (desired.immutable and live.data == desired.data):
            message = f"{key}: it is immutable; it can only be replaced"
            return WriteFailure(key, "invalid", "immutable", message)
        place, body = _place(key), encode_secret_patch(live, desired)

        def judged(now: LiveSecret | Missing) -> WriteOutcome | None:
            if isinstance(now, Missing):
                return WriteFailure(key, "gone", "not-found", f"{key}: it is not there any more")
            if now.uid == live.uid and same(now, desired):
                return _written(now)
            return _unchanged_or_conflict(live, now)

        return self._settled(key, lambda: self._writes.patch(place, body, permit), judged)

    def delete(self, live: LiveSecret, permit: Permit) -> WriteOutcome:
        """Remove it, if it is still the object that was judged, in the state that was judged."""
        place, body = _place(live.key), encode_delete(live.uid, live.resource_version)

        def judged(now: LiveSecret | Missing) -> WriteOutcome | None:
            if isinstance(now, Missing) or now.uid != live.uid:
                return _written(live)
            return _unchanged_or_conflict(live, now)

        return self._settled(live.key, lambda: self._writes.delete(place, body, permit), judged, removed=live)

    def _settled(
        self,
        key: SecretKey,
        send: Callable[[], Answer],
        judged: Callable[[LiveSecret | Missing], WriteOutcome | None],
        *,
        removed: LiveSecret | None = None,
    ) -> WriteOutcome:
        """Send a write and answer for it; where its outcome is not known, look at what is there.

        `judged` gives the outcome by what is there, or None where the write surely did not happen; it is then sent
        once more, which its precondition makes safe. `removed` is what a delete removes.
        """
        reason, message = "", ""
        for _ in range(2):
            try:
                answer = send()
            except CallFailed as failed:
                if not failed.sent:
                    return _not_sent(key, failed)
                reason, message = failed.reason, failed.message
            else:
                outcome = _answered(key, answer, removed)
                if isinstance(outcome, Written) or outcome.kind != "unavailable" or answer.status == 429:
                    return outcome
                reason, message = outcome.reason, outcome.message
            found = self._look(key)
            if isinstance(found, ReadFailure):
                message = f"{key}: whether it was written is not known, and it cannot be read back ({found.reason})"
                return WriteFailure(key, "unavailable", reason, message)
            verdict = judged(found)
            if verdict is not None:
                return verdict
        return WriteFailure(key, "unavailable", reason, f"{key}: it was not written, tried twice ({reason})")


def _again(failure: ReadFailure, key: SecretKey) -> ReadFailure:
    """Say the same of another Secret."""
    message = f"{key}{failure.message.removeprefix(str(failure.key))}"
    return replace(failure, key=key, message=message)


def _answered(key: SecretKey, answer: Answer, removed: LiveSecret | None) -> Written | WriteFailure:
    if answer.status not in (200, 201, 202):
        return write_failure(key, answer.status, answer.body)
    if removed is not None:
        return _written(removed)
    metadata = decode_metadata(answer.body, key.namespace, key.name)
    if metadata is None:
        message = f"{key}: the API server answered with something that is not this Secret"
        return WriteFailure(key, "unavailable", "answer-malformed", message)
    return Written(key, metadata.uid, metadata.resource_version)


def _not_sent(key: SecretKey, failed: CallFailed) -> WriteFailure:
    message = f"{key}: {failed.message}"
    if failed.reason == "stopped":
        return WriteFailure(key, "stopped", failed.reason, message)
    if failed.reason in ("name-unusable", "too-large"):
        return WriteFailure(key, "invalid", failed.reason, message)
    denied = _CLASSES.get(failed.reason) in _DENIED
    return WriteFailure(key, "denied" if denied else "unavailable", failed.reason, message)


def _unchanged_or_conflict(live: LiveSecret, now: LiveSecret) -> WriteFailure | None:
    if now.uid == live.uid and now.resource_version == live.resource_version:
        return None
    message = f"{live.key}: somebody else changed it meanwhile; it is looked at again in the next pass"
    return WriteFailure(live.key, "conflict", "changed-meanwhile", message)


def _written(live: LiveSecret) -> Written:
    return Written(live.key, live.uid, live.resource_version)


def _place(key: SecretKey) -> Place:
    return Place(key.namespace, "secrets", key.name)

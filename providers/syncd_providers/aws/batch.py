"""Batches of Secrets Manager: how their answer is taken apart, how fast they may go, and what a value's answer holds.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from syncd.fetch.seam import Call
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.redact import SecretValue
from syncd_providers.aws.names import CURRENT, belongs, is_version_id

BATCH_SIZE: Final = 20
"""Ids that one BatchGetSecretValue takes."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """A batch's answer by reference. What is in neither is to be read singly."""

    outcomes: Mapping[RemoteRef, Outcome]
    errors: Mapping[RemoteRef, str]
    """Error codes."""


def sort_out(refs: Sequence[RemoteRef], content: Mapping[str, object]) -> Sorted:
    """Match the values and errors of a batch to the references asked for.

    An answer about a secret that nobody asked for is no outcome of any reference; one reference's error wins over a
    value for the same, since both together make no sense.
    """
    errors: dict[RemoteRef, str] = {}
    for entry in _objects(content.get("Errors")):
        named, code = entry.get("SecretId"), entry.get("ErrorCode")
        errors |= {ref: str(code) for ref in refs if ref.key == named}
    by_name: dict[str, Mapping[str, object]] = {}
    for entry in _objects(content.get("SecretValues")):
        by_name |= {name: entry for name in (entry.get("Name"), entry.get("ARN")) if isinstance(name, str)}
    outcomes: dict[RemoteRef, Outcome] = {}
    for ref in refs:
        found = by_name.get(ref.key) or next(
            (
                e
                for e in by_name.values()
                if ref.key.startswith("arn:") and belongs(ref.key, e.get("ARN"), e.get("Name"))
            ),
            None,
        )
        if found is not None and ref not in errors:
            outcomes[ref] = read_value(ref, found)
    return Sorted(outcomes, errors)


def read_value(ref: RemoteRef, content: Mapping[str, object]) -> Outcome:
    """Take the value out of an answer, once it is sure that it is about this secret and this version."""
    if not belongs(ref.key, content.get("ARN"), content.get("Name")):
        return _malformed(ref, "answer-for-another-secret", "was answered with another secret; nothing was taken over")
    version = content.get("VersionId")
    stages = content.get("VersionStages")
    if not isinstance(version, str) or not version:
        return _malformed(ref, "answer-incomplete", "was answered without a version id")
    if is_version_id(ref.version):
        fits = version == ref.version
    else:
        fits = not isinstance(stages, list) or (ref.version or CURRENT) in stages
    if not fits:
        return _malformed(ref, "answer-for-another-version", "was answered with another version than was asked for")
    text, binary = content.get("SecretString"), content.get("SecretBinary")
    if isinstance(text, str) == isinstance(binary, bytes):
        return _malformed(ref, "answer-incomplete", "was answered without a value")
    try:
        value = text.encode() if isinstance(text, str) else bytes(binary) if isinstance(binary, bytes) else b""
    except UnicodeEncodeError:  # its text and its attributes quote the value
        return _malformed(ref, "not-text", "holds text that is no Unicode")
    created = content.get("CreatedDate")
    moment = created.timestamp() if isinstance(created, datetime) else None
    return Fetched(SecretValue(value), version, created=moment)


class Pace:
    """Keeps batches at so many a second, with one second's worth at once.

    Beside the store's own budget, since a region takes a hundredth as many batches as single reads.
    """

    def __init__(self, per_second: int, clock: Callable[[], float]) -> None:
        """Start with a full second's worth."""
        self._interval = 1.0 / per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._due = float("-inf")
        """When all batches let through so far would have gone evenly."""

    def wait(self, call: Call) -> None:
        """Wait for a turn, at most until the call ends; its `spend` then says so."""
        now = self._clock()
        with self._lock:
            self._due = max(self._due, now) + self._interval
            pause = self._due - 1.0 - now
        if pause > 0:
            call.cancelled.wait(min(pause, call.remaining()))


def _objects(found: object) -> Iterator[Mapping[str, object]]:
    for entry in found if isinstance(found, list) else ():
        if isinstance(entry, dict):
            yield entry


def _malformed(ref: RemoteRef, reason: str, what: str) -> Failure:
    return Failure(FailureClass.MALFORMED, reason, f"{ref} {what}")

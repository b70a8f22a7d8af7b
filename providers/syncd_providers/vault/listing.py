"""What Vault's answers to a LIST and to a read of metadata mean. Pure.

LIST: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#list-secrets (KV 1 alike): names of objects, and of
folders with a final slash; a folder with nothing in it is a 404 with an empty list of errors. Metadata:
https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-metadata.
"""

from datetime import UTC, datetime

import msgspec

from syncd.fetch.http import Answer
from syncd.model.reference import Failure, FailureClass, Fetched, Query, RemoteRef
from syncd.redact import SecretValue
from syncd_providers.vault.answers import says_nothing_is_there
from syncd_providers.vault.statuses import is_vault, malformed, refused, unrouted


class _Keys(msgspec.Struct, frozen=True):
    keys: list[str]


class _List(msgspec.Struct, frozen=True):
    data: _Keys


class _Data(msgspec.Struct, frozen=True):
    """Of an object of KV 2. `max_versions` stands in every one, and tells it from what a KV 1 object may hold."""

    created_time: str
    updated_time: str
    max_versions: int
    custom_metadata: dict[str, str] | None = None


class _Metadata(msgspec.Struct, frozen=True):
    data: _Data


_list = msgspec.json.Decoder(_List)
_metadata = msgspec.json.Decoder(_Metadata)


def names(answer: Answer, query: Query, folder: str, address: str) -> tuple[str, ...] | Failure:
    """Judge the answer to a LIST of `folder`: the names in it, sorted, folders with their slash.

    Only the query's own folder may be empty: the others stood in the one above a moment ago.
    """
    where = f"{query.mount}/{folder}"
    if answer.status == 200:
        return _names(answer.body, where, address)
    if answer.status == 404:
        if not says_nothing_is_there(answer.body):
            return unrouted(answer.body, f"the folder {where}", address)
        return () if folder == query.path else moved(where)
    if answer.status == 403:
        message = f"{where} may not be listed with this token; grant it list there (with KV 2 on MOUNT/metadata/PATH)"
        return Failure(FailureClass.DENIED, _denied(answer), message, transient=False)
    return refused(answer, f"the list of {where}", address)


def _names(body: bytes, where: str, address: str) -> tuple[str, ...] | Failure:
    try:
        found = _list.decode(body).data.keys
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return malformed("answer-malformed", f"{address} listed {where} in a form that is not Vault's")
    if any(not name.rstrip("/") or "/" in name[:-1] for name in found):
        return malformed("answer-malformed", f"{address} listed names in {where} that lead elsewhere")
    return tuple(sorted(set(found)))


def metadata(answer: Answer, ref: RemoteRef, address: str) -> dict[str, str] | Failure:
    """Judge the answer to a read of an object's metadata: its custom metadata, and Vault's own with `$` in front."""
    if answer.status == 200:
        try:
            found = _metadata.decode(answer.body).data
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return malformed("answer-malformed", f"{address} described {ref} in a form that is not Vault's")
        times = (("$created", found.created_time), ("$updated", found.updated_time))
        return {**(found.custom_metadata or {}), **{name: told for name, time in times if (told := _time(time))}}
    if answer.status == 404:
        if says_nothing_is_there(answer.body):
            message = f"{ref} does not exist; create the object, or correct `key` in the mapping"
            return Failure(FailureClass.ABSENT, "not-found", message, transient=False)
        return unrouted(answer.body, f"{ref}", address)
    if answer.status == 403:
        message = f"{ref} may not be read with this token; grant it read on MOUNT/metadata/KEY"
        return Failure(FailureClass.DENIED, _denied(answer), message, transient=False)
    return refused(answer, f"{ref}", address)


def fetched(told: dict[str, str]) -> Fetched:
    """Give metadata as the value that a reference to it has."""
    return Fetched(SecretValue(msgspec.json.encode(told, order="sorted")), "", structured=True)


def moved(where: str) -> Failure:
    """Say that a listing changed while it was read, so that it is not whole; trying again may find it still."""
    return Failure(
        FailureClass.UNAVAILABLE, "listing-moved", f"{where} changed while it was listed; trying again tells"
    )


def no_metadata(what: str) -> Failure:
    """Say that a KV 1 mount has none."""
    message = f"{what} stands in a KV 1 mount, which keeps no metadata; leave `metadata` and `tags` out"
    return Failure(FailureClass.CONFIG, "metadata-unsupported", message, transient=False)


def _denied(answer: Answer) -> str:
    return "permission-denied" if is_vault(answer.body) else "forbidden"


def _time(text: str) -> str:
    """Give a moment in UTC to the second; empty for none."""
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment.year > 1 else ""

"""What DescribeSecret tells beside a secret's value: its tags, and the service's own under names with `$`. Pure.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.redact import SecretValue
from syncd_providers.aws import answers
from syncd_providers.aws.names import belongs

_TIMES: Final = {
    "$created": "CreatedDate",
    "$updated": "LastChangedDate",
    "$rotated": "LastRotatedDate",
    "$nextRotation": "NextRotationDate",
}
"""Never LastAccessedDate, which each read changes."""


def described(ref: RemoteRef, content: Mapping[str, object], store: str) -> Outcome:
    """Judge the answer to a DescribeSecret of `ref`; `store` is its words for a person."""
    if not belongs(ref.key, content.get("ARN"), content.get("Name")):
        return _malformed(
            "answer-for-another-secret", f"{ref} was answered with another secret; nothing was taken over"
        )
    if content.get("DeletedDate") is not None:
        return answers.failure(answers.PENDING, ref, store)
    told = tags(content.get("Tags"))
    if told is None:
        return _malformed("answer-incomplete", f"{ref} was answered with tags that are none")
    told = {**told, **{name: time for name, member in _TIMES.items() if (time := _time(content.get(member)))}}
    description = content.get("Description")
    if isinstance(description, str) and description:
        told["$description"] = description
    try:
        value = msgspec.json.encode(told, order="sorted")
    except UnicodeEncodeError:
        return _malformed("not-text", f"{ref} has metadata that is no Unicode")
    return Fetched(SecretValue(value), "", structured=True)


def tags(found: object) -> dict[str, str] | None:
    """Give the tags of a secret by name; None where they are none."""
    told: dict[str, str] = {}
    for entry in found if isinstance(found, list) else ():
        key, value = (entry.get("Key"), entry.get("Value", "")) if isinstance(entry, dict) else (None, None)
        if not isinstance(key, str) or not isinstance(value, str):
            return None
        told[key] = value
    return told if found is None or isinstance(found, list) else None


def _time(moment: object) -> str:
    """Give a moment in UTC to the second; empty for none."""
    try:
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(moment, datetime) else ""
    except (ValueError, OverflowError):
        return ""


def _malformed(reason: str, message: str) -> Failure:
    return Failure(FailureClass.MALFORMED, reason, message)

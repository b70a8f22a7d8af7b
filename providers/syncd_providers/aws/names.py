"""Names, ARNs and versions of Secrets Manager: what may be asked for, and whether an answer is about what was asked.

Pure. Names and ARNs as the API reference has them (SecretId, VersionId, VersionStage):
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
"""

import re
from typing import Final

from syncd.model.reference import Query, RemoteRef
from syncd.node import Problem

CURRENT: Final = "AWSCURRENT"
"""The staging label that is read where none is asked for."""
NAME_LIMIT: Final = 512
ARN_LIMIT: Final = 2048
_STAGE_LIMIT: Final = 256
# An exclamation mark stands in the names of secrets that other services own, such as `rds!db-…`:
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html
_NAME: Final = re.compile(r"[A-Za-z0-9/_+=.@!-]+\Z")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:secretsmanager:(?P<region>[a-z0-9-]+):\d{12}:secret:(?P<name>[^:]+)\Z")
_SUFFIX: Final = re.compile(r"-[A-Za-z0-9]{6}\Z")
"""What Secrets Manager appends to the name in an ARN."""
_TAG_LIMIT: Final = 128
_TAG_VALUE_LIMIT: Final = 256
"""https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Tag.html"""
_SEPARATORS: Final = "/_+=.@!-"
"""What may end a beginning of names; without one of them `prod/ap` would be a place where `prod/app` lies."""
_VERSION_ID: Final = re.compile(r"[A-Za-z0-9-]{32,64}\Z")
_STAGE: Final = re.compile(r"[A-Za-z0-9/_+=.@:-]+\Z")


def canonical(ref: RemoteRef, region: str) -> RemoteRef | Problem:
    """Give the reference with defaults filled in, or why it names nothing in a store of this region.

    An ARN stays as it is written, in full or without its suffix: which name it stands for, the service alone knows.
    """
    if ref.mount:
        return Problem(("mount",), "Secrets Manager has no mounts", "leave `mount` out; the path belongs into `key`")
    found = _arn(ref.key, region) if ref.key.startswith("arn:") else problem_of_name(ref.key)
    if found is not None:
        return found
    if ref.part and ref.version:
        return Problem(("version",), "metadata belongs to the secret, not to a version", "leave version out")
    if ref.version == CURRENT:
        return ref._replace(version="")
    if ref.version and (len(ref.version) > _STAGE_LIMIT or not _STAGE.match(ref.version)):
        message = "this is neither a version id nor a staging label"
        return Problem(("version",), message, "write a version id, or a label such as AWSPREVIOUS")
    return ref


def canonical_query(query: Query) -> Query | Problem:
    """Give a query with the `/` of its path filled in, or why nothing can be looked for so."""
    if query.mount:
        return Problem(("mount",), "Secrets Manager has no mounts", "leave `mount` out; the path belongs into `find`")
    path = query.path
    if path and not path.endswith(tuple(_SEPARATORS)):
        path += "/"
    if path and (len(path) > NAME_LIMIT or not _NAME.match(path)):
        message = "this is not the beginning of a secret's name"
        return Problem(("find", "path"), message, f"write letters, digits and {_SEPARATORS}, such as prod/app/")
    for tag, value in query.tags:
        if not 1 <= len(tag) <= _TAG_LIMIT or len(value) > _TAG_VALUE_LIMIT:
            message = f"a tag has 1 to {_TAG_LIMIT} characters, its value at most {_TAG_VALUE_LIMIT}"
            return Problem(("find", "tags", tag), message, "write a tag that a secret can bear")
    return query._replace(path=path)


def is_version_id(version: str) -> bool:
    """Tell a version id from a staging label by its shape: 32 to 64 letters, digits and dashes are an id.

    Ids are the ClientRequestToken of a write: a UUID, or what a tool such as Terraform made up in that length.
    """
    return bool(_VERSION_ID.match(version))


def belongs(asked: str, arn: object, name: object) -> bool:
    """Tell whether an answer's ARN and name are those of the secret that was asked for, by name or ARN."""
    if not isinstance(arn, str) or not isinstance(name, str):
        return False
    found = _ARN.match(arn)
    if found is None or not _same(found["name"], name):
        return False
    if asked.startswith("arn:"):
        return _same(arn, asked)
    return asked == name


def _same(full: str, asked: str) -> bool:
    """Compare with and without the suffix."""
    return full == asked or (full.startswith(asked) and bool(_SUFFIX.fullmatch(full, len(asked))))


def problem_of_name(key: str) -> Problem | None:
    """Say why a key is no name; None where it is one."""
    if len(key) > NAME_LIMIT:
        return Problem(("key",), f"a secret's name has at most {NAME_LIMIT} characters")
    if not _NAME.match(key):
        allowed = "letters, digits and /_+=.@!-"
        return Problem(("key",), "this is not a secret's name", f"a name consists of {allowed}; an ARN is taken too")
    return None


def _arn(key: str, region: str) -> Problem | None:
    found = _ARN.match(key)
    if found is None or len(key) > ARN_LIMIT or not _NAME.match(found["name"]):
        form = "arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX"
        return Problem(("key",), "this is not the ARN of a secret", f"write {form}, or the name alone")
    if found["region"] != region:
        message = f"the ARN is of region {found['region']}, the store of {region}"
        return Problem(("key",), message, f"use a store with `region: {found['region']}`")
    return None

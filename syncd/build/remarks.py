"""What a person should look at though nothing is wrong: values are data, so it is said and written all the same."""

from collections.abc import Collection, Mapping
from typing import Final

from syncd.build.select import shown

_STAND_INS: Final = frozenset(
    {b"changeme", b"change-me", b"change_me", b"change me", b"replaceme", b"replace-me", b"replace_me", b"placeholder"}
)
"""What examples and charts put where a password belongs; compared without case and white space around."""


def remarks(data: Mapping[str, bytes], *, meant: Collection[str] = ()) -> tuple[str, ...]:
    """Name the keys that a workload may miss and those whose values look like none, in the order of their names.

    The values of the keys in `meant` stand in the file, so they are as a person wants them.
    """
    of_names = tuple(text for key in sorted(data) if (text := _of_name(key)))
    return of_names + tuple(text for key in sorted(data) if key not in meant and (text := _of_value(key, data[key])))


def _of_name(key: str) -> str:
    """Say where the kubelet leaves a key out: it takes any name for a variable only from Kubernetes 1.34 on.

    Of what can be a key of a Secret, it was a digit in front that it did not take before (apimachinery's
    `IsEnvVarName`; https://kubernetes.io/docs/tasks/inject-data-application/distribute-credentials-secure/).
    """
    if not key[:1].isdigit():
        return ""
    return f"{shown(key)} starts with a digit, so `envFrom` leaves it out where Kubernetes is older than 1.34"


def _of_value(key: str, value: bytes) -> str:
    bare = value.strip()
    if value and not bare:
        return f"the value of {shown(key)} is nothing but white space; look whether it is meant so"
    if bare.lower() in _STAND_INS:
        return f"the value of {shown(key)} looks like a stand-in such as CHANGEME; look at it in the store"
    return ""

"""What a person should look at though nothing is wrong: values are data, so it is said and written all the same."""

from collections.abc import Mapping
from typing import Final

from syncd.build.select import shown

_STAND_INS: Final = frozenset(
    {b"changeme", b"change-me", b"change_me", b"change me", b"replaceme", b"replace-me", b"replace_me", b"placeholder"}
)
"""What examples and charts put where a password belongs; compared without case and white space around."""


def remarks(data: Mapping[str, bytes]) -> tuple[str, ...]:
    """Name the keys whose values look like none, in the order of their names."""
    return tuple(text for key in sorted(data) if (text := _remark(key, data[key])))


def _remark(key: str, value: bytes) -> str:
    bare = value.strip()
    if value and not bare:
        return f"the value of {shown(key)} is nothing but white space; look whether it is meant so"
    if bare.lower() in _STAND_INS:
        return f"the value of {shown(key)} looks like a stand-in such as CHANGEME; look at it in the store"
    return ""

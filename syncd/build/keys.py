"""Which keys of an entry of `dataFrom` are taken and what they are called. Pure, and independent of any order."""

import re
from collections.abc import Iterable
from typing import Final, Generic, NamedTuple, TypeVar

from syncd import pattern
from syncd.build.rules import bad_key
from syncd.build.select import Fault, shown
from syncd.model.reference import FailureClass
from syncd.model.selection import KeyRules

V = TypeVar("V")

MAX_KEY: Final = 253
"""Characters of a key of a Secret."""
_LONGEST: Final = 4 * MAX_KEY
"""Characters of a name that rules are applied to; what is longer cannot stand in a Secret in any way that is meant."""
_UNFIT: Final = re.compile(r"[^-._a-zA-Z0-9]")


class Named(NamedTuple, Generic[V]):
    """A key with what belongs to it, and the name that a person knows it by."""

    origin: str
    key: str
    value: V


class Taken(NamedTuple, Generic[V]):
    """What the rules leave."""

    keys: dict[str, V]
    """By the new key, in its order."""
    faults: tuple[Fault, ...]
    unused: tuple[str, ...]
    """Old names of `rename` that no key had; a remark, since stores change."""


def key_of_name(name: str) -> str:
    """Make a key of a name in a store: what a Secret's key cannot hold becomes `_`."""
    return _UNFIT.sub("_", name)


def taken(named: Iterable[Named[V]], rules: KeyRules) -> Taken[V]:
    """Apply `include`, `exclude`, `rename`, `replace` and `prefix`, in this order; two that end as one key clash."""
    rename, used = dict(rules.rename), set[str]()
    keys: dict[str, V] = {}
    origins: dict[str, str] = {}
    faults: set[Fault] = set()
    for origin, key, value in sorted(named, key=lambda each: each[:2]):
        if not _is_text(key):
            faults.add(bad_key(key) or _too_long(key))
            continue
        if not _wanted(key, rules):
            continue
        if key in rename:
            used.add(key)
        made = _called(key, rename, rules)
        if (fault := bad_key(made)) is not None:
            faults.add(fault)
        elif made in keys:
            faults.add(_clash(made, origins[made], origin))
        else:
            keys[made], origins[made] = value, origin
    unused = tuple(sorted(rename.keys() - used))
    return Taken({key: keys[key] for key in sorted(keys)}, tuple(sorted(faults)), unused)


def _is_text(key: str) -> bool:
    """Tell whether patterns can be applied to a key: a JSON object may have any text as one, and half a character."""
    return len(key) <= _LONGEST and not any("\ud800" <= character <= "\udfff" for character in key)


def _wanted(key: str, rules: KeyRules) -> bool:
    if rules.include and not any(pattern.fits(each, key) for each in rules.include):
        return False
    return not any(pattern.fits(each, key) for each in rules.exclude)


def _called(key: str, rename: dict[str, str], rules: KeyRules) -> str:
    made = rename.get(key, key)
    for what, stand_in in rules.replace:
        if len(made) > _LONGEST:
            break  # no key any more, and it would only grow
        made = pattern.replaced(what, stand_in, made, most=_LONGEST)
    return rules.prefix + made


def _too_long(key: str) -> Fault:
    text = f"the key {shown(key)} is too long for a Secret; map it under another name with data"
    return Fault(FailureClass.CONFIG, "bad-key", text)


def _clash(key: str, one: str, other: str) -> Fault:
    both = " and ".join(sorted((shown(one), shown(other))))
    text = f"both {both} become the key {shown(key)}; tell them apart with `keys`, or leave one of them out"
    return Fault(FailureClass.CONFIG, "key-clash", text)

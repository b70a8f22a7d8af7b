"""Where values come from: one value of an object, all keys of one, every secret that a query finds, a fresh lease."""

from dataclasses import dataclass
from typing import Final, Literal

from syncd.model.reference import Query, RemoteRef

Decode = Literal["none", "base64", "base64url", "hex"]


@dataclass(frozen=True, slots=True)
class Literally:
    """A text that is not secret and stands in the file."""

    text: str


@dataclass(frozen=True, slots=True)
class Selection:
    """One value: an object in a store, and which part of it."""

    ref: RemoteRef
    property: str | None = None
    """A top-level key of that exact name first, then a dotted path; None for the whole value."""
    query: str | None = None
    """A JMESPath expression over the value as JSON."""
    decode: Decode = "none"
    optional: bool = False
    """An absent source or property leaves the key out; a denied or unusable one still fails the Secret."""


DataSource = Selection | Literally


@dataclass(frozen=True, slots=True)
class KeyRules:
    """Which keys of an entry of `dataFrom` are taken and what they are called; applied in the order of the fields.

    Patterns are RE2, unanchored.
    """

    include: tuple[str, ...] = ()
    """Patterns of which a key matches one; empty: all keys."""
    exclude: tuple[str, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()
    """Old and new name."""
    replace: tuple[tuple[str, str], ...] = ()
    """Pattern and what stands for each match."""
    prefix: str = ""


ALL_KEYS: Final = KeyRules()


@dataclass(frozen=True, slots=True)
class Extract:
    """Every key of a JSON object becomes a key of the Secret."""

    selection: Selection
    overrides: bool = False
    """May this entry replace keys of an earlier one? Otherwise a clash is an error."""
    keys: KeyRules = ALL_KEYS


@dataclass(frozen=True, slots=True)
class Finding:
    """Every secret that a query finds becomes a key of the Secret, with the whole value."""

    query: Query
    decode: Decode = "none"
    overrides: bool = False
    keys: KeyRules = ALL_KEYS


@dataclass(frozen=True, slots=True)
class Lease:
    """A short-lived secret, made for this mapping when it is asked for; each of its keys becomes one of the Secret."""

    store: str
    path: str
    """Of the engine's endpoint, its mount included, such as `database/creds/app`."""
    parameters: tuple[tuple[str, str], ...] = ()
    """What is sent along, sorted by name."""
    overrides: bool = False
    keys: KeyRules = ALL_KEYS


Entry = Extract | Finding | Lease
"""An entry of `dataFrom`."""

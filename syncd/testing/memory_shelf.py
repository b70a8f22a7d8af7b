"""What a store in memory keeps: objects with versions and tags, and what it says about them."""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from syncd.fetch.discovery import fits_name, fits_tags
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, Query, RemoteRef
from syncd.redact import SecretValue


@dataclass(slots=True)
class Stored:
    """One object."""

    versions: dict[str, bytes] = field(default_factory=dict)
    created: dict[str, float] = field(default_factory=dict)
    current: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    disabled: bool = False


class Shelf(dict[str, Stored]):
    """The objects of one store. Its user keeps threads apart."""

    def __init__(self, name: str) -> None:
        """Start empty; `name` is the store's, for messages."""
        super().__init__()
        self._name = name

    def put(self, key: str, value: bytes, moment: float) -> str:
        """Store a new version, made at `moment`, and make it current; gives its name, counted from "1"."""
        stored = self.setdefault(key, Stored())
        version = str(len(stored.versions) + 1)
        stored.versions[version], stored.created[version] = value, moment
        stored.current = version
        return version

    def look_up(self, ref: RemoteRef) -> Outcome:
        """Give the value."""
        stored = self.get(ref.key)
        if stored is None:
            message = f"store {self._name} has no object {ref.key}; create it or correct the mapping"
            return Failure(FailureClass.ABSENT, "not-found", message, transient=False)
        if stored.disabled:
            message = f"{ref.key} is disabled in store {self._name}; enable it there"
            return Failure(FailureClass.UNUSABLE, "disabled", message, transient=False)
        version = ref.version or stored.current
        if version not in stored.versions:
            message = f"store {self._name} has no version {version} of {ref.key}; name one that exists"
            return Failure(FailureClass.UNUSABLE, "version-not-found", message, transient=False)
        return Fetched(SecretValue(stored.versions[version]), version, stored.created[version])

    def describe(self, ref: RemoteRef) -> Outcome:
        """Give the tags and when the version was made."""
        found = self.look_up(ref)
        if isinstance(found, Failure):
            return found
        made = datetime.fromtimestamp(found.created or 0.0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        told = {**self[ref.key].tags, "$created": made}
        return Fetched(SecretValue(msgspec.json.encode(told)), "", structured=True)

    def page(self, after: str, size: int) -> tuple[list[str], bool]:
        """Give the next names in their order, and whether there are more."""
        names = sorted(self)
        start = bisect_right(names, after)
        return names[start : start + size], len(names) > start + size

    def fits(self, query: Query, name: str) -> bool:
        """Tell whether a query asks for that object."""
        below = name.startswith(query.path) and fits_name(query, name.removeprefix(query.path))
        return below and fits_tags(query, self[name].tags)

"""What mappings want of their stores, and what the stores said to them: named objects, and what queries find."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from syncd.fetch.gateway import Gateway
from syncd.fetch.sources import Sources, found_refs
from syncd.model.mapping import SecretMapping
from syncd.model.reference import Answer, Failure, FailureClass, Found, Listing, Outcome, Query, RemoteRef, Wanted


class Tells(Protocol):
    """What is needed of a reading: `Sources`, or a plain `Reading` where nothing makes a query."""

    def found(self, queries: Iterable[Query], *, quiet: float | None = None) -> Mapping[Query, Found]:
        """Wait for what queries find."""

    def outcomes(self, refs: Iterable[RemoteRef], *, quiet: float | None = None) -> Mapping[RemoteRef, Outcome]:
        """Wait for objects, those that were found among them."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the stores said to some mappings, whole or as far as it is in."""

    found: Mapping[Query, Found]
    outcomes: Mapping[RemoteRef, Outcome]

    def whole(self, mapping: SecretMapping) -> bool:
        """Tell whether everything that a mapping wants was answered."""
        found = all(query in self.found for query in mapping.queries())
        return found and all(ref in self.outcomes for ref in self._refs(mapping))

    def knows(self, mapping: SecretMapping) -> bool:
        """Tell whether it has finds, and each of them was answered in full."""
        queries = mapping.queries()
        return bool(queries) and all(isinstance(self.found[query], Listing) for query in queries)

    def found_by(self, mapping: SecretMapping) -> frozenset[RemoteRef]:
        """Give what its queries found."""
        return frozenset(found_refs(self.found[query] for query in mapping.queries()))

    def then(self, later: "Told") -> "Told":
        """Give both; what was asked again counts by its later answer."""
        return Told({**self.found, **later.found}, {**self.outcomes, **later.outcomes})

    def classes(self, mappings: Iterable[SecretMapping]) -> dict[Wanted, FailureClass | None]:
        """Give the class of each answer to these; None for a value and for a listing."""
        classes: dict[Wanted, FailureClass | None] = {}
        for mapping in mappings:
            classes.update((query, _class(self.found[query])) for query in mapping.queries())
            classes.update((ref, _class(self.outcomes[ref])) for ref in self._refs(mapping))
        return classes

    def _refs(self, mapping: SecretMapping) -> tuple[RemoteRef, ...]:
        found = found_refs(self.found[query] for query in mapping.queries())
        return (*refs_of([mapping]), *found)


def tell(mappings: Collection[SecretMapping], reading: Tells, *, quiet: float | None = None) -> Told:
    """Wait for what the stores say; with `quiet` only until none of them has said anything for so many seconds."""
    found = reading.found(queries_of(mappings), quiet=quiet)
    wanted = dict.fromkeys((*refs_of(mappings), *found_refs(found.values())))
    return Told(found, reading.outcomes(wanted, quiet=quiet))


def start_reading(mappings: Collection[SecretMapping], gateway: Gateway) -> Sources:
    """Start reading everything that these mappings want; returns at once."""
    return Sources(gateway, refs_of(mappings), queries_of(mappings))


def queries_of(mappings: Iterable[SecretMapping]) -> tuple[Query, ...]:
    """Give the distinct queries that these mappings make, in their order."""
    return tuple(dict.fromkeys(query for mapping in mappings for query in mapping.queries()))


def refs_of(mappings: Iterable[SecretMapping]) -> tuple[RemoteRef, ...]:
    """Give the distinct objects that these mappings name, in their order."""
    return tuple(dict.fromkeys(selection.ref for mapping in mappings for selection in mapping.selections()))


def _class(answer: Answer) -> FailureClass | None:
    return answer.cls if isinstance(answer, Failure) else None

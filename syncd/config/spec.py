"""What the loader needs to know of a type of store; `syncd.fetch.seam.ProviderSpec` fits, without being known here."""

from collections.abc import Callable, Iterable
from typing import Never, Protocol, TypeVar, runtime_checkable

import msgspec

from syncd.model.reference import Query, RemoteRef
from syncd.model.store import StoreSettings
from syncd.node import Problem


class NamesObjects(Protocol):
    """A provider, as far as the loader asks it: pure, and before anything else is asked of it."""

    def canonical(self, ref: RemoteRef) -> RemoteRef | Problem:
        """Give the one name of the object that `ref` names, or why it names none."""


@runtime_checkable
class FindsObjects(Protocol):
    """A provider that finds secrets (`syncd.fetch.seam.Discovers`), as far as the loader asks it."""

    def canonical_query(self, query: Query) -> Query | Problem:
        """Give the one form of a query, or why nothing can be looked for so; paths from the entry of `dataFrom`."""


@runtime_checkable
class DescribesObjects(Protocol):
    """A provider that reads metadata (`syncd.fetch.seam.Describes`); the loader asks only whether it does."""

    @property
    def describe(self) -> Callable[..., object]:
        """Read metadata."""


@runtime_checkable
class IssuesLeases(Protocol):
    """A provider that issues short-lived secrets (`syncd.fetch.seam.Leases`), as far as the loader asks it."""

    def canonical_path(self, path: str) -> str | Problem:
        """Give the one spelling of an engine's endpoint, or what is wrong with it."""


P = TypeVar("P", bound=NamesObjects)
P_co = TypeVar("P_co", bound=NamesObjects, covariant=True)


class StoreSpec(Protocol[P_co]):
    """How stores of one type are configured and made.

    The options are the spec's own: converted to its `options`, looked at by its `check`, handed to its `create`.
    """

    @property
    def name(self) -> str:
        """Give the word after `type:`."""

    @property
    def options(self) -> type[msgspec.Struct]:
        """Give the shape of the fields beside those that every store takes."""

    @property
    def check(self) -> Callable[[Never, StoreSettings], Iterable[Problem]]:
        """Give the check of what types cannot say; its paths start at the store's own mapping."""

    @property
    def create(self) -> Callable[[Never, StoreSettings], P_co]:
        """Give the maker of the provider; cheap and without I/O."""

    @property
    def requests_per_second(self) -> float:
        """Give the default budget."""

    @property
    def concurrency(self) -> int:
        """Give the default number of requests in flight."""

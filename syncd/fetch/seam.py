"""The seam between syncd and its stores: what an adapter offers and what it is handed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Generic, Protocol, TypeVar, runtime_checkable

import msgspec

from syncd.model.lease import Grant, Issue, Issued, Renewal, Revocation, Revoked
from syncd.model.reference import Failure, Found, Outcome, Query, RemoteRef
from syncd.model.store import StoreSettings
from syncd.node import Problem

O = TypeVar("O", bound=msgspec.Struct)  # noqa: E741 — options; read as a word in the signatures below


class CallAborted(Exception):  # noqa: N818 — not an error of the adapter's: it unwinds the call
    """The gateway ended the call: deadline passed, budget used up or pass cancelled. Let it through."""


class Call(Protocol):
    """What the gateway hands in with each fetch: every wire request is spent against a budget and ends in time."""

    deadline: float
    """Monotonic time in seconds after which nobody waits for the answer."""
    cancelled: Event
    """Set when the pass is given up."""

    def spend(self) -> None:
        """Take one wire request from the store's budget; call it right before each. Raises CallAborted."""

    def remaining(self) -> float:
        """Seconds until the deadline, never below 0.001; what a socket may wait at most."""


class Provider(Protocol):
    """One store, one identity.

    The gateway calls `fetch` from several threads at once, with at most `batch_size` references;
    `relogin` from one thread, single-flight, after an outcome with `stale_credential`; `close` once, at the end.
    `canonical` is pure and may be called before anything else, from the configuration loader.

    Must: construct cheaply (no network, no SDK import before the first fetch); answer every reference it was
    given; check that the answer belongs to the request; call `call.spend()` before each wire request, logins
    too; keep within `call.remaining()`; map every answer to one class of `FailureClass` with a fixed reason code.
    May: leave references out on a broken answer (the gateway reads that as UNAVAILABLE).
    Must not: raise for anything that a service or a network can do; retry; log; keep values; let foreign
    exception text, bodies or models out. `CallAborted` from `spend` passes through.
    """

    batch_size: int
    """How many references one fetch may carry: 20 for AWS, 1 for Vault."""

    def canonical(self, ref: RemoteRef) -> RemoteRef | Problem:
        """Give the one name of the object that `ref` names, defaults filled in, or why it names none."""

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Iterable[tuple[RemoteRef, Outcome]]:
        """Read each (canonical) reference."""

    def relogin(self) -> None:
        """Drop the credential at hand, so that the next fetch logs in anew. Does no I/O."""

    def close(self) -> None:
        """Give back what was logged in for (revoke our own token, within 2 s) and close sockets. Never raises."""


@runtime_checkable
class Describes(Protocol):
    """Optional power of a provider: reads what the store keeps beside an object's value (`metadata: NAME`).

    The gateway hands references with `part == "metadata"` to `describe` and never to `fetch`, with at most
    `batch_size` of them, from the same threads and under the same duties (`Provider`). The loader hands them to
    `canonical`, which keeps the part, and refuses a version where the store keeps one set for all versions. A type of
    store without this power has no metadata: naming some is a mistake in the file.

    An outcome is a Fetched whose value is one JSON object of names and texts, `structured=True`, `version=""` and
    `created=None` (metadata changes without a new version). Names stand in it as the store keeps them. What is not
    the user's own stands under a name with `$` in front, only where the store has it, and wins over a tag of that
    name; times are RFC 3339 in UTC to the second, such as `2026-01-31T12:00:00Z`. An object without any metadata is
    an empty object. Failures have the classes that a read of the value has: ABSENT only for an object that is gone.

    | store | the user's own | `$` names | request, and what is so of it |
    | --- | --- | --- | --- |
    | Vault, KV 2 | `custom_metadata` | `$created`, `$updated` | GET MOUNT/metadata/KEY; of the object, so `version` is a Problem; a deleted current version changes nothing |
    | Vault, KV 1 | - | - | a Problem where kvVersion: 1 stands, else Failure CONFIG `metadata-unsupported` |
    | AWS | tags | `$created` CreatedDate, `$updated` LastChangedDate, `$description`, `$rotated` LastRotatedDate, `$nextRotation` NextRotationDate | DescribeSecret; of the secret, so `version` is a Problem; DeletedDate set: UNUSABLE; never LastAccessedDate, which each read changes |
    | Key Vault | tags | `$created`, `$updated`, `$expires` exp, `$notBefore` nbf, `$contentType` | GET secrets/NAME/VERSION, its value dropped unread; `version` may be given; disabled: UNUSABLE, but one that is expired or not yet valid is described, so that `$expires` tells |
    | file | - | - | has no such power |
    """  # noqa: E501 — a table

    def describe(self, refs: Sequence[RemoteRef], call: Call) -> Iterable[tuple[RemoteRef, Outcome]]:
        """Read the metadata of each (canonical) reference."""


@runtime_checkable
class Discovers(Protocol):
    """Optional power of a provider: finds secrets by path, name and tags (`find`).

    `canonical_query` is pure and may be called before anything else, from the configuration loader. `find` is called
    like `fetch`, from several threads, for one query at a time; its duties are those of `Provider.fetch`.

    `find` gives a Listing only when it is complete: every page was read and was well-formed. A page that fails, is
    left out or cannot be understood makes the whole a Failure, whatever came before it; so does a name that fits but
    is no canonical reference (CONFIG `name-unsafe`), more pages than `discovery.MOST_PAGES` or more names than
    `discovery.MOST_NAMES` (CONFIG `listing-too-long`). An empty Listing means that the store itself said that nothing
    fits, in its own form and for a place that exists. No answer of a listing is ABSENT, and nothing is ever removed
    because a listing, which may lag, does not hold it: only that is read which is found.

    The refs of a Listing are canonical (`canonical` gives each back), of the query's store, without part and version,
    sorted, each once; each `key` starts with the query's `path`, and the rest fits the query's `name`
    (`discovery.fits_name`) and is not empty; each bears all `tags`. Left out and counted as `skipped`: what fits but
    is disabled, or on its way to deletion, where the listing itself tells so.

    | store | the path, canonical | how it is listed |
    | --- | --- | --- |
    | Vault | empty, or segments with a final `/`, which is added | LIST MOUNT/metadata/PATH (KV 1: MOUNT/PATH), folder by folder; tags: custom metadata, GET MOUNT/metadata/KEY for each name that fits (KV 2 only); deleted versions are found, and then read as UNUSABLE |
    | AWS | empty, or a beginning of names that ends in one of `/_+=.@!-`, a `/` being added | ListSecrets, filters `name` (a prefix), `tag-key`, `tag-value`, all checked again on the answer (filters are case-blind and by words); paging to the end, InvalidNextToken begins anew; DeletedDate: skipped |
    | Key Vault | empty, or a beginning of names in lower case with a final `-`, which is added | GET secrets, 25 a page, nextLink of the same vault only; disabled: skipped; secrets that back a certificate (`managed`) count like others |
    | file | empty, or a beginning of names with a final `/`, which is added | a folder: files below it, no name that starts with `..`; a file: its keys; no tags |
    """  # noqa: E501 — a table

    def canonical_query(self, query: Query) -> Query | Problem:
        """Give the one form of a query, defaults filled in, or why nothing can be looked for so.

        A Problem's path starts at the entry of `dataFrom`, such as ("find", "path") or ("mount",). The name's pattern
        was compiled before, and the tags are sorted; neither changes.
        """

    def find(self, query: Query, call: Call) -> Found:
        """Find every secret that a (canonical) query asks for."""


@runtime_checkable
class Leases(Protocol):
    """Optional power of a provider: makes short-lived secrets (`dynamic`), lets them go on and ends them.

    `canonical_path` is pure and may be called before anything else, from the configuration loader. The others are
    called like `fetch`, from several threads, each for one lease; their duties are those of `Provider.fetch`.

    `issue` changes something, so it is asked once: neither the adapter nor the gateway repeats it when it is not known
    what became of it. A Failure with `stale_credential` says that nothing was issued, and is the one that may be tried
    again. What is issued hangs on an identity of its own, that `close` leaves alone: it lives on while no process
    does. `Grant.owner` and `owner_seconds` tell what it dies with, and when.

    `renew_lease` lets the lease and its owner go on. Failures: UNUSABLE `lease-gone` where the store itself says that
    it knows no such lease, CONFIG `lease-not-renewable`, DENIED; every other one says nothing about the lease.
    `revoke_lease` gives Revoked also where the lease is gone already.
    """

    def canonical_path(self, path: str) -> str | Problem:
        """Give the one spelling of an engine's endpoint, or what is wrong with it; a Problem's path is ("path",)."""

    def issue(self, wanted: Issue, call: Call) -> Issued | Failure:
        """Make a new short-lived secret."""

    def renew_lease(self, wanted: Renewal, call: Call) -> Grant | Failure:
        """Let a lease go on."""

    def revoke_lease(self, wanted: Revocation, call: Call) -> Revoked | Failure:
        """End a lease."""


@dataclass(frozen=True, slots=True)
class ProviderSpec(Generic[O]):
    """What an entry point of the group `syncd.providers` gives: how a store of this type is configured and made."""

    name: str
    """The word after `type:` in the configuration."""
    options: type[O]
    """A msgspec Struct (rename="camel", forbid_unknown_fields, kw_only, frozen) of the fields beside those that every
    store takes. Texts are `syncd.node.Text`, credentials `syncd.fetch.credential.Credential`."""
    create: Callable[[O, StoreSettings], Provider]
    """Make the provider; cheap and without I/O."""
    check: Callable[[O, StoreSettings], Iterable[Problem]] = lambda _options, _settings: ()
    """What the types cannot say: exactly one login method, addresses that are safe to speak to. Paths in a Problem
    start at the store's own mapping, in the spelling of the file, such as ("auth", "appRole")."""
    requests_per_second: float = 500.0
    """Default budget."""
    concurrency: int = 16
    """Default number of requests in flight."""

"""The seam between syncd and its stores: what an adapter offers and what it is handed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Generic, Protocol, TypeVar

import msgspec

from syncd.model.reference import Outcome, RemoteRef
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

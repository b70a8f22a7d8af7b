"""The provider: one Vault address, namespace and identity, read from several threads."""

import threading
import time
from collections.abc import Callable, Sequence

from syncd.fetch.http import Transport, TransportError
from syncd.fetch.seam import Call
from syncd.model.lease import Grant, Issue, Issued, Renewal, Revocation, Revoked
from syncd.model.reference import Failure, FailureClass, Found, Outcome, Query, RemoteRef
from syncd.model.store import StoreSettings
from syncd.node import Problem, text
from syncd_providers.vault import paths
from syncd_providers.vault.leases import LeaseDesk, OneAtATime
from syncd_providers.vault.methods import login_of
from syncd_providers.vault.options import VaultOptions
from syncd_providers.vault.reader import Reader
from syncd_providers.vault.session import Session


class VaultProvider:
    """Reads KV 1 and 2, and issues what engines make. Implements `Provider`, `Discovers`, `Describes`, `Leases`."""

    batch_size = 1

    def __init__(self, options: VaultOptions, settings: StoreSettings) -> None:
        """Keep the settings; no network, and no import of hvac."""
        self._options = options
        self._settings = settings
        self._address = text(options.address).rstrip("/")
        self._mount = text(options.mount).strip("/")
        self._clock: Callable[[], float] = settings.clock or time.monotonic
        self._lock = threading.Lock()
        self._connected: Reader | None = None
        self._leases: LeaseDesk | None = None

    def canonical(self, ref: RemoteRef) -> RemoteRef | Problem:
        """Give the one name of the object, or what is wrong with it."""
        return paths.canonical(ref, self._mount, self._options.kv_version)

    def canonical_query(self, query: Query) -> Query | Problem:
        """Give the one form of a query, or what is wrong with it."""
        return paths.canonical_query(query, self._mount, self._options.kv_version)

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> list[tuple[RemoteRef, Outcome]]:
        """Read each reference, one request each."""
        return [(ref, self._outcome(ref, call)) for ref in refs]

    def describe(self, refs: Sequence[RemoteRef], call: Call) -> list[tuple[RemoteRef, Outcome]]:
        """Read the metadata of each reference, one request each."""
        return [(ref, self._outcome(ref, call)) for ref in refs]

    def find(self, query: Query, call: Call) -> Found:
        """Walk through the folders below the query's path, one request each, and one for each look at tags."""
        if self.canonical_query(query) != query:
            return _not_canonical("query")
        try:
            return self._connect().find(query, call)
        except TransportError as error:
            return error.failure(self._address)

    def canonical_path(self, path: str) -> str | Problem:
        """Give the one spelling of an engine's endpoint, or what is wrong with it."""
        return paths.canonical_path(path)

    def issue(self, wanted: Issue, call: Call) -> Issued | Failure:
        """Have a short-lived secret made."""
        if self.canonical_path(wanted.path) != wanted.path:
            return _not_canonical("path")
        try:
            return self._desk().issue(wanted, call)
        except TransportError as error:
            return error.failure(self._address)

    def renew_lease(self, wanted: Renewal, call: Call) -> Grant | Failure:
        """Let a lease go on."""
        try:
            return self._desk().renew(wanted, call)
        except TransportError as error:
            return error.failure(self._address)

    def revoke_lease(self, wanted: Revocation, call: Call) -> Revoked | Failure:
        """End a lease."""
        try:
            return self._desk().revoke(wanted, call)
        except TransportError as error:
            return error.failure(self._address)

    def relogin(self) -> None:
        """Drop the token that was found dead; a given one is read anew from its file."""
        if self._connected is None:
            return
        if self._leases is not None and self._leases.session.suspected:
            self._leases.session.drop()
        else:
            self._connected.session.drop()

    def close(self) -> None:
        """Revoke the token that syncd logged in for to read, and close the connections. Leases and theirs stay."""
        with self._lock:
            connected = self._connected
        if connected is not None:
            connected.close()

    def _outcome(self, ref: RemoteRef, call: Call) -> Outcome:
        if self.canonical(ref) != ref:
            # The loader compares canonical names with what a tenant may read; no other name is ever sent.
            return _not_canonical("reference")
        try:
            reader = self._connect()
            return reader.describe(ref, call) if ref.part else reader.read(ref, call)
        except TransportError as error:
            return error.failure(self._address)

    def _desk(self) -> LeaseDesk:
        self._connect()
        assert self._leases is not None  # noqa: S101 — made with the reader
        return self._leases

    def _connect(self) -> Reader:
        connected = self._connected
        if connected is None:
            with self._lock:
                if self._connected is None:
                    self._connected = self._made()
                connected = self._connected
        return connected

    def _made(self) -> Reader:
        # Here, with the first fetch: hvac takes a quarter of a second to import.
        from syncd_providers.vault.client import VaultClient  # noqa: PLC0415 — late on purpose

        settings, address, clock = self._settings, self._address, self._clock
        transport = Transport(timeouts=settings.timeouts, tls=settings.tls, proxy=settings.proxy, clock=clock)
        client = VaultClient(address, text(self._options.namespace).strip("/"), transport)
        login = OneAtATime(login_of(self._options, settings))
        self._leases = LeaseDesk(client, Session(client, login, address, clock, outlives=True), address, clock)
        session = Session(client, login, address, clock)
        return Reader(client, session, transport, address, self._options.kv_version, clock)


def _not_canonical(what: str) -> Failure:
    message = f"the {what} is not in its canonical form"
    return Failure(FailureClass.CONFIG, "not-canonical", message, transient=False)

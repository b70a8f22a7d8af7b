"""The provider: one Vault address, namespace and identity, read from several threads."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from syncd.fetch.http import Transport, TransportError
from syncd.fetch.seam import Call
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.store import StoreSettings
from syncd.node import Problem, text
from syncd_providers.vault import answers, paths
from syncd_providers.vault.methods import login_of
from syncd_providers.vault.options import VaultOptions
from syncd_providers.vault.session import Session, Token

if TYPE_CHECKING:
    from syncd_providers.vault.client import VaultClient

MOUNT_SECONDS: Final = 60.0
"""How long it is believed what engine a mount has; a mount that was made anew is noticed after it."""

INDEX_SECONDS: Final = 60.0
"""How long after a login a node is asked to have caught up with it; not for ever, since a cluster that was restored
from a backup never reaches it again."""


class VaultProvider:
    """Reads KV 1 and 2. Implements `syncd.fetch.seam.Provider`."""

    batch_size = 1

    def __init__(self, options: VaultOptions, settings: StoreSettings) -> None:
        """Keep the settings; no network, and no import of hvac."""
        self._options = options
        self._settings = settings
        self._address = text(options.address).rstrip("/")
        self._mount = text(options.mount).strip("/")
        self._clock: Callable[[], float] = settings.clock or time.monotonic
        self._lock = threading.Lock()
        self._connected: _Connected | None = None

    def canonical(self, ref: RemoteRef) -> RemoteRef | Problem:
        """Give the one name of the object, or what is wrong with it."""
        return paths.canonical(ref, self._mount, self._options.kv_version)

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> list[tuple[RemoteRef, Outcome]]:
        """Read each reference, one request each."""
        return [(ref, self._outcome(ref, call)) for ref in refs]

    def relogin(self) -> None:
        """Drop the token; a given one is read anew from its file."""
        if self._connected is not None:
            self._connected.session.drop()

    def close(self) -> None:
        """Revoke the token that syncd logged in for, and close the connections."""
        with self._lock:
            connected = self._connected
        if connected is not None:
            connected.close()

    def _outcome(self, ref: RemoteRef, call: Call) -> Outcome:
        if self.canonical(ref) != ref:
            # The loader compares canonical names with what a tenant may read; no other name is ever sent.
            message = "the reference is not in its canonical form"
            return Failure(FailureClass.CONFIG, "not-canonical", message, transient=False)
        try:
            return self._connect().read(ref, call)
        except TransportError as error:
            return error.failure(self._address)

    def _connect(self) -> "_Connected":
        connected = self._connected
        if connected is None:
            with self._lock:
                if self._connected is None:
                    self._connected = self._made()
                connected = self._connected
        return connected

    def _made(self) -> "_Connected":
        # Here, with the first fetch: hvac takes a quarter of a second to import.
        from syncd_providers.vault.client import VaultClient  # noqa: PLC0415 — late on purpose

        settings = self._settings
        transport = Transport(timeouts=settings.timeouts, tls=settings.tls, proxy=settings.proxy, clock=self._clock)
        client = VaultClient(self._address, text(self._options.namespace).strip("/"), transport)
        login = login_of(self._options, settings)
        session = Session(client, login, self._address, self._clock)
        return _Connected(client, session, transport, self._address, self._options.kv_version, self._clock)


class _Connected:
    """What exists from the first fetch on."""

    def __init__(
        self,
        client: "VaultClient",
        session: Session,
        transport: Transport,
        address: str,
        kv_version: int | None,
        clock: Callable[[], float],
    ) -> None:
        self.session = session
        self._client = client
        self._transport = transport
        self._address = address
        self._kv_version = kv_version
        self._clock = clock
        self._mounts: dict[str, tuple[int, float]] = {}
        self._mounts_lock = threading.Lock()

    def close(self) -> None:
        self.session.close()
        self._transport.close()

    def read(self, ref: RemoteRef, call: Call) -> Outcome:
        """Read one object. Raises TransportError, CallAborted."""
        token = self.session.token(call)
        if isinstance(token, Failure):
            return token
        kv = self._kv_version or self._detected(ref.mount, token, call)
        if isinstance(kv, Failure):
            return self._judged(kv, token, call)
        if ref.version and kv == 1:
            message = f"{ref.mount} is a KV 1 mount, which keeps no versions; leave version out"
            return Failure(FailureClass.CONFIG, "version-unsupported", message, transient=False)
        found = self._asked(ref, kv, token, call)
        if isinstance(found, Fetched):
            return found
        if found.reason == "mount-missing":
            self._mounts.pop(ref.mount, None)
        if found.cls is FailureClass.ABSENT:
            return self._confirmed(found, ref, token, call)
        return self._judged(found, token, call)

    def _asked(self, ref: RemoteRef, kv: int, token: Token, call: Call) -> Outcome:
        call.spend()
        index = token.index if self._clock() - token.got < INDEX_SECONDS else ""
        answer = self._client.read(kv, ref.mount, ref.key, ref.version, token.secret, call.remaining(), index)
        return answers.read(answer, answers.Asked(ref, kv, self._address))

    def _confirmed(self, absent: Failure, ref: RemoteRef, token: Token, call: Call) -> Outcome:
        """Let ABSENT stand only for an object that is gone altogether, in a mount that is there as configured."""
        if self._kv_version is not None:
            kv = self._detected(ref.mount, token, call)
            if isinstance(kv, Failure):
                message = f"{ref} is not found, and whether its mount is as configured cannot be told: {kv.message}"
                return replace(kv, cls=FailureClass.UNAVAILABLE, reason="mount-unverified", message=message)
            if kv != self._kv_version:
                message = f"{ref.mount} is a KV {kv} mount; set kvVersion: {kv} or leave it out"
                return Failure(FailureClass.CONFIG, "wrong-kv-version", message, transient=False)
        if not ref.version:
            return absent
        current = self._asked(ref._replace(version=""), 2, token, call)
        if isinstance(current, Failure) and current.cls is FailureClass.ABSENT:
            return absent
        message = f"there is no {ref}, though the object has other versions; pin one that exists"
        return Failure(FailureClass.UNUSABLE, "version-missing", message, transient=False)

    def _detected(self, mount: str, token: Token, call: Call) -> int | Failure:
        """Give the KV version of a mount, asked of the server once a minute and by one thread."""
        known = self._mounts.get(mount)
        if known is not None and self._clock() - known[1] < MOUNT_SECONDS:
            return known[0]
        if not self._mounts_lock.acquire(timeout=call.remaining()):
            message = f"{self._address} is slow to tell what is mounted at {mount}"
            return Failure(FailureClass.UNAVAILABLE, "mount-slow", message)
        try:
            known = self._mounts.get(mount)
            now = self._clock()
            if known is not None and now - known[1] < MOUNT_SECONDS:
                return known[0]
            call.spend()
            found = answers.mount(self._client.mount(mount, token.secret, call.remaining()), mount, self._address)
            if isinstance(found, Failure):
                self._mounts.pop(mount, None)
            else:
                self._mounts[mount] = (found, now)
            return found
        finally:
            self._mounts_lock.release()

    def _judged(self, found: Failure, token: Token, call: Call) -> Failure:
        """Tell a token that is no longer known from a path that it may not read; Vault answers 403 to both."""
        if found.cls is not FailureClass.DENIED or found.reason != "permission-denied":
            return found
        if self.session.judge(token, call) != "dead":
            return found
        how = "syncd logs in anew" if token.ours else "write a new one where the store's token is read from"
        message = f"the token for {self._address} is wrong, expired or revoked; {how}"
        return Failure(
            FailureClass.DENIED, "token-expired", message, scope="store", stale_credential=True, transient=True
        )

"""What a Vault store does with its token: reads of values and metadata, listings, and what makes sure of an answer."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from syncd.fetch.http import Transport
from syncd.fetch.seam import Call
from syncd.model.reference import Failure, FailureClass, Fetched, Found, Listing, Outcome, Query, RemoteRef
from syncd_providers.vault import answers, listing
from syncd_providers.vault.search import Search
from syncd_providers.vault.session import Session, Token

if TYPE_CHECKING:
    from syncd_providers.vault.client import VaultClient

MOUNT_SECONDS: Final = 60.0
"""How long it is believed what engine a mount has; a mount that was made anew is noticed after it."""

INDEX_SECONDS: Final = 60.0
"""How long after a login a node is asked to have caught up with it; not for ever, since a cluster that was restored
from a backup never reaches it again."""


class Reader:
    """What exists of a provider from the first fetch on. Thread-safe. Raises TransportError and CallAborted."""

    def __init__(
        self,
        client: "VaultClient",
        session: Session,
        transport: Transport,
        address: str,
        kv_version: int | None,
        clock: Callable[[], float],
    ) -> None:
        """Keep what it needs; asks nothing. `kv_version` None: asked of the server, mount by mount."""
        self.session = session
        self._client = client
        self._transport = transport
        self._address = address
        self._kv_version = kv_version
        self._clock = clock
        self._mounts: dict[str, tuple[int, float]] = {}
        self._mounts_lock = threading.Lock()

    def close(self) -> None:
        """Give the token back and close the connections."""
        self.session.close()
        self._transport.close()

    def read(self, ref: RemoteRef, call: Call) -> Outcome:
        """Read one object."""
        ready = self._ready(ref.mount, call)
        if isinstance(ready, Failure):
            return ready
        token, kv = ready
        if ref.version and kv == 1:
            message = f"{ref.mount} is a KV 1 mount, which keeps no versions; leave version out"
            return Failure(FailureClass.CONFIG, "version-unsupported", message, transient=False)
        found = self._asked(ref, kv, token, call)
        if isinstance(found, Fetched):
            return found
        if found.cls is FailureClass.ABSENT:
            return self._confirmed(found, ref, token, call)
        return self._judged(found, ref.mount, token, call)

    def describe(self, ref: RemoteRef, call: Call) -> Outcome:
        """Read the metadata of one object."""
        ready = self._ready(ref.mount, call)
        if isinstance(ready, Failure):
            return ready
        token, kv = ready
        if kv == 1:
            return listing.no_metadata(str(ref))
        found = self._metadata(ref, token, call)
        if not isinstance(found, Failure):
            return listing.fetched(found)
        if found.cls is FailureClass.ABSENT:
            return self._confirmed(found, ref, token, call)
        return self._judged(found, ref.mount, token, call)

    def find(self, query: Query, call: Call) -> Found:
        """Find all objects that a query asks for."""
        ready = self._ready(query.mount, call)
        if isinstance(ready, Failure):
            return ready
        token, kv = ready
        if kv == 1 and query.tags:
            return listing.no_metadata(str(query))

        def names(folder: str) -> tuple[str, ...] | Failure:
            call.spend()
            index = self._index(token)
            answer = self._client.list(kv, query.mount, folder, token.secret, call.remaining(), index)
            return listing.names(answer, query, folder, self._address)

        found = Search(query, names, lambda ref: self._metadata(ref, token, call)).found()
        if isinstance(found, Listing):
            # Nothing there is also what a mount of the other KV version says.
            return found if found.refs else self._mismatch(query.mount, str(query), token, call) or found
        return self._judged(found, query.mount, token, call)

    def _ready(self, mount: str, call: Call) -> tuple[Token, int] | Failure:
        """Give the token, and the KV version of a mount."""
        token = self.session.token(call)
        if isinstance(token, Failure):
            return token
        kv = self._kv_version or self._detected(mount, token, call)
        return self._judged(kv, mount, token, call) if isinstance(kv, Failure) else (token, kv)

    def _asked(self, ref: RemoteRef, kv: int, token: Token, call: Call) -> Outcome:
        call.spend()
        index = self._index(token)
        answer = self._client.read(kv, ref.mount, ref.key, ref.version, token.secret, call.remaining(), index)
        return answers.read(answer, answers.Asked(ref, kv, self._address))

    def _metadata(self, ref: RemoteRef, token: Token, call: Call) -> dict[str, str] | Failure:
        call.spend()
        answer = self._client.metadata(ref.mount, ref.key, token.secret, call.remaining(), self._index(token))
        return listing.metadata(answer, ref, self._address)

    def _index(self, token: Token) -> str:
        return token.index if self._clock() - token.got < INDEX_SECONDS else ""

    def _confirmed(self, absent: Failure, ref: RemoteRef, token: Token, call: Call) -> Outcome:
        """Let ABSENT stand only for an object that is gone altogether, in a mount that is there as configured."""
        mismatch = self._mismatch(ref.mount, str(ref), token, call)
        if mismatch is not None or not ref.version:
            return mismatch or absent
        current = self._asked(ref._replace(version=""), 2, token, call)
        if isinstance(current, Failure) and current.cls is FailureClass.ABSENT:
            return absent
        message = f"there is no {ref}, though the object has other versions; pin one that exists"
        return Failure(FailureClass.UNUSABLE, "version-missing", message, transient=False)

    def _mismatch(self, mount: str, what: str, token: Token, call: Call) -> Failure | None:
        """Say how a mount differs from what is configured, where nothing was found in it."""
        if self._kv_version is None:
            return None
        kv = self._detected(mount, token, call)
        if isinstance(kv, Failure):
            message = f"{what} is not found, and whether its mount is as configured cannot be told: {kv.message}"
            return replace(kv, cls=FailureClass.UNAVAILABLE, reason="mount-unverified", message=message)
        if kv != self._kv_version:
            message = f"{mount} is a KV {kv} mount; set kvVersion: {kv} or leave it out"
            return Failure(FailureClass.CONFIG, "wrong-kv-version", message, transient=False)
        return None

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

    def _judged(self, found: Failure, mount: str, token: Token, call: Call) -> Failure:
        """Tell a token that is no longer known from a path that it may not read; Vault answers 403 to both."""
        if found.reason == "mount-missing":
            self._mounts.pop(mount, None)
        if found.cls is not FailureClass.DENIED or found.reason != "permission-denied":
            return found
        if self.session.judge(token, call) != "dead":
            return found
        how = "syncd logs in anew" if token.ours else "write a new one where the store's token is read from"
        message = f"the token for {self._address} is wrong, expired or revoked; {how}"
        return Failure(
            FailureClass.DENIED, "token-expired", message, scope="store", stale_credential=True, transient=True
        )

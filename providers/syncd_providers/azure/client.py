"""The Key Vault provider: one secret a call. What needs the SDK is in `session`, which is imported at first use."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from syncd.fetch.seam import Call
from syncd.model.reference import Failure, FailureClass, Found, Outcome, Query, RemoteRef
from syncd.model.store import StoreSettings
from syncd.node import Problem
from syncd_providers.azure.options import AzureOptions
from syncd_providers.azure.reference import canonical, canonical_query

if TYPE_CHECKING:
    from syncd_providers.azure.session import Session


class AzureProvider:
    """One vault, one identity. Implements `Provider`, `Discovers` and `Describes` of `syncd.fetch.seam`."""

    batch_size = 1

    def __init__(self, options: AzureOptions, settings: StoreSettings, now: Callable[[], float] = time.time) -> None:
        """Keep the settings; `now` is wall-clock time, in which secrets expire and tokens end."""
        self._options = options
        self._settings = settings
        self._now = now
        self._vault = options.vault()
        self._lock = threading.Lock()
        self._session: Session | None = None

    def canonical(self, ref: RemoteRef) -> RemoteRef | Problem:
        """Give the one name of a secret: lower case, by name, of this vault."""
        return canonical(ref, self._vault)

    def canonical_query(self, query: Query) -> Query | Problem:
        """Give the one form of a query: a beginning of names in lower case with a dash."""
        return canonical_query(query)

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Iterable[tuple[RemoteRef, Outcome]]:
        """Read each secret: one wire request, a second one where it is not found, and logins as they fall due."""
        session = self._connected()
        for ref in refs:
            yield ref, session if isinstance(session, Failure) else session.read(ref, call)

    def describe(self, refs: Sequence[RemoteRef], call: Call) -> Iterable[tuple[RemoteRef, Outcome]]:
        """Read the tags and times of each secret, by the requests that a read of its value takes."""
        return self.fetch(refs, call)

    def find(self, query: Query, call: Call) -> Found:
        """Read the list of secrets, 25 a request."""
        session = self._connected()
        return session if isinstance(session, Failure) else session.find(query, call)

    def relogin(self) -> None:
        """Drop the login with its tokens."""
        with self._lock:
            if self._session is not None:
                self._session.relogin()

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            if self._session is not None:
                self._session.close()

    def _connected(self) -> "Session | Failure":
        with self._lock:
            if self._session is None:
                try:
                    from syncd_providers.azure.session import (  # noqa: PLC0415 — 400 ms that others need not pay
                        Session,
                    )
                except ImportError:
                    message = "the Azure SDK is not installed; install syncd[azure]"
                    return Failure(FailureClass.CONFIG, "sdk-missing", message, scope="store", transient=False)
                self._session = Session(self._options, self._settings, self._now)
            return self._session

"""The Key Vault provider: one secret a call. Everything that needs the SDK is in `session`, imported at first use."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from syncd.fetch.seam import Call
from syncd.model.reference import Failure, FailureClass, Outcome, RemoteRef
from syncd.model.store import StoreSettings
from syncd.node import Problem
from syncd_providers.azure.options import AzureOptions
from syncd_providers.azure.reference import canonical

if TYPE_CHECKING:
    from syncd_providers.azure.session import Session


class AzureProvider:
    """One vault, one identity."""

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

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Iterable[tuple[RemoteRef, Outcome]]:
        """Read each secret: one wire request, a second one where it is not found, and logins as they fall due."""
        try:
            session = self._connected()
        except ImportError:
            message = "the Azure SDK is not installed; install syncd[azure]"
            missing = Failure(FailureClass.CONFIG, "sdk-missing", message, scope="store", transient=False)
            yield from ((ref, missing) for ref in refs)
            return
        for ref in refs:
            yield ref, session.read(ref, call)

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

    def _connected(self) -> "Session":
        with self._lock:
            if self._session is None:
                from syncd_providers.azure.session import Session  # noqa: PLC0415 — 400 ms that others need not pay

                self._session = Session(self._options, self._settings, self._now)
            return self._session

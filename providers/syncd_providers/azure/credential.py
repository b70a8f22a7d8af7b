"""The login of one store: one credential object, its tokens shared by all threads, its errors turned into failures.

This module imports azure-core, so it is imported when a store is first read.
"""

import threading
import time
from collections.abc import Callable
from typing import Final, Self

from azure.core.credentials import AccessToken, AccessTokenInfo, SupportsTokenInfo, TokenRequestOptions

from syncd.fetch.credential import CredentialUnreadable
from syncd.fetch.seam import CallAborted
from syncd.model.reference import Failure, FailureClass
from syncd_providers.azure.login import LoginFailed, failed
from syncd_providers.azure.methods import Way
from syncd_providers.azure.transport import current

REFRESH_EARLY: Final = 300.0
"""Seconds before its end at which a token is renewed, as azure-identity does."""
REFRESH_PAUSE: Final = 30.0
"""Seconds between two tries to renew a token that still holds."""


class Login:
    """The credential that the SDK's clients of one store share.

    One login at a time; a token is kept until its end, so that a login endpoint that fails near the end of a token
    does no harm before it. A login by what stands in a file starts anew each time, from files read again; the others do
    so after one that failed. Raises LoginFailed and CallAborted.
    """

    def __init__(self, way: Way, now: Callable[[], float] = time.time) -> None:
        """Keep what makes a credential; `now` is wall-clock time, in which tokens end."""
        self._way = way
        self._who = way.who
        self._now = now
        self._lock = threading.Lock()
        self._credential: SupportsTokenInfo | None = None
        self._tokens: dict[tuple[str, ...], AccessTokenInfo] = {}
        self._pause_until = 0.0
        self._failure: tuple[float, Failure] = (float("-inf"), Failure(FailureClass.UNAVAILABLE, "login-failed"))

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Give a token, from before or by a new login."""
        # Claims of None come after a refused token, from the SDK: the new login is for the gateway to ask for.
        wanted = options or {}
        key = (wanted.get("tenant_id", ""), *scopes)
        if not wanted.get("claims") and (kept := self._fresh(key)):
            return kept
        since = time.monotonic()
        if not self._lock.acquire(timeout=current().call.remaining()):
            raise LoginFailed(self._late())
        try:
            # Another thread may have logged in, or failed to, while this one waited.
            if not wanted.get("claims") and (kept := self._fresh(key)):
                return kept
            if self._failure[0] >= since:
                raise LoginFailed(self._failure[1])
            return self._log_in(key, scopes, wanted)
        finally:
            self._lock.release()

    def _log_in(self, key: tuple[str, ...], scopes: tuple[str, ...], wanted: TokenRequestOptions) -> AccessTokenInfo:
        now = current()
        now.address, now.answer, now.error = "", None, None
        try:
            if self._credential is None:
                self._credential = self._way.make()
            token = self._credential.get_token_info(*scopes, options=wanted)
        except CallAborted:
            raise
        except Exception as error:  # noqa: BLE001 — the SDK raises its own, msal's, ValueError and OSError alike
            # The SDK remembers failed answers for a while and a read secret for good: start anew next time.
            self._credential = None
            if now.aborted is not None:
                raise now.aborted from None
            kept = self._tokens.get(key)
            if kept is not None and kept.expires_on > self._now() and not wanted.get("claims"):
                self._pause_until = self._now() + REFRESH_PAUSE
                return kept
            self._failure = (time.monotonic(), self._judged(error))
            raise LoginFailed(self._failure[1]) from None
        if not self._way.lasting:
            self._credential = None
        self._tokens[key] = token
        return token

    def _judged(self, error: Exception) -> Failure:
        if isinstance(error, LoginFailed):
            return error.failure
        if isinstance(error, CredentialUnreadable):
            return Failure(FailureClass.DENIED, "credential-unreadable", f"{self._who}: {error}", scope="store")
        seen = current()
        return failed(self._who, seen.address, seen.answer, seen.error, self._now())

    def _late(self) -> Failure:
        message = f"{self._who}: another read waits for the same login"
        return Failure(FailureClass.UNAVAILABLE, "timeout", message, scope="store")

    def _fresh(self, key: tuple[str, ...]) -> AccessTokenInfo | None:
        kept = self._tokens.get(key)
        if kept is None:
            return None
        now = self._now()
        due = min(kept.refresh_on or float("inf"), kept.expires_on - REFRESH_EARLY)
        return kept if now < due or (now < self._pause_until and now < kept.expires_on) else None

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **_options: object,
    ) -> AccessToken:
        """Give a token in the older form of the protocol."""
        options = TokenRequestOptions(enable_cae=enable_cae)
        if claims:
            options["claims"] = claims
        if tenant_id:
            options["tenant_id"] = tenant_id
        found = self.get_token_info(*scopes, options=options)
        return AccessToken(found.token, found.expires_on)

    def close(self) -> None:
        """Do nothing: connections are the provider's."""

    def __enter__(self) -> Self:
        """Return the login."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

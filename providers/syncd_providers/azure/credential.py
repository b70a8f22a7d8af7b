"""Logins: one credential object for a store, its tokens shared by all threads, its errors turned into failures.

This module imports azure-identity, so it is imported when a store is first read.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Self

from azure.core.credentials import AccessToken, AccessTokenInfo, SupportsTokenInfo, TokenRequestOptions
from azure.identity import (
    ClientAssertionCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    ManagedIdentityCredential,
)

from syncd.fetch.credential import Credential, CredentialUnreadable, read_credential
from syncd.fetch.seam import CallAborted
from syncd.model.reference import Failure, FailureClass
from syncd.node import text
from syncd_providers.azure.login import Who, failed
from syncd_providers.azure.options import AzureOptions, ClientSecret, ManagedIdentity, WorkloadIdentity
from syncd_providers.azure.transport import AzureTransport, current

REFRESH_EARLY: Final = 300.0
"""Seconds before its end at which a token is renewed, as azure-identity does."""
REFRESH_PAUSE: Final = 30.0
"""Seconds between two tries to renew a token that still holds."""
_IMDS: Final = "http://169.254.169.254"
"""Source: learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token."""
_IDENTITY_ENDPOINTS: Final = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "IMDS_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST")
"""Variables that lead azure-identity to the managed identity endpoint of a platform."""


class LoginFailed(Exception):  # noqa: N818 — carries an outcome out through the SDK's pipeline
    """There is no token. Holds the failure; its text is the reason code."""

    def __init__(self, failure: Failure) -> None:
        """Keep the failure."""
        super().__init__(failure.reason)
        self.failure = failure


def identity_endpoints(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Give the addresses at which the platform may offer a managed identity."""
    return (_IMDS, *(environment[name] for name in _IDENTITY_ENDPOINTS if environment.get(name)))


def maker(
    options: AzureOptions,
    base: Path,
    transport: AzureTransport,
    environment: Mapping[str, str] = os.environ,
) -> tuple[Who, Callable[[], SupportsTokenInfo]]:
    """Give whom the store logs in as, and what makes a fresh credential each time, from files read anew.

    Instance discovery is off for all: the login endpoints are known or configured, it could only add others.
    """
    name, method = options.method()
    authority = options.logins()[0]
    if isinstance(method, ClientSecret):
        tenant, client, source = text(method.tenant_id), text(method.client_id), method.secret
        return Who(name, client), lambda: ClientSecretCredential(
            tenant,
            client,
            _text(source, base),
            authority=authority,
            disable_instance_discovery=True,
            transport=transport,
            retry_total=0,
        )
    if isinstance(method, WorkloadIdentity):
        return _workload(name, method, authority, base, transport, environment)
    if isinstance(method, ManagedIdentity):
        client = text(method.client_id or "")
        # Without the last argument the SDK falls to the workload identity where the AZURE_* variables are set.
        return Who(name, client), lambda: ManagedIdentityCredential(
            client_id=client or None,
            transport=transport,
            retry_total=0,
            _exclude_workload_identity_credential=True,
        )
    return Who(name, ""), lambda: DefaultAzureCredential(
        authority=authority, disable_instance_discovery=True, transport=transport, retry_total=0
    )


def _workload(
    name: str,
    method: WorkloadIdentity,
    authority: str,
    base: Path,
    transport: AzureTransport,
    environment: Mapping[str, str],
) -> tuple[Who, Callable[[], SupportsTokenInfo]]:
    found = {
        "tenantId": text(method.tenant_id or environment.get("AZURE_TENANT_ID", "")),
        "clientId": text(method.client_id or environment.get("AZURE_CLIENT_ID", "")),
        "tokenFile": text(method.token_file or environment.get("AZURE_FEDERATED_TOKEN_FILE", "")),
    }

    def make() -> SupportsTokenInfo:
        missing = [field for field, value in found.items() if not value]
        if missing:
            message = f"{', '.join(missing)} is neither configured nor in the AZURE_* variables"
            raise CredentialUnreadable(message)
        # Not WorkloadIdentityCredential, which keeps the content of the file for ten minutes.
        return ClientAssertionCredential(
            found["tenantId"],
            found["clientId"],
            lambda: _text(Credential(file=found["tokenFile"]), base),
            authority=authority,
            disable_instance_discovery=True,
            transport=transport,
            retry_total=0,
        )

    return Who(name, found["clientId"]), make


def _text(source: Credential, base: Path) -> str:
    try:
        return read_credential(source, base).reveal().decode()
    except UnicodeDecodeError:
        message = "the credential is not text"
        raise CredentialUnreadable(message) from None


class Login:
    """The credential that the SDK's clients of one store share.

    One login at a time; a token is kept until its end, so that a login endpoint that fails near the end of a token
    does no harm before it. After a failed login the next one starts anew, from files read again. Raises LoginFailed
    and CallAborted.
    """

    def __init__(self, who: Who, make: Callable[[], SupportsTokenInfo], now: Callable[[], float] = time.time) -> None:
        """Keep what makes a credential; `now` is wall-clock time, in which tokens end."""
        self._who = who
        self._make = make
        self._now = now
        self._lock = threading.Lock()
        self._credential: SupportsTokenInfo | None = None
        self._tokens: dict[tuple[str, ...], AccessTokenInfo] = {}
        self._pause_until = 0.0
        self._failure: tuple[float, Failure] = (float("-inf"), Failure(FailureClass.UNAVAILABLE, "login-failed"))

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Give a token, from before or by a new login."""
        wanted = options or {}
        key = (wanted.get("tenant_id", ""), *scopes)
        if "claims" not in wanted and (kept := self._fresh(key)):
            return kept
        since = time.monotonic()
        if not self._lock.acquire(timeout=current().call.remaining()):
            raise LoginFailed(self._late())
        try:
            # Another thread may have logged in, or failed to, while this one waited.
            if "claims" not in wanted and (kept := self._fresh(key)):
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
                self._credential = self._make()
            token = self._credential.get_token_info(*scopes, options=wanted)
        except CallAborted:
            raise
        except Exception as error:  # noqa: BLE001 — the SDK raises its own, msal's, ValueError and OSError alike
            # The SDK remembers failed answers for a while and a read secret for good: start anew next time.
            self._credential = None
            if now.aborted is not None:
                raise now.aborted from None
            kept = self._tokens.get(key)
            if kept is not None and kept.expires_on > self._now() and "claims" not in wanted:
                self._pause_until = self._now() + REFRESH_PAUSE
                return kept
            self._failure = (time.monotonic(), self._judged(error))
            raise LoginFailed(self._failure[1]) from None
        self._tokens[key] = token
        return token

    def _judged(self, error: Exception) -> Failure:
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

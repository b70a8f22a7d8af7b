"""Tokens of whoever is logged in with `az`, which is run for each login.

This module imports azure-identity, so it is imported when a store is first read.
"""

import re
from shutil import which
from subprocess import CalledProcessError, TimeoutExpired
from typing import Final, Self

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import AzureCliCredential, CredentialUnavailableError

from syncd.model.reference import Failure, FailureClass
from syncd_providers.azure.login import LoginFailed, Who
from syncd_providers.azure.transport import current

_REFUSED: Final = re.compile(r"AADSTS([0-9]{1,7})")
"""Entra's error number, which is fit to be shown; the sentence around it is not."""


class CommandLine:
    """Asks `az account get-access-token`, one run a login, which counts as one request of the store."""

    def __init__(self, who: Who) -> None:
        """Keep whom a failure names."""
        self._who = who

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Run it, for as long as the call has left. Raises LoginFailed and CallAborted."""
        call = current().call
        call.spend()
        asked = AzureCliCredential(process_timeout=max(1, int(call.remaining())))
        try:
            found: AccessTokenInfo = asked.get_token_info(*scopes, options=options)
        except ClientAuthenticationError as error:
            raise LoginFailed(self._judged(error)) from None
        return found

    def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        """Give it in the older form of the protocol."""
        found = self.get_token_info(*scopes)
        return AccessToken(found.token, found.expires_on)

    def close(self) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    def _judged(self, error: ClientAuthenticationError) -> Failure:
        """Tell what went wrong by how `az` ended; of what it wrote, an error number alone is passed on."""
        cause, who = error.__cause__, self._who
        if which("az") is None:
            message = f"{who}: there is no `az` on the PATH; install the Azure CLI, or choose another method"
            return Failure(FailureClass.DENIED, "login-unavailable", message, scope="store")
        if isinstance(cause, TimeoutExpired):
            message = f"{who}: `az` gave no answer in time; try again later"
            return Failure(FailureClass.UNAVAILABLE, "timeout", message, scope="store")
        told = _REFUSED.search(str(cause.stderr or "")) if isinstance(cause, CalledProcessError) else None
        if told is not None:
            message = f"{who}: refused by Entra AADSTS{told[1]}; log in anew with `az login`"
            return Failure(FailureClass.DENIED, "login-refused", message, scope="store")
        if isinstance(error, CredentialUnavailableError):
            message = f"{who}: nobody is logged in, or `az` cannot be run; log in with `az login`"
            return Failure(FailureClass.DENIED, "login-unavailable", message, scope="store")
        message = f"{who}: `az` gave no token; run `az account get-access-token` to see why"
        return Failure(FailureClass.UNAVAILABLE, "login-failed", message, scope="store")

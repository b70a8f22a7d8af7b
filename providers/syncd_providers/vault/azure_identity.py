"""What an azure login shows: a token of the workload's or the machine's identity, got by azure-identity.

The only importer of azure-identity here, and itself imported with the first such login. Each login makes a fresh
credential, which reads its files anew and keeps nothing. Its requests go over syncd's own transport, through the
session that azure-core's requests transport takes; what happened there is kept, since the SDK turns errors into texts.
"""

import logging
import os
import time
from io import BytesIO
from typing import Final
from urllib.parse import urlsplit

import requests
import urllib3
from azure.core.credentials import TokenCredential
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import AzureAuthorityHosts, ClientAssertionCredential, ManagedIdentityCredential
from requests.adapters import HTTPAdapter

from syncd.fetch.credential import Credential, CredentialUnreadable, read_credential
from syncd.fetch.http import Answer, Transport, TransportError
from syncd.fetch.seam import Call, CallAborted
from syncd.model.reference import Failure, FailureClass
from syncd.model.store import StoreSettings, Tls
from syncd.node import text
from syncd.redact import SecretValue
from syncd_providers.vault.auth import Azure
from syncd_providers.vault.login import Asked, store_wide, widened
from syncd_providers.vault.statuses import retry_after

_WORKLOAD: Final = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")
"""What AKS sets in a Pod with a workload identity
(https://learn.microsoft.com/azure/aks/workload-identity-overview#service-account-labels-and-annotations)."""
_AUTHORITY: Final = "AZURE_AUTHORITY_HOST"
_FRAMING: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers of a body as it travelled; ours is whole and plain."""


def asked(options: Azure, settings: StoreSettings, described: str, call: Call) -> Asked | Failure:
    """Make the body of the login (https://developer.hashicorp.com/vault/api-docs/auth/azure#login).

    Raises CredentialUnreadable, CallAborted.
    """
    for name in ("azure", "msal", "requests"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # they log the texts of failed logins
    workload = all(os.environ.get(name) for name in _WORKLOAD)
    wire = _Wire(settings, call, proxied=workload)
    try:
        token = _credential(options, settings, wire, workload=workload).get_token(f"{text(options.resource)}/.default")
    except (CallAborted, CredentialUnreadable):
        raise
    except Exception:  # noqa: BLE001 — the SDK raises its own, msal's, ValueError and OSError; their texts stay here
        if wire.unwinding is not None:
            raise wire.unwinding from None
        return wire.judged(f"{described} got no token of its Azure identity")
    finally:
        wire.close()
    return Asked({"role": text(options.role), "jwt": SecretValue(token.token.encode())})


def _credential(options: Azure, settings: StoreSettings, wire: "_Wire", *, workload: bool) -> TokenCredential:
    """Make the workload's credential where AKS has set one up, the machine's otherwise."""
    session = requests.Session()
    session.trust_env = False
    for scheme in ("https://", "http://"):
        session.mount(scheme, wire)
    transport = RequestsTransport(session=session, use_env_settings=False)
    if not workload:
        return ManagedIdentityCredential(
            client_id=text(options.client_id) or None,
            transport=transport,
            retry_total=0,
            _exclude_workload_identity_credential=True,
        )
    tenant, client, file = (os.environ[name] for name in _WORKLOAD)

    def assertion() -> str:
        return read_credential(Credential(file=file), settings.base).reveal().decode("ascii", "replace")

    # Not WorkloadIdentityCredential, whose way to the token file is its own.
    return ClientAssertionCredential(
        tenant,
        text(options.client_id) or client,
        assertion,
        authority=os.environ.get(_AUTHORITY) or AzureAuthorityHosts.AZURE_PUBLIC_CLOUD,
        disable_instance_discovery=True,
        transport=transport,
        retry_total=0,
    )


class _Wire(HTTPAdapter):
    """Sends the requests of one login; knows how the latest one ended."""

    def __init__(self, settings: StoreSettings, call: Call, *, proxied: bool) -> None:
        super().__init__()
        self._call = call
        self._transport = Transport(
            timeouts=settings.timeouts,
            tls=Tls(ca_file=settings.tls.ca_file, system_too=True),
            # A machine's own endpoint is on the machine or its link, never behind a proxy.
            proxy=settings.proxy if proxied else None,
            clock=settings.clock or time.monotonic,
        )
        self._address = "the identity endpoint"
        self._answer: Answer | None = None
        self._error: TransportError | None = None
        self.unwinding: CallAborted | None = None

    def send(self, request: requests.PreparedRequest, *_options: object, **_named: object) -> requests.Response:
        """Send one request; the SDK's own options on time-outs and verification say nothing here."""
        parts = urlsplit(request.url or "")
        self._address, self._answer, self._error = f"{parts.scheme}://{parts.hostname}", None, None
        content = request.body.encode() if isinstance(request.body, str) else request.body
        assert content is None or isinstance(content, bytes)  # noqa: S101 — the SDK streams nothing to its logins
        try:
            self._call.spend()
            self._answer = answer = self._transport.request(
                request.method or "GET",
                parts.geturl(),
                headers={name: _plain(value) for name, value in request.headers.items()},
                body=content,
                remaining=self._call.remaining(),
            )
        except CallAborted as aborted:
            self.unwinding = aborted
            raise
        except TransportError as error:
            self._error = error
            raise requests.ConnectionError(error.reason) from None
        headers = {name: value for name, value in answer.headers.items() if name not in _FRAMING}
        raw = urllib3.HTTPResponse(BytesIO(answer.body), headers, answer.status, preload_content=False)
        return self.build_response(request, raw)

    def judged(self, what: str) -> Failure:
        """Say why there is no token, by the latest request."""
        if self._error is not None:
            return widened(self._error.failure(self._address), what)
        if self._answer is None:
            message = f"{what}: this is no place that has one; look at the Pod's workload identity, or the machine's"
            return store_wide(FailureClass.DENIED, "no-identity", message)
        status, wait = self._answer.status, retry_after(self._answer.headers)
        if status == 429:
            message = f"{what}: {self._address} asks for fewer logins; try again later"
            return Failure(FailureClass.THROTTLED, "rate-limited", message, wait, "store")
        if status >= 500:
            message = f"{what}: {self._address} failed with status {status}; try again later"
            return Failure(FailureClass.UNAVAILABLE, "server-error", message, wait, "store")
        message = f"{what}: {self._address} refused it with status {status}; check clientId, resource and the identity"
        return store_wide(FailureClass.DENIED, "identity-refused", message)

    def close(self) -> None:
        """Close the connections."""
        super().close()
        self._transport.close()


def _plain(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value

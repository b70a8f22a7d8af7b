"""The login methods: what each one makes of its options, from files read when it is used.

Instance discovery is off for all: the login endpoints are known or configured, it could only add others. This module
imports azure-identity, so it is imported when a store is first read.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from azure.core.credentials import SupportsTokenInfo
from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    ManagedIdentityCredential,
)

from syncd.fetch.credential import Credential, CredentialUnreadable, read_credential
from syncd.node import text
from syncd_providers.azure.cli import CommandLine
from syncd_providers.azure.login import Who
from syncd_providers.azure.options import (
    AzureCli,
    AzureOptions,
    ClientCertificate,
    ClientSecret,
    ManagedIdentity,
    WorkloadIdentity,
)
from syncd_providers.azure.transport import AzureTransport

_IMDS: Final = "http://169.254.169.254"
"""Source: learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token."""
_IDENTITY_ENDPOINTS: Final = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "IMDS_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST")
"""Variables that lead azure-identity to the managed identity endpoint of a platform."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a store logs in."""

    who: Who
    make: Callable[[], SupportsTokenInfo]
    """Makes a fresh credential. Raises CredentialUnreadable, and whatever the SDK raises."""
    lasting: bool = False
    """The credential is good for more than one login: it has learnt where this machine's identity is, and nothing of
    it stands in a file that may change."""


def identity_endpoints(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Give the addresses at which the platform may offer a managed identity."""
    return (_IMDS, *(environment[name] for name in _IDENTITY_ENDPOINTS if environment.get(name)))


def way_of(
    options: AzureOptions,
    base: Path,
    transport: AzureTransport,
    environment: Mapping[str, str] = os.environ,
) -> Way:
    """Give the way that a store's options name; relative files start at `base`."""
    name, method = options.method()
    authority = options.logins()[0]
    if isinstance(method, ClientSecret):
        return _secret(name, method, authority, base, transport)
    if isinstance(method, ClientCertificate):
        return _certificate(name, method, authority, base, transport)
    if isinstance(method, WorkloadIdentity):
        return _workload(name, method, authority, base, transport, environment)
    if isinstance(method, AzureCli):
        who = Who(name)
        return Way(who, lambda: CommandLine(who))
    if isinstance(method, ManagedIdentity):
        return _managed(name, method, transport)
    return Way(
        Who(name),
        lambda: DefaultAzureCredential(
            authority=authority, disable_instance_discovery=True, transport=transport, retry_total=0
        ),
        lasting=True,
    )


def _secret(name: str, method: ClientSecret, authority: str, base: Path, transport: AzureTransport) -> Way:
    tenant, client = text(method.tenant_id), text(method.client_id)
    return Way(
        Who(name, client, tenant),
        lambda: ClientSecretCredential(
            tenant,
            client,
            _text(method.secret, base),
            authority=authority,
            disable_instance_discovery=True,
            transport=transport,
            retry_total=0,
        ),
    )


def _certificate(name: str, method: ClientCertificate, authority: str, base: Path, transport: AzureTransport) -> Way:
    tenant, client, path = text(method.tenant_id), text(method.client_id), base / text(method.file)

    def make() -> SupportsTokenInfo:
        content = _bytes(path)
        password = None if method.password is None else _text(method.password, base)
        try:
            return CertificateCredential(
                tenant,
                client,
                certificate_data=content,
                password=password,
                authority=authority,
                disable_instance_discovery=True,
                transport=transport,
                retry_total=0,
            )
        except Exception:  # noqa: BLE001 — of several libraries, with texts that may quote what they read
            raise CredentialUnreadable(_unusable(path, password)) from None

    return Way(Who(name, client, tenant), make)


def _unusable(path: Path, password: str | None) -> str:
    opened = "that opens without a password" if password is None else "that the `password` opens"
    return (
        f"the file {path} is no certificate with its RSA key, as PEM or PKCS#12, {opened}; "
        "write one there, or correct `password`"
    )


def _workload(
    name: str,
    method: WorkloadIdentity,
    authority: str,
    base: Path,
    transport: AzureTransport,
    environment: Mapping[str, str],
) -> Way:
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

    return Way(Who(name, found["clientId"], found["tenantId"]), make)


def _managed(name: str, method: ManagedIdentity, transport: AzureTransport) -> Way:
    client = text(method.client_id or "")
    # Without the last argument the SDK falls to the workload identity where the AZURE_* variables are set.
    return Way(
        Who(name, client),
        lambda: ManagedIdentityCredential(
            client_id=client or None,
            transport=transport,
            retry_total=0,
            _exclude_workload_identity_credential=True,
        ),
        lasting=True,
    )


def _bytes(path: Path) -> bytes:
    """Read a file as it is: PKCS#12 is binary, and its last byte may be a line end."""
    try:
        return path.read_bytes()
    except OSError as error:
        why = error.strerror or "unknown reason"
        message = f"the file {path} cannot be read ({why}); write the certificate there, or correct the store's `auth`"
        raise CredentialUnreadable(message) from None


def _text(source: Credential, base: Path) -> str:
    try:
        return read_credential(source, base).reveal().decode()
    except UnicodeDecodeError:
        message = "the credential is not text"
        raise CredentialUnreadable(message) from None

"""What the Key Vault and Entra stand-ins say: one answer type, and every error body with its source.

Only the shapes and the codes are promised by the service. The sentences are short on purpose: an adapter that
reads them would break, and nothing here should tempt it to.
"""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer before a fault may twist it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON_TYPE


def document(content: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Make an answer of a JSON document."""
    return Answer(status, json.dumps(content).encode(), headers or {})


def vault_error(
    status: int,
    code: str,
    message: str,
    *,
    inner: str = "",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Make a Key Vault error body: `{"error": {"code", "message", "innererror": {"code"}}}`.

    Source: learn.microsoft.com/rest/api/keyvault, type KeyVaultError; `innererror` in lower case on the wire as
    azure-sdk-for-net's CertificateClient tests record it (azure-sdk-for-js shows its own `innerError`).
    """
    error: dict[str, object] = {"code": code, "message": message}
    if inner:
        error["innererror"] = {"code": inner}
    return document({"error": error}, status=status, headers=headers)


def challenge(message: str, *, authority: str, resource: str) -> Answer:
    """Answer 401 and say where a token comes from.

    Source: azure-sdk-for-js keyvault recordings (401 bodies `AKV10000`, header `Bearer authorization=…, resource=…`);
    learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses.
    """
    header = f'Bearer authorization="{authority}", resource="{resource}"'
    return vault_error(401, "Unauthorized", message, headers={"WWW-Authenticate": header})


def secret_not_found(name: str, version: str = "") -> Answer:
    """Answer 404 for a secret or a version that is not there.

    Source: azure-sdk-for-js keyvault-secrets recordings, code `SecretNotFound`.
    """
    wanted = f"{name}/{version}" if version else name
    return vault_error(404, "SecretNotFound", f"A secret with (name/id) {wanted} was not found in this key vault.")


def deleted_secret_not_found(name: str) -> Answer:
    """Answer 404 for a name the deleted list does not hold.

    Source: azure-sdk-for-js recordings of keys (`Deleted Key not found: <name>`, code `KeyNotFound`); the secrets
    of the same recordings carry `SecretNotFound`.
    """
    return vault_error(404, "SecretNotFound", f"Deleted Secret not found: {name}")


def secret_disabled() -> Answer:
    """Answer 403 for the value of a disabled version.

    Source: github.com/Azure/azure-sdk-for-js/issues/24756, github.com/ansible-collections/azure/issues/1989.
    """
    message = "Operation get is not allowed on a disabled secret."
    return vault_error(403, "Forbidden", message, inner="SecretDisabled")


_FORBIDDEN = {
    # github.com/Azure/azure-sdk-for-net, CertificateClient tests: access policies.
    "ForbiddenByPolicy": "The application does not have the secrets permission on this key vault.",
    # github.com/hashicorp/terraform-provider-azurerm/issues/27817: roles.
    "ForbiddenByRbac": "Caller is not authorized to perform action on resource.",
    # github.com/MicrosoftDocs/azure-devops-docs/issues/8581: the vault's firewall.
    "ForbiddenByFirewall": "Client address is not authorized and caller is not a trusted service.",
}


def forbidden(inner: str) -> Answer:
    """Answer 403 with one of the documented inner codes, or with one nobody has heard of.

    Source: learn.microsoft.com/azure/key-vault/general/rest-error-codes, HTTP 403.
    """
    return vault_error(403, "Forbidden", _FORBIDDEN.get(inner, "Access denied."), inner=inner)


def throttled(retry_after: str) -> Answer:
    """Answer 429; an empty `retry_after` leaves the header out.

    Source: github.com/vcsjones/AzureSignTool/issues/219 (code `Throttled`, and there without the header);
    learn.microsoft.com/azure/key-vault/general/overview-throttling.
    """
    message = "Request was not processed because too many requests were received."
    headers = {"Retry-After": retry_after} if retry_after else None
    return vault_error(429, "Throttled", message, headers=headers)


def bad_parameter(message: str) -> Answer:
    """Answer 400 for a name, a version, an api-version or a value the service refuses.

    Source: github.com/aspnet/MicrosoftConfigurationBuilders/issues/22 (`BadParameter`, invalid name in the URI).
    """
    return vault_error(400, "BadParameter", message)


def name_is_held(name: str) -> Answer:
    """Answer 409 for a write to a name that a soft-deleted secret still holds.

    Source: azure-sdk-for-cpp key client tests (code `Conflict`); learn.microsoft.com/azure/key-vault/general/
    soft-delete-overview.
    """
    message = f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused."
    return vault_error(409, "Conflict", message, inner="ObjectIsDeletedButRecoverable")


def entra_error(status: int, error: str, number: int, sentence: str, *, authority: str) -> Answer:
    """Make a token endpoint's error body.

    Source: learn.microsoft.com/entra/identity-platform/reference-error-codes (the sample body: `error`,
    `error_description` with trace and correlation ids, `error_codes`, `timestamp`, `error_uri`).
    """
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    moment = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
    description = f"AADSTS{number}: {sentence} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {moment}"
    content = {
        "error": error,
        "error_description": description,
        "error_codes": [number],
        "timestamp": moment,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"{authority}/error?code={number}",
    }
    return document(content, status=status)

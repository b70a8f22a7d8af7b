"""The login half of the Key Vault stand-in: Entra's token endpoint and the two managed identity endpoints.

It believes nobody on their word: the secret is compared, assertions are verified, a managed identity needs its
header.
"""

import time
from collections.abc import Mapping
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers.keyvault_answers import Answer, document, entra_error
from tests.servers.keyvault_tokens import Jwt, Mint, TokenError, check_signature, check_times, parse, thumbprints

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_FEDERATED_AUDIENCE = "api://AzureADTokenExchange"  # learn.microsoft.com/entra/workload-id/workload-identity-federation


class Entra:
    """One tenant with one application and one managed identity."""

    def __init__(self, origin: str, *, tenant_id: str, client_id: str, client_secret: str, header: str) -> None:
        """Serve under `origin`; `header` is what the App Service endpoint wants to see."""
        self.origin = origin
        self.tenant_id = tenant_id
        self.client_id = client_id
        self.client_secret = client_secret
        self.identity_header = header
        self.mint = Mint(f"{origin}/{tenant_id}/", tenant_id)
        self.lifetime = 3599
        self.refresh_in: int | None = None
        self.certificates: list[x509.Certificate] = []
        self.federated_tokens: set[str] = set()
        self.federated_keys: list[rsa.RSAPublicKey] = []

    @property
    def authority(self) -> str:
        """Where the tenant lives."""
        return f"{self.origin}/{self.tenant_id}"

    @property
    def token_endpoint(self) -> str:
        """Where tokens are issued, and the audience of a client's assertion."""
        return f"{self.authority}/oauth2/v2.0/token"

    def register_certificate(self, pem: bytes) -> None:
        """Accept assertions signed with this certificate's key."""
        self.certificates.append(x509.load_pem_x509_certificate(pem))

    def register_federated_key(self, pem: bytes) -> None:
        """Accept federated tokens signed with this RSA public key."""
        key = serialization.load_pem_public_key(pem)
        if not isinstance(key, rsa.RSAPublicKey):
            message = "the stand-in verifies RSA signatures only"
            raise TypeError(message)
        self.federated_keys.append(key)

    def metadata(self, tenant: str) -> Answer:
        """Answer the OpenID configuration msal reads before its first token request.

        Source: learn.microsoft.com/entra/identity-platform/v2-protocols-oidc; recorded in azure-sdk-for-js keyvault.
        """
        if tenant.lower() != self.tenant_id:
            return self._error(400, "invalid_tenant", 90002, f"Tenant '{tenant}' not found.")
        content = {
            "issuer": f"{self.authority}/v2.0",
            "token_endpoint": self.token_endpoint,
            "authorization_endpoint": f"{self.authority}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{self.authority}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{self.authority}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        return document(content)

    def token(self, tenant: str, body: bytes) -> Answer:
        """Answer a client credentials request.

        Source: learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
        """
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        scope = form.get("scope", "")
        if tenant.lower() != self.tenant_id:
            return self._error(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if form.get("grant_type") != "client_credentials":
            return self._error(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        if form.get("client_id") != self.client_id:
            return self._error(400, "unauthorized_client", 700016, "Application was not found in the directory.")
        if not scope.endswith("/.default"):
            return self._error(400, "invalid_scope", 1002012, "The scope is not valid; it ends with /.default.")
        refusal = self._assertion(form) if "client_assertion" in form else self._secret(form)
        if refusal is not None:
            return refusal
        audience = scope.removesuffix("/.default")
        content: dict[str, object] = {
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "ext_expires_in": self.lifetime,
            "access_token": self.mint.issue(self.client_id, audience=audience, lifetime=self.lifetime),
        }
        if self.refresh_in is not None:
            content["refresh_in"] = self.refresh_in
        return document(content)

    def _secret(self, form: Mapping[str, str]) -> Answer | None:
        if "client_secret" not in form:
            return self._error(401, "invalid_client", 7000218, "client_assertion or client_secret is missing.")
        if form["client_secret"] != self.client_secret:
            return self._error(401, "invalid_client", 7000215, "Invalid client secret provided.")
        return None

    def _assertion(self, form: Mapping[str, str]) -> Answer | None:
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            return self._error(400, "invalid_request", 900144, "client_assertion_type is not the JWT bearer type.")
        presented = form["client_assertion"].strip()
        if presented in self.federated_tokens:
            return None
        try:
            token = parse(presented)
            check_times(token.claims)
            if "x5t" in token.header or "x5t#S256" in token.header:
                self._check_certificate(token)
            else:
                return self._federated(token)
        except TokenError:
            return self._error(401, "invalid_client", 700027, "Client assertion failed signature validation.")
        return None

    def _check_certificate(self, token: Jwt) -> None:
        """Verify a certificate's assertion: its key signed it, for this endpoint, in this client's name.

        Source: learn.microsoft.com/entra/identity-platform/certificate-credentials.
        """
        # msal leaves the padding on, against RFC 7515; Entra takes it either way.
        pointer = str(token.header.get("x5t#S256", token.header.get("x5t"))).rstrip("=")
        known = [certificate for certificate in self.certificates if pointer in thumbprints(certificate)]
        expected = {"aud": self.token_endpoint, "iss": self.client_id, "sub": self.client_id}
        if not known or any(token.claims.get(name) != value for name, value in expected.items()):
            message = "no registered certificate, or claims of somebody else"
            raise TokenError(message)
        key = known[0].public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            message = "not an RSA certificate"
            raise TokenError(message)
        check_signature(token, key)

    def _federated(self, token: Jwt) -> Answer | None:
        """Accept a token of another issuer that was registered here.

        Source of the refusal: github.com/Azure/azure-workload-identity/issues/1200 (`invalid_client`, 700211).
        """
        for key in self.federated_keys:
            try:
                check_signature(token, key)
            except TokenError:
                continue
            audience = token.claims.get("aud")
            if _FEDERATED_AUDIENCE in (audience if isinstance(audience, list) else [audience]):
                return None
        sentence = "No matching federated identity record found for presented assertion issuer."
        return self._error(401, "invalid_client", 700211, sentence)

    def managed_identity(self, query: Mapping[str, str], headers: Mapping[str, str], *, app_service: bool) -> Answer:
        """Answer a managed identity request, in the manner of App Service or of the instance metadata service.

        Sources: learn.microsoft.com/azure/app-service/overview-managed-identity (REST endpoint reference) and
        learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token.
        """
        if app_service and headers.get("X-IDENTITY-HEADER") != self.identity_header:
            return document({"statusCode": 401, "message": "No MSI found for specified header."}, status=401)
        if not app_service and headers.get("Metadata", "").lower() != "true":
            return _imds_error("Required metadata header not specified")
        if query.get("client_id", self.client_id) != self.client_id:
            # App Service names no body for an unknown identity; this one has the keys msal reads.
            unknown = document({"statusCode": 400, "message": "No User Assigned identity found."}, status=400)
            return unknown if app_service else _imds_error("Identity not found")
        resource, now = query.get("resource", ""), int(time.time())
        content = {
            "access_token": self.mint.issue(self.client_id, audience=resource, lifetime=self.lifetime),
            "client_id": self.client_id,
            # Numbers travel as strings here, unlike at the token endpoint.
            "expires_on": str(now + self.lifetime),
            "resource": resource,
            "token_type": "Bearer",
        }
        if not app_service:
            lifetime = str(self.lifetime)
            content |= {"expires_in": lifetime, "ext_expires_in": lifetime, "not_before": str(now)}
        return document(content)

    def _error(self, status: int, error: str, number: int, sentence: str) -> Answer:
        return entra_error(status, error, number, sentence, authority=self.origin)


def _imds_error(description: str) -> Answer:
    return document({"error": "invalid_request", "error_description": description}, status=400)

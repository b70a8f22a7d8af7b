"""A Key Vault and its Entra tenant on loopback, for the unmodified Azure SDKs.

In a test: `KeyVault.start(directory)`. As a shared server: `tests/servers/serve.py` runs it in a process of its own,
and `KeyVault.attach(description)` in any process gives the same orders.
"""

import json
import ssl
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.keyvault_http import CONTROL_HEADER, CONTROL_PATH, Logged
from tests.servers.keyvault_service import Service

Orders = Callable[[str, dict[str, object]], object]
"""Carries out an order by name, here or in the server's process."""


@dataclass(frozen=True, repr=False)
class KeyVault:
    """A running vault, and the orders a test gives it.

    `vault_url` and `authority` are the same address: paths tell the vault from the login.
    """

    vault_url: str
    authority: str
    """For `authority=` of a credential, together with `disable_instance_discovery=True`."""
    ca_file: str
    """For `connection_verify=` of credentials and clients alike."""
    tenant_id: str
    client_id: str
    client_secret: str
    certificate_file: str
    """A registered client certificate with its key, as PEM."""
    federated_token_file: str
    """A registered federated token, for `WorkloadIdentityCredential`."""
    identity_endpoint: str
    identity_header: str
    control_key: str
    _orders: Orders
    _service: Service | None = None

    @classmethod
    def start(cls, directory: Path, *, port: int = 0) -> Self:
        """Start a server in this process; it keeps its keys in `directory`."""
        directory.mkdir(parents=True, exist_ok=True)
        service = Service(directory, port)
        return cls(**service.describe(), _orders=service.carry_out, _service=service)

    @classmethod
    def attach(cls, description: Mapping[str, str]) -> Self:
        """Use a server that runs elsewhere, by what its `describe` said."""
        return cls(**description, _orders=_remote(description), _service=None)

    def describe(self) -> dict[str, str]:
        """Return what `attach` needs, as JSON values."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def stop(self) -> None:
        """Stop the server if it was started here; an attached one goes on."""
        if self._service is not None:
            self._service.stop()

    def __enter__(self) -> Self:
        """Return the server."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop the server."""
        self.stop()

    def managed_identity(self, *, app_service: bool = True) -> dict[str, str]:
        """Return the environment that leads azure-identity to this server's managed identity.

        Both endpoints speak TLS, so the credential needs `connection_verify` as all others do.
        """
        if app_service:
            return {"IDENTITY_ENDPOINT": self.identity_endpoint, "IDENTITY_HEADER": self.identity_header}
        return {"AZURE_POD_IDENTITY_AUTHORITY_HOST": self.vault_url}

    def put(self, name: str, value: str, **attributes: object) -> str:
        """Write a new version and return its id.

        Attributes: `enabled`, `expires`, `not_before`, `created`, `updated` (seconds since 1970), `content_type`,
        `tags`, `managed`.
        """
        return str(self._orders("put", {"name": name, "value": value, "attributes": attributes}))

    def tag(self, name: str, tags: Mapping[str, str]) -> None:
        """Give the newest version these tags and no others."""
        self._orders("tag", {"name": name, "tags": dict(tags)})

    def disable(self, name: str, version: str = "", *, enabled: bool = False) -> None:
        """Disable a version, by default the newest; `enabled=True` enables it again."""
        self._orders("disable", {"name": name, "version": version, "enabled": enabled})

    def expire(
        self,
        name: str,
        version: str = "",
        *,
        expires: int | None = 1_000_000_000,
        not_before: int | None = None,
    ) -> None:
        """Set the window of a version, by default one long past; the vault serves it all the same."""
        window: dict[str, object] = {"expires": expires, "not_before": not_before}
        self._orders("expire", {"name": name, "version": version, **window})

    def delete(self, name: str) -> None:
        """Soft-delete a secret: it is gone, and its name is held."""
        self._orders("delete", {"name": name})

    def recover(self, name: str) -> None:
        """Bring a soft-deleted secret back."""
        self._orders("recover", {"name": name})

    def purge(self, name: str) -> None:
        """Remove a secret for good."""
        self._orders("purge", {"name": name})

    def forbid(self, name: str, inner_code: str = "ForbiddenByRbac", *, collection: str = "secrets") -> None:
        """Answer 403 for a name; with `*` for all and the listing, with an empty name for the listing alone.

        `collection="deletedsecrets"` takes the right to look at the deleted ones.
        """
        self._orders("forbid", {"name": name, "inner_code": inner_code, "collection": collection})

    def allow(self, name: str, *, collection: str = "secrets") -> None:
        """Take `forbid` back."""
        self._orders("forbid", {"name": name, "inner_code": None, "collection": collection})

    def throttle(self, times: int, retry_after: str | int = "") -> None:
        """Answer 429 to the next `times` requests that carry a good token; no header without `retry_after`."""
        self._orders("throttle", {"times": times, "retry_after": str(retry_after)})

    def fault(self, kind: str, **options: object) -> None:
        """Order a fault: the kinds and options are in `keyvault_faults`."""
        self._orders("fault", {"kind": kind, **options})

    def clear_faults(self) -> None:
        """Take back the faults that still wait."""
        self._orders("clear_faults", {})

    def requests(self, since: int = 0) -> list[Logged]:
        """Return what was asked after the entry with number `since`."""
        entries = self._orders("requests", {"since": since})
        return [Logged(**entry) for entry in entries] if isinstance(entries, list) else []

    def mark(self) -> int:
        """Return the number of the last request, for `requests(since)`."""
        entries = self.requests()
        return entries[-1].number if entries else 0

    def token_lifetime(self, seconds: int, *, refresh_in: int | None = None) -> None:
        """Issue tokens that live this long, and say when to refresh them if `refresh_in` is given."""
        self._login(lifetime=seconds, refresh_in=refresh_in)

    def accept_secret(self, client_secret: str) -> None:
        """Accept this client secret and no other; `client_secret` of this object keeps the old one."""
        self._login(client_secret=client_secret)

    def accept_certificate(self, pem: str) -> None:
        """Accept assertions that the key of this certificate signed, and of no other until `reset`."""
        self._login(certificate=pem)

    def accept_federated_key(self, public_key_pem: str) -> None:
        """Accept federated tokens signed with this RSA key for the audience `api://AzureADTokenExchange`."""
        self._login(federated_key=public_key_pem)

    def _login(self, **changes: object) -> None:
        unchanged = dict.fromkeys(("lifetime", "refresh_in", "client_secret", "federated_key", "certificate"))
        self._orders("login", {**unchanged, **changes})

    def challenge(self, *, resource: str | None = None, authority: str | None = None) -> None:
        """Let the 401 name another resource or another login; without arguments it is honest again.

        The SDK keeps a vault's first challenge for the whole process, so this needs a vault it has not met.
        """
        self._orders("challenge", {"resource": resource, "authority": authority})

    def revoke_tokens(self) -> None:
        """Refuse every access token issued so far; a new login helps."""
        self._orders("revoke_tokens", {})

    def reset(self) -> None:
        """Empty the vault and take every order back, as between two tests; the log goes on."""
        self._orders("reset", {})


def _remote(description: Mapping[str, str]) -> Orders:
    """Return orders that travel to the control endpoint."""
    context = ssl.create_default_context(cafile=description["ca_file"])

    def carry_out(name: str, arguments: dict[str, object]) -> object:
        request = urllib.request.Request(
            description["vault_url"] + CONTROL_PATH,
            data=json.dumps({"do": name, "with": arguments}).encode(),
            headers={CONTROL_HEADER: description["control_key"], "Content-Type": "application/json"},
        )
        # No proxy: the environment of a test may name one, and loopback is not behind it.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=context),
        )
        with opener.open(request, timeout=10) as response:
            content: dict[str, object] = json.load(response)
        return content["result"]

    return carry_out

"""The running Key Vault stand-in: its parts put together, and the orders a test may give it.

Each order takes and returns plain JSON values, so that the same orders work inside the test's process and over the
control endpoint of a shared server.
"""

import secrets
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.keyvault_answers import Answer, throttled
from tests.servers.keyvault_entra import Entra
from tests.servers.keyvault_faults import Fault, Faults
from tests.servers.keyvault_http import APP_SERVICE_PATH, Listener, Logged, as_dict
from tests.servers.keyvault_secrets import Secrets, Version
from tests.servers.keyvault_tls import client_certificate, write_private, write_tls

if TYPE_CHECKING:
    from collections.abc import Callable

# Fixed: the SDK caches a vault's challenge for the whole process by host and port, tenant included, and a port may
# come back. With another tenant the stale entry would make the login fail.
TENANT_ID = "6b8a6d3e-1f5b-4c38-9d5a-0c4f3a1e7b52"
CLIENT_ID = "f2a7c5d0-93b1-4e0c-8a64-5d1b2e3c4f60"


class Service:
    """One vault, one tenant, one listener."""

    def __init__(self, directory: Path, port: int) -> None:
        """Write keys and tokens to `directory` and start to listen."""
        files = write_tls(directory)
        self.ca_file = files.ca
        self.certificate_file = directory / "client.pem"
        self.federated_token_file = directory / "federated-token"
        self.control_key = secrets.token_urlsafe(32)
        self.listener = Listener(self, port, files.server)
        self.origin = self.listener.origin
        self.entra = Entra(
            self.origin,
            tenant_id=TENANT_ID,
            client_id=CLIENT_ID,
            client_secret=secrets.token_urlsafe(30),
            header=secrets.token_hex(16),
        )
        self._first_secret = self.entra.client_secret
        self.faults = Faults()
        self._lock = threading.Lock()
        self._log: list[Logged] = []
        self._register_credentials()
        self.reset()
        threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()

    def _register_credentials(self) -> None:
        certificate, federated = client_certificate(), secrets.token_urlsafe(40)
        write_private(self.certificate_file, certificate)
        write_private(self.federated_token_file, federated.encode())
        self.entra.register_certificate(certificate)
        self.entra.federated_tokens.add(federated)

    def stop(self) -> None:
        """Stop listening."""
        self.listener.stop()

    @property
    def _home(self) -> str:
        """The resource an honest challenge names.

        The SDK wants the resource to be a parent domain of the vault (`vault.azure.net` of `x.vault.azure.net`).
        An address has none, but the check is one of text: `0.0.1:port` is what follows the first dot of
        `127.0.0.1:port`. So `verify_challenge_resource` can stay on.
        """
        return self.origin.replace("127.0.0.1", "0.0.1")

    def log(
        self,
        *,
        at: float,
        method: str,
        path: str,
        query: str,
        host: str,
        identity: str,
        token_sent: bool,
        status: int,
    ) -> None:
        """Keep what was asked and what was answered."""
        with self._lock:
            number = len(self._log) + 1
            self._log.append(Logged(number, at, method, path, query, host, identity, token_sent, status))

    def take_throttle(self) -> Answer | None:
        """Return the 429 this request gets, if there are any left."""
        with self._lock:
            if self._throttles == 0:
                return None
            self._throttles -= 1
        return throttled(self._retry_after)

    def control(self, key: str, order: dict[str, object]) -> object:
        """Carry out an order that came over the wire: `{"do": name, "with": {argument: value}}`."""
        if not secrets.compare_digest(key.encode(), self.control_key.encode()):
            raise PermissionError
        arguments = order.get("with")
        return self.carry_out(str(order["do"]), arguments if isinstance(arguments, dict) else {})

    def carry_out(self, name: str, arguments: dict[str, object]) -> object:
        """Carry out an order by its name."""
        orders: dict[str, Callable[..., object]] = {
            order.__name__: order
            for order in (
                self.put, self.tag, self.disable, self.expire, self.delete, self.recover, self.purge,
                self.forbid, self.throttle, self.fault, self.requests, self.reset,
                self.clear_faults, self.login, self.challenge, self.revoke_tokens,
            )
        }  # fmt: skip
        return orders[name](**arguments)

    def put(self, *, name: str, value: str, attributes: dict[str, object]) -> str:
        """Write a version and return its id."""
        version = Version(uuid.uuid4().hex, value, **attributes)  # type: ignore[arg-type]
        return self.secrets.write(name, version)

    def tag(self, *, name: str, tags: dict[str, str]) -> None:
        """Give the newest version other tags."""
        found = self.secrets.version(name)
        found.tags, found.updated = tags, int(time.time())

    def disable(self, *, name: str, version: str, enabled: bool) -> None:
        """Disable or enable a version."""
        found = self.secrets.version(name, version)
        found.enabled, found.updated = enabled, int(time.time())

    def expire(self, *, name: str, version: str, expires: int | None, not_before: int | None) -> None:
        """Set the window of a version."""
        found = self.secrets.version(name, version)
        found.expires, found.not_before, found.updated = expires, not_before, int(time.time())

    def delete(self, *, name: str) -> None:
        """Soft-delete a secret."""
        self.secrets.delete(name)

    def recover(self, *, name: str) -> None:
        """Recover a soft-deleted secret."""
        self.secrets.recover(name)

    def purge(self, *, name: str) -> None:
        """Remove a secret for good, deleted before or not."""
        self.secrets.live.pop(name.lower(), None)
        self.secrets.deleted.pop(name.lower(), None)

    def forbid(self, *, name: str, inner_code: str | None, collection: str) -> None:
        """Answer 403 for a name; None allows it again."""
        if inner_code is None:
            self.secrets.forbidden.pop((collection, name.lower()), None)
        else:
            self.secrets.forbidden[collection, name.lower()] = inner_code

    def throttle(self, *, times: int, retry_after: str) -> None:
        """Answer 429 to the next authenticated requests."""
        self._throttles, self._retry_after = times, retry_after

    def fault(self, *, kind: str, **options: object) -> None:
        """Order a fault."""
        self.faults.add(Fault(kind, **options))  # type: ignore[arg-type]

    def clear_faults(self) -> None:
        """Forget the faults that still wait."""
        self.faults.clear()

    def requests(self, *, since: int) -> list[dict[str, object]]:
        """Return the log after the entry of this number."""
        with self._lock:
            return [as_dict(entry) for entry in self._log[since:]]

    def login(
        self,
        *,
        lifetime: int | None,
        refresh_in: int | None,
        client_secret: str | None,
        federated_key: str | None,
        certificate: str | None,
    ) -> None:
        """Change what the token endpoint issues or accepts; None leaves it as it is."""
        if lifetime is not None:
            self.entra.lifetime, self.entra.refresh_in = lifetime, refresh_in
        if client_secret is not None:
            self.entra.client_secret = client_secret
        if federated_key is not None:
            self.entra.register_federated_key(federated_key.encode())
        if certificate is not None:
            self.entra.certificates.clear()
            self.entra.register_certificate(certificate.encode())

    def challenge(self, *, resource: str | None, authority: str | None) -> None:
        """Let the 401 point somewhere else; None points home."""
        self.resource = resource or self._home
        self.challenge_authority = authority or self.entra.authority

    def revoke_tokens(self) -> None:
        """Make every access token issued so far worthless."""
        self.entra.mint.revoke_all()

    def reset(self) -> None:
        """Empty the vault and forget every order; the keys made at the start, issued tokens and the log stay."""
        self.secrets = Secrets(self.origin)
        self.faults.clear()
        self.throttle(times=0, retry_after="")
        self.challenge(resource=None, authority=None)
        self.entra.federated_keys.clear()
        first = {"client_secret": self._first_secret, "certificate": self.certificate_file.read_text()}
        self.login(lifetime=3599, refresh_in=None, federated_key=None, **first)

    def describe(self) -> dict[str, str]:
        """Return what another process needs to use this server."""
        return {
            "vault_url": self.origin,
            "authority": self.origin,
            "ca_file": str(self.ca_file),
            "tenant_id": self.entra.tenant_id,
            "client_id": self.entra.client_id,
            "client_secret": self.entra.client_secret,
            "certificate_file": str(self.certificate_file),
            "federated_token_file": str(self.federated_token_file),
            "identity_endpoint": f"{self.origin}{APP_SERVICE_PATH}",
            "identity_header": self.entra.identity_header,
            "control_key": self.control_key,
        }

"""hvac over syncd's own transport: the requests that the adapter makes, each answered with the raw answer.

The only importer of hvac, and itself imported with the first fetch. hvac knows the paths and bodies of the API; through
its public `Adapter` seam (https://python-hvac.org/en/stable/advanced_usage.html, custom requests and adapters) the
sending is ours: no redirects, limits on time and size, no token of the environment or the home directory, and no
exception that carries a body.
"""

import threading
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

import hvac
import msgspec
from hvac.adapters import Adapter

from syncd.fetch.http import Answer, Transport
from syncd.redact import SecretValue
from syncd_providers.vault.login import Asked

_JSON: Final = "application/json"


class _CallLocal(threading.local):
    """What the request that this thread is making goes out with. hvac keeps a token for a whole client otherwise."""

    token: SecretValue | None = None
    remaining: float = 0.001
    index: str = ""


class _NoSession:
    """Stands where hvac would open a requests session."""

    cert = None
    verify = True
    proxies = None

    def close(self) -> None:
        """Hold nothing."""


class _Wire(Adapter):  # type: ignore[misc]  # hvac has no type hints
    """hvac's way to the transport. Gives the raw answer, whatever its status."""

    def __init__(self, *, transport: Transport, call: _CallLocal, **settings: Any) -> None:  # noqa: ANN401 — hvac's own
        super().__init__(**settings)
        self._transport = transport
        self._call = call
        self._headers = {"X-Vault-Request": "true", "User-Agent": "syncd", "Accept": _JSON}
        if self.namespace:
            self._headers["X-Vault-Namespace"] = self.namespace

    def request(self, method: str, url: str, headers: object = None, raise_exception: bool = True, **given: Any) -> Any:  # noqa: ANN401, ARG002, FBT001, FBT002 — the signature is hvac's
        """Send a request of hvac's making. Raises TransportError."""
        target = f"{self.base_uri}{url}"
        if params := given.get("params"):
            target = f"{target}?{urlencode(params)}"
        out = dict(self._headers)
        if self._call.token is not None:
            out["X-Vault-Token"] = self._call.token.reveal().decode("ascii")
        if self._call.index:
            out["X-Vault-Index"] = self._call.index
        body = None
        if (content := given.get("json")) is not None:
            body = msgspec.json.encode(content)
            out["Content-Type"] = _JSON
        return self._transport.request(method.upper(), target, headers=out, body=body, remaining=self._call.remaining)

    def get_login_token(self, response: object) -> str:
        """Refuse: a client that keeps a token would share it between threads."""
        raise NotImplementedError


class VaultClient:
    """The requests, for one address and namespace. Safe to call from several threads.

    Each takes the token to send (None for a login) and the seconds that are left, and raises TransportError.
    """

    def __init__(self, address: str, namespace: str, transport: Transport) -> None:
        """Make the hvac client; sends nothing."""
        self._call = _CallLocal()
        client = hvac.Client(
            url=address.rstrip("/"),
            token="",  # not None, for which hvac looks into VAULT_TOKEN and ~/.vault-token
            verify=True,
            session=_NoSession(),
            adapter=_Wire,
            namespace=namespace,
            transport=transport,
            call=self._call,
        )
        self._adapter = client.adapter
        self._kv1 = client.secrets.kv.v1
        self._kv2 = client.secrets.kv.v2
        self._token = client.auth.token
        self._transport = transport

    def read(
        self, kv: int, mount: str, path: str, version: str, token: SecretValue, remaining: float, index: str = ""
    ) -> Answer:
        """Read an object of a KV 1 or 2 mount; `version` is empty for the current one.

        `index` makes a node that has not caught up with that state say so (412)
        (https://developer.hashicorp.com/vault/docs/enterprise/consistency).
        """
        self._bind(token, remaining, index)
        if kv == 1:
            return _answer(self._kv1.read_secret(path, mount_point=mount))
        return _answer(
            self._kv2.read_secret_version(
                path, version=version or None, mount_point=mount, raise_on_deleted_version=True
            )
        )

    def list(self, kv: int, mount: str, folder: str, token: SecretValue, remaining: float, index: str = "") -> Answer:
        """List a folder of a KV 1 or 2 mount, named with its final slash; empty for the mount itself."""
        self._bind(token, remaining, index)
        engine = self._kv1 if kv == 1 else self._kv2
        return _answer(engine.list_secrets(folder, mount_point=mount))

    def metadata(self, mount: str, path: str, token: SecretValue, remaining: float, index: str = "") -> Answer:
        """Read what a KV 2 mount keeps beside the versions of an object."""
        self._bind(token, remaining, index)
        return _answer(self._kv2.read_secret_metadata(path, mount_point=mount))

    def mount(self, mount: str, token: SecretValue, remaining: float) -> Answer:
        """Ask which engine a mount has; needs a right on any path below it.

        `sys/internal/ui/mounts/:path` is what the vault CLI asks for the same end (its `kv` commands' preflight).
        """
        self._bind(token, remaining)
        return _answer(self._adapter.get(f"/v1/sys/internal/ui/mounts/{quote(mount)}"))

    def lookup(self, token: SecretValue, remaining: float) -> Answer:
        """Ask whether a token is known."""
        self._bind(token, remaining)
        return _answer(self._token.lookup_self())

    def renew(self, token: SecretValue, remaining: float) -> Answer:
        """Prolong a token."""
        self._bind(token, remaining)
        return _answer(self._token.renew_self())

    def revoke(self, token: SecretValue, remaining: float) -> Answer:
        """Give a token back."""
        self._bind(token, remaining)
        return _answer(self._token.revoke_self())

    def issue(self, path: str, body: Mapping[str, str] | None, token: SecretValue, remaining: float) -> Answer:
        """Have an engine make something: by a write with a body, which may be empty, or without one by a read."""
        self._bind(token, remaining)
        target = f"/v1/{quote(path)}"
        return _answer(self._adapter.get(target) if body is None else self._adapter.post(target, json=dict(body)))

    def renew_lease(self, lease: str, token: SecretValue, remaining: float) -> Answer:
        """Prolong a lease by what its role gives (https://developer.hashicorp.com/vault/api-docs/system/leases)."""
        self._bind(token, remaining)
        return _answer(self._adapter.put("/v1/sys/leases/renew", json={"lease_id": lease}))

    def revoke_lease(self, lease: str, token: SecretValue, remaining: float) -> Answer:
        """End a lease; one that is gone already is no mistake."""
        self._bind(token, remaining)
        return _answer(self._adapter.put("/v1/sys/leases/revoke", json={"lease_id": lease}))

    def renew_by_accessor(self, accessor: str, token: SecretValue, remaining: float) -> Answer:
        """Prolong another token (https://developer.hashicorp.com/vault/api-docs/auth/token#renew-a-token-accessor)."""
        self._bind(token, remaining)
        return _answer(self._token.renew_accessor(accessor))

    def login(self, mount: str, asked: Asked, remaining: float) -> Answer:
        """Log in at the method that is mounted below auth/; certificate files that changed are taken up first."""
        self._transport.look_again()
        self._bind(None, remaining)
        body = {
            name: value.reveal().decode("utf-8", "replace") if isinstance(value, SecretValue) else value
            for name, value in asked.body.items()
        }
        user = f"/{quote(asked.user, safe='')}" if asked.user else ""
        return _answer(self._adapter.post(f"/v1/auth/{quote(mount)}/login{user}", json=body))

    def wrapping_lookup(self, wrapped: SecretValue, remaining: float) -> Answer:
        """Ask what a wrapping token was made by; it stays good."""
        self._bind(None, remaining)
        token = wrapped.reveal().decode("ascii")
        return _answer(self._adapter.post("/v1/sys/wrapping/lookup", json={"token": token}))

    def unwrap(self, wrapped: SecretValue, remaining: float) -> Answer:
        """Take what a wrapping token holds; that works once. Named in the body too, it would be used up by its header
        (https://developer.hashicorp.com/vault/api-docs/system/wrapping-unwrap).
        """  # noqa: D205 — one thought
        self._bind(wrapped, remaining)
        return _answer(self._adapter.post("/v1/sys/wrapping/unwrap"))

    def _bind(self, token: SecretValue | None, remaining: float, index: str = "") -> None:
        self._call.token = token
        self._call.remaining = remaining
        self._call.index = index


def _answer(given: object) -> Answer:
    """Narrow what came through hvac, which hands our own answers through."""
    assert isinstance(given, Answer)  # noqa: S101 — ours, made in `_Wire.request`
    return given

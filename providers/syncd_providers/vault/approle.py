"""The credentials of an AppRole login: a role id and a secret id, which may come wrapped.

A wrapped secret id serves once: it is looked at (was it made where secret ids are made?), taken out, and kept in
memory for the logins that follow, until another stands in its place. What was used before may have been intercepted
(https://developer.hashicorp.com/vault/docs/concepts/response-wrapping#response-wrapping-token-validation).
"""

import re
from typing import Final

import msgspec

from syncd.fetch.credential import plain_or_credential, read_credential
from syncd.fetch.http import Answer
from syncd.fetch.seam import Call
from syncd.model.reference import Failure, FailureClass
from syncd.model.store import StoreSettings
from syncd.node import text
from syncd.redact import SecretValue
from syncd_providers.vault.auth import AppRole, SecretId, mount_of
from syncd_providers.vault.login import Asked, Requests, is_bare, malformed, store_wide, widened
from syncd_providers.vault.statuses import is_vault, refused

_TREAT: Final = "treat it as intercepted: destroy that secret id, and write a newly wrapped one there"


class RoleAndSecret:
    """Makes the body of an AppRole login; called by one thread at a time. See `login.Builder`."""

    def __init__(
        self, options: AppRole, settings: StoreSettings, described: str, *, address: str, namespace: str
    ) -> None:
        """Keep where they stand; `described` names the login in a message."""
        self._options = options
        self._settings = settings
        self._described = described
        self._address = address
        prefix = f"(?:{re.escape(namespace)}/)?" if namespace else ""
        self._made_at = re.compile(rf"{prefix}auth/{re.escape(mount_of(options))}/role/[^/]+/secret-id")
        self._taken: tuple[SecretValue, SecretValue] | None = None
        """The latest wrapping token, and the secret id that it held."""

    def __call__(self, client: Requests, call: Call) -> Asked | Failure:
        """Read both anew, and unwrap where that is due and allowed."""
        base, source = self._settings.base, self._options.secret_id
        role_id = plain_or_credential(self._options.role_id, base)
        secret_id = read_credential(source, base)
        if source.wrapped:
            found = self._unwrapped(secret_id, client, call)
            if isinstance(found, Failure):
                return found
            secret_id = found
        return Asked({"role_id": role_id, "secret_id": secret_id})

    def _unwrapped(self, wrapped: SecretValue, client: Requests, call: Call) -> SecretValue | Failure:
        if self._taken is not None and self._taken[0] == wrapped:
            return self._taken[1]
        if not is_bare(wrapped):
            return malformed(self._described)
        if not self._settings.may_consume:
            message = (
                f"{self._described} has a wrapped secret id, which can be unwrapped once; diff and check leave that to "
                "apply and run, and so cannot read this store"
            )
            return store_wide(FailureClass.DENIED, "unwrapping-withheld", message)
        call.spend()
        if fault := self._suspicious(client.wrapping_lookup(wrapped, call.remaining())):
            return fault
        call.spend()
        found = self._secret_id(client.unwrap(wrapped, call.remaining()))
        if isinstance(found, SecretValue):
            self._taken = (wrapped, found)
        return found

    def _secret_id(self, answer: Answer) -> SecretValue | Failure:
        if answer.status != 200:
            return self._refused(answer)
        try:
            data = _unwrapped.decode(answer.body).data
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            data = None
        if data is None or not data.secret_id:
            message = f"{self._described}: what was wrapped is no secret id; write a wrapped one there"
            return store_wide(FailureClass.MALFORMED, "unwrapped-no-secret-id", message)
        return SecretValue(data.secret_id.encode("utf-8", "replace"))

    def _suspicious(self, answer: Answer) -> Failure | None:
        """Say what speaks against unwrapping; None where nothing does."""
        if answer.status != 200:
            return self._refused(answer)
        if self._made_at.fullmatch(_creation_path(answer)):
            return None
        message = (
            f"{self._described}: {_where(self._options.secret_id)} was not wrapped where the role makes its secret ids "
            f"(auth/{mount_of(self._options)}/role/ROLE/secret-id), so it was not unwrapped; {_TREAT}"
        )
        return store_wide(FailureClass.DENIED, "wrapping-elsewhere", message)

    def _refused(self, answer: Answer) -> Failure:
        if answer.status in (400, 403) and is_vault(answer.body):
            message = (
                f"{self._described}: {_where(self._options.secret_id)} has expired or was unwrapped before; "
                f"where that was not this program, {_TREAT}"
            )
            return store_wide(FailureClass.DENIED, "wrapping-used", message)
        return widened(refused(answer, f"the unwrapping for {self._described}", self._address))


def _where(source: SecretId) -> str:
    place = f"the variable {text(source.env)}" if source.env is not None else f"the file {text(source.file or '')}"
    return f"what stands in {place}"


class _Lookup(msgspec.Struct, frozen=True):
    creation_path: str = ""


class _LookupReply(msgspec.Struct, frozen=True):
    data: _Lookup | None = None


class _Unwrapped(msgspec.Struct, frozen=True):
    secret_id: str = ""


class _UnwrappedReply(msgspec.Struct, frozen=True):
    data: _Unwrapped | None = None


_lookup = msgspec.json.Decoder(_LookupReply)
_unwrapped = msgspec.json.Decoder(_UnwrappedReply)


def _creation_path(answer: Answer) -> str:
    try:
        data = _lookup.decode(answer.body).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return data.creation_path if data is not None else ""

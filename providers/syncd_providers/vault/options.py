"""How a Vault store is configured: the fields of its block, and what their types alone cannot say."""

import ipaddress
from collections.abc import Iterable
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from syncd.model.store import StoreSettings
from syncd.node import Problem, Text, text
from syncd_providers.vault.auth import Auth
from syncd_providers.vault.auth import check as check_auth
from syncd_providers.vault.paths import fault_of_mount, fault_of_path


class VaultOptions(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The fields of a store of type `vault`, HashiCorp Vault and OpenBao alike."""

    address: Text
    auth: Auth
    namespace: Text = ""
    mount: Text = "secret"
    """KV mount of references that name none."""
    kv_version: Literal[1, 2] | None = None
    """None: asked of the server, mount by mount."""


def check(options: VaultOptions, settings: StoreSettings) -> Iterable[Problem]:
    """Give every problem of the options that their types let through."""
    yield from _check_address(text(options.address), settings)
    if options.namespace != "" and (fault := fault_of_path(text(options.namespace).strip("/"))):
        yield Problem(("namespace",), f"the namespace {fault}", "write its path, such as team-a/payments")
    if fault := fault_of_mount(text(options.mount)):
        yield Problem(("mount",), f"the mount {fault}", "write the path that the KV engine is mounted at, as secret")
    yield from check_auth(options.auth, settings, encrypted=text(options.address).startswith("https://"))


def _check_address(address: str, settings: StoreSettings) -> Iterable[Problem]:
    path = ("address",)
    hint = "write https://HOST:PORT"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        yield Problem(path, "this is no address", hint)
        return
    if parts.scheme not in ("https", "http") or not host or port == 0 or not _is_plain(address, parts):
        yield Problem(path, "the address is not of the form https://HOST:PORT", hint)
    elif parts.scheme == "http" and not (settings.plaintext or _is_loopback(host)):
        yield Problem(path, "http:// would send tokens and secrets in the clear", "write https://, or plaintext: mesh")


def _is_plain(address: str, parts: SplitResult) -> bool:
    odd = any(character <= " " or character in '\x7f\\"<>' for character in address)
    return not (odd or parts.query or parts.fragment or parts.username or parts.password or ".." in parts.path)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""How a store of type `aws` is configured, and what its types alone cannot say."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

import msgspec

from syncd.model.store import StoreSettings
from syncd.node import Problem, Text, text
from syncd_providers.aws.auth import Auth, mistakes

_REGION: Final = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d{1,2}\Z")
_ADDRESS: Final = re.compile(r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?/?\Z")
BATCH_CEILING: Final = 100
"""BatchGetSecretValue calls a second that a region takes from one account, not adjustable:
https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html"""


class AwsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """The fields of a store of type `aws` beside those that every store takes."""

    region: Text
    auth: Auth
    endpoint: Text | None = None
    """Address of Secrets Manager, for a VPC endpoint or a test server. None: the region's public one."""
    sts_endpoint: Text | None = None
    """Address of STS, for web identities and roles, those of a profile too. None: the region's public one."""
    batches_per_second: int = 20
    """BatchGetSecretValue calls, each for up to 20 secrets; the store's other requests have `requestsPerSecond`.
    The default leaves four fifths of what a region takes to everybody else in the account."""


def check(options: AwsOptions, settings: StoreSettings) -> Iterable[Problem]:
    """Give what the types cannot say: login methods, region, addresses."""
    if not _REGION.match(text(options.region)):
        yield Problem(("region",), f"{text(options.region)!r} is not a region's name", "write one such as eu-west-1")
    if not 1 <= options.batches_per_second <= BATCH_CEILING:
        limit = f"AWS takes at most {BATCH_CEILING} batches a second from one account in a region"
        yield Problem(("batchesPerSecond",), limit, f"write a number from 1 to {BATCH_CEILING}")
    for field, address in (("endpoint", options.endpoint), ("stsEndpoint", options.sts_endpoint)):
        if address is not None:
            yield from _address(field, text(address), plaintext=settings.plaintext)
    yield from mistakes(options.auth)


def _address(field: str, address: str, *, plaintext: bool) -> Iterable[Problem]:
    found = _ADDRESS.match(address)
    if found is None:
        yield Problem((field,), "this is not the address of a service", "write https://HOST or https://HOST:PORT")
    elif found["scheme"] == "http" and not plaintext and not _loopback(found["host"]):
        message = "secrets would cross the network unencrypted"
        yield Problem((field,), message, "write https://, or `plaintext: mesh` where a mesh encrypts")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False

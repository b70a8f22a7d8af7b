"""What a `find` sees of a vault: the pages of its list of secrets, whole or a failure.

A page names secrets with their attributes and tags, never their values:
learn.microsoft.com/rest/api/keyvault/secrets/get-secrets. Where the next one begins stands in `nextLink`, an absolute
address, which is followed within the vault alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import msgspec

from syncd.fetch.discovery import MOST_NAMES, MOST_PAGES, fits_name, fits_tags, too_long
from syncd.fetch.http import Answer
from syncd.model.reference import Failure, FailureClass, Found, Listing, Query, RemoteRef
from syncd_providers.azure.options import origin
from syncd_providers.azure.reference import SecretId
from syncd_providers.azure.refusals import Request, not_the_vaults, refused

_LIST: Final = "/secrets"
FIRST: Final = f"{_LIST}?maxresults=25"
"""25 is the most that the service gives at once."""


class _Attributes(msgspec.Struct):
    enabled: bool = True


class _Item(msgspec.Struct):
    id: str
    attributes: _Attributes = msgspec.field(default_factory=_Attributes)
    tags: dict[str, str] | None = None


class _Page(msgspec.Struct, rename="camel"):
    value: list[_Item]
    next_link: str | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    """In lower case."""
    enabled: bool
    tags: dict[str, str]


def found(query: Query, vault: str, get: Callable[[str], Answer], now: Callable[[], float]) -> Found:
    """Read all pages by `get`, which takes a path with its query; `query` is canonical. Raises what `get` raises."""
    request = Request(f"the list of {query.store}", vault, "read", "List")
    enabled: dict[str, bool] = {}
    names, asked, path = 0, set[str](), FIRST
    while path:
        if path in asked:
            return _malformed(request, "leads back to one that was read")
        asked.add(path)
        told = page(get(path), request, now())
        if isinstance(told, Failure):
            return told
        entries, path = told
        enabled |= {entry.name: entry.enabled for entry in entries if _fits(entry, query)}
        names += len(entries)
        if names > MOST_NAMES or (path and len(asked) >= MOST_PAGES):
            return too_long(query)
    refs = sorted(RemoteRef(query.store, name) for name, usable in enabled.items() if usable)
    return Listing(tuple(refs), len(enabled) - len(refs))


def _fits(entry: _Entry, query: Query) -> bool:
    below = entry.name.startswith(query.path) and fits_name(query, entry.name.removeprefix(query.path))
    return below and fits_tags(query, entry.tags)


def page(answer: Answer, request: Request, now: float) -> tuple[list[_Entry], str] | Failure:
    """Judge the answer to one page: its secrets, and the path of the next page, empty after the last."""
    if answer.status != 200:
        return not_the_vaults(request) if answer.status == 404 else refused(answer, request, now)
    try:
        told = msgspec.json.decode(answer.body, type=_Page)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _malformed(request, "is not in Key Vault's form")
    read = [entry for item in told.value if (entry := _entry(item, request.vault)) is not None]
    if len(read) != len(told.value):
        return _malformed(request, "names what is no secret of this vault")
    following = _next(told.next_link, request.vault) if told.next_link else ""
    return _elsewhere(request) if following is None else (read, following)


def _entry(item: _Item, vault: str) -> _Entry | None:
    told = SecretId.parse(item.id)
    if told is None or told.vault != vault or told.version:
        return None
    return _Entry(told.name, item.attributes.enabled, item.tags or {})


def _next(link: str, vault: str) -> str | None:
    """Give path and query of the next page; None for an address that is not the list of this vault."""
    try:
        parts = urlsplit(link)
        here = origin(link) == vault and parts.username is None and not parts.fragment
    except ValueError:
        return None
    plain = link.isascii() and link.isprintable() and not set(link) & set(" {}\\")
    return f"{_LIST}?{parts.query}" if here and plain and parts.path.rstrip("/") == _LIST and parts.query else None


def _elsewhere(request: Request) -> Failure:
    message = (
        f"a page of {request.what} in {request.vault} continues at another address, which is not followed; "
        "check that vaultUrl is the vault's own address"
    )
    return Failure(FailureClass.MALFORMED, "next-page-elsewhere", message)


def _malformed(request: Request, how: str) -> Failure:
    message = f"a page of {request.what} in {request.vault} {how}; check what is between"
    return Failure(FailureClass.MALFORMED, "listing-malformed", message)

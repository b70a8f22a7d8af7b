"""What holds for every `find`, whichever store it asks: how names are told apart, and when a listing is whole."""

from itertools import pairwise
from typing import Final

from syncd import pattern
from syncd.model.reference import Failure, FailureClass, Listing, Query

MOST_PAGES: Final = 2_000
"""Requests that one query may take: pages, folders, and looks at tags."""
MOST_NAMES: Final = 20_000
"""Names that one query may look at, whether they fit or not."""


def fits_name(query: Query, name: str) -> bool:
    """Tell whether a name, the query's path taken off, is one that the query asks for."""
    return bool(name) and (not query.name or pattern.fits(query.name, name))


def fits_tags(query: Query, tags: dict[str, str]) -> bool:
    """Tell whether a secret bears every tag that the query asks for."""
    return all(tags.get(tag) == value for tag, value in query.tags)


def too_long(query: Query) -> Failure:
    """Say that a query needs more pages or names than one may."""
    message = (
        f"{query} looks at more than {MOST_NAMES} names or {MOST_PAGES} pages; name a longer path, or split it in two"
    )
    return Failure(FailureClass.CONFIG, "listing-too-long", message, transient=False)


def name_unsafe(query: Query) -> Failure:
    """Say that something fits whose name cannot be asked for. The name itself is the store's word, and not quoted."""
    message = (
        f"{query} finds something whose name syncd does not send, since it could be read in two ways; "
        "rename it in the store, or leave it out with `name`"
    )
    return Failure(FailureClass.CONFIG, "name-unsafe", message, transient=False)


def flaw(query: Query, listing: Listing) -> str:
    """Say how a listing differs from what every adapter owes; empty where it does not."""
    if any(after <= before for before, after in pairwise(listing.refs)):
        return "its refs are not sorted, or one is there twice"
    for ref in listing.refs:
        beside = ref.store != query.store or ref.mount != query.mount or ref.part or ref.version
        if beside or not ref.key.startswith(query.path) or not fits_name(query, ref.key.removeprefix(query.path)):
            return "one of its refs is not what was asked for"
    return ""

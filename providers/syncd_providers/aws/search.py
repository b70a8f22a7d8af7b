"""A query's walk through the pages of ListSecrets: whole, or the failure that kept it from being so.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html: the filters narrow down what is
sent, by beginnings and perhaps in any case; what fits is decided here.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from syncd.fetch.discovery import MOST_NAMES, MOST_PAGES, fits_name, fits_tags, name_unsafe, too_long
from syncd.model.reference import Failure, FailureClass, Found, Listing, Query, RemoteRef
from syncd_providers.aws import answers, names
from syncd_providers.aws.description import tags

PAGE_SIZE: Final = 100
"""Secrets that one page can hold."""
_MOST_FILTERS: Final = 10
_FILTERABLE: Final = re.compile(r"[a-zA-Z0-9 :_@/+=.-][a-zA-Z0-9 :_@/+=.!-]{0,511}\Z")
"""What a filter takes; an exclamation mark in front would turn it into its opposite."""
_TOKEN_UNKNOWN: Final = "InvalidNextTokenException"  # noqa: S105 — an error code

Ask = Callable[[Mapping[str, object]], Mapping[str, object] | answers.Refused | Failure]
"""Sends one ListSecrets."""


class _Page(NamedTuple):
    listed: list[object]
    following: str
    """The token of the next page; empty for none."""


class Search:
    """One query's walk. Raises what its requests raise."""

    def __init__(self, query: Query, store: str, ask: Ask) -> None:
        """Start before the first page; `query` is canonical, `store` its store's words for a person."""
        self._query = query
        self._store = store
        self._ask = ask
        self._pages = 0

    def found(self) -> Found:
        """Read all pages; where the service no longer knows its token, once more from the first."""
        found = self._walk()
        if found is None:
            found = self._walk()
        if found is None:
            message = f"{self._query}: the list of secrets changed while it was read; trying again tells"
            return Failure(FailureClass.UNAVAILABLE, "listing-moved", message)
        return found

    def _walk(self) -> Found | None:
        """Read all pages from the first on; None where a token was refused."""
        asked: dict[str, object] = {"MaxResults": PAGE_SIZE, "IncludePlannedDeletion": True}
        if filters := filters_of(self._query):
            asked["Filters"] = filters
        seen: dict[str, bool] = {}
        tokens: set[str] = set()
        names_seen = 0
        while True:
            page = self._page(asked, tokens)
            if not isinstance(page, _Page):
                return page
            names_seen += len(page.listed)
            if names_seen > MOST_NAMES:
                return too_long(self._query)
            failed = self._take(page.listed, seen)
            if failed is not None:
                return failed
            if not page.following:
                return self._whole(seen)
            tokens.add(page.following)
            asked = {**asked, "NextToken": page.following}

    def _page(self, asked: Mapping[str, object], tokens: set[str]) -> "_Page | Failure | None":
        """Read one page; `tokens` are those that led to it."""
        self._pages += 1
        if self._pages > MOST_PAGES:
            return too_long(self._query)
        answer = self._ask(asked)
        if isinstance(answer, Failure):
            return answer
        if isinstance(answer, answers.Refused):
            if answer.code == _TOKEN_UNKNOWN and tokens:
                return None
            return answers.failure(answers.classify("ListSecrets", answer), self._query, self._store, answer)
        listed, following = answer.get("SecretList"), answer.get("NextToken") or ""
        if not isinstance(listed, list) or not isinstance(following, str) or following in tokens:
            return self._malformed()
        return _Page(listed, following)

    def _take(self, listed: list[object], seen: dict[str, bool]) -> Failure | None:
        """Add what fits of a page to `seen`: the name, and whether it is to be deleted."""
        for entry in listed:
            if not isinstance(entry, dict):
                return self._malformed()
            name, borne = entry.get("Name"), tags(entry.get("Tags"))
            if not isinstance(name, str) or borne is None or not names.belongs(name, entry.get("ARN"), name):
                return self._malformed()
            query = self._query
            below = name.startswith(query.path) and fits_name(query, name.removeprefix(query.path))
            if below and fits_tags(query, borne):
                # Twice in a listing that moved meanwhile: the later page tells what became of it.
                seen[name] = entry.get("DeletedDate") is not None
        return None

    def _whole(self, seen: Mapping[str, bool]) -> Found:
        refs = sorted(RemoteRef(self._query.store, name) for name, deleted in seen.items() if not deleted)
        if any(names.problem_of_name(ref.key) for ref in refs):
            return name_unsafe(self._query)
        return Listing(tuple(refs), len(seen) - len(refs))

    def _malformed(self) -> Failure:
        message = f"{self._query} was answered with a list that is none of Secrets Manager's; is something in between?"
        return Failure(FailureClass.MALFORMED, "answer-malformed", message)


def filters_of(query: Query) -> list[dict[str, object]]:
    """Give the filters that a query can be narrowed down by; each lets through all that fits, and more.

    Of many tags the first will do: a request takes ten filters.
    """
    wanted = [("name", query.path)]
    wanted += [pair for tag, value in query.tags for pair in (("tag-key", tag), ("tag-value", value))]
    fitting = [(key, value) for key, value in wanted if _FILTERABLE.match(value)]
    return [{"Key": key, "Values": [value]} for key, value in fitting[:_MOST_FILTERS]]

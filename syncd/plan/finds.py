"""A `find` that shrank: the Secret has keys from it whose secrets it finds no more.

How that is known: the mark names, for each `find`, the keys that it gave when the Secret was written (before a
template, and whatever other entries made of them), under a fingerprint of what the `find` asks and how it names keys.
A key that is recorded there, that the same `find` gives no more and that nothing else gives now, is gone from the
store. A `find` that the mapping changed has another fingerprint: what it recorded before is the mapping's to let go,
at once.

A listing is no proof of absence, so the Secret waits as a whole, as for an absent source: with `whenSourceGone: delete`
until all its lost keys are confirmed, else until the mapping changes. Then the keys go, and nothing else.
"""

from collections.abc import Iterable
from hashlib import sha256

import msgspec

from syncd.model.mapping import SecretMapping
from syncd.model.reference import FailureClass, Query, RemoteRef
from syncd.model.secret import Built, Content, Refusal
from syncd.model.selection import Finding
from syncd.plan.marks import Mark

_SHOWN = 5
"""Keys that a message names."""


def fingerprint(finding: Finding) -> str:
    """Tell finds apart by what they ask and how they name keys, not by their store: it may be renamed or moved."""
    query, rules = finding.query, finding.keys
    asked = (query.mount, query.path, query.name, query.tags)
    named = (rules.include, rules.exclude, rules.rename, rules.replace, rules.prefix)
    return sha256(msgspec.json.encode((asked, named))).hexdigest()[:16]


def found_keys(content: Content) -> dict[str, tuple[str, ...]]:
    """Give the keys that finds gave, by fingerprint, for the mark."""
    made: dict[str, set[str]] = {}
    for finding, keys in content.found.items():
        made.setdefault(fingerprint(finding), set()).update(keys)
    return {print_: tuple(sorted(keys)) for print_, keys in sorted(made.items()) if keys}


def kept_whole(mapping: SecretMapping, built: Built, mark: Mark | None) -> Built:
    """Give `built`, or where a find shrank since the mark was written the refusal that keeps the Secret as it is.

    `mark`: what stands on the live Secret, None where there is none of ours. What an earlier call refused is judged
    anew.
    """
    content = built.otherwise if isinstance(built, Refusal) else built
    if content is None:
        return built
    lost = _lost(content, mark) if mark is not None else {}
    if not lost:
        return content
    absent = tuple(sorted(lost))
    queries = sorted({str(query) for query in lost.values()})
    return Refusal(
        FailureClass.ABSENT, "find-shrank", _told(mapping, absent, queries), content.sources, absent, content
    )


def covers(confirmed: Built, built: Built) -> bool:
    """Tell whether all that `built` would take away was so in `confirmed`, which the second look was for."""
    if not isinstance(built, Refusal) or built.otherwise is None:
        return True
    return isinstance(confirmed, Refusal) and set(built.absent) <= set(confirmed.absent)


def lost_sources(built: Built) -> frozenset[RemoteRef]:
    """Give what its finds have lost, where a Secret is kept whole for that."""
    kept = isinstance(built, Refusal) and built.otherwise is not None
    return frozenset(built.absent) if kept and isinstance(built, Refusal) else frozenset()


def key_of(lost: RemoteRef) -> str:
    """Give the key that a reference to a lost source stands for."""
    return lost.key.rpartition("?")[2]


def _lost(content: Content, mark: Mark) -> dict[RemoteRef, Query]:
    """Give what is lost, each with the query that found it: a reference that names the key, since no name is known.

    No store takes a question mark in a name, so it stands for no object.
    """
    lost: dict[RemoteRef, Query] = {}
    now = found_keys(content)
    queries = {fingerprint(finding): finding.query for finding in reversed(list(content.found))}
    for print_, query in queries.items():
        for key in set(mark.found.get(print_, ())) - set(now.get(print_, ())) - content.data.keys():
            lost[RemoteRef(query.store, f"{query.path}?{key}", mount=query.mount)] = query
    return lost


def _told(mapping: SecretMapping, absent: Iterable[RemoteRef], queries: Iterable[str]) -> str:
    keys = [key_of(ref) for ref in absent]
    named = ", ".join(keys[:_SHOWN]) + (f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else "")
    way_out = "" if mapping.when_source_gone == "delete" else "; `whenSourceGone: delete` lets such keys go"
    return f"{mapping.key}: no secret is found any more for its key(s) {named} ({'; '.join(queries)}){way_out}"

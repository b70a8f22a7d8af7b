"""What a Secret is to be, beside what it is: the whole desired object, what differs from the live one, and why.

The desired maps are complete for the write. Foreign labels and annotations always stay; foreign keys stay with
`merge` and leave without it; what was ours and is no longer wanted leaves.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from syncd.model.mapping import SecretMapping
from syncd.model.plan import KeyChanges
from syncd.model.reference import RemoteRef
from syncd.model.secret import Content, DesiredSecret, LiveSecret, SourceVersion
from syncd.plan.finds import found_keys
from syncd.plan.instance import Instance
from syncd.plan.lease_records import EMPTY, LEASES, Book, book_text, read_book
from syncd.plan.leases import book_for
from syncd.plan.marks import (
    INSTANCE,
    MANAGED,
    MANAGED_BY,
    MANAGER,
    MAPPING,
    MARK_ANNOTATIONS,
    MARK_LABELS,
    OWNER,
    PLACE,
    SCHEMA,
    SCHEMA_VERSION,
    SOURCES,
    WHEN_MAPPING_GONE,
    Mark,
    managed_text,
    mapping_text,
    number,
    place_text,
    proof,
    read_mark,
    sources_text,
)
from syncd.redact import SecretValue

# A new source version with the same bytes writes nothing; the proof covers the sources and moves with them.
# Retired leases leave with the next write that has another cause.
_GOES_ALONG: Final = frozenset({SOURCES, OWNER, LEASES})
_BOOKKEEPING: Final = MARK_ANNOTATIONS - _GOES_ALONG


@dataclass(frozen=True, slots=True)
class Difference:
    """What a write would change."""

    keys: KeyChanges
    labels: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    """Without syncd's own."""
    mark: bool = False
    """Something of syncd's own bookkeeping that calls for a write."""
    immutable: bool = False
    """The Secret is to become immutable."""

    def any(self) -> bool:
        """Tell whether there is anything to write."""
        return bool(self.keys.any() or self.labels or self.annotations or self.mark or self.immutable)


def desired_secret(
    mapping: SecretMapping,
    content: Content,
    *,
    instance: Instance,
    live: LiveSecret | None = None,
    mark: Mark | None,
    formerly: Mapping[str, str] = MappingProxyType({}),
) -> DesiredSecret:
    """Make the whole Secret as it is to be written over `live`, marks and proof included.

    `mark` is what stands on `live` where that is ours; None for an object that is not there or taken over.
    """
    key = mapping.key
    data = content.data
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    immutable = content.immutable
    if live is not None:
        data = _kept_keys(live, mark, content) if mapping.merge else data
        labels = _foreign(live.labels, mark.labels if mark else frozenset(), MARK_LABELS)
        annotations = _foreign(live.annotations, mark.annotations if mark else frozenset(), MARK_ANNOTATIONS)
        immutable = immutable or live.immutable  # the API server never lets it go; only a replacement does
    labels.update(content.labels)
    labels[MANAGED_BY] = live.labels.get(MANAGED_BY, MANAGER) if mapping.merge and live is not None else MANAGER
    labels[INSTANCE] = instance.name
    annotations.update(content.annotations)
    annotations[SCHEMA] = SCHEMA_VERSION
    annotations[MAPPING] = mapping_text(mapping.tenant, mapping.id)
    annotations[WHEN_MAPPING_GONE] = mapping.when_mapping_gone
    annotations[MANAGED] = managed_text(
        content.data, content.labels, content.annotations, merge=mapping.merge, found=found_keys(content)
    )
    sources = sources_text(content.sources, instance.sources)
    if sources is not None:
        annotations[SOURCES] = sources
    signing = None if key.target in instance.plain_targets else instance.key
    leases = book_text(book_for(content, mark.book if mark else EMPTY, key=signing, formerly=formerly))
    if leases is not None:
        annotations[LEASES] = leases
    if key.target in instance.plain_targets:
        annotations[PLACE] = place_text(key)
    if signing is not None:
        annotations[OWNER] = proof(signing, instance.name, key, annotations)
    return DesiredSecret(key, content.type, data, labels, annotations, immutable)


def resigned(live: LiveSecret, instance: Instance, *, book: Book | None = None) -> DesiredSecret:
    """Make the Secret as it stands, its mark signed under the present name with the present key.

    `book`: what it is to say of leases from now on; None: what it says.
    """
    labels = {**live.labels, INSTANCE: instance.name}
    annotations = dict(live.annotations)
    if book is not None:
        annotations.pop(LEASES, None)
        if (told := book_text(book)) is not None:
            annotations[LEASES] = told
    if instance.key is not None and live.key.target not in instance.plain_targets:
        annotations[OWNER] = proof(instance.key, instance.name, live.key, annotations)
    return DesiredSecret(live.key, live.type, live.data, labels, annotations, live.immutable)


def released(live: LiveSecret, mark: Mark) -> DesiredSecret:
    """Make the Secret without what is ours: keys, labels, annotations and marks. What others put there stays."""
    labels = _foreign(live.labels, mark.labels, frozenset({INSTANCE}))
    if labels.get(MANAGED_BY) == MANAGER:
        del labels[MANAGED_BY]
    return DesiredSecret(
        live.key,
        live.type,
        {name: value for name, value in live.data.items() if name not in mark.keys},
        labels,
        _foreign(live.annotations, mark.annotations, MARK_ANNOTATIONS),
        live.immutable,
    )


def difference(
    desired: DesiredSecret, live: LiveSecret, *, ours: AbstractSet[str], outdated: bool = False
) -> Difference:
    """Compare the whole desired object with the live one. Bytes are compared in constant time.

    `ours` names the keys that the mapping gives; keys of others that stay are none of the plan's business. A mark that
    is `outdated` is signed anew, whatever else is equal.
    """
    bookkeeping = outdated or any(live.annotations.get(name) != desired.annotations.get(name) for name in _BOOKKEEPING)
    leases = [read_book(each.annotations.get(LEASES, "")).leases for each in (desired, live)]
    return Difference(
        keys=_keys(desired, live, ours),
        labels=_differing(desired.labels, live.labels),
        annotations=_differing(desired.annotations, live.annotations, MARK_ANNOTATIONS),
        mark=bookkeeping or leases[0] != leases[1],
        immutable=desired.immutable and not live.immutable,
    )


def why(found: Difference, mark: Mark, content: Content, *, formerly: Mapping[str, str], outdated: bool) -> str:
    """Give the reason code of an update: `mapping-changed`, `source-changed`, `drift` or `mark-outdated`.

    Data that differs at equal names, references and versions is drift: edited by hand, or a literal, property or
    decoding that the mapping changed without a trace in the mark. An `outdated` mark bears a name or proof of before.
    """
    if found.keys.any():
        return _why_data(mark, content, formerly)
    if found.immutable or _newly(found.labels, content.labels, mark.labels):
        return "mapping-changed"
    if _newly(found.annotations, content.annotations, mark.annotations):
        return "mapping-changed"
    drifted = set(found.labels) - ({INSTANCE} if outdated else set())
    return "drift" if drifted or found.annotations else "mark-outdated"


def stale(mark: Mark, content: Content, *, formerly: Mapping[str, str]) -> SourceVersion | None:
    """Find a source that answered with an older version than the one recorded, and not one made later.

    KV 2 numbers count up for the life of an object: a lower number made later is an object deleted and made anew,
    every other lower number a read from a node that lags behind.
    """
    return next((source for source, anew in _lower(mark, content, formerly) if not anew), None)


def recreated(mark: Mark, content: Content, *, formerly: Mapping[str, str]) -> tuple[SourceVersion, ...]:
    """List the sources whose object was deleted and made anew: a lower number than the one recorded, made later."""
    return tuple(source for source, anew in _lower(mark, content, formerly) if anew)


def overtaken(before: LiveSecret | None, now: LiveSecret, sources: Iterable[SourceVersion]) -> bool:
    """Tell whether a run of ours may have put newer values into a Secret since it was judged than those of `sources`.

    Where another one wrote, only versions that count up tell that it did not.
    """
    recorded = None if before is None else before.annotations.get(SOURCES)
    if recorded is None and SOURCES not in now.annotations:
        return before is None or dict(now.data) != dict(before.data)
    if now.annotations.get(SOURCES) == recorded:
        return False
    ours = {source.ref: number(source.version) for source in sources}
    theirs = ((ours.get(source.ref), number(source.version)) for source in read_mark(now.annotations).sources or ())
    return not all(mine is not None and its is not None and its <= mine for mine, its in theirs)


def _lower(mark: Mark, content: Content, formerly: Mapping[str, str]) -> Iterator[tuple[SourceVersion, bool]]:
    """Give the sources whose number is lower than the one recorded, and whether each was made later."""
    recorded = _by_object(mark.sources or (), formerly)
    for source in content.sources:
        before = recorded.get(source.ref)
        if before is None:
            continue
        old, new = number(before.version), number(source.version)
        if old is not None and new is not None and new < old:
            both = source.created is not None and before.created is not None
            yield source, both and (source.created or 0.0) > (before.created or 0.0)


def _why_data(mark: Mark, content: Content, formerly: Mapping[str, str]) -> str:
    if mark.sources is None:
        return "source-changed" if content.sources else "drift"
    recorded = _by_object(mark.sources, formerly)
    now = {source.ref: source for source in content.sources}
    if recorded.keys() != now.keys() and not _only_found(mark, content):
        return "mapping-changed"
    # A store without versions cannot say that nothing changed there.
    if any(not s.version or ref not in recorded or _renewed(s, recorded[ref]) for ref, s in now.items()):
        return "source-changed"
    return "mapping-changed" if mark.keys != content.data.keys() else "drift"


def _only_found(mark: Mark, content: Content) -> bool:
    """Tell whether the same finds found something else, and nothing that the mapping names has changed."""
    now = found_keys(content)
    before, after = (frozenset(key for keys in each.values() for key in keys) for each in (mark.found, now))
    return bool(now) and mark.found.keys() == now.keys() and mark.keys - before == content.data.keys() - after


def _renewed(source: SourceVersion, recorded: SourceVersion) -> bool:
    """Tell whether it is another version, or another object whose count began anew at the same number."""
    remade = None not in (source.created, recorded.created) and source.created != recorded.created
    return source.version != recorded.version or remade


def _by_object(sources: tuple[SourceVersion, ...], formerly: Mapping[str, str]) -> dict[RemoteRef, SourceVersion]:
    return {s.ref._replace(store=formerly.get(s.ref.store, s.ref.store)): s for s in sources}


def _newly(names: tuple[str, ...], wanted: Mapping[str, str], ours: frozenset[str]) -> bool:
    return any((name in wanted) != (name in ours) for name in names)


def _kept_keys(live: LiveSecret, mark: Mark | None, content: Content) -> dict[str, SecretValue]:
    ours = mark.keys if mark is not None else frozenset[str]()
    kept = {name: value for name, value in live.data.items() if name not in ours}
    return {**kept, **content.data}


def _foreign(live: Mapping[str, str], ours: frozenset[str], marks: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in live.items() if name not in ours and name not in marks}


def _differing(
    desired: Mapping[str, str], live: Mapping[str, str], leaving_out: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    if desired == live:
        return ()
    names = (desired.keys() | live.keys()) - leaving_out
    return tuple(sorted(name for name in names if desired.get(name) != live.get(name)))


def _keys(desired: DesiredSecret, live: LiveSecret, ours: AbstractSet[str]) -> KeyChanges:
    changed: list[str] = []
    unchanged: list[str] = []
    for name in sorted(ours & live.data.keys()):
        (unchanged if desired.data[name] == live.data[name] else changed).append(name)
    return KeyChanges(
        added=tuple(sorted(desired.data.keys() - live.data.keys())),
        removed=tuple(sorted(live.data.keys() - desired.data.keys())),
        changed=tuple(changed),
        unchanged=tuple(unchanged),
    )

"""The build step: a mapping and the outcomes of its sources, made into content or a refusal."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, TypeVar

from syncd.build.checks import failed_checks
from syncd.build.keys import Named, key_of_name, taken
from syncd.build.leased import Leased, lost, ref_of
from syncd.build.remarks import remarks
from syncd.build.render import rendered
from syncd.build.rules import bad_key, broken_rule
from syncd.build.select import Answers, Fault, extract, select, shown
from syncd.build.typed import typed_keys
from syncd.json_text import Flaw, spelled
from syncd.model.lease import Fresh, Given, Kept
from syncd.model.mapping import SecretMapping
from syncd.model.reference import Failure, FailureClass, Fetched, Found, Listing, Outcome, Query, RemoteRef
from syncd.model.secret import Built, Content, Refusal, SourceVersion
from syncd.model.selection import DataSource, Extract, Finding, KeyRules, Lease, Literally, Selection
from syncd.model.shaping import Builder, parts_of
from syncd.redact import SecretValue

V = TypeVar("V")

_SEVERITY: Final[Mapping[FailureClass, int]] = {
    FailureClass.CONFIG: 0,
    FailureClass.DENIED: 1,
    FailureClass.UNUSABLE: 2,
    FailureClass.MALFORMED: 3,
    FailureClass.THROTTLED: 4,
    FailureClass.UNAVAILABLE: 5,
    FailureClass.ABSENT: 6,
}
"""Which of several faults is told: what needs a person first, and ABSENT, which may lead to a removal, last."""

_NOT_ASKED: Final = Failure(FailureClass.UNAVAILABLE, "no-answer", "there was no answer in this pass")


_NOTHING_FOUND: Final[Mapping[Query, Found]] = MappingProxyType({})
_NOTHING_LEASED: Final[Mapping[Lease, Kept | Fresh]] = MappingProxyType({})


def build(
    mapping: SecretMapping,
    outcomes: Mapping[RemoteRef, Outcome],
    found: Mapping[Query, Found] = _NOTHING_FOUND,
    *,
    leased: Mapping[Lease, Kept | Fresh] = _NOTHING_LEASED,
    now: float = 0.0,
) -> Built:
    """Make the whole content of one Secret, or say why there is none.

    Pure, and raises for no input: a source or query that has no answer counts as unavailable. The result does not
    depend on the order of `outcomes` and `found`, nor on that of the mapping's keys. `now` is wall-clock time in
    seconds since the epoch, for what has dates; without it no certificate is valid yet.

    A short-lived secret that is not in `leased` has yet to be issued: the content says so, and has neither its keys
    nor those of templates, and nothing was checked.
    """
    return _Build(mapping, outcomes, found, leased, now).made()


class _Build:
    """The keys and faults of one mapping, as far as they are known."""

    __slots__ = (
        "_absent", "_answers", "_data", "_faults", "_found", "_from", "_given", "_leased", "_mapping", "_now",
        "_outcomes", "_remarks",
    )  # fmt: skip

    def __init__(
        self,
        mapping: SecretMapping,
        outcomes: Mapping[RemoteRef, Outcome],
        found: Mapping[Query, Found],
        leased: Mapping[Lease, Kept | Fresh],
        now: float,
    ) -> None:
        self._mapping = mapping
        self._outcomes = outcomes
        self._found = found
        self._leased = Leased(leased)
        self._now = now
        self._answers = Answers()
        self._data: dict[str, bytes] = {}
        self._from: dict[str, RemoteRef] = {}
        """Which object of a dataFrom entry gave a key."""
        self._given: dict[Finding, tuple[str, ...]] = {}
        """The keys that each find gave."""
        self._remarks: list[str] = []
        self._faults: set[Fault] = set()
        self._absent: set[RemoteRef] = set()

    def made(self) -> Built:
        for entry in self._mapping.data_from:
            if isinstance(entry, Extract):
                self._extract(entry)
            elif isinstance(entry, Finding):
                self._find(entry)
            else:
                self._lease(entry)
        for key, source in self._mapping.data:
            fault = bad_key(key)
            if fault is not None:
                self._fault(_named(key), fault)
            value = self._value(_named(key), key, source)
            if value is not None:
                self._leased.taken(key)
                self._data[key] = value
        leases = self._leased.settle(self._data)
        if self._mapping.builder is not None:
            self._typed(self._mapping.builder)
        if not self._faults and not self._leased.unissued:
            self._render(leases)
        if not self._faults and not self._leased.unissued:
            self._check()
        return self._refusal() if self._faults else self._content(leases)

    def _fetched(self, selection: Selection) -> Fetched | None:
        outcome = self._outcomes.get(selection.ref, _NOT_ASKED)
        if isinstance(outcome, Fetched):
            return outcome
        if outcome.cls is FailureClass.ABSENT:
            if selection.optional:
                return None
            self._absent.add(selection.ref)
        self._failed(str(selection.ref), outcome)
        return None

    def _failed(self, name: str, failure: Failure) -> None:
        told = failure.message or failure.reason
        text = f"source {told}" if told.startswith((f"{name} ", f"{name}:")) else f"source {name}: {told}"
        self._faults.add(Fault(failure.cls, f"source-{failure.cls.value}", text))

    def _extract(self, entry: Extract) -> None:
        selection = entry.selection
        fetched = self._fetched(selection)
        if fetched is None:
            return
        entries = extract(selection, fetched, self._answers)
        if isinstance(entries, Fault):
            self._fault(f"dataFrom {selection.ref}", entries, optional=selection.optional)
            return
        if not entries and self._mapping.allow_empty is not True:
            text = f"{selection.ref} is an empty object; fill it in the store, or say `allowEmpty: true`"
            self._fault(f"dataFrom {selection.ref}", Fault(FailureClass.MALFORMED, "empty-value", text))
        place, named = f"dataFrom {selection.ref}", (Named(key, key, value) for key, value in entries.items())
        for key, value in self._ruled(place, named, entry.keys).items():
            self._enter(key, value, selection.ref, overrides=entry.overrides)

    def _find(self, entry: Finding) -> None:
        """Enter a key for each secret found."""
        query, place = entry.query, f"dataFrom {entry.query}"
        found = self._found.get(query, _NOT_ASKED)
        if isinstance(found, Failure):
            self._failed(str(query), found)
            return
        if not found.refs and self._mapping.allow_empty is not True:
            text = "it finds nothing; correct it, or say `allowEmpty: true` where that may be"
            self._fault(place, Fault(FailureClass.CONFIG, "nothing-found", text))
        if found.skipped:
            self._remarks.append(f"{query}: {found.skipped} secret(s) left out that are disabled or being deleted")
        names = ((ref.key.removeprefix(query.path), ref) for ref in found.refs)
        named = (Named(name, key_of_name(name), ref) for name, ref in names)
        refs = self._ruled(place, named, entry.keys)
        self._given[entry] = tuple(sorted({*self._given.get(entry, ()), *refs}))
        for key, ref in refs.items():
            value = self._found_value(place, ref, entry)
            if value is not None:
                self._enter(key, value, ref, overrides=entry.overrides)

    def _found_value(self, place: str, ref: RemoteRef, entry: Finding) -> bytes | None:
        outcome = self._outcomes.get(ref, _NOT_ASKED)
        if isinstance(outcome, Failure):
            if outcome.cls is FailureClass.ABSENT:
                # The listing lags behind, or the object went this very moment: no proof of either.
                text = f"{ref} was found, and is not there when it is read; the next look tells"
                outcome = replace(outcome, cls=FailureClass.UNAVAILABLE, message=text)
            self._failed(str(ref), outcome)
            return None
        value = select(Selection(ref, decode=entry.decode), outcome, self._answers)
        if isinstance(value, Fault):
            self._fault(place, value)
            return None
        return value

    def _lease(self, entry: Lease) -> None:
        """Enter the keys of a short-lived secret, where it was issued."""
        ref = ref_of(entry)
        opened = self._leased.opened(entry)
        if isinstance(opened, Fault):
            self._fault(f"dataFrom {ref}", opened)
        elif opened is not None:
            values, rules = opened
            named = (Named(key, key, value) for key, value in values.items())
            keys = self._ruled(f"dataFrom {ref}", named, rules)
            for key, value in keys.items():
                self._enter(key, value, ref, overrides=entry.overrides)
            self._from.update(dict.fromkeys(self._leased.overridden(entry), ref))
            self._leased.gave(entry, keys)

    def _ruled(self, place: str, named: Iterable[Named[V]], rules: KeyRules) -> dict[str, V]:
        """Give what the rules leave, by its key; clashes and bad keys are told."""
        left = taken(named, rules)
        for fault in left.faults:
            self._fault(place, fault)
        self._remarks += [f"{place}: there is no key {shown(name)} to rename" for name in left.unused]
        return left.keys

    def _enter(self, key: str, value: bytes, ref: RemoteRef, *, overrides: bool) -> None:
        earlier = self._from.get(key)
        if earlier is not None and not overrides:
            both = " and ".join(sorted((str(earlier), str(ref))))
            text = f"both {both} give the key {shown(key)}; say `overrides: true` on the later one"
            self._fault("dataFrom", Fault(FailureClass.CONFIG, "key-clash", text))
        fault = None if value else self._empty(key, ref)
        if fault is not None:
            self._fault(f"dataFrom {ref}", fault)
        self._leased.taken(key)
        self._from[key] = ref
        self._data[key] = value

    def _value(self, place: str, key: str, source: DataSource) -> bytes | None:
        """Give one value, which ends up in `key`; None where there is none, after its faults were told.

        A text of the file that is empty stands there on purpose.
        """
        if isinstance(source, Literally):
            text = spelled(source.text)
            if isinstance(text, Flaw):
                self._fault(place, Fault(FailureClass.CONFIG, "bad-literal", f"the literal {text.value}"))
                return None
            return text
        fetched = self._fetched(source)
        if fetched is None:
            return None
        value = select(source, fetched, self._answers)
        if isinstance(value, Fault):
            self._fault(place, value, optional=source.optional)
            return None
        fault = None if value else self._empty(key, source.ref)
        if fault is not None:
            self._fault(place, fault)
            return None
        return value

    def _typed(self, builder: Builder) -> None:
        """Enter the keys of a typed Secret."""
        parts = ((part, self._value(part.name, part.key, part.source)) for part in parts_of(builder))
        given = {part.name: value for part, value in parts if value is not None}
        made = typed_keys(builder, given, now=self._now)
        field = parts_of(builder)[0].name.partition(".")[0].partition("[")[0]
        if isinstance(made, list):
            for fault in made:
                self._fault(field, fault)
            return
        for key in sorted(made.keys() & self._data.keys()):
            text = f"`{field}` makes the key {shown(key)}, and `data` or `dataFrom` gives it too; leave it out there"
            self._fault(field, Fault(FailureClass.CONFIG, "key-clash", text))
        self._data |= made

    def _render(self, leases: Mapping[Lease, Given]) -> None:
        """Enter the keys that templates make of the others."""
        made = rendered(self._mapping, self._data)
        for fault in made if isinstance(made, list) else lost(leases, self._data, made):
            self._fault("template", fault)
        if not isinstance(made, list):
            self._data = made

    def _empty(self, key: str, ref: RemoteRef) -> Fault | None:
        allowed = self._mapping.allow_empty
        if allowed is True or (allowed and key in allowed):
            return None
        text = f"the value of {shown(key)} from {ref} is empty; fill it in the store, or name the key in `allowEmpty`"
        return Fault(FailureClass.MALFORMED, "empty-value", text)

    def _check(self) -> None:
        mapping = self._mapping
        if not self._data and mapping.allow_empty is not True:
            text = "no source gives it a key; add one, or say `allowEmpty: true` for a Secret without keys"
            self._faults.add(Fault(FailureClass.CONFIG, "no-keys", f"mapping {mapping.id}: {text}"))
        fault = broken_rule(mapping.type, self._data, dict(mapping.annotations))
        if fault is not None:
            self._faults.add(fault._replace(message=f"mapping {mapping.id}: {fault.message}"))
        for fault in failed_checks(mapping.checks, self._data, now=self._now):
            self._fault("checks", fault)

    def _fault(self, place: str, fault: Fault, *, optional: bool = False) -> None:
        if optional and fault.reason == "property-missing":
            return
        self._faults.add(fault._replace(message=f"mapping {self._mapping.id}, {place}: {fault.message}"))

    def _refusal(self) -> Refusal:
        worst, *others = sorted(self._faults, key=lambda fault: (_SEVERITY[fault.cls], fault.reason, fault.message))
        also = tuple(dict.fromkeys(fault.message for fault in others))
        absent = tuple(sorted(self._absent))
        return Refusal(worst.cls, worst.reason, worst.message, self._sources(), absent, also=also)

    def _content(self, leases: Mapping[Lease, Given]) -> Content:
        mapping = self._mapping
        literals = {key for key, source in mapping.data if isinstance(source, Literally)}
        return Content(
            type=mapping.type,
            data={key: SecretValue(self._data[key]) for key in sorted(self._data)},
            labels=dict(mapping.labels),
            annotations=dict(mapping.annotations),
            sources=self._sources(),
            immutable=mapping.immutable,
            remarks=(*self._remarks, *remarks(self._data, meant=literals)),
            found=self._given,
            leases=leases,
            unissued=tuple(self._leased.unissued),
            at=self._now,
        )

    def _sources(self) -> tuple[SourceVersion, ...]:
        """List what was read, and of a refusal what was not, with an empty version."""
        read: dict[RemoteRef, SourceVersion] = {}
        answers = (self._found.get(query, _NOT_ASKED) for query in self._mapping.queries())
        found = (ref for answer in answers if isinstance(answer, Listing) for ref in answer.refs)
        for ref in (*(selection.ref for selection in self._mapping.selections()), *found):
            outcome = self._outcomes.get(ref, _NOT_ASKED)
            if isinstance(outcome, Fetched):
                read[ref] = SourceVersion(ref, outcome.version, outcome.created)
            elif self._faults:
                read[ref] = SourceVersion(ref, "")
        read.update((ref_of(lease), self._leased.source(lease)) for lease in self._mapping.leases())
        return tuple(read[ref] for ref in sorted(read))


def _named(key: str) -> str:
    return f"key {shown(key)}"

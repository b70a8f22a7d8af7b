"""The build step: a mapping and the outcomes of its sources, made into content or a refusal."""

from collections.abc import Mapping
from typing import Final

from syncd.build.json_text import Flaw, spelled
from syncd.build.remarks import remarks
from syncd.build.rules import bad_key, broken_rule
from syncd.build.select import Answers, Fault, extract, select, shown
from syncd.model.mapping import Extract, Literally, SecretMapping, Selection
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.secret import Built, Content, Refusal, SourceVersion
from syncd.redact import SecretValue

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


def build(mapping: SecretMapping, outcomes: Mapping[RemoteRef, Outcome]) -> Built:
    """Make the whole content of one Secret, or say why there is none.

    Pure, and raises for no input: a source that has no outcome counts as unavailable. The result does not depend
    on the order of `outcomes`, nor on that of the mapping's keys.
    """
    return _Build(mapping, outcomes).made()


class _Build:
    """The keys and faults of one mapping, as far as they are known."""

    __slots__ = ("_absent", "_answers", "_data", "_faults", "_from", "_mapping", "_outcomes")

    def __init__(self, mapping: SecretMapping, outcomes: Mapping[RemoteRef, Outcome]) -> None:
        self._mapping = mapping
        self._outcomes = outcomes
        self._answers = Answers()
        self._data: dict[str, bytes] = {}
        self._from: dict[str, RemoteRef] = {}
        """Which dataFrom entry gave a key."""
        self._faults: set[Fault] = set()
        self._absent: set[RemoteRef] = set()

    def made(self) -> Built:
        for entry in self._mapping.data_from:
            self._extract(entry)
        for key, source in self._mapping.data:
            fault = bad_key(key)
            if fault is not None:
                self._fault(_named(key), fault)
            if isinstance(source, Literally):
                self._literal(key, source)
            else:
                self._select(key, source)
        if not self._faults:
            self._check()
        return self._refusal() if self._faults else self._content()

    def _fetched(self, selection: Selection) -> Fetched | None:
        outcome = self._outcomes.get(selection.ref, _NOT_ASKED)
        if isinstance(outcome, Fetched):
            return outcome
        if outcome.cls is FailureClass.ABSENT:
            if selection.optional:
                return None
            self._absent.add(selection.ref)
        told, name = outcome.message or outcome.reason, str(selection.ref)
        text = f"source {told}" if told.startswith(f"{name} ") else f"source {name}: {told}"
        self._faults.add(Fault(outcome.cls, f"source-{outcome.cls.value}", text))
        return None

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
        for key, value in entries.items():
            self._enter(entry, key, value)

    def _enter(self, entry: Extract, key: str, value: bytes) -> None:
        ref = entry.selection.ref
        earlier = self._from.get(key)
        if earlier is not None and not entry.overrides:
            both = " and ".join(sorted((str(earlier), str(ref))))
            text = f"both {both} give the key {shown(key)}; say `overrides: true` on the later one"
            self._fault("dataFrom", Fault(FailureClass.CONFIG, "key-clash", text))
        fault = bad_key(key) or (None if value else self._empty(key, ref))
        if fault is not None:
            self._fault(f"dataFrom {ref}", fault)
        self._from[key] = ref
        self._data[key] = value

    def _literal(self, key: str, source: Literally) -> None:
        """Enter a text of the file; one that is empty stands there on purpose."""
        text = spelled(source.text)
        if isinstance(text, Flaw):
            self._fault(_named(key), Fault(FailureClass.CONFIG, "bad-literal", f"the literal {text.value}"))
            return
        self._data[key] = text

    def _select(self, key: str, selection: Selection) -> None:
        fetched = self._fetched(selection)
        if fetched is None:
            return
        value = select(selection, fetched, self._answers)
        if isinstance(value, Fault):
            self._fault(_named(key), value, optional=selection.optional)
            return
        fault = None if value else self._empty(key, selection.ref)
        if fault is not None:
            self._fault(_named(key), fault)
        self._data[key] = value

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

    def _fault(self, place: str, fault: Fault, *, optional: bool = False) -> None:
        if optional and fault.reason == "property-missing":
            return
        self._faults.add(fault._replace(message=f"mapping {self._mapping.id}, {place}: {fault.message}"))

    def _refusal(self) -> Refusal:
        worst, *others = sorted(self._faults, key=lambda fault: (_SEVERITY[fault.cls], fault.reason, fault.message))
        also = tuple(dict.fromkeys(fault.message for fault in others))
        absent = tuple(sorted(self._absent))
        return Refusal(worst.cls, worst.reason, worst.message, self._sources(), absent, also)

    def _content(self) -> Content:
        mapping = self._mapping
        literals = {key for key, source in mapping.data if isinstance(source, Literally)}
        return Content(
            type=mapping.type,
            data={key: SecretValue(self._data[key]) for key in sorted(self._data)},
            labels=dict(mapping.labels),
            annotations=dict(mapping.annotations),
            sources=self._sources(),
            immutable=mapping.immutable,
            remarks=remarks(self._data, meant=literals),
        )

    def _sources(self) -> tuple[SourceVersion, ...]:
        """List what was read, and of a refusal what was not, with an empty version."""
        read: dict[RemoteRef, SourceVersion] = {}
        for selection in self._mapping.selections():
            ref = selection.ref
            outcome = self._outcomes.get(ref, _NOT_ASKED)
            if isinstance(outcome, Fetched):
                read[ref] = SourceVersion(ref, outcome.version, outcome.created)
            elif self._faults:
                read[ref] = SourceVersion(ref, "")
        return tuple(read[ref] for ref in sorted(read))


def _named(key: str) -> str:
    return f"key {shown(key)}"

"""What every target must keep, whatever is behind it: one case each, to run over any implementation.

An author of a target makes a `Bench` and runs every function of `CASES` with it; with pytest:

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
    def test_target(case, bench):
        case(bench)
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from syncd.model.mapping import SecretKey
from syncd.model.secret import (
    DesiredSecret,
    Live,
    LiveSecret,
    Missing,
    ReadFailure,
    WriteFailure,
    WriteOutcome,
    Written,
)
from syncd.redact import SecretValue
from syncd.target.seam import Target, TargetReader
from syncd.testing.memory_target import Granted

CANARY: Final = "c4nary-Value"
"""Stands in every value that a failure could quote."""


class ContractBrokenError(AssertionError):
    """The implementation does not keep the contract; says what was expected."""


@dataclass(frozen=True, slots=True)
class Bench:
    """One implementation, ready to be tried."""

    target: Target
    reader: TargetReader
    """On the same place, as a diff gets it."""
    fresh: Callable[[], SecretKey]
    """Gives a key that nothing stands at, in a namespace that exists."""


def creates_what_was_asked(bench: Bench) -> None:
    """Try that bytes, type, labels and annotations come back as they were given."""
    values = {"binary": bytes(range(256)), "empty": b"", "crlf": b"a\r\nb\r\n", "nul": b"\0", "bom": b"\xef\xbb\xbfx"}
    values |= {"big": b"x" * 100_000, "tls.crt": "é😀\u2028".encode(), "true": b"true", "A-b_c.0": b"1"}
    asked = DesiredSecret(
        key=bench.fresh(),
        type="example.com/typed",
        data={key: SecretValue(value) for key, value in values.items()},
        labels={"app.kubernetes.io/managed-by": "syncd", "version": "1.10", "on": "yes"},
        annotations={"syncd.dev/sources": '[{"k":"v: #1"}]', "note": "two\nlines é😀 \\ \"q\" 'q' \u0085", "empty": ""},
    )
    written = _written(bench.target.create(asked, Granted()))
    live = _live(bench, asked.key)
    _same(asked, live)
    _equal((live.uid, live.resource_version), (written.uid, written.resource_version), "what a write confirms is read")


def creates_immutable(bench: Bench) -> None:
    """Try that an immutable Secret is read back as one."""
    asked = replace(_desired(bench.fresh()), immutable=True)
    _written(bench.target.create(asked, Granted()))
    _same(asked, _live(bench, asked.key))


def never_creates_over_something(bench: Bench) -> None:
    """Try that a create leaves alone what is there."""
    first = _made(bench)
    _failed(bench.target.create(_desired(first.key, data="other"), Granted()), "exists")
    _equal(_live(bench, first.key), first, "the first one stands")


def tells_what_is_missing(bench: Bench) -> None:
    """Try that each of many keys is answered once, and what is not there as Missing."""
    present, absent = _made(bench).key, bench.fresh()
    answers = {live.key: live for live in bench.reader.read([absent, present])}
    _equal(set(answers), {absent, present}, "every key is answered")
    _claim(isinstance(answers[absent], Missing), "the absent one is Missing")
    _claim(isinstance(answers[present], LiveSecret), "the present one is read")
    _equal(list(bench.reader.read([])), [], "no keys, no answers")


def updates_to_exactly_what_was_asked(bench: Bench) -> None:
    """Try that what the desired Secret has not is removed, and what it carries over stays."""
    live = _made(bench)
    asked = DesiredSecret(
        key=live.key,
        type=live.type,
        data={"added": SecretValue(b"\0new"), "password": SecretValue(b"rotated")},
        labels={"app.kubernetes.io/managed-by": "syncd", "foreign": "kept", "more": "x"},
        annotations={"foreign/note": "kept"},
    )
    written = _written(bench.target.update(live, asked, Granted()))
    changed = _live(bench, live.key)
    _same(asked, changed)
    _equal(changed.uid, live.uid, "the object is the same one")
    _equal(changed.resource_version, written.resource_version, "what a write confirms is read")
    _claim(changed.resource_version != live.resource_version, "its version is another")
    bare = replace(asked, data={}, labels={}, annotations={})
    _written(bench.target.update(changed, bare, Granted()))
    _same(bare, _live(bench, live.key))


def refuses_an_update_of_something_else_than_was_judged(bench: Bench) -> None:
    """Try an update of what was changed, deleted, or made anew in between."""
    stale = _made(bench)
    _written(bench.target.update(stale, _desired(stale.key, data="newer"), Granted()))
    newer = _live(bench, stale.key)
    _failed(bench.target.update(stale, _desired(stale.key, data="late"), Granted()), "conflict")
    _equal(_live(bench, stale.key), newer, "the newer one stands")
    _written(bench.target.delete(newer, Granted()))
    _failed(bench.target.update(newer, _desired(stale.key), Granted()), "gone")
    _claim(isinstance(_read(bench, stale.key), Missing), "an update makes nothing")
    _written(bench.target.create(_desired(stale.key, data="another"), Granted()))
    another = _live(bench, stale.key)
    _failed(bench.target.update(newer, _desired(stale.key), Granted()), "conflict")
    _equal(_live(bench, stale.key), another, "the other one stands")


def deletes_what_was_judged_and_nothing_else(bench: Bench) -> None:
    """Try a delete of what was changed, deleted, or made anew in between."""
    stale = _made(bench)
    _written(bench.target.update(stale, _desired(stale.key, data="newer"), Granted()))
    _failed(bench.target.delete(stale, Granted()), "conflict")
    newer = _live(bench, stale.key)
    _written(bench.target.delete(newer, Granted()))
    _claim(isinstance(_read(bench, stale.key), Missing), "it is gone")
    _failed(bench.target.delete(newer, Granted()), "gone")
    _written(bench.target.create(_desired(stale.key, data="another"), Granted()))
    _failed(bench.target.delete(newer, Granted()), "conflict")
    _claim(isinstance(_read(bench, stale.key), LiveSecret), "the other one stands")


def writes_nothing_without_a_permit(bench: Bench) -> None:
    """Try that a withdrawn permit stops each kind of write before it starts."""
    live, absent, closed = _made(bench), bench.fresh(), Granted(is_open=False)
    _failed(bench.target.create(_desired(absent), closed), "stopped")
    _failed(bench.target.update(live, _desired(live.key, data="other"), closed), "stopped")
    _failed(bench.target.delete(live, closed), "stopped")
    _equal(_live(bench, live.key), live, "it stands as it was")
    _claim(isinstance(_read(bench, absent), Missing), "nothing was made")


def refuses_names_that_lead_elsewhere(bench: Bench) -> None:
    """Try names that are no DNS-1123 ones: no request and no path is made of them (L6)."""
    good = bench.fresh()
    bad = ("..", ".", "", "a/b", "../x", "a..b", "A", "a b", "a%2fb", "-a", "a\n", "x" * 254)
    names = [good._replace(name=name) for name in bad] + [good._replace(namespace=name) for name in (*bad, "a.b")]
    for key in names:
        _failed(bench.target.create(_desired(key), Granted()), "invalid")
        answers = list(bench.reader.read([key]))
        _claim(len(answers) == 1 and isinstance(answers[0], ReadFailure), f"{key!r} is not looked for")
        live = _as_live(_desired(key))
        _failed(bench.target.update(live, _desired(key), Granted()), "invalid")
        _failed(bench.target.delete(live, Granted()), "invalid")


def serves_many_threads(bench: Bench) -> None:
    """Try that writes of different Secrets all succeed, and of writes of one Secret exactly one."""
    keys = [bench.fresh() for _ in range(48)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda key: bench.target.create(_desired(key, data=key.name), Granted()), keys))
    for outcome in outcomes:
        _written(outcome)
    for key in keys:
        _same(_desired(key, data=key.name), _live(bench, key))
    key = bench.fresh()
    _one_wins(key, "exists", lambda text: bench.target.create(_desired(key, data=text), Granted()))
    live = _live(bench, key)
    _one_wins(key, "conflict", lambda text: bench.target.update(live, _desired(key, data=f"new {text}"), Granted()))


def gives_a_diff_nothing_to_write_with(bench: Bench) -> None:
    """Try that the type which a diff gets has no method that writes (I-DRY)."""
    for name in ("create", "update", "delete"):
        _claim(not hasattr(bench.reader, name), f"a reader has no `{name}`")
    _claim(bool(bench.reader.describe()), "it says where it looks")
    _equal(bench.reader.describe(), bench.target.describe(), "reader and target name one place")


def quotes_no_value(bench: Bench) -> None:
    """Try that failures name the object, never what is in it (I-LEAK)."""
    live = _made(bench)
    stale = replace(live, resource_version=live.resource_version + "0")
    outcomes = (
        bench.target.create(_desired(live.key), Granted()),
        bench.target.update(stale, _desired(live.key), Granted()),
        bench.target.delete(stale, Granted()),
        bench.target.create(_desired(live.key._replace(name="..")), Granted()),
    )
    for outcome in outcomes:
        _claim(isinstance(outcome, WriteFailure), "it fails")
        _claim(CANARY not in repr(outcome), "a failure quotes no value")


CASES: Final[Sequence[Callable[[Bench], None]]] = (
    creates_what_was_asked,
    creates_immutable,
    never_creates_over_something,
    tells_what_is_missing,
    updates_to_exactly_what_was_asked,
    refuses_an_update_of_something_else_than_was_judged,
    deletes_what_was_judged_and_nothing_else,
    writes_nothing_without_a_permit,
    refuses_names_that_lead_elsewhere,
    serves_many_threads,
    gives_a_diff_nothing_to_write_with,
    quotes_no_value,
)


def _desired(key: SecretKey, *, data: str = "first") -> DesiredSecret:
    return DesiredSecret(
        key=key,
        type="Opaque",
        data={"password": SecretValue(f"{CANARY} {data}".encode()), "username": SecretValue(b"app")},
        labels={"app.kubernetes.io/managed-by": "syncd", "foreign": "kept"},
        annotations={"foreign/note": "kept", "old": "x"},
    )


def _as_live(desired: DesiredSecret) -> LiveSecret:
    return LiveSecret(
        desired.key, "0-0-0-0", "1", desired.type, desired.data, desired.labels, desired.annotations, desired.immutable
    )


def _made(bench: Bench) -> LiveSecret:
    desired = _desired(bench.fresh())
    _written(bench.target.create(desired, Granted()))
    return _live(bench, desired.key)


def _read(bench: Bench, key: SecretKey) -> Live:
    answers = list(bench.reader.read([key]))
    _equal([answer.key for answer in answers], [key], "one key, one answer")
    return answers[0]


def _live(bench: Bench, key: SecretKey) -> LiveSecret:
    live = _read(bench, key)
    if not isinstance(live, LiveSecret):
        message = f"{key} should be there, and the target says {live!r}"
        raise ContractBrokenError(message)
    return live


def _written(outcome: WriteOutcome) -> Written:
    if not isinstance(outcome, Written):
        message = f"a write should succeed, and the target says {outcome!r}"
        raise ContractBrokenError(message)
    return outcome


def _failed(outcome: WriteOutcome, kind: str) -> None:
    if not isinstance(outcome, WriteFailure) or outcome.kind != kind:
        message = f"a write should fail as `{kind}`, and the target says {outcome!r}"
        raise ContractBrokenError(message)
    _claim(bool(outcome.message), "a failure says what happened")


def _one_wins(key: SecretKey, kind: str, write: Callable[[str], WriteOutcome]) -> None:
    with ThreadPoolExecutor(8) as pool:
        outcomes: Collection[WriteOutcome] = list(pool.map(write, map(str, range(8))))
    _equal(sum(isinstance(outcome, Written) for outcome in outcomes), 1, f"one write of {key} wins")
    for outcome in outcomes:
        if not isinstance(outcome, Written):
            _failed(outcome, kind)


def _same(desired: DesiredSecret, live: LiveSecret) -> None:
    _equal(live.key, desired.key, "key")
    _equal(live.type, desired.type, "type")
    _equal(live.immutable, desired.immutable, "immutable")
    _equal(sorted(live.data), sorted(desired.data), "names of the keys")
    for name, value in desired.data.items():
        _claim(live.data[name] == value, f"the bytes of {name} are those that were given")
    _equal(dict(live.labels), dict(desired.labels), "labels")
    _equal(dict(live.annotations), dict(desired.annotations), "annotations")


def _equal(actual: object, expected: object, what: str) -> None:
    _claim(actual == expected, f"{what}: expected {expected!r}, got {actual!r}")


def _claim(claim: bool, what: str) -> None:  # noqa: FBT001 — a claim, not a switch
    if not claim:
        raise ContractBrokenError(what)

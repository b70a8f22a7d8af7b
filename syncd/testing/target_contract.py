"""What every target must keep, whatever is behind it: one case each, to run over any implementation.

An author of a target makes a `Bench` and runs every function of `CASES` with it; with pytest:

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
    def test_target(case, bench):
        case(bench)
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from syncd.model.mapping import SecretKey
from syncd.model.secret import DesiredSecret, LiveSecret, Missing, ReadFailure, WriteFailure, WriteOutcome, Written
from syncd.redact import SecretValue
from syncd.testing.memory_target import Granted
from syncd.testing.target_bench import (
    CANARY,
    Bench,
    alike,
    claim,
    done,
    equal,
    judged_as,
    look,
    made_secret,
    refused,
    standing,
    wanted_secret,
)


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
    written = done(bench.target.create(asked, Granted()))
    live = standing(bench, asked.key)
    alike(asked, live)
    equal((live.uid, live.resource_version), (written.uid, written.resource_version), "what a write confirms is read")


def creates_immutable(bench: Bench) -> None:
    """Try that an immutable Secret is read back as one."""
    asked = replace(wanted_secret(bench.fresh()), immutable=True)
    done(bench.target.create(asked, Granted()))
    alike(asked, standing(bench, asked.key))


def never_creates_over_something(bench: Bench) -> None:
    """Try that a create leaves alone what is there."""
    first = made_secret(bench)
    refused(bench.target.create(wanted_secret(first.key, data="other"), Granted()), "exists")
    equal(standing(bench, first.key), first, "the first one stands")


def tells_what_is_missing(bench: Bench) -> None:
    """Try that each of many keys is answered once, and what is not there as Missing."""
    present, absent = made_secret(bench).key, bench.fresh()
    answers = {live.key: live for live in bench.reader.read([absent, present])}
    equal(set(answers), {absent, present}, "every key is answered")
    claim(isinstance(answers[absent], Missing), "the absent one is Missing")
    claim(isinstance(answers[present], LiveSecret), "the present one is read")
    equal(list(bench.reader.read([])), [], "no keys, no answers")


def updates_to_exactly_what_was_asked(bench: Bench) -> None:
    """Try that what the desired Secret has not is removed, and what it carries over stays."""
    live = made_secret(bench)
    asked = DesiredSecret(
        key=live.key,
        type=live.type,
        data={"added": SecretValue(b"\0new"), "password": SecretValue(b"rotated")},
        labels={"app.kubernetes.io/managed-by": "syncd", "foreign": "kept", "more": "x"},
        annotations={"foreign/note": "kept"},
    )
    written = done(bench.target.update(live, asked, Granted()))
    changed = standing(bench, live.key)
    alike(asked, changed)
    equal(changed.uid, live.uid, "the object is the same one")
    equal(changed.resource_version, written.resource_version, "what a write confirms is read")
    claim(changed.resource_version != live.resource_version, "its version is another")
    bare = replace(asked, data={}, labels={}, annotations={})
    done(bench.target.update(changed, bare, Granted()))
    alike(bare, standing(bench, live.key))


def refuses_an_update_of_something_else_than_was_judged(bench: Bench) -> None:
    """Try an update of what was changed, deleted, or made anew in between."""
    stale = made_secret(bench)
    done(bench.target.update(stale, wanted_secret(stale.key, data="newer"), Granted()))
    newer = standing(bench, stale.key)
    refused(bench.target.update(stale, wanted_secret(stale.key, data="late"), Granted()), "conflict")
    equal(standing(bench, stale.key), newer, "the newer one stands")
    done(bench.target.delete(newer, Granted()))
    refused(bench.target.update(newer, wanted_secret(stale.key), Granted()), "gone")
    claim(isinstance(look(bench, stale.key), Missing), "an update makes nothing")
    done(bench.target.create(wanted_secret(stale.key, data="another"), Granted()))
    another = standing(bench, stale.key)
    refused(bench.target.update(newer, wanted_secret(stale.key), Granted()), "conflict")
    equal(standing(bench, stale.key), another, "the other one stands")


def deletes_what_was_judged_and_nothing_else(bench: Bench) -> None:
    """Try a delete of what was changed, deleted, or made anew in between."""
    stale = made_secret(bench)
    done(bench.target.update(stale, wanted_secret(stale.key, data="newer"), Granted()))
    refused(bench.target.delete(stale, Granted()), "conflict")
    newer = standing(bench, stale.key)
    done(bench.target.delete(newer, Granted()))
    claim(isinstance(look(bench, stale.key), Missing), "it is gone")
    refused(bench.target.delete(newer, Granted()), "gone")
    done(bench.target.create(wanted_secret(stale.key, data="another"), Granted()))
    refused(bench.target.delete(newer, Granted()), "conflict")
    claim(isinstance(look(bench, stale.key), LiveSecret), "the other one stands")


def writes_nothing_without_a_permit(bench: Bench) -> None:
    """Try that a withdrawn permit stops each kind of write before it starts."""
    live, absent, closed = made_secret(bench), bench.fresh(), Granted(is_open=False)
    refused(bench.target.create(wanted_secret(absent), closed), "stopped")
    refused(bench.target.update(live, wanted_secret(live.key, data="other"), closed), "stopped")
    refused(bench.target.delete(live, closed), "stopped")
    equal(standing(bench, live.key), live, "it stands as it was")
    claim(isinstance(look(bench, absent), Missing), "nothing was made")


def refuses_names_that_lead_elsewhere(bench: Bench) -> None:
    """Try names that are no DNS-1123 ones: no request and no path is made of them (L6)."""
    good = bench.fresh()
    bad = ("..", ".", "", "a/b", "../x", "a..b", "A", "a b", "a%2fb", "-a", "a\n", "x" * 254)
    names = [good._replace(name=name) for name in bad] + [good._replace(namespace=name) for name in (*bad, "a.b")]
    for key in names:
        refused(bench.target.create(wanted_secret(key), Granted()), "invalid")
        answers = list(bench.reader.read([key]))
        claim(len(answers) == 1 and isinstance(answers[0], ReadFailure), f"{key!r} is not looked for")
        live = judged_as(wanted_secret(key))
        refused(bench.target.update(live, wanted_secret(key), Granted()), "invalid")
        refused(bench.target.delete(live, Granted()), "invalid")


def serves_many_threads(bench: Bench) -> None:
    """Try that writes of different Secrets all succeed, and of writes of one Secret exactly one."""
    keys = [bench.fresh() for _ in range(48)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda key: bench.target.create(wanted_secret(key, data=key.name), Granted()), keys))
    for outcome in outcomes:
        done(outcome)
    for key in keys:
        alike(wanted_secret(key, data=key.name), standing(bench, key))
    key = bench.fresh()
    _one_wins(key, "exists", lambda text: bench.target.create(wanted_secret(key, data=text), Granted()))
    live = standing(bench, key)
    _one_wins(
        key, "conflict", lambda text: bench.target.update(live, wanted_secret(key, data=f"new {text}"), Granted())
    )


def gives_a_diff_nothing_to_write_with(bench: Bench) -> None:
    """Try that the type which a diff gets has no method that writes (I-DRY)."""
    for name in ("create", "update", "delete"):
        claim(not hasattr(bench.reader, name), f"a reader has no `{name}`")
    claim(bool(bench.reader.describe()), "it says where it looks")
    equal(bench.reader.describe(), bench.target.describe(), "reader and target name one place")


def quotes_no_value(bench: Bench) -> None:
    """Try that failures name the object, never what is in it (I-LEAK)."""
    live = made_secret(bench)
    stale = replace(live, resource_version=live.resource_version + "0")
    outcomes = (
        bench.target.create(wanted_secret(live.key), Granted()),
        bench.target.update(stale, wanted_secret(live.key), Granted()),
        bench.target.delete(stale, Granted()),
        bench.target.create(wanted_secret(live.key._replace(name="..")), Granted()),
    )
    for outcome in outcomes:
        claim(isinstance(outcome, WriteFailure), "it fails")
        claim(CANARY not in repr(outcome), "a failure quotes no value")


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


def _one_wins(key: SecretKey, kind: str, write: Callable[[str], WriteOutcome]) -> None:
    with ThreadPoolExecutor(8) as pool:
        outcomes: Collection[WriteOutcome] = list(pool.map(write, map(str, range(8))))
    equal(sum(isinstance(outcome, Written) for outcome in outcomes), 1, f"one write of {key} wins")
    for outcome in outcomes:
        if not isinstance(outcome, Written):
            refused(outcome, kind)

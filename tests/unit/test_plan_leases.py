"""Decisions about short-lived secrets: what a Secret still holds, what is due when, what is planned before an issue."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.build import build
from syncd.keys import Former, InstanceKey
from syncd.model.inventory import Inventory
from syncd.model.lease import Fresh, Grant, Kept
from syncd.model.mapping import SecretMapping
from syncd.model.plan import Action, KeyChanges
from syncd.model.secret import Content, LiveSecret, Missing
from syncd.model.selection import KeyRules, Lease, Literally
from syncd.model.shaping import Template
from syncd.plan.decision import plan_one
from syncd.plan.instance import Instance, Rules
from syncd.plan.inventory import before_writes, needs_read
from syncd.plan.lease_records import LEASES, Book, Record, Retired, book_text, read_book
from syncd.plan.leases import (
    CUT_SHORT,
    JITTER,
    OVERLAP,
    SHARE_OF_LIFE,
    Holdings,
    book_of,
    due_at,
    end_of,
    fingerprint,
    is_believed,
    is_cut_short,
    renewed,
)
from syncd.plan.planner import make_plan
from syncd.redact import SecretValue
from tests.unit.plan_makers import KEYLESS, ME, OTHER_KEY, PLAIN, SECRET, foreign, mapping, stored

NOW = 1_800_000_000.0
CREDS = Lease("vault", "database/creds/app")
ISSUE = Rules(issue=True)
WANTED = replace(mapping(), data=(), data_from=(CREDS,))
VALUE = SecretValue(b'{"username":"u-1","password":"p-1"}')


def fresh(seconds: float = 3600.0, *, at: float = NOW, value: SecretValue = VALUE, **fields: object) -> Fresh:
    grant = Grant("database/creds/app/1", seconds, renewable=True, owner="accessor", owner_seconds=7200.0)
    return Fresh(value, replace(grant, **fields), at)  # type: ignore[arg-type]


def content(wanted: SecretMapping = WANTED, **leased: Fresh | Kept) -> Content:
    given = {lease: next(iter(leased.values()), fresh()) for lease in wanted.leases()}
    built = build(wanted, {}, leased=given, now=NOW)
    assert isinstance(built, Content), built
    return built


def held(wanted: SecretMapping = WANTED, instance: Instance = ME, **fields: object) -> LiveSecret:
    """Make the Secret that was written with what was just issued."""
    change = plan_one(wanted, content(wanted), Missing(wanted.key), instance=instance, rules=ISSUE)
    return stored(change.desired, **fields)


def unissued(wanted: SecretMapping = WANTED) -> Content:
    built = build(wanted, {}, now=NOW)
    assert isinstance(built, Content)
    assert built.unissued
    return built


def kept(live: LiveSecret, wanted: SecretMapping = WANTED, *, at: float = NOW, **fields: object) -> dict[Lease, Kept]:
    holdings = Holdings(ME, at)
    return replace(holdings, **fields).of(wanted, live)  # type: ignore[arg-type]


# What is kept


def test_what_was_written_is_kept_and_nothing_is_written_again() -> None:
    live = held()
    again = build(WANTED, {}, leased=kept(live, at=NOW + 10), now=NOW + 10)
    change = plan_one(WANTED, again, live, instance=ME, rules=ISSUE)
    assert (change.action, change.reason) == (Action.UNCHANGED, "in-sync")
    (source,) = change.sources
    assert (str(source.ref), source.created) == ("vault:database/creds/app", NOW)


@given(st.floats(0, 20_000))
def test_it_is_kept_as_long_as_it_lives(seconds: float) -> None:
    live = held()
    (record,) = book_of(live).leases
    assert bool(kept(live, at=NOW + seconds)) == (NOW + seconds < end_of(record))


def test_it_ends_with_the_token_that_it_hangs_on() -> None:
    live = stored(
        plan_one(
            WANTED, content(WANTED, of=fresh(owner_seconds=600.0)), Missing(SECRET), instance=ME, rules=ISSUE
        ).desired
    )
    (record,) = book_of(live).leases
    assert (record.expires, end_of(record), record.life) == (NOW + 3600, NOW + 600, 600)
    assert kept(live, at=NOW + 599)
    assert not kept(live, at=NOW + 600)


@pytest.mark.parametrize(
    "edited",
    [
        {"password": SecretValue(b"by hand"), "username": SecretValue(b"u-1")},
        {"username": SecretValue(b"u-1")},
        {"password": SecretValue(b"u-1"), "username": SecretValue(b"p-1")},
    ],
)
def test_a_key_that_was_edited_or_taken_away_is_issued_anew(edited: dict[str, SecretValue]) -> None:
    assert kept(held(data=edited)) == {}


def test_an_entry_that_changed_is_issued_anew() -> None:
    live = held()
    for other in (
        replace(CREDS, path="database/creds/other"),
        replace(CREDS, parameters=(("ttl", "1h"),)),
        replace(CREDS, keys=KeyRules(prefix="DB_")),
        replace(CREDS, store="elsewhere"),
    ):
        assert kept(live, replace(WANTED, data_from=(other,))) == {}
    assert kept(live, replace(WANTED, labels=(("a", "b"),)))
    renamed = replace(WANTED, data_from=(replace(CREDS, store="vault-main"),))
    assert kept(live, renamed, formerly={"vault": "vault-main"})


def test_only_a_proven_secret_is_believed() -> None:
    live = held()
    assert kept(live, instance=OTHER_KEY) == {}
    assert kept(foreign(data=live.data)) == {}
    copied = replace(live, key=SECRET._replace(name="copy"))
    assert kept(copied, replace(WANTED, key=copied.key)) == {}
    assert is_believed(live, ME)
    assert not is_believed(copied, ME)
    assert not is_believed(live, KEYLESS)
    text = live.annotations[LEASES].replace("creds/app/1", "creds/app/2")
    forged = replace(live, annotations={**live.annotations, LEASES: text})
    assert kept(forged) == {}
    assert not is_believed(forged, ME)


def test_without_the_key_a_diff_takes_it_as_it_stands() -> None:
    live = held()
    built = build(WANTED, {}, leased=kept(live, instance=KEYLESS), now=NOW)
    change = plan_one(WANTED, built, live, instance=KEYLESS, rules=Rules())
    assert change.action is Action.UNCHANGED


def test_what_a_key_of_before_signed_is_kept_and_signed_anew() -> None:
    live = held(instance=OTHER_KEY)
    assert OTHER_KEY.key is not None
    assert ME.key is not None
    after = replace(ME, key=ME.key.after([Former("prod", OTHER_KEY.key)]), former=frozenset({"prod"}))
    built = build(WANTED, {}, leased=kept(live, instance=after), now=NOW)
    change = plan_one(WANTED, built, live, instance=after, rules=ISSUE)
    assert (change.action, change.reason) == (Action.UPDATE, "mark-outdated")
    assert kept(stored(change.desired))


def test_in_a_folder_it_is_replaced_when_it_is_due_and_never_renewed() -> None:
    live = held(instance=PLAIN)
    (record,) = book_of(live).leases
    assert record.digest == ""
    assert not is_believed(live, PLAIN)
    assert kept(live, instance=PLAIN, ahead=True)
    assert kept(live, instance=PLAIN, at=due_at(record, SECRET))
    assert not kept(live, instance=PLAIN, at=due_at(record, SECRET), ahead=True)
    assert kept(held(), at=due_at(record, SECRET), ahead=True), "in a cluster it is renewed"


def test_one_that_cannot_be_renewed_is_replaced_ahead_of_its_end_by_who_may() -> None:
    wanted, lease = WANTED, fresh(lease="", renewable=False, owner="", owner_seconds=None)
    live = stored(plan_one(wanted, content(wanted, of=lease), Missing(SECRET), instance=ME, rules=ISSUE).desired)
    (record,) = book_of(live).leases
    due = due_at(record, SECRET)
    assert kept(live, at=due - 1, ahead=True)
    assert not kept(live, at=due, ahead=True)
    assert kept(live, at=due), "a diff shows no difference before it is over"
    assert not kept(live, at=end_of(record))


# When what is due


@given(st.floats(1, 1e7), st.floats(1, 1e7) | st.none(), st.text(max_size=5))
def test_it_is_due_at_two_thirds_or_a_tenth_earlier(seconds: float, owner: float | None, name: str) -> None:
    record = Record(
        "of", "vault", "id", NOW, NOW, NOW + seconds, seconds, owner_ends=None if owner is None else NOW + owner
    )
    due = due_at(record, SECRET._replace(name=name)) - NOW
    life = seconds if owner is None else min(seconds, owner)
    assert life * SHARE_OF_LIFE * (1 - JITTER) - 1e-3 <= due <= life * SHARE_OF_LIFE + 1e-3


@given(st.floats(0, 20_000), st.floats(0, 20_000) | st.none(), st.floats(0, 5000))
def test_a_renewal_counts_by_what_it_gives(seconds: float, owner: float | None, later: float) -> None:
    record = Record("of", "vault", "id", NOW, NOW, NOW + 3600, 3600.0, renewable=True, owner="a", owner_ends=NOW + 9000)
    at = NOW + later
    after = renewed(record, Grant("id", seconds, True, "a", owner), at)  # noqa: FBT003 — renewable
    left = min(at + seconds, NOW + 9000 if owner is None else at + owner) - at
    assert is_cut_short(after) == (left < 3600 * CUT_SHORT)
    assert (after.since, after.expires, after.life) == (at, at + seconds, 3600.0)


def test_the_moments_of_many_are_spread() -> None:
    record = Record("of", "vault", "id", NOW, NOW, NOW + 3600, 3600.0)
    moments = {round(due_at(record, SECRET._replace(name=f"s{number}"))) for number in range(100)}
    assert len(moments) > 50


# What is planned


def test_a_secret_that_is_not_there_would_be_created() -> None:
    change = plan_one(WANTED, unissued(), Missing(SECRET), instance=ME, rules=ISSUE)
    assert (change.action, change.reason, change.outcome) == (Action.CREATE, "would-issue", "")
    assert change.desired is None
    assert change.unissued is not None
    assert change.unissued.leases == (CREDS,)
    assert "vault:database/creds/app" in change.message


def test_a_run_that_may_not_issue_holds_it() -> None:
    for live in (Missing(SECRET), held(data={})):
        change = plan_one(WANTED, unissued(), live, instance=ME, rules=Rules())
        assert change.action in (Action.CREATE, Action.UPDATE)
        assert (change.reason, change.outcome) == ("would-issue", "held")
        assert "--issue" in change.message
        assert make_plan([(WANTED, unissued())], {SECRET: live}, instance=ME, rules=Rules()).writes() == ()


def test_what_comes_again_is_no_removal_and_what_does_not_is_one() -> None:
    template = Template((("url", "{{ username }}"),))
    wanted = replace(WANTED, data=(("host", Literally("db")),), template=template)
    live = held(wanted)
    assert set(live.data) == {"username", "password", "url", "host"}
    same = plan_one(wanted, unissued(wanted), live, instance=ME, rules=ISSUE)
    assert same.keys == KeyChanges(changed=("password", "url", "username"), unchanged=("host",))
    other = replace(wanted, data_from=(replace(CREDS, path="database/creds/other"),))
    changed = plan_one(other, unissued(other), live, instance=ME, rules=ISSUE)
    assert changed.keys.removed == ("password", "username")


@pytest.mark.parametrize("live", [held(type="kubernetes.io/tls"), held(immutable=True)])
def test_what_cannot_be_changed_is_made_anew_where_that_is_allowed(live: LiveSecret) -> None:
    held_back = plan_one(WANTED, unissued(), live, instance=ME, rules=ISSUE)
    assert (held_back.action, held_back.outcome) == (Action.REPLACE, "held")
    let = plan_one(WANTED, unissued(), live, instance=ME, rules=replace(ISSUE, allow_replace=True))
    assert (let.action, let.outcome, let.reason) == (Action.REPLACE, "", "would-issue")


def test_nothing_is_issued_for_a_secret_that_is_somebody_elses() -> None:
    assert plan_one(WANTED, unissued(), foreign(), instance=ME, rules=ISSUE).action is Action.CONFLICT
    adopts = replace(WANTED, adopt=True)
    assert plan_one(adopts, unissued(adopts), foreign(), instance=ME, rules=ISSUE).reason == "would-issue"
    retyped = foreign(type="example.com/other")
    assert plan_one(adopts, unissued(adopts), retyped, instance=ME, rules=ISSUE).reason == "not-adoptable"


def test_what_was_issued_takes_the_place_of_what_was_there() -> None:
    live = held()
    (old,) = book_of(live).leases
    new = fresh(at=NOW + 2400, lease="database/creds/app/2", value=SecretValue(b'{"username":"u-2","password":"p-2"}'))
    built = build(WANTED, {}, leased={CREDS: new}, now=NOW + 2400)
    change = plan_one(WANTED, built, live, instance=ME, rules=ISSUE)
    assert (change.action, change.reason) == (Action.UPDATE, "lease-issued")
    assert change.desired is not None
    book = read_book(change.desired.annotations[LEASES])
    assert [record.lease for record in book.leases] == ["database/creds/app/2"]
    assert book.retired == (Retired("vault", old.lease, NOW + 2400 + OVERLAP, old.expires),)
    later = stored(change.desired)
    assert kept(later, at=NOW + 2500)


def test_an_entry_that_left_the_mapping_is_retired() -> None:
    live = held()
    without = replace(WANTED, data_from=(), data=(("k", Literally("v")),))
    built = build(without, {}, now=NOW + 10)
    change = plan_one(without, built, live, instance=ME, rules=ISSUE)
    assert change.action is Action.UPDATE
    assert change.desired is not None
    assert [each.lease for each in read_book(change.desired.annotations[LEASES]).retired] == ["database/creds/app/1"]
    built = build(without, {}, now=NOW + 2 * OVERLAP + 20)
    later = plan_one(without, built, stored(change.desired), instance=ME, rules=ISSUE)
    assert later.action is Action.UNCHANGED, "the annotation goes with the next write"


def test_a_mapping_with_a_lease_is_always_looked_at_first_and_owned_before_it_is_made() -> None:
    assert needs_read(WANTED, Inventory(), instance=ME)
    assert not needs_read(mapping(), Inventory(), instance=ME)
    wanted = replace(WANTED, when_mapping_gone="delete")
    plan = make_plan([(wanted, unissued(wanted))], {}, instance=ME, rules=ISSUE)
    inventory = before_writes(Inventory(), plan, instance=ME, now=NOW)
    assert inventory is not None
    assert inventory.entries[SECRET].when_mapping_gone == "delete"


# The record


MOMENTS = st.integers(0, 4_000_000_000).map(float)
TEXTS = st.text(max_size=20)
RECORDS = st.builds(
    Record, TEXTS, TEXTS, TEXTS, MOMENTS, MOMENTS, MOMENTS, st.integers(0, 10**9).map(float), st.booleans(), TEXTS,
    MOMENTS | st.none(), st.lists(TEXTS, max_size=3).map(tuple), st.lists(TEXTS, max_size=3).map(tuple), TEXTS,
)  # fmt: skip
RETIRED = st.builds(Retired, TEXTS, TEXTS, MOMENTS, MOMENTS)


@given(st.lists(RECORDS, max_size=3), st.lists(RETIRED, max_size=3))
def test_a_record_is_read_back_as_it_was_written(records: list[Record], retired: list[Retired]) -> None:
    book = Book(tuple(records), tuple(retired))
    assert read_book(book_text(book) or "") == book


@given(st.text(max_size=200))
def test_nonsense_says_nothing(text: str) -> None:
    assert isinstance(read_book(text), Book)


def test_a_record_tells_no_value() -> None:
    text = held().annotations[LEASES]
    assert "p-1" not in text
    assert "u-1" not in text
    assert '"expires":"2027-01-15T09:00:00Z"' in text
    other = replace(ME, key=InstanceKey(SecretValue(b"k" * 32)))
    assert read_book(text).leases[0].digest != book_of(held(instance=other)).leases[0].digest
    assert len({fingerprint(CREDS), fingerprint(replace(CREDS, overrides=True))}) == 2

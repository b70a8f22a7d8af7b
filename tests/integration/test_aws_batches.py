"""Batches of AWS Secrets Manager, over the wire: how many, of what, and what a broken one costs."""

from pathlib import Path

import pytest

from syncd.model.reference import Fetched, Outcome, RemoteRef
from syncd.testing.provider_case import Allowance
from tests.integration.aws_store import Account, read, read_one, value_of, verdict
from tests.servers.moto import Moto

BATCH, GET, DESCRIBE = "BatchGetSecretValue", "GetSecretValue", "DescribeSecret"


@pytest.fixture
def account(moto: Moto, tmp_path: Path) -> Account:
    return Account(moto, tmp_path, moto.credentials())


def test_forty_five_secrets_cost_three_batches_of_at_most_twenty(account: Account) -> None:
    for number in range(45):
        account.put(f"s{number}", f"value {number}")
    provider, call = account.store(), Allowance()
    refs = [account.ref(f"s{number}") for number in range(45)]

    outcomes: dict[RemoteRef, Outcome] = {}
    for start in range(0, 45, provider.batch_size):
        outcomes |= read(provider, refs[start : start + provider.batch_size], call)

    assert [value_of(outcomes[ref]) for ref in refs] == [f"value {number}".encode() for number in range(45)]
    assert [(entry.operation, len(entry.ids)) for entry in account.requests()] == [(BATCH, 20), (BATCH, 20), (BATCH, 5)]
    assert call.spent == 3


def test_a_group_larger_than_a_batch_is_cut_before_the_twenty_first_id(account: Account) -> None:
    refs = [account.ref(f"s{number}") for number in range(21)]
    for number in range(21):
        account.put(f"s{number}", "x")

    outcomes = read(account.store(), refs)

    assert all(isinstance(outcome, Fetched) for outcome in outcomes.values())
    assert [len(entry.ids) for entry in account.requests()] == [20, 1]


def test_one_secret_is_read_without_a_batch(account: Account) -> None:
    account.put("only", "v")
    assert value_of(read_one(account.store(), account.ref("only"))) == b"v"
    assert account.operations() == [GET]


def test_pinned_versions_and_stages_are_read_singly_beside_a_batch(account: Account) -> None:
    first = account.put("rotated", "one")
    account.put("rotated", "two")
    account.put("other", "o")
    account.moto.stage(account.prefix + "rotated", first, "MY-LABEL")
    current, other = account.ref("rotated"), account.ref("other")
    by_id, by_stage = account.ref("rotated", first), account.ref("rotated", "MY-LABEL")

    outcomes = read(account.store(), [by_id, current, by_stage, other])

    assert [value_of(outcomes[ref]) for ref in (by_id, current, by_stage, other)] == [b"one", b"two", b"one", b"o"]
    assert account.operations() == [BATCH, GET, GET]
    assert {entry.version for entry in account.requests()} == {"", first, "MY-LABEL"}


def test_what_a_batch_lists_as_an_error_is_classed_for_its_secret_alone(account: Account) -> None:
    for name in ("good", "broken", "forbidden", "leaving"):
        account.put(name, "v")
    account.moto.put_without_value(account.prefix + "hollow")
    account.fault("decryption", "broken")
    account.fault("denied", "forbidden", operation=BATCH)
    account.moto.delete(account.prefix + "leaving", recovery_days=7)
    names = ("good", "broken", "forbidden", "leaving", "hollow", "nowhere")

    outcomes = read(account.store(), [account.ref(name) for name in names])

    assert value_of(outcomes[account.ref("good")]) == b"v"
    assert {name: verdict(outcomes[account.ref(name)]) for name in names[1:]} == {
        "broken": ("unusable", "decryption-failed"),
        "forbidden": ("denied", "permission-denied"),
        "leaving": ("unusable", "scheduled-deletion"),
        "hollow": ("unusable", "no-value"),
        "nowhere": ("absent", "not-found"),
    }
    assert account.operations() == [BATCH, DESCRIBE, DESCRIBE]


def test_an_error_that_decides_nothing_and_an_omitted_id_are_read_singly(account: Account) -> None:
    for name in ("a", "failing", "omitted"):
        account.put(name, name)
    account.fault("internal", "failing", operation=BATCH)
    account.fault("omitted", "omitted")

    outcomes = read(account.store(), [account.ref(name) for name in ("a", "failing", "omitted")])

    assert [value_of(outcome) for outcome in outcomes.values()] == [b"a", b"failing", b"omitted"]
    assert account.operations() == [BATCH, GET, GET]


def test_a_code_nobody_knows_is_unavailable_and_stops_nobody_else(account: Account) -> None:
    account.put("odd", "v")
    account.put("fine", "v")
    account.fault("error", "odd", code="SomethingNewException", times=0)

    outcomes = read(account.store(), [account.ref("odd"), account.ref("fine")])

    assert verdict(outcomes[account.ref("odd")]) == ("unavailable", "unexpected-answer")
    assert value_of(outcomes[account.ref("fine")]) == b"v"


def test_an_identity_that_may_not_batch_reads_singly_and_asks_no_second_time(account: Account) -> None:
    refs = [account.ref("a"), account.ref("b")]
    account.put("a", "1")
    account.put("b", "2")
    account.fault("denied", operation=BATCH, times=0)
    provider = account.store()

    assert [value_of(outcome) for outcome in read(provider, refs).values()] == [b"1", b"2"]
    assert [value_of(outcome) for outcome in read(provider, refs).values()] == [b"1", b"2"]

    assert account.operations() == [BATCH, GET, GET, GET, GET]


def test_after_a_new_login_batches_are_tried_again(account: Account) -> None:
    refs = [account.ref("a"), account.ref("b")]
    account.put("a", "1")
    account.put("b", "2")
    account.fault("denied", operation=BATCH)
    provider = account.store()
    read(provider, refs)

    provider.relogin()
    read(provider, refs)

    assert account.operations() == [BATCH, GET, GET, BATCH]


def test_one_secret_that_spoils_a_batch_leaves_the_others_readable(account: Account) -> None:
    account.put("a", "1")
    account.put("b", "2")
    account.fault("error", code="InvalidParameterException", operation=BATCH)

    assert [value_of(o) for o in read(account.store(), [account.ref("a"), account.ref("b")]).values()] == [b"1", b"2"]


@pytest.mark.parametrize("kind", ["html", "reset"])
def test_a_broken_batch_is_not_followed_by_twenty_single_reads(account: Account, kind: str) -> None:
    account.fault(kind, status=200)
    outcomes = read(account.store(), [account.ref(f"s{number}") for number in range(20)])
    assert {verdict(outcome)[0] for outcome in outcomes.values()} < {"malformed", "unavailable"}
    assert account.operations() == [BATCH]


def test_the_server_itself_keeps_the_limit_of_twenty(account: Account) -> None:
    """What the fixture promises: moto alone would take a twenty-first id."""
    provider = account.store()
    found = provider._service.ask("BatchGetSecretValue", {"SecretIdList": [f"s{n}" for n in range(21)]}, Allowance())
    assert getattr(found, "code", None) == "InvalidParameterException"


def test_batches_are_tried_again_ten_minutes_after_they_were_refused(account: Account) -> None:
    now = [1000.0]
    provider = account.store(clock=lambda: now[0])
    refs = [account.ref("a"), account.ref("b")]
    account.fault("denied", operation=BATCH, times=0)
    batches = []
    for seconds in (0.0, 599.0, 2.0):
        now[0] += seconds
        read(provider, refs)
        batches.append(account.operations().count(BATCH))
    assert batches == [1, 1, 2]

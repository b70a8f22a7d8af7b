"""Reading from AWS Secrets Manager, over the wire."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from syncd.fetch.seam import CallAborted
from syncd.model.reference import Failure, Fetched, RemoteRef
from syncd.model.store import Timeouts
from syncd.testing.provider_case import Allowance
from tests.integration.aws_store import Account, read, read_one, value_of, verdict
from tests.servers.moto import Moto

BATCH, GET, DESCRIBE = "BatchGetSecretValue", "GetSecretValue", "DescribeSecret"


@pytest.fixture
def account(moto: Moto, tmp_path: Path) -> Account:
    return Account(moto, tmp_path, moto.credentials())


def test_version_and_time_come_along(account: Account) -> None:
    before = time.time()
    version = account.put("dated", "v")
    outcome = read_one(account.store(), account.ref("dated"))
    assert isinstance(outcome, Fetched)
    assert outcome.version == version
    assert outcome.created is not None
    assert before - 2 < outcome.created < time.time() + 2


def test_text_is_utf8_and_binary_comes_as_it_is(account: Account) -> None:
    account.put("text", "pässwörd\n")
    account.put("binary", bytes(range(256)))
    singly, batched = account.store(), account.store()
    text, binary = account.ref("text"), account.ref("binary")

    together = read(batched, [text, binary])

    assert value_of(read_one(singly, text)) == value_of(together[text]) == "pässwörd\n".encode()
    assert value_of(read_one(singly, binary)) == value_of(together[binary]) == bytes(range(256))


def test_the_current_stage_spelled_out_is_the_same_object(account: Account) -> None:
    assert account.store().canonical(account.ref("a", "AWSCURRENT")) == account.ref("a")


def test_arns_in_full_and_without_their_suffix_are_read_like_names(account: Account) -> None:
    account.put("by-arn", "v")
    full = account.moto.arn(account.prefix + "by-arn")
    refs = [RemoteRef("aws-eu", full), RemoteRef("aws-eu", full[:-7]), account.ref("by-arn")]

    assert [value_of(outcome) for outcome in read(account.store(), refs).values()] == [b"v"] * 3
    assert [value_of(read_one(account.store(), ref)) for ref in refs] == [b"v"] * 3


@pytest.mark.parametrize("names", [["lost"], ["lost", "here"]], ids=["singly", "batched"])
def test_absence_needs_describe_to_say_so_too(account: Account, names: list[str]) -> None:
    account.put("here", "v")
    outcomes = read(account.store(), [account.ref(name) for name in names])
    assert verdict(outcomes[account.ref("lost")]) == ("absent", "not-found")
    assert account.operations()[-1] == DESCRIBE


@pytest.mark.parametrize("names", [["lost"], ["lost", "here"]], ids=["singly", "batched"])
def test_without_the_right_to_describe_nothing_is_absent(account: Account, names: list[str]) -> None:
    account.put("here", "v")
    account.fault("denied", operation=DESCRIBE)
    outcomes = read(account.store(), [account.ref(name) for name in names])
    assert verdict(outcomes[account.ref("lost")]) == ("unusable", "absence-unproven")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("throttle", ("throttled", "throttled")),
        ("internal", ("unavailable", "server-error")),
        ("expired", ("denied", "credential-expired")),
    ],
)
def test_a_describe_that_fails_otherwise_proves_nothing(
    account: Account, fault: str, expected: tuple[str, str]
) -> None:
    account.fault(fault, operation=DESCRIBE)
    assert verdict(read_one(account.store(), account.ref("lost"))) == expected


@pytest.mark.parametrize(
    ("version", "reason"),
    [("", "no-value"), ("0e9f7c1a-6f0b-4b6e-9f57-6d7f1f1c2b3a", "no-such-version"), ("AWSPENDING", "no-such-stage")],
)
def test_a_secret_without_the_value_asked_for_is_unusable_not_absent(
    account: Account, version: str, reason: str
) -> None:
    account.put("mid-rotation", "v")
    account.fault("no-value", "mid-rotation")
    assert verdict(read_one(account.store(), account.ref("mid-rotation", version))) == ("unusable", reason)


@pytest.mark.parametrize("version", ["", "AWSPREVIOUS"])
def test_a_secret_scheduled_for_deletion_is_unusable(account: Account, version: str) -> None:
    account.put("leaving", "v")
    account.put("leaving", "w")
    account.fault("pending-deletion", "leaving", times=0)
    assert verdict(read_one(account.store(), account.ref("leaving", version))) == ("unusable", "scheduled-deletion")


def test_a_deletion_date_says_pending_where_the_read_said_not_found(account: Account) -> None:
    account.put("leaving", "v")
    account.fault("not-found", "leaving", operation=GET)
    account.fault("pending-deletion", "leaving", operation=DESCRIBE)
    assert verdict(read_one(account.store(), account.ref("leaving"))) == ("unusable", "scheduled-deletion")


def test_throttling_is_the_stores_and_carries_the_wait_asked_for(account: Account) -> None:
    refs = [account.ref("a"), account.ref("b"), account.ref("a", "AWSPREVIOUS")]
    account.fault("throttle", retry_after="7")

    outcomes = list(read(account.store(), refs).values())

    assert [verdict(outcome) for outcome in outcomes] == [("throttled", "throttled")] * 3
    assert all(isinstance(o, Failure) and o.scope == "store" and o.retry_after == 7.0 for o in outcomes)
    assert account.operations() == [BATCH]


@pytest.mark.parametrize("names", [["a"], ["a", "b"]], ids=["singly", "batched"])
def test_an_answer_about_another_secret_is_not_taken(account: Account, names: list[str]) -> None:
    for name in names:
        account.put(name, name)
    account.fault("wrong-secret", "a", times=0)
    outcomes = read(account.store(), [account.ref(name) for name in names])
    assert verdict(outcomes[account.ref("a")]) == ("malformed", "answer-for-another-secret")


def test_a_value_that_is_missing_from_a_good_answer_is_malformed(account: Account) -> None:
    account.put("a", "v")
    account.fault("empty", "a")
    assert verdict(read_one(account.store(), account.ref("a"))) == ("malformed", "answer-incomplete")


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("html", 200, ("malformed", "answer-unreadable")),
        ("html", 404, ("unavailable", "unexpected-answer")),
        ("html", 403, ("unavailable", "unexpected-answer")),
        ("html", 502, ("unavailable", "server-error")),
        ("huge", 200, ("malformed", "answer-too-large")),
    ],
)
def test_an_answer_that_is_not_the_services_is_data_and_never_absent(
    account: Account, kind: str, status: int, expected: tuple[str, str]
) -> None:
    account.put("a", "v")
    account.fault(kind, status=status)
    assert verdict(read_one(account.store(), account.ref("a"))) == expected


@pytest.mark.parametrize("kind", ["reset", "cut"])
def test_a_connection_that_breaks_is_unavailable(account: Account, kind: str) -> None:
    account.put("a", "v")
    account.fault(kind)
    assert verdict(read_one(account.store(), account.ref("a")))[0] == "unavailable"


def test_a_server_that_hangs_ends_the_whole_group_in_time(account: Account) -> None:
    account.fault("hang", times=0)
    provider = account.store(timeouts=Timeouts(read=0.2, total=0.3))
    refs = [account.ref(f"s{number}", "AWSPREVIOUS") for number in range(5)]

    began = time.monotonic()
    outcomes = read(provider, refs)

    assert time.monotonic() - began < 5
    assert [verdict(outcome) for outcome in outcomes.values()] == [("unavailable", "timeout")] * 5
    assert account.operations() == [GET]


def test_the_calls_deadline_binds_a_request_more_than_the_stores_timeouts(account: Account) -> None:
    account.fault("hang", times=0)
    provider = account.store()
    began = time.monotonic()
    assert verdict(read_one(provider, account.ref("a"), Allowance(seconds=0.3))) == ("unavailable", "timeout")
    assert time.monotonic() - began < 5


def test_a_used_up_budget_passes_through(account: Account) -> None:
    with pytest.raises(CallAborted):
        read_one(account.store(), account.ref("a"), Allowance(most=0))
    with pytest.raises(CallAborted):
        read_one(account.store(), account.ref("lost"), Allowance(most=1))
    assert account.operations() == [GET]


def test_nobody_listening_is_unavailable(account: Account) -> None:
    provider = account.store(endpoint="http://127.0.0.1:9")
    assert verdict(read_one(provider, account.ref("a")))[0] == "unavailable"


@pytest.mark.parametrize(
    ("fault", "offset", "reason", "stale"),
    [
        ("expired", 0.0, "credential-expired", True),
        ("unknown-client", 0.0, "credential-invalid", True),
        ("bad-signature", 0.0, "signature-rejected", True),
        ("bad-signature", 400.0, "clock", False),
        ("expired", -400.0, "clock", False),
        ("denied", 0.0, "permission-denied", False),
    ],
)
def test_a_refused_identity_says_what_may_mend_it(
    account: Account, fault: str, offset: float, reason: str, *, stale: bool
) -> None:
    account.fault(fault, date_offset=offset)
    outcome = read_one(account.store(), account.ref("a"))
    assert isinstance(outcome, Failure)
    assert (verdict(outcome), outcome.stale_credential) == (("denied", reason), stale)


def test_many_threads_share_one_client(account: Account) -> None:
    for number in range(8):
        account.put(f"s{number}", str(number))
    provider = account.store()
    with ThreadPoolExecutor(8) as pool:
        read_all = pool.map(lambda number: read_one(provider, account.ref(f"s{number}")), range(8))
    assert [value_of(outcome) for outcome in read_all] == [str(number).encode() for number in range(8)]


def test_requests_name_syncd(account: Account) -> None:
    read_one(account.store(), account.ref("a"))
    assert "syncd" in account.requests()[0].user_agent


def test_a_closed_store_can_be_closed_again(account: Account) -> None:
    provider = account.store()
    read_one(provider, account.ref("a"))
    provider.close()
    provider.close()

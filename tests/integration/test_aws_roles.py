"""Web identities and chains of roles: what STS is asked, when it is asked again, and what is said where it refuses."""

import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from syncd.fetch.seam import CallAborted
from syncd.model.reference import Failure, Outcome
from syncd.testing.provider_case import Allowance
from tests.integration.aws_store import Account, read_one, value_of, verdict
from tests.servers.moto import Moto
from tests.servers.sts import WORDS, Sts, Trust

FIRST = "arn:aws:iam::111111111111:role/hub"
SECOND = "arn:aws:iam::222222222222:role/deep/payments"
TOKEN = "canary-token-one-5f3a9c"
WEB, ROLE = "AssumeRoleWithWebIdentity", "AssumeRole"
TAGS = {"team": "payments", "cost centre": "12"}
SECOND_HOP = {"roleArn": SECOND, "externalId": "ext/1:a", "sessionName": "syncd@prod", "tags": TAGS}


@pytest.fixture
def account(moto: Moto, tmp_path: Path) -> Account:
    found = Account(moto, tmp_path, moto.credentials())
    found.put("a", "canary-value")
    (tmp_path / "token").write_text(TOKEN + "\n")
    return found


@pytest.fixture
def sts() -> Iterator[Sts]:
    """Give an STS whose second role trusts the first, and that a web identity."""
    with Sts.running() as server:
        server.roles[FIRST] = Trust(token=TOKEN)
        server.roles[SECOND] = Trust(keys={FIRST}, external_id="ext/1:a", tags=TAGS)
        yield server


class Clock:
    """A clock that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def web(**more: object) -> dict[str, object]:
    return {"webIdentity": {"roleArn": FIRST, "tokenFile": "token"}, **more}


def static(account: Account) -> Mapping[str, object]:
    return {"accessKeyId": account.key.access_key_id, "secretAccessKey": {"file": "secret-key"}}


def operations(sts: Sts) -> list[str]:
    return [entry.operation for entry in sts.asked]


def told(outcome: Outcome) -> str:
    assert isinstance(outcome, Failure), outcome
    assert outcome.scope == "store"
    return outcome.message


def readers(account: Account, mark: int) -> list[str]:
    """List who read the test's secret since then."""
    entries = account.moto.requests(mark)
    return [entry.access_key_id for entry in entries if entry.ids == (account.ref("a").key,)]


def test_a_web_identity_logs_in_at_the_stores_sts_whatever_the_environment_says(
    account: Account, sts: Sts, monkeypatch: pytest.MonkeyPatch
) -> None:
    ambient = account.moto.credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ambient.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ambient.secret_access_key)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    mark, call = account.moto.mark(), Allowance()

    outcome = read_one(account.store(web(), stsEndpoint=sts.address), account.ref("a"), call)

    assert value_of(outcome) == b"canary-value"
    (asked,) = sts.asked
    assert (asked.operation, asked.role, asked.session, asked.access_key_id) == (WEB, FIRST, "syncd-aws-eu", "")
    assert readers(account, mark) == [asked.answer]
    assert call.spent == 2


def test_a_web_identity_and_a_chain_take_what_motos_sts_gives(account: Account) -> None:
    mark, call = account.moto.mark(), Allowance()
    here = "arn:aws:iam::123456789012:role/"  # moto's own account, where the secret is
    login = {"roleArn": f"{here}hub", "tokenFile": "token"}
    auth = {"webIdentity": login, "assumeRole": [{**SECOND_HOP, "roleArn": f"{here}deep/payments"}]}
    outcome = read_one(account.store(auth, stsEndpoint=account.moto.endpoint), account.ref("a"), call)
    assert value_of(outcome) == b"canary-value"
    assert {WEB, ROLE} <= {entry.operation for entry in account.moto.requests(mark)}
    assert call.spent == 3


def test_what_a_web_identity_leaves_out_is_the_environments(
    account: Account, sts: Sts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ROLE_ARN", FIRST)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(account.folder / "token"))
    monkeypatch.setenv("AWS_ROLE_SESSION_NAME", "from-the-pod")
    store = account.store({"webIdentity": {}}, stsEndpoint=sts.address)
    assert value_of(read_one(store, account.ref("a"))) == b"canary-value"
    assert [(entry.role, entry.session) for entry in sts.asked] == [(FIRST, "from-the-pod")]


def test_a_chain_shows_each_role_the_keys_of_the_one_before_with_its_external_id_and_tags(
    account: Account, sts: Sts
) -> None:
    mark = account.moto.mark()
    store = account.store(web(assumeRole=[SECOND_HOP]), stsEndpoint=sts.address)
    assert value_of(read_one(store, account.ref("a"))) == b"canary-value"
    first, second = sts.asked
    assert (first.operation, first.access_key_id) == (WEB, "")
    assert (second.operation, second.access_key_id) == (ROLE, first.answer)
    assert second.session == "syncd@prod"
    assert readers(account, mark) == [second.answer]


@pytest.mark.parametrize("method", ["static", "default", "profile"])
def test_every_other_method_takes_on_roles_too(
    account: Account, sts: Sts, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    key = account.key
    file = account.folder / "shared"
    file.write_text(f"[t]\naws_access_key_id = {key.access_key_id}\naws_secret_access_key = {key.secret_access_key}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    if method == "default":
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret_access_key)
    auth = {"static": static(account), "default": {}, "profile": "t"}[method]
    sts.roles[FIRST] = Trust(keys={key.access_key_id})
    store = account.store({method: auth, "assumeRole": [{"roleArn": FIRST}, SECOND_HOP]}, stsEndpoint=sts.address)

    assert value_of(read_one(store, account.ref("a"))) == b"canary-value"

    assert [entry.access_key_id for entry in sts.asked] == [key.access_key_id, sts.asked[0].answer]
    assert account.requests() == []


def test_keys_are_kept_and_each_hops_are_replaced_when_their_own_time_comes(account: Account, sts: Sts) -> None:
    sts.roles[FIRST].life = 7200.0
    clock = Clock()
    store = account.store(web(assumeRole=[SECOND_HOP]), stsEndpoint=sts.address, clock=clock)
    seen = []
    for moment in (0, 2390, 2410, 4790, 4830):
        clock.now = 1000.0 + moment
        assert value_of(read_one(store, account.ref("a"))) == b"canary-value"
        seen.append(operations(sts))
    assert [len(asked) for asked in seen] == [2, 2, 3, 3, 5]
    assert seen[-1] == [WEB, ROLE, ROLE, WEB, ROLE]


def test_the_token_file_is_read_anew_for_each_login(account: Account, sts: Sts) -> None:
    clock = Clock()
    store = account.store(web(), stsEndpoint=sts.address, clock=clock)
    read_one(store, account.ref("a"))
    sts.roles[FIRST].token = "rotated-token"
    (account.folder / "token").write_text("rotated-token")
    clock.now += 2410
    assert value_of(read_one(store, account.ref("a"))) == b"canary-value"
    store.relogin()
    assert value_of(read_one(store, account.ref("a"))) == b"canary-value"
    assert [entry.answer[:4] for entry in sts.asked] == ["ASIA"] * 3


def test_where_a_renewal_fails_the_old_keys_serve_to_their_end_and_no_longer(account: Account, sts: Sts) -> None:
    clock = Clock()
    store = account.store(web(), stsEndpoint=sts.address, clock=clock)
    read_one(store, account.ref("a"))
    sts.failing = ("ServiceUnavailable", 503)
    counts = []
    for moment in (2410, 2420, 2450, 3590):
        clock.now = 1000.0 + moment
        assert value_of(read_one(store, account.ref("a"))) == b"canary-value"
        counts.append(len(sts.asked))
    clock.now = 1000.0 + 3610
    assert counts == [2, 2, 3, 4]
    assert verdict(read_one(store, account.ref("a"))) == ("unavailable", "server-error")


def test_keys_that_the_service_no_longer_takes_are_got_anew_from_the_first_role(account: Account, sts: Sts) -> None:
    store = account.store(web(assumeRole=[SECOND_HOP]), stsEndpoint=sts.address)
    read_one(store, account.ref("a"))
    account.moto.fault("expired", access_key_id=sts.asked[-1].answer, times=0)

    refused = read_one(store, account.ref("a"))
    assert isinstance(refused, Failure)
    assert refused.stale_credential
    store.relogin()

    assert value_of(read_one(store, account.ref("a"))) == b"canary-value"
    assert operations(sts) == [WEB, ROLE, WEB, ROLE]


def test_eight_threads_log_in_once(account: Account, sts: Sts) -> None:
    store = account.store(web(assumeRole=[SECOND_HOP]), stsEndpoint=sts.address)
    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda _: value_of(read_one(store, account.ref("a"))), range(16)))
    assert set(values) == {b"canary-value"}
    assert operations(sts) == [WEB, ROLE]


def test_each_login_is_spent_and_what_was_got_is_kept_when_the_budget_ends(account: Account, sts: Sts) -> None:
    store = account.store(web(assumeRole=[SECOND_HOP]), stsEndpoint=sts.address)
    with pytest.raises(CallAborted):
        read_one(store, account.ref("a"), Allowance(most=1))
    call = Allowance(most=2)
    assert value_of(read_one(store, account.ref("a"), call)) == b"canary-value"
    assert operations(sts) == [WEB, ROLE]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"token": "another"}, f"webIdentity (role {FIRST})"),
        ({"external_id": "another"}, f"webIdentity, assumeRole[0] (role {SECOND})"),
        ({"tags": {}}, f"webIdentity, assumeRole[0] (role {SECOND})"),
        ({"keys": set()}, f"webIdentity, assumeRole[0] (role {SECOND})"),
    ],
)
def test_a_role_that_is_refused_is_named_with_method_and_hop_and_nothing_else_is_said(
    account: Account, sts: Sts, change: dict[str, object], where: str, caplog: pytest.LogCaptureFixture
) -> None:
    trust = sts.roles[FIRST if "token" in change else SECOND]
    vars(trust).update(change)
    mark = account.moto.mark()
    store = account.store(web(assumeRole=[SECOND_HOP]), stsEndpoint=sts.address)

    outcome = read_one(store, account.ref("a"))
    shown = [repr(outcome)]
    for _ in range(2):  # the first time imports the SDK, after which somebody switches its debugging on
        for name in ("", *(n for n in logging.root.manager.loggerDict if n.startswith(("boto", "urllib3")))):
            caplog.set_level(logging.DEBUG, name)
        shown.append(repr(read_one(store, account.ref("a"))))

    assert verdict(outcome) == ("denied", "login-refused")
    assert told(outcome).startswith(f"store aws-eu: {where}: STS does not give")
    assert isinstance(outcome, Failure)
    assert outcome.stale_credential
    everything = "\n".join([*shown, repr(store), caplog.text])
    assert [
        hidden for hidden in (TOKEN, WORDS, "ext/1:a", *(t for _, t in sts.granted.values())) if hidden in everything
    ] == []
    assert readers(account, mark) == []


@pytest.mark.parametrize(
    ("failing", "expected"),
    [
        (("Throttling", 400), ("throttled", "throttled")),
        (("ServiceUnavailable", 503), ("unavailable", "server-error")),
        (("IDPCommunicationError", 400), ("unavailable", "issuer-unreachable")),
        (("PackedPolicyTooLarge", 400), ("config", "login-invalid")),
        (("ExpiredTokenException", 400), ("denied", "login-refused")),
    ],
)
def test_what_else_sts_answers(account: Account, sts: Sts, failing: tuple[str, int], expected: tuple[str, str]) -> None:
    sts.failing = failing
    outcome = read_one(account.store(web(), stsEndpoint=sts.address), account.ref("a"))
    assert verdict(outcome) == expected
    assert FIRST in told(outcome)
    assert WORDS not in repr(outcome)


@pytest.mark.parametrize("member", ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"])
def test_half_an_answer_is_no_login(account: Account, sts: Sts, member: str) -> None:
    sts.mangled = member
    outcome = read_one(account.store(web(), stsEndpoint=sts.address), account.ref("a"))
    assert verdict(outcome) == ("malformed", "answer-unreadable")
    assert FIRST in told(outcome)


def test_an_sts_that_cannot_be_reached_is_unavailable_for_the_whole_store(account: Account) -> None:
    outcome = read_one(account.store(web(), stsEndpoint="http://127.0.0.1:9"), account.ref("a"))
    assert verdict(outcome) == ("unavailable", "connection-refused")
    assert "STS (http://127.0.0.1:9)" in told(outcome)
    assert f"webIdentity (role {FIRST})" in told(outcome)


@pytest.mark.parametrize(
    ("login", "word"),
    [
        ({"roleArn": FIRST, "tokenFile": "not-there"}, "not-there"),
        ({"roleArn": FIRST, "tokenFile": "empty"}, "empty"),
        ({"roleArn": FIRST}, "AWS_WEB_IDENTITY_TOKEN_FILE"),
        ({"tokenFile": "token"}, "AWS_ROLE_ARN"),
    ],
)
def test_what_a_login_lacks_is_said_without_asking_anybody(
    account: Account, sts: Sts, monkeypatch: pytest.MonkeyPatch, login: dict[str, object], word: str
) -> None:
    for name in ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    (account.folder / "empty").write_text("")
    call = Allowance()
    outcome = read_one(account.store({"webIdentity": login}, stsEndpoint=sts.address), account.ref("a"), call)
    assert verdict(outcome) == ("denied", "credential-unreadable")
    assert word in told(outcome)
    assert "webIdentity" in told(outcome)
    assert (call.spent, sts.asked) == (0, [])

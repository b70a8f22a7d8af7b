"""What no real server shows on demand: wrong content, redirects, drips, throttling, seals; and that nothing leaks."""

import gzip
import json
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from syncd.model.reference import Failure, FailureClass
from syncd.model.store import Timeouts
from syncd.testing.provider_case import Allowance
from tests.integration.vault_store import CANARY, Bench, ask, failed, fetched, verdict
from tests.servers.wire import Reply, Request, Wire

C = FailureClass
TOKEN = f"s.{CANARY}"
LOGIN = "/v1/auth/approle/login"
LOOKUP = "/v1/auth/token/lookup-self"
RENEW = "/v1/auth/token/renew-self"
REVOKE = "/v1/auth/token/revoke-self"
MOUNT = "/v1/sys/internal/ui/mounts/secret"
READ = "/v1/secret/data/x"


def answered(content: object, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(content).encode(), {"Content-Type": "application/json", **headers})


def auth(**fields: object) -> Reply:
    return answered({"auth": {"client_token": TOKEN, "lease_duration": 900, "renewable": True, **fields}})


def value() -> Reply:
    metadata = {"version": 1, "created_time": "2026-11-24T22:07:51Z", "deletion_time": "", "destroyed": False}
    return answered({"data": {"data": {"k": CANARY}, "metadata": metadata}})


@dataclass
class Script:
    """A Vault that is well but for the replies that a test puts in."""

    replies: dict[str, Reply] = field(
        default_factory=lambda: {
            LOGIN: auth(),
            LOOKUP: answered({"data": {}}),
            RENEW: auth(),
            REVOKE: Reply(204),
            MOUNT: answered({"data": {"type": "kv", "path": "secret/", "options": {"version": "2"}}}),
            READ: value(),
        }
    )

    def __call__(self, request: Request) -> Reply:
        """Answer by the path."""
        return self.replies.get(request.target.partition("?")[0], Reply(404, b'{"errors":[]}'))


@pytest.fixture
def script() -> Script:
    """Return the script of the wire."""
    return Script()


@pytest.fixture
def wire(script: Script) -> Iterator[Wire]:
    """Serve the script."""
    with Wire(script) as server:
        yield server


@pytest.fixture
def bench(wire: Wire, tmp_path: Path) -> Iterator[Bench]:
    """Make stores on the wire."""
    made = Bench(tmp_path, wire.address)
    yield made
    for provider in made.made:
        provider.close()


def said(status: int, *errors: str, **headers: str) -> Reply:
    return answered(
        {"errors": list(errors)}, status, **{name.replace("_", "-"): text for name, text in headers.items()}
    )


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    while True:
        time.sleep(0.05)
        connection.sendall(b" ")


FAULTS: Mapping[str, tuple[Reply, FailureClass, str]] = {
    "html": (Reply(200, b"<html>log in</html>", {"Content-Type": "text/html"}), C.MALFORMED, "answer-malformed"),
    "ingress 404": (Reply(404, b"404 page not found"), C.UNAVAILABLE, "not-found-elsewhere"),
    "redirect": (Reply(307, b"", {"Location": "https://elsewhere.example/"}), C.UNAVAILABLE, "redirected"),
    "huge": (Reply(200, b" " * 2_200_000), C.MALFORMED, "answer-too-large"),
    "bomb": (
        Reply(200, gzip.compress(b" " * 30_000_000), {"Content-Encoding": "gzip"}),
        C.MALFORMED,
        "answer-too-large",
    ),
    "drip": (Reply(send=drip), C.UNAVAILABLE, "timeout"),
    "cut": (
        Reply(send=lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")),
        C.UNAVAILABLE,
        "answer-cut-short",
    ),
    "hang up": (Reply(send=lambda _c: None), C.UNAVAILABLE, "connection-lost"),
    "sealed": (said(503, "Vault is sealed"), C.UNAVAILABLE, "sealed"),
    "not initialised": (said(501), C.UNAVAILABLE, "not-initialised"),
    "throttled": (said(429, "rate limit quota exceeded", Retry_After="17"), C.THROTTLED, "rate-limited"),
    "error": (said(500, f"internal error: {CANARY}"), C.UNAVAILABLE, "server-error"),
    "no auth": (Reply(401, CANARY.encode()), C.UNAVAILABLE, "unexpected-status"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("where", [MOUNT, READ])
def test_a_fault_of_a_read_has_its_class_and_nothing_leaks(
    script: Script, bench: Bench, where: str, fault: str
) -> None:
    reply, cls, reason = FAULTS[fault]
    script.replies[where] = reply
    bench.timeouts = Timeouts(total=0.5 if fault == "drip" else 20.0)
    outcome = failed(ask(bench.with_token(TOKEN), "x"))
    assert (outcome.cls, outcome.reason) == (cls, reason)
    assert CANARY not in f"{outcome!r} {outcome.message}"
    assert outcome.retry_after == (17.0 if fault == "throttled" else None)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_login_fails_the_store_and_nothing_leaks(script: Script, bench: Bench, fault: str) -> None:
    reply, cls, _ = FAULTS[fault]
    script.replies[LOGIN] = reply
    bench.timeouts = Timeouts(total=0.5 if fault == "drip" else 20.0)
    outcome = failed(ask(bench.with_approle(("role", CANARY)), "x"))
    assert (outcome.cls, outcome.scope) == (cls, "store")
    assert CANARY not in f"{outcome!r} {outcome.message}"


def test_the_token_does_not_follow_a_redirect(script: Script, bench: Bench) -> None:
    with Wire(lambda _request: value()) as elsewhere:
        script.replies[READ] = Reply(307, b"", {"Location": f"{elsewhere.address}{READ}"})
        assert verdict(ask(bench.with_token(TOKEN), "x")) == (C.UNAVAILABLE, "redirected")
        assert elsewhere.requests == []


@pytest.mark.parametrize("data", [None, {"data": None, "metadata": {"version": 1, "deletion_time": ""}}])
def test_null_data_is_no_value(script: Script, bench: Bench, data: object) -> None:
    script.replies[READ] = answered({"data": data})
    assert failed(ask(bench.with_token(TOKEN), "x")).cls is C.MALFORMED


def test_a_request_carries_what_vault_wants_and_no_more(wire: Wire, bench: Bench) -> None:
    fetched(ask(bench.with_token(TOKEN, namespace="team-a/"), "x", version="1"))
    read = wire.requests[-1]
    assert read.target == f"{READ}?version=1"
    assert read.headers["x-vault-token"] == TOKEN
    assert read.headers["x-vault-namespace"] == "team-a"
    assert read.headers["x-vault-request"] == "true"


def test_a_login_carries_no_token(wire: Wire, bench: Bench) -> None:
    provider = bench.with_approle(("role", "secret"))
    fetched(ask(provider, "x"))
    provider.relogin()
    fetched(ask(provider, "x"))
    logins = [request for request in wire.requests if request.target == LOGIN]
    assert len(logins) == 2
    assert all("x-vault-token" not in request.headers for request in logins)
    assert json.loads(logins[0].body) == {"role_id": "role", "secret_id": "secret"}


@pytest.mark.parametrize("token", ["", "two words", "a\nb", "größe"])
def test_a_token_that_cannot_be_sent_is_refused_without_a_request(wire: Wire, bench: Bench, token: str) -> None:
    outcome = failed(ask(bench.with_token(token), "x"))
    assert outcome.cls is C.DENIED
    assert wire.requests == []


def test_a_renewal_that_is_refused_leads_to_a_login(script: Script, wire: Wire, bench: Bench) -> None:
    provider = bench.with_approle(("role", "secret"))
    fetched(ask(provider, "x"))
    script.replies[RENEW] = said(403, "permission denied")
    bench.now += 601
    fetched(ask(provider, "x"))
    assert [r.target for r in wire.requests if r.target in (LOGIN, RENEW)] == [LOGIN, RENEW, LOGIN]


@pytest.mark.parametrize("fault", ["sealed", "hang up", "throttled", "html"])
def test_a_renewal_that_meets_trouble_is_tried_again_while_the_token_serves(
    script: Script, wire: Wire, bench: Bench, fault: str
) -> None:
    provider = bench.with_approle(("role", "secret"))
    fetched(ask(provider, "x"))
    script.replies[RENEW] = FAULTS[fault][0]
    for step in (601, 50, 50):
        bench.now += step
        fetched(ask(provider, "x"))
    script.replies[RENEW] = auth()
    bench.now += 60
    fetched(ask(provider, "x"))
    assert [r.target for r in wire.requests if r.target in (LOGIN, RENEW)] == [LOGIN, RENEW, RENEW, RENEW]


def test_a_renewal_that_gives_less_and_less_leads_to_a_login(script: Script, wire: Wire, bench: Bench) -> None:
    provider = bench.with_approle(("role", "secret"))
    fetched(ask(provider, "x"))
    script.replies[RENEW] = auth(lease_duration=300)
    bench.now += 601
    fetched(ask(provider, "x"))
    assert [r.target for r in wire.requests if r.target in (LOGIN, RENEW)] == [LOGIN, RENEW, LOGIN]


def test_a_token_without_end_is_never_renewed(script: Script, wire: Wire, bench: Bench) -> None:
    script.replies[LOGIN] = auth(lease_duration=0, renewable=False)
    provider = bench.with_approle(("role", "secret"))
    fetched(ask(provider, "x"))
    bench.now += 1e9
    fetched(ask(provider, "x"))
    assert [r.target for r in wire.requests if r.target in (LOGIN, RENEW)] == [LOGIN]


def test_a_403_that_is_not_vault_s_costs_no_look_up(script: Script, wire: Wire, bench: Bench) -> None:
    script.replies[READ] = Reply(403, b"<html>blocked</html>")
    outcome = failed(ask(bench.with_token(TOKEN), "x"))
    assert (outcome.cls, outcome.stale_credential) == (C.DENIED, False)
    assert LOOKUP not in [request.target for request in wire.requests]


@pytest.mark.parametrize("fault", ["sealed", "drip", "html", "throttled"])
def test_a_look_up_that_says_nothing_leaves_the_token(script: Script, bench: Bench, fault: str) -> None:
    script.replies[READ] = said(403, "permission denied")
    script.replies[LOOKUP] = FAULTS[fault][0] if fault != "html" else Reply(502, b"<html>")
    bench.timeouts = Timeouts(total=0.5 if fault == "drip" else 20.0)
    outcome = failed(ask(bench.with_token(TOKEN), "x"))
    assert not outcome.stale_credential
    assert outcome.cls in (C.DENIED, C.UNAVAILABLE)


def test_a_hanging_server_ends_with_the_call(script: Script, bench: Bench) -> None:
    script.replies[READ] = Reply(send=drip)
    started = time.monotonic()
    outcome = ask(bench.with_token(TOKEN), "x", call=Allowance(seconds=0.4))
    assert verdict(outcome) == (C.UNAVAILABLE, "timeout")
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("fault", ["drip", "error", "hang up", "html"])
def test_closing_never_raises_and_ends_in_time(script: Script, bench: Bench, fault: str) -> None:
    provider = bench.with_approle(("role", "secret"))
    fetched(ask(provider, "x"))
    script.replies[REVOKE] = FAULTS[fault][0]
    started = time.monotonic()
    provider.close()
    assert time.monotonic() - started < 3


def test_a_store_that_is_not_there_says_so(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        bench = Bench(tmp_path, f"http://127.0.0.1:{closed.getsockname()[1]}")
        assert verdict(ask(bench.with_token(TOKEN), "x")) == (C.UNAVAILABLE, "connection-refused")


def test_a_certificate_nobody_vouches_for_is_never_accepted(tmp_path: Path) -> None:
    # Plain HTTP on the other side: the handshake fails, and no request is made in the clear instead.
    with Wire(Script()) as wire:
        bench = Bench(tmp_path, wire.address.replace("http://", "https://"), timeouts=Timeouts(connect=0.3))
        outcome = ask(bench.with_token(TOKEN), "x")
        assert isinstance(outcome, Failure)
        assert (outcome.cls, wire.requests) == (C.UNAVAILABLE, [])

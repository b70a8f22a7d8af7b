"""The transport: limits on size and time, no redirects, verified certificates, and reason codes instead of texts."""

import gzip
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from syncd.fetch.http import BODY_LIMIT, Answer, Transport, TransportError
from syncd.model.reference import FailureClass
from syncd.model.store import Timeouts, Tls
from tests.servers.wire import Reply, Request, Wire
from tests.unit.http_makers import Make, reason_of, serving


@pytest.fixture
def make() -> Iterator[Make]:
    """Make transports that are closed after the test."""
    made: list[Transport] = []

    def build(timeouts: Timeouts = Timeouts(), tls: Tls = Tls(), **options: object) -> Transport:  # noqa: B008 — frozen
        made.append(Transport(timeouts=timeouts, tls=tls, **options))  # type: ignore[arg-type]
        return made[-1]

    yield build
    for transport in made:
        transport.close()


def test_an_answer_has_status_lower_case_headers_and_body(make: Make) -> None:
    with serving(Reply(418, b"short and stout", {"X-Kind": "Pot"})) as wire:
        answer = make().request("GET", f"{wire.address}/a/b?c=d", headers={"X-Mine": "1"})
    assert (answer.status, answer.body, answer.headers["x-kind"]) == (418, b"short and stout", "Pot")
    assert (wire.requests[0].target, wire.requests[0].headers["x-mine"]) == ("/a/b?c=d", "1")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("connection-refused", "cannot be reached (connection-refused): does it run, and is that its address?"),
        ("timeout", "did not answer in time (timeout): look at its load and the network, or raise the store's"),
        ("connection-lost", "broke off (connection-lost): look at its log"),
        ("certificate-untrusted", "an unknown authority (certificate-untrusted): name that in `tls: {caFile: …}`"),
        ("certificate-wrong-name", "for another name (certificate-wrong-name): is that its address?"),
    ],
)
def test_an_answer_that_did_not_come_says_why_and_what_to_look_at(reason: str, said: str) -> None:
    found = TransportError(reason).failure("https://vault:8200")
    assert found.message.startswith("https://vault:8200 ")
    assert said in found.message


def test_an_answer_does_not_print_its_body() -> None:
    assert "canary" not in repr(Answer(200, {"h": "canary"}, b"canary"))


def test_a_body_is_sent_with_its_length(make: Make) -> None:
    with serving(Reply()) as wire:
        make().request("POST", f"{wire.address}/", body=b"{}")
    assert (wire.requests[0].method, wire.requests[0].body) == ("POST", b"{}")


def test_one_connection_serves_many_requests(make: Make) -> None:
    seen: set[int] = set()

    def script(_request: Request) -> Reply:
        seen.add(threading.get_ident())
        return Reply(200, b"x")

    with Wire(script) as wire:
        transport = make()
        for _ in range(5):
            transport.request("GET", f"{wire.address}/")
    assert len(seen) == 1


def test_a_closed_transport_opens_new_connections(make: Make) -> None:
    with serving(Reply(200, b"x")) as wire:
        transport = make()
        transport.request("GET", f"{wire.address}/")
        transport.close()
        assert transport.request("GET", f"{wire.address}/").body == b"x"


def test_a_redirect_is_an_answer_and_nothing_goes_where_it_points(make: Make) -> None:
    with serving(Reply(200, b"stolen")) as other, serving(Reply(307, headers={"Location": other.address})) as wire:
        answer = make().request("GET", f"{wire.address}/", headers={"X-Vault-Token": "t"})
        assert (answer.status, other.requests) == (307, [])


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip"])
def test_a_compressed_bomb_is_cut_off_at_the_limit(make: Make, encoding: str) -> None:
    bomb = gzip.compress(b"\0" * (BODY_LIMIT * 8))
    for _ in range(encoding.count(",")):
        bomb = gzip.compress(bomb)
    with serving(Reply(200, bomb, {"Content-Encoding": encoding})) as wire:
        error = reason_of(make(), f"{wire.address}/")
    assert (error.reason, error.malformed) == ("answer-too-large", True)


def test_a_compressed_body_within_the_limit_is_read(make: Make) -> None:
    with serving(Reply(200, gzip.compress(b"y" * 300_000), {"Content-Encoding": "gzip"})) as wire:
        assert make().request("GET", f"{wire.address}/").body == b"y" * 300_000


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, BODY_LIMIT])
def test_a_plain_body_up_to_the_limit_is_read_whole(make: Make, size: int) -> None:
    body = os.urandom(size)
    with serving(Reply(200, body)) as wire:
        assert make().request("GET", f"{wire.address}/").body == body


def test_a_chunked_body_is_read_whole(make: Make) -> None:
    body = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    with serving(Reply(200, body, {"Transfer-Encoding": "chunked"})) as wire:
        assert make().request("GET", f"{wire.address}/").body == b"hello world"


def test_a_body_over_the_limit_is_refused(make: Make) -> None:
    with serving(Reply(200, b"x" * (BODY_LIMIT + 1))) as wire:
        assert reason_of(make(), f"{wire.address}/").reason == "answer-too-large"


def test_an_endless_chunked_body_is_refused(make: Make) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")

    with serving(Reply(send=endless)) as wire:
        assert reason_of(make(), f"{wire.address}/").reason == "answer-too-large"


def test_undecodable_compression_is_malformed(make: Make) -> None:
    with serving(Reply(200, b"not gzip at all", {"Content-Encoding": "gzip"})) as wire:
        error = reason_of(make(), f"{wire.address}/")
    assert (error.reason, error.malformed) == ("answer-undecodable", True)


def drip(first: bytes) -> Callable[[socket.socket], None]:
    """Send `first`, then a byte every 50 ms, which no time-out between packets ever notices."""

    def send(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            time.sleep(0.05)
            connection.sendall(b"x")

    return send


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Drip: ",
        b"HTTP/1.1 2",
    ],
    ids=["small body", "large body", "body to the end", "header", "status line"],
)
def test_a_slow_drip_ends_at_the_deadline(make: Make, first: bytes) -> None:
    with serving(Reply(send=drip(first))) as wire:
        started = time.monotonic()
        assert reason_of(make(), f"{wire.address}/", remaining=0.4).reason == "timeout"
        assert time.monotonic() - started < 2


def test_the_store_s_own_total_binds_where_the_call_leaves_more(make: Make) -> None:
    with serving(Reply(send=drip(b"HTTP/1.1 200 OK\r\n\r\n"))) as wire:
        assert reason_of(make(Timeouts(total=0.3)), f"{wire.address}/", remaining=60).reason == "timeout"


def test_silence_ends_with_the_read_time_out(make: Make) -> None:
    def silent(connection: socket.socket) -> None:
        connection.recv(1)

    with serving(Reply(send=silent)) as wire:
        assert reason_of(make(Timeouts(read=0.2)), f"{wire.address}/").reason == "timeout"


@pytest.mark.parametrize(
    "first", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234"], ids=["at once", "in the body"]
)
def test_silence_ends_with_the_call(make: Make, first: bytes) -> None:
    def silent(connection: socket.socket) -> None:
        connection.sendall(first)
        connection.recv(1)

    with serving(Reply(send=silent)) as wire:
        started = time.monotonic()
        assert reason_of(make(), f"{wire.address}/", remaining=0.3).reason == "timeout"
        assert time.monotonic() - started < 5


def test_a_peer_that_hangs_up_is_connection_lost(make: Make) -> None:
    with serving(Reply(send=lambda _connection: None)) as wire:
        assert reason_of(make(), f"{wire.address}/").reason == "connection-lost"


def test_a_body_cut_short_is_no_answer(make: Make) -> None:
    with serving(Reply(send=lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234"))) as wire:
        assert reason_of(make(), f"{wire.address}/").reason == "answer-cut-short"


def test_what_is_no_http_has_a_reason(make: Make) -> None:
    with serving(Reply(send=lambda c: c.sendall(b"SSH-2.0-OpenSSH_9.9\r\n"))) as wire:
        assert reason_of(make(), f"{wire.address}/").reason == "connection-lost"


def test_a_refused_connection_has_its_reason(make: Make) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert reason_of(make(), f"http://127.0.0.1:{closed.getsockname()[1]}/").reason == "connection-refused"


def test_an_unknown_host_has_its_reason(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert reason_of(make(), "http://vault.example/").reason == "name-not-resolved"


def test_a_header_that_cannot_be_sent_is_not_quoted(make: Make) -> None:
    with serving(Reply()) as wire, pytest.raises(TransportError) as caught:
        make().request("GET", f"{wire.address}/", headers={"X-Vault-Token": "canary\r\nX: y"})
    assert "canary" not in f"{caught.value!r} {caught.value}"
    assert caught.value.__cause__ is None


def test_an_error_says_itself_as_an_outcome() -> None:
    lost = TransportError("connection-lost").failure("https://vault")
    assert (lost.cls, lost.reason) == (FailureClass.UNAVAILABLE, "connection-lost")
    assert TransportError("answer-too-large", malformed=True).failure("a").cls is FailureClass.MALFORMED


def test_a_proxy_is_asked_for_the_whole_address(make: Make) -> None:
    with serving(Reply(200, b"by proxy")) as proxy:
        answer = make(proxy=proxy.address).request("GET", "http://vault.example/v1/x")
    assert (answer.body, proxy.requests[0].target) == (b"by proxy", "http://vault.example/v1/x")


def test_no_proxy_of_the_environment_is_used(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Reply(200, b"straight")) as wire, serving(Reply(200, b"by proxy")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.address)
        monkeypatch.setenv("http_proxy", proxy.address)
        assert make().request("GET", f"{wire.address}/").body == b"straight"


@pytest.mark.parametrize(
    ("reason", "scope"),
    [
        ("connection-refused", "store"),
        ("name-not-resolved", "store"),
        ("certificate-expired", "store"),
        ("timeout", "ref"),
        ("connection-lost", "ref"),
    ],
)
def test_without_a_connection_the_whole_store_fails(reason: str, scope: str) -> None:
    assert TransportError(reason).failure("https://vault").scope == scope

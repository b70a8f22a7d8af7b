"""The health server and the metrics behind it."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from syncd.daemon.health import PLAIN, HealthServer, parse_address
from syncd.daemon.metrics import CONTENT_TYPE, Metrics
from syncd.model.mapping import SecretKey
from syncd.model.plan import Action, Change, Plan
from syncd.model.report import PassReport


def change(action: Action, outcome: str = "", name: str = "a") -> Change:
    key = SecretKey("default", "ns", name)
    return Change(key=key, action=action, reason="r", outcome=outcome)  # type: ignore[arg-type]


@pytest.fixture
def server() -> Iterator[HealthServer]:
    metrics = Metrics("0.0.0")
    metrics.passed(
        PassReport(Plan((change(Action.CREATE, "done"), change(Action.UNCHANGED))), {}, seconds=0.2), now=1000.0
    )
    metrics.read("vault-main", calls=3, sources=2)
    metrics.failed("vault-main", "denied")
    metrics.state([change(Action.CREATE, "done"), change(Action.UNREADABLE)], overdue=0.0)
    server = HealthServer(
        ("127.0.0.1", 0),
        {
            "/livez": lambda: (200, PLAIN, b"ok\n"),
            "/readyz": lambda: (503, PLAIN, b"not yet\n"),
            "/metrics": lambda: (200, CONTENT_TYPE, metrics.text()),
        },
    )
    yield server
    server.stop()


def get(server: HealthServer, path: str, method: str = "GET") -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_each_path_has_its_answer(server: HealthServer) -> None:
    assert get(server, "/livez") == (200, "ok\n")
    assert get(server, "/readyz?verbose") == (503, "not yet\n")
    assert get(server, "/other")[0] == 404
    assert get(server, "/livez", "HEAD") == (200, "")
    assert get(server, "/livez", "POST")[0] == 501


def test_metrics_count_passes_calls_and_states(server: HealthServer) -> None:
    text = get(server, "/metrics")[1]
    for line in (
        'syncd_passes_total{result="clean"} 1.0',
        'syncd_store_calls_total{store="vault-main"} 3.0',
        'syncd_store_reads_total{store="vault-main"} 2.0',
        'syncd_store_failures_total{class="denied",store="vault-main"} 1.0',
        'syncd_changes_total{action="create",outcome="done"} 1.0',
        'syncd_secrets{state="unchanged"} 1.0',
        'syncd_secrets{state="unreadable"} 1.0',
        "syncd_last_success_timestamp_seconds 1000.0",
    ):
        assert line in text.splitlines()


@pytest.mark.parametrize(
    ("listen", "address"),
    [(":8080", ("", 8080)), ("127.0.0.1:0", ("127.0.0.1", 0)), ("[::1]:80", ("::1", 80))],
)
def test_an_address_is_host_and_port(listen: str, address: tuple[str, int]) -> None:
    assert parse_address(listen) == address

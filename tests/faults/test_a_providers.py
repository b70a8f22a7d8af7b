"""Section A of the catalogue: a provider that is unavailable, slow, partial, or answers the wrong thing."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from syncd.daemon.flaps import WINDOW, Flaps
from syncd.fetch.seam import Call
from syncd.model.mapping import SecretMapping
from syncd.model.plan import Action
from syncd.model.reference import FailureClass, Outcome, RemoteRef
from syncd.model.secret import ReadFailure
from syncd.model.store import Timeouts
from syncd.redact import SecretValue
from syncd.target.kube_api import Api
from syncd.target.kube_login import resolve
from syncd.target.kubernetes import KubernetesTarget
from syncd.testing.memory_provider import MemoryProvider
from tests.faults.memory_site import Site, secret, wants
from tests.faults.vault_wire import LOGIN, READ, TOKEN, Vault, answered, said, serving
from tests.integration.vault_store import Bench, ask, fetched, verdict
from tests.servers.kube_use import look
from tests.servers.kube_wire import Say, serve
from tests.servers.wire import Wire

UNAVAILABLE = FailureClass.UNAVAILABLE


def kube(url: str, folder: Path, timeouts: Timeouts) -> tuple[KubernetesTarget, list[float]]:
    """Give a target at an address, and the pauses that it makes instead of waiting."""
    file = folder / "kubeconfig"
    file.write_text(
        f"clusters: [{{name: c, cluster: {{server: {url}}}}}]\nusers: [{{name: u, user: {{token: t}}}}]\n"
        "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n"
    )
    pauses: list[float] = []
    cluster = resolve(kubeconfig=file, context=None, environment={})
    return KubernetesTarget(Api(cluster, timeouts=timeouts, wait=pauses.append)), pauses


# A2


def test_time_outs_are_short_where_nobody_says_otherwise() -> None:
    assert (Timeouts().connect, Timeouts().read, Timeouts().total) == (3.0, 10.0, 20.0)


def test_an_api_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with serve() as wire:
        wire.otherwise = lambda _heard: Say(200, hang=1.0)
        target, pauses = kube(wire.url, tmp_path, Timeouts(read=0.05))
        found = look(target, secret("app"))
        target.close()
    assert isinstance(found, ReadFailure)
    assert (found.cls, found.reason) == (UNAVAILABLE, "timeout")
    assert len(pauses) == 2


# A3


def test_the_deadline_binds_the_head_of_the_api_servers_answer_too(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nX-Drip: "
    with Wire(lambda _request: serving(head)) as wire:
        target, _ = kube(wire.address, tmp_path, Timeouts(total=0.2))
        found = look(target, secret("app"))
        target.close()
    assert isinstance(found, ReadFailure)
    assert (found.cls, found.reason) == (UNAVAILABLE, "timeout")


# A5, A6: what Vault's nodes say of themselves


@pytest.mark.parametrize("status", [412, 429, 472, 473, 474])
def test_no_node_is_asked_for_its_health_whose_429_would_read_as_throttling(tmp_path: Path, status: int) -> None:
    vault = Vault()
    vault.replies[READ] = said(status)
    with Wire(vault) as wire:
        bench = Bench(tmp_path, wire.address)
        provider = bench.with_approle(("role", "secret"))
        ask(provider, "x")
        provider.relogin()
        ask(provider, "x")
        provider.close()
        assert [request.target for request in wire.requests if "sys/health" in request.target] == []


def test_a_read_asks_for_the_state_that_knows_the_login(tmp_path: Path) -> None:
    vault, index = Vault(), "djE6OmFiYzo6MTI="
    vault.replies[LOGIN] = answered(
        {"auth": {"client_token": TOKEN, "lease_duration": 900, "renewable": True}}, headers={"X-Vault-Index": index}
    )
    with Wire(vault) as wire:
        bench = Bench(tmp_path, wire.address)
        provider = bench.with_approle(("role", "secret"))
        fetched(ask(provider, "x"))
        assert wire.requests[-1].headers["x-vault-index"] == index
        vault.replies[READ] = said(412, "required index state not present")
        assert verdict(ask(provider, "x")) == (UNAVAILABLE, "index-not-reached")
        # A cluster restored from a backup never reaches it, so it is asked for a minute only.
        bench.now += 61
        ask(provider, "x")
        assert "x-vault-index" not in wire.requests[-1].headers
        provider.close()


@pytest.mark.parametrize("index", ["a b", "größe", ""])
def test_a_state_that_cannot_stand_in_a_header_is_not_asked_for(tmp_path: Path, index: str) -> None:
    vault = Vault()
    vault.replies[LOGIN] = answered({"auth": {"client_token": TOKEN}}, headers={"X-Vault-Index": index})
    with Wire(vault) as wire:
        provider = Bench(tmp_path, wire.address).with_approle(("role", "secret"))
        fetched(ask(provider, "x"))
        assert "x-vault-index" not in wire.requests[-1].headers
        provider.close()


class Lagging(MemoryProvider):
    """A store one of whose nodes has not caught up: it answers with the first version, until told otherwise."""

    behind = False

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Iterable[tuple[RemoteRef, Outcome]]:
        asked = [ref._replace(version="1") if self.behind else ref for ref in refs]
        return [(ref._replace(version=""), outcome) for ref, outcome in super().fetch(asked, call)]


def test_a_node_that_lags_behind_is_asked_again_soon_and_its_old_value_not_written() -> None:
    store = Lagging()
    site = Site(wants("app", interval=3600.0), store=store)
    store.put("app", b"old")
    store.put("app", b"new")
    site.run(10)
    assert site.values("app") == {"value": b"new"}
    store.behind = True
    asked = len(store.requests)
    site.run(100)
    assert site.values("app") == {"value": b"new"}
    assert [line["reason"] for line in site.said("secret-unreadable")] == ["source-stale"]
    # At once, after its start's phase, and 5, 15, 35 and 75 seconds later, rather than in an hour.
    assert 5 <= len(store.requests) - asked <= 7


# A16


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 50])
def test_a_store_that_was_wiped_removes_nothing(count: int) -> None:
    names = [f"s{number}" for number in range(count)]
    site = Site(
        *(wants(name, when_source_gone="delete") for name in names),
        prune=True,
        max_deletes_count=1000,
        max_deletes_percent=100,
    )
    for name in names:
        site.store.put(name, name.encode())
    site.apply()
    for name in names:
        site.store.delete(name)
    for _ in range(5):
        made = site.apply()
        assert {change.outcome for change in made.changes if change.action is Action.DELETE} <= {"held"}
    assert {name: site.values(name) for name in names} == {name: {"value": name.encode()} for name in names}
    site.run(6 * 3600)
    assert len(site.cluster.secrets) == count


def test_one_source_of_many_that_is_gone_takes_its_secret_with_it() -> None:
    """What shows that the test above holds for the right reason."""
    names = [f"s{number}" for number in range(10)]
    site = Site(*(wants(name, when_source_gone="delete") for name in names), prune=True)
    for name in names:
        site.store.put(name, name.encode())
    site.apply()
    site.store.delete("s3")
    site.apply()
    assert {key.name for key in site.cluster.secrets} == set(names) - {"s3"}


# A20


def _flapping(mapping: SecretMapping, seconds: float) -> Site:
    """Let a value go back and forth between two with each look of the daemon."""
    site = Site(mapping)
    contents = [b"one", b"two"]

    def flip() -> None:
        contents.reverse()
        site.store.put("app", contents[0])

    flip()
    site.run(seconds, flip)
    return site


def test_a_value_that_goes_back_and_forth_is_said_and_written_once_an_interval_at_most() -> None:
    site = _flapping(wants("app", interval=60.0), 1200.0)
    flapping = site.said("secret-flapping")
    assert flapping
    assert [line["times"] for line in flapping] == list(range(3, 3 + len(flapping)))
    assert "look who else writes to its sources" in str(flapping[0]["message"])
    assert len(site.cluster.writes()) <= 1 + 1200 // 60


def test_only_a_return_to_an_earlier_content_counts_and_only_within_the_hour() -> None:
    flaps = Flaps(bytes(32))

    def write(value: bytes, now: float) -> int:
        return flaps.written(secret("app"), {"k": SecretValue(value)}, now)

    assert [write(value, 0.0) for value in (b"a", b"a", b"b", b"c", b"a", b"c", b"c", b"d")] == [0, 0, 0, 0, 1, 2, 0, 0]
    assert write(b"a", WINDOW + 1) == 0
    assert flaps.written(secret("other"), {"k": SecretValue(b"a")}, 0.0) == 0


def test_nothing_that_is_remembered_of_a_content_is_the_content() -> None:
    flaps = Flaps(bytes(32))
    flaps.written(secret("app"), {"k": SecretValue(b"canary-92c1")}, 0.0)
    assert "canary" not in repr(vars(flaps))

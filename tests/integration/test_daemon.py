"""The daemon against the real servers: it follows what changes, is quiet where nothing does, and ends when told."""

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.servers.world import World

INTERVAL = 10
"""Seconds; the least that a configuration may say."""


def vault_mapping() -> dict[str, object]:
    return {
        "name": "app",
        "interval": f"{INTERVAL}s",
        "data": {"password": {"store": "vault", "key": "app", "property": "password"}},
    }


@contextmanager
def hanging_store() -> Iterator[dict[str, object]]:
    """Give a Vault store whose server accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        try:
            address = f"http://127.0.0.1:{server.getsockname()[1]}"
            yield {"type": "vault", "address": address, "auth": {"token": {"file": "secret-id"}}}
        finally:
            for connection in held:
                connection.close()


def test_a_rotated_value_is_followed_within_an_interval_and_an_idle_daemon_writes_nothing(world: World) -> None:
    world.openbao.put(world.mount, "app", {"password": "first"})
    world.configure([vault_mapping()])
    with world.daemon() as daemon:
        daemon.until(lambda: world.live("app") == {"password": b"first"})
        daemon.until_ready()

        world.openbao.put(world.mount, "app", {"password": "second"})
        took = daemon.until(lambda: world.live("app") == {"password": b"second"}, patience=INTERVAL + 5)
        assert took < INTERVAL + 5

        mark, reads = world.kube.mark(), world.openbao.mark()
        # Two more reads of the source are two whole intervals without a change.
        daemon.until(
            lambda: len(world.openbao.requests(reads, under=f"{world.mount}/data/")) >= 2, patience=2 * INTERVAL + 10
        )
        asked = world.asked(mark)
        assert asked
        assert {entry.verb for entry in asked} == {"get"}
        assert daemon.metric('syncd_secrets{state="unchanged"}') == 1
        assert daemon.end() < 10


def test_three_intervals_are_three_times_the_distinct_sources(world: World) -> None:
    for path in range(20):
        world.openbao.put(world.mount, f"p{path}", {f"k{key}": f"v{path}-{key}" for key in range(5)})
    for number in range(45):
        world.moto.put(f"d/{world.tag}/{number}", f"value-{number}")
    fan = [
        {
            "name": f"s{number}",
            "interval": f"{INTERVAL}s",
            "data": {
                f"k{key}": {"store": "vault", "key": f"p{number % 20}", "property": f"k{key}"} for key in range(5)
            },
        }
        for number in range(100)
    ]
    many = {
        "name": "many",
        "interval": f"{INTERVAL}s",
        "data": {f"k{number}": {"store": "aws", "key": f"d/{world.tag}/{number}"} for number in range(45)},
    }
    world.configure([*fan, many])
    data = f"{world.mount}/data/"
    vault, aws = world.openbao.mark(), world.moto.mark()
    with world.daemon() as daemon:
        daemon.until(lambda: len(world.openbao.requests(vault, under=data)) >= 20)
        daemon.until_ready()
        for interval in (2, 3, 4):
            daemon.until(
                lambda wanted=20 * interval: len(world.openbao.requests(vault, under=data)) >= wanted,  # type: ignore[misc]
                patience=INTERVAL + 10,
            )
        daemon.end()
        asked = world.openbao.requests(vault, under=data)
        batches = world.moto.requests(aws, access_key_id=world.aws.access_key_id)
    by_path = {path: sum(entry.path == path for entry in asked) for path in {entry.path for entry in asked}}
    # Stopped somewhere in a later interval at the most: every source was read equally often, and nothing else.
    assert set(by_path) == {f"{data}p{path}" for path in range(20)}
    assert max(by_path.values()) - min(by_path.values()) <= 1
    assert min(by_path.values()) >= 4
    assert len({entry.accessor for entry in asked}) == 1
    assert {entry.operation for entry in batches} == {"BatchGetSecretValue"}
    assert len(batches) % 3 == 0
    assert len(batches) >= 9


def test_a_store_that_hangs_holds_up_nothing_of_another(world: World) -> None:
    world.openbao.put(world.mount, "app", {"password": "healthy"})
    stuck = {"name": "stuck", "interval": "10s", "data": {"k": {"store": "hanging", "key": "any", "property": "k"}}}
    with hanging_store() as store:
        world.configure(
            [stuck, vault_mapping()],
            stores=world.stores() | {"hanging": store},
        )
        with world.daemon() as daemon:
            took = daemon.until(lambda: world.live("app") == {"password": b"healthy"})
            # The hanging store answers for nothing for 10 s at least; the healthy one did not wait for it.
            assert took < 8
            daemon.until(lambda: 'state="unreadable"} 1.0' in daemon.get("/metrics")[1], patience=30)
            assert world.kube.secret(world.namespace, "stuck") is None
            assert daemon.get("/livez")[0] == 200
            assert daemon.end() < 10


def test_a_store_that_comes_back_is_used_again_soon(world: World) -> None:
    world.openbao.put(world.mount, "app", {"password": "first"})
    world.configure([vault_mapping() | {"interval": "1h"}])
    mapping = world.stores()["vault"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    world.configure(
        [vault_mapping() | {"interval": "1h"}],
        stores={"vault": mapping | {"address": f"http://127.0.0.1:{port}"}},
    )
    with world.daemon() as daemon:
        daemon.until(lambda: "source-unavailable" in daemon.log())
        with _forwarded(port, world.openbao.address):
            daemon.until(lambda: world.live("app") == {"password": b"first"}, patience=40)
        daemon.until(lambda: "secret-created" in daemon.log())


def test_what_somebody_edits_or_deletes_is_put_right_within_an_interval(world: World) -> None:
    world.openbao.put(world.mount, "app", {"password": "ours"})
    world.configure([vault_mapping()])
    with world.daemon() as daemon:
        daemon.until(lambda: world.live("app") == {"password": b"ours"})
        world.kube.delete_secret(world.namespace, "app")
        daemon.until(lambda: world.live("app") == {"password": b"ours"}, patience=INTERVAL + 5)


def test_a_missing_home_namespace_is_said_and_waited_for(world: World) -> None:
    world.openbao.put(world.mount, "app", {"password": "v"})
    world.home = f"later-{world.tag}"
    world.configure([vault_mapping()])
    with world.daemon() as daemon:
        daemon.until(lambda: f"kubectl create namespace {world.home}" in daemon.get("/readyz")[1])
        assert daemon.get("/livez")[0] == 200
        world.kube.namespace(world.home)
        daemon.until(lambda: world.live("app") == {"password": b"v"})


def test_a_mapping_on_a_calendar_is_written_at_once_and_then_by_its_hour(world: World) -> None:
    world.openbao.put(world.mount, "app", {"password": "v"})
    mapping = vault_mapping()
    del mapping["interval"]
    world.configure([mapping | {"schedule": "0 3 * * 0", "timeZone": "Europe/Berlin"}])
    with world.daemon() as daemon:
        daemon.until(lambda: world.live("app") == {"password": b"v"})
        daemon.until_ready()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_log_is_json_lines_and_the_end_is_told(world: World, number: int) -> None:
    world.openbao.put(world.mount, "app", {"password": "canary-91b2f0"})
    world.configure([vault_mapping()])
    with world.daemon("--log-level", "debug") as daemon:
        daemon.until_ready()
        os.kill(daemon.process.pid, number)
        assert daemon.process.wait(10) == 0
        events = [json.loads(line) for line in daemon.log().splitlines()]
        assert {"started", "secret-created", "stopped"} <= {event["event"] for event in events}
        assert "canary-91b2f0" not in daemon.log()


@contextmanager
def _forwarded(port: int, address: str) -> Iterator[None]:
    """Listen on `port` and pass everything on to `address`."""
    host, _, to = address.removeprefix("http://").partition(":")

    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while chunk := source.recv(65536):
                sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    with socket.create_server(("127.0.0.1", port)) as server:
        opened: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    near = server.accept()[0]
                except OSError:
                    return
                far = socket.create_connection((host, int(to)))
                opened.extend((near, far))
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield
        finally:
            for connection in opened:
                connection.close()

"""Short-lived secrets end to end: the program, a real OpenBao with its engines, a real API server."""

import base64
import json
from collections.abc import Iterator

import pytest
from cryptography import x509

from tests.integration.vault_engines import Ready, database, pki
from tests.servers.openbao import OpenBao
from tests.servers.postgres import Postgres, binaries
from tests.servers.world import World

KEYS = {
    "include": ["^certificate$", "^private_key$", "^issuing_ca$"],
    "rename": {"certificate": "tls.crt", "private_key": "tls.key", "issuing_ca": "ca.crt"},
}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres | None]:
    """Serve a PostgreSQL, where there is one."""
    server = Postgres.start() if binaries() else None
    yield server
    if server is not None:
        server.stop()


def short_lived(bao: OpenBao, postgres: Postgres | None, seconds: int) -> Ready:
    """Set up an engine whose secrets can be used: a database, or certificates where none is."""
    if postgres is None:
        return pki(bao, leased=True, seconds=seconds)
    return database(bao, postgres, ttl=seconds)


def configure(world: World, engine: Ready, *mappings: dict[str, object]) -> None:
    """Write a configuration whose store may have this engine issue, and no more."""
    login = world.openbao.approle([world.openbao.policy(engine.rights())], token_ttl="1h")
    (world.folder / "secret-id-of-leases").write_text(login[1] + "\n")
    store = {
        "type": "vault",
        "address": world.openbao.address,
        "auth": {"appRole": {"roleId": login[0], "secretId": {"file": "secret-id-of-leases"}}},
    }
    world.configure(mappings, stores={"leases": store}, defaults={"namespace": world.namespace, "store": "leases"})


def mapping(engine: Ready, name: str = "app", **fields: object) -> dict[str, object]:
    entry = {"dynamic": {"path": engine.path, "parameters": dict(engine.parameters)}}
    return {"name": name, "dataFrom": [entry], "interval": "10s", **fields}


def plan_of(world: World, *options: str, expect: int) -> list[dict[str, object]]:
    changes = json.loads(world.run("diff", "--format", "json", *options, expect=expect).stdout)["changes"]
    return [{name: change.get(name, "") for name in ("action", "reason", "outcome")} for change in changes]


def issues(world: World, mark: int, engine: Ready) -> int:
    return sum(not entry.failed for entry in world.openbao.requests(mark, under=engine.path))


def leases_of(bao: OpenBao, engine: Ready) -> list[str]:
    status, answer = bao.request("LIST", f"sys/leases/lookup/{engine.path}")
    return sorted(answer["data"]["keys"]) if status == 200 else []  # type: ignore[index]


def test_a_certificate_is_shown_issued_once_and_left_alone(world: World) -> None:
    engine = pki(world.openbao)
    entry = {"dynamic": {"path": engine.path, "parameters": dict(engine.parameters)}, "keys": KEYS}
    configure(world, engine, {"name": "web", "type": "tls", "dataFrom": [entry], "checks": {"certificate": {}}})
    mark, audit = world.openbao.mark(), world.kube.mark()

    held = {"action": "create", "reason": "would-issue", "outcome": "held"}
    assert plan_of(world, expect=1) == [held]
    assert plan_of(world, "--issue", expect=1) == [{**held, "outcome": ""}]
    world.run("apply", "--yes", expect=1)
    assert issues(world, mark, engine) == 0
    assert world.live("web") == {}

    world.run("apply", "--yes", "--issue")
    first = world.live("web")
    assert set(first) == {"tls.crt", "tls.key", "ca.crt"}
    certificate = x509.load_pem_x509_certificate(first["tls.crt"])
    assert certificate.subject.rfc4514_string() == "CN=web.test"
    secret = world.kube.secret(world.namespace, "web")
    assert secret is not None
    annotations = secret["metadata"]["annotations"]  # type: ignore[index]
    assert json.loads(annotations["syncd.dev/leases"])["leases"][0]["expires"]

    mark, audit = world.openbao.mark(), world.kube.mark()
    assert [change["action"] for change in plan_of(world, expect=0)] == ["unchanged"]
    world.run("apply", "--yes", "--issue")
    assert world.openbao.requests(mark, under=engine.mount) == []
    assert {entry.verb for entry in world.asked(audit)} <= {"get"}

    body = {"data": {"tls.key": base64.b64encode(b"by hand").decode()}}
    path = f"/api/v1/namespaces/{world.namespace}/secrets/web"
    world.kube.do("PATCH", path, body, content_type="application/merge-patch+json")
    assert plan_of(world, expect=1) == [{"action": "update", "reason": "would-issue", "outcome": "held"}]
    world.run("apply", "--yes", "--issue")
    assert issues(world, mark, engine) == 1
    assert world.live("web")["tls.crt"] != first["tls.crt"]


def test_the_daemon_renews_survives_a_restart_and_gives_back(world: World, postgres: Postgres | None) -> None:
    engine = short_lived(world.openbao, postgres, 15)
    configure(world, engine, mapping(engine, whenMappingGone="delete"))
    mark = world.openbao.mark()
    with world.daemon() as daemon:
        daemon.until(lambda: world.live("app"))
        first = world.live("app")
        assert daemon.metric('syncd_leases_total{event="issued",store="leases"}') == 1
    if postgres is not None:
        assert postgres.can_log_in(first["username"].decode(), first["password"].decode()), "it outlives the process"
    with world.daemon() as daemon:
        if engine.renewable:
            renewed = 'syncd_leases_total{event="renewed",store="leases"}'
            daemon.until(lambda: daemon.metric(renewed) >= 2, patience=40)
            assert world.live("app") == first
            assert issues(world, mark, engine) == 1
            assert len(leases_of(world.openbao, engine)) == 1
        else:
            daemon.until(lambda: world.live("app") != first, patience=40)
            assert issues(world, mark, engine) == 2
    assert leases_of(world.openbao, engine)
    configure(world, engine, {"name": "other", "data": {"k": {"literal": "v"}}})
    world.run("apply", "--yes", "--prune", "--take-over", "--allow-deletes", "1")
    assert world.live("app") == {}
    assert leases_of(world.openbao, engine) == []
    if postgres is not None:
        assert not postgres.can_log_in(first["username"].decode(), first["password"].decode())


def test_a_folder_holds_short_lived_secrets_too(world: World, postgres: Postgres | None) -> None:
    engine = short_lived(world.openbao, postgres, 600)
    configure(world, engine, mapping(engine))
    content = json.loads((world.folder / "syncd.yaml").read_text())
    content["target"] = {"directory": {"path": "out"}}
    (world.folder / "syncd.yaml").write_text(json.dumps(content))
    mark = world.openbao.mark()
    world.run("apply", "--yes", "--issue")
    file = world.folder / "out" / world.namespace / "app.yaml"
    written = file.read_bytes()
    world.run("apply", "--yes", "--issue")
    assert file.read_bytes() == written
    assert issues(world, mark, engine) == 1

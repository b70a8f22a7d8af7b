"""A canary in every source and every credential: it reaches the Secret, and nothing else, at debug level."""

import json
from pathlib import Path

from tests.servers.canary import canary, leaks
from tests.servers.world import World


def prepare(world: World) -> tuple[list[bytes], list[dict[str, object]]]:
    """Put canaries everywhere; give all that must not be seen, and the mappings."""
    vault, text, azure, local = canary(), canary(), canary(), canary()
    binary = canary().encode() + b"\x00\xff"
    world.openbao.put(world.mount, "app", {"password": vault, "other": "x"})
    world.openbao.put(world.mount, "malformed", {"json": f'{{"broken": "{canary()}'})
    world.moto.put(f"l/{world.tag}/text", text)
    world.moto.put(f"l/{world.tag}/json", json.dumps({"a": canary(), "b": [canary()]}))
    world.moto.put(f"l/{world.tag}/binary", binary)
    world.keyvault.put(f"l-{world.tag}", azure)
    (world.folder / "values.yaml").write_text(f"local: {json.dumps(local)}\n")
    mappings: list[dict[str, object]] = [
        {
            "name": "all",
            "interval": "10s",
            "data": {
                "vault": {"store": "vault", "key": "app", "property": "password"},
                "text": {"store": "aws", "key": f"l/{world.tag}/text"},
                "binary": {"store": "aws", "key": f"l/{world.tag}/binary"},
                "azure": {"store": "azure", "key": f"l-{world.tag}"},
                "local": {"store": "local", "key": "local"},
            },
        },
        {"name": "extract", "dataFrom": [{"store": "aws", "key": f"l/{world.tag}/json"}]},
        # Each of these fails with the value at hand.
        {"name": "no-base64", "data": {"k": {"store": "aws", "key": f"l/{world.tag}/text", "decode": "base64"}}},
        {"name": "no-json", "data": {"k": {"store": "aws", "key": f"l/{world.tag}/text", "property": "a"}}},
        {"name": "no-query", "data": {"k": {"store": "aws", "key": f"l/{world.tag}/json", "query": "a.b.c"}}},
        {"name": "no-docker", "type": "kubernetes.io/dockerconfigjson", "data": {
            ".dockerconfigjson": {"store": "vault", "key": "app", "property": "password"}}},
        {"name": "no-key", "dataFrom": [{"store": "vault", "key": "malformed", "property": "json"}]},
    ]  # fmt: skip
    secret = [vault.encode(), text.encode(), azure.encode(), local.encode(), binary]
    secret += [(world.folder / name).read_bytes().strip() for name in ("secret-id", "aws-secret", "azure-secret")]
    return secret, mappings


def test_no_output_of_any_command_holds_a_value_or_a_credential(world: World) -> None:
    secret, mappings = prepare(world)
    world.configure(mappings, stores=world.stores() | {"local": {"type": "file", "path": "values.yaml"}})
    found: list[str] = []

    def scan(*arguments: str) -> None:
        done = world.run(*arguments, "--log-level", "debug", expect=None)
        text = (done.stdout + done.stderr).encode()
        assert text
        found.extend(leaks(secret, where=" ".join(arguments), text=text))

    scan("check")
    for form in ("text", "unified", "json", "markdown"):
        scan("diff", "--format", form)
    scan("apply", "--yes")
    assert world.live("all")["vault"] == secret[0]
    world.openbao.put(world.mount, "app", {"password": "rotated"})
    for form in ("text", "unified", "json", "markdown"):
        scan("diff", "--format", form)
    scan("apply", "--yes", "--format", "json")
    with world.daemon("--log-level", "debug") as daemon:
        daemon.until_ready()
        for path in ("/livez", "/readyz", "/metrics"):
            found.extend(leaks(secret, where=path, text=daemon.get(path)[1].encode()))
        daemon.end()
        found.extend(leaks(secret, where="the daemon's log", text=daemon.log().encode()))
    assert found == []


def test_no_object_in_the_cluster_but_the_secret_holds_a_value(world: World) -> None:
    secret, mappings = prepare(world)
    world.configure(mappings, stores=world.stores() | {"local": {"type": "file", "path": "values.yaml"}})
    world.run("apply", "--yes", expect=1)
    found: list[str] = []
    for namespace in (world.home, world.namespace):
        for kind in ("configmaps", "events", "secrets"):
            listed = world.kube.do("GET", f"/api/v1/namespaces/{namespace}/{kind}")
            items = listed["items"]
            assert isinstance(items, list)
            for item in items:
                item.pop("data", None) if kind == "secrets" else None
                text = json.dumps(item).encode()
                found.extend(leaks(secret, where=f"{kind} of {namespace}", text=text))
    audit = b"".join(
        line for line in Path(world.kube.audit_log).read_bytes().splitlines() if world.namespace.encode() in line
    )
    assert audit
    found.extend(leaks(secret, where="the audit log", text=audit))
    assert found == []


def test_the_scan_finds_what_it_looks_for() -> None:
    value = canary().encode()
    assert leaks([value], where="here", text=b"..." + value + b"...")
    assert leaks([value], where="here", text=value[:8])
    assert not leaks([value], where="here", text=b"nothing of the kind")

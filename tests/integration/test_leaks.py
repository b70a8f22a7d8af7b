"""A canary in every source and every credential: it reaches the Secret, and nothing else, at debug level."""

import http.client
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.servers.canary import canary, leaks
from tests.servers.wire import Reply, Request, Wire
from tests.servers.world import World

JWT = b"eyJ0eXAiOiJKV1QiLCJhbGci"
"""How every access token of the Key Vault stand-in starts."""
SWITCHES = {
    "PYTHONDEVMODE": "1",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONWARNINGS": "always",
    "AZURE_LOG_LEVEL": "DEBUG",
    "AZURE_SDK_LOG_LEVEL": "DEBUG",
    "AWS_DEBUG": "1",
    "BOTO_LOG_LEVEL": "DEBUG",
    "BOTO_DEBUG": "1",
    "VAULT_LOG_LEVEL": "trace",
    "BAO_LOG_LEVEL": "trace",
    "HVAC_DEBUG": "1",
    "KUBERNETES_DEBUG": "1",
    "URLLIB3_DEBUG": "1",
    "HTTPLIB_DEBUG": "1",
    "REQUESTS_DEBUG": "1",
    "MSAL_LOG_LEVEL": "DEBUG",
    "LOG_LEVEL": "DEBUG",
    "LOGLEVEL": "DEBUG",
    "DEBUG": "1",
}
"""Every switch of a runtime or an SDK that speaks more, and those that people try."""
LOUD = """
import logging, sys
logging.basicConfig(level=1, stream=sys.stderr, force=True)
for name in ("botocore", "boto3", "azure", "azure.core.pipeline.policies.http_logging_policy", "msal", "urllib3",
             "hvac", "requests", "kubernetes", "apscheduler", "asyncio"):
    logging.getLogger(name).setLevel(1)
    logging.getLogger(name).addHandler(logging.StreamHandler(sys.stderr))
"""
"""A start-up hook that does what boto3.set_stream_logger and its like do."""


def prepare(world: World) -> tuple[list[bytes], list[dict[str, object]]]:
    """Put canaries everywhere; give all that must not be seen, and the mappings."""
    vault, text, azure, local, broken = (canary() for _ in range(5))
    inside = canary(), canary()
    binary = canary().encode() + b"\x00\xff"
    world.openbao.put(world.mount, "app", {"password": vault, "other": "x"})
    world.openbao.put(world.mount, "malformed", {"json": f'{{"broken": "{broken}'})
    world.moto.put(f"l/{world.tag}/text", text)
    world.moto.put(f"l/{world.tag}/json", json.dumps({"a": inside[0], "b": [inside[1]]}))
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
    secret = [value.encode() for value in (vault, text, azure, local, broken, *inside)] + [binary]
    secret += [(world.folder / name).read_bytes().strip() for name in ("secret-id", "aws-secret", "azure-secret")]
    return secret, mappings


@contextmanager
def listening(world: World) -> Iterator[tuple[Wire, set[bytes]]]:
    """Stand between the program and Vault; gives the address to configure, and the tokens that went by."""
    tokens: set[bytes] = set()
    address = urlsplit(world.openbao.address).netloc

    def forward(request: Request) -> Reply:
        tokens.add(request.headers.get("x-vault-token", "").encode())
        connection = http.client.HTTPConnection(address, timeout=20)
        try:
            kept = {name: value for name, value in request.headers.items() if name != "host"}
            connection.request(request.method, request.target, request.body or None, kept)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        return Reply(answer.status, body, {"Content-Type": answer.headers["Content-Type"] or "application/json"})

    with Wire(forward) as wire:
        yield wire, tokens


def files_of(world: World) -> dict[Path, bytes]:
    """Read every file below the folder that is the program's home, its working directory and its TMPDIR."""
    return {path: path.read_bytes() for path in world.folder.rglob("*") if path.is_file()}


def obtained(world: World, tokens: set[bytes]) -> list[bytes]:
    """Give what the program got or made for itself: Vault tokens, Azure access tokens, the instance's key."""
    held = world.kube.data(world.home, f"syncd-test-{world.tag}")
    return [*sorted(token for token in tokens if token), JWT, world.kube.token.encode(), *held.values()]


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
    scan("own", "--resign", "--yes")
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


@pytest.mark.parametrize("hook", [False, True], ids=["environment", "start-up hook"])
def test_no_debug_switch_of_an_sdk_or_the_runtime_brings_anything_out(world: World, *, hook: bool) -> None:
    secret, mappings = prepare(world)
    key_log = world.folder / "tls-keys"
    temporary = world.folder / "tmp"
    temporary.mkdir()
    world.environment |= SWITCHES | {"SSLKEYLOGFILE": str(key_log), "TMPDIR": str(temporary)}
    if hook:
        (world.folder / "hook").mkdir()
        (world.folder / "hook/sitecustomize.py").write_text(LOUD)
        world.environment["PYTHONPATH"] = os.pathsep.join(
            (str(world.folder / "hook"), os.environ.get("PYTHONPATH", ""))
        )
    (world.folder / ".aws").mkdir()
    (world.folder / ".aws/config").write_text("[default]\ndebug = true\n[plugins]\nlogging = logging\n")
    found: list[str] = []
    with listening(world) as (wire, tokens):
        stores = world.stores() | {"local": {"type": "file", "path": "values.yaml"}}
        stores["vault"]["address"] = wire.address
        world.configure(mappings, stores=stores, log={"level": "debug"})
        before = files_of(world)
        said = [world.run("apply", "--yes", "--log-level", "debug", expect=1), world.run("diff", expect=None)]
        with world.daemon("--log-level", "debug") as daemon:
            daemon.until_ready()
            root = Path(f"/proc/{daemon.process.pid}")
            found += leaks(secret, where="the daemon's arguments", text=(root / "cmdline").read_bytes())
            daemon.end()
        secret += obtained(world, tokens)
    assert len(tokens) >= 3, "the program logged in to Vault for each run"
    for run in said:
        found += leaks(secret, where=str(run.args), text=(run.stdout + run.stderr).encode())
    found += leaks(secret, where="the daemon's log", text=daemon.log().encode())
    assert not key_log.exists()
    assert not list(temporary.iterdir())
    for path, content in files_of(world).items():
        if before.get(path) != content:
            found += leaks(secret, where=path.name, text=content)
    assert found == []


def test_no_program_that_is_started_gets_a_value_by_arguments_or_environment(world: World) -> None:
    secret, mappings = prepare(world)
    world.configure(mappings, stores=world.stores() | {"local": {"type": "file", "path": "values.yaml"}})
    login = world.folder / "login.py"
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
    (world.folder / "token").write_text(world.kube.token)
    login.write_text(
        "import json, pathlib\n"
        "own = pathlib.Path('/proc/self')\n"
        f"seen = pathlib.Path({str(world.folder / 'seen')!r}).open('ab')\n"
        "seen.write((own / 'cmdline').read_bytes() + (own / 'environ').read_bytes())\n"
        f"token = pathlib.Path({str(world.folder / 'token')!r}).read_text()\n"
        f"print(json.dumps({credential!r} | {{'status': {{'token': token}}}}))\n"
    )
    kubeconfig = json.loads((world.folder / "kubeconfig").read_text())
    started = {"apiVersion": credential["apiVersion"], "command": sys.executable, "args": [str(login)]}
    kubeconfig["users"][0]["user"] = {"exec": started | {"interactiveMode": "Never"}}
    (world.folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    done = world.run("apply", "--yes", "--log-level", "debug", expect=1)
    secret += obtained(world, set())
    seen = (world.folder / "seen").read_bytes()
    assert login.name.encode() in seen
    assert leaks(secret, where="a login program", text=seen) == []
    assert leaks(secret, where="apply", text=(done.stdout + done.stderr).encode()) == []


def test_a_folder_of_manifests_holds_values_in_their_data_alone(world: World) -> None:
    secret, mappings = prepare(world)
    stores = world.stores() | {"local": {"type": "file", "path": "values.yaml"}}
    world.configure(mappings, stores=stores, target={"directory": {"path": "out"}})
    before = files_of(world)
    world.run("apply", "--yes", expect=1)
    found, data = [], 0
    for path, content in files_of(world).items():
        if before.get(path) == content:
            continue
        head, marked, _ = content.partition(b"\ndata:\n")
        rest = content if not marked else head
        data += bool(marked)
        found += leaks(secret, where=path.name, text=rest + str(path).encode())
    assert data == 2, "two of the mappings can be written"
    assert found == []


@pytest.mark.parametrize("arguments", [("--debug",), ("--verbose",), ("-v",), ("--log-level", "trace")])
def test_no_option_of_the_command_line_is_a_debug_switch(world: World, arguments: tuple[str, ...]) -> None:
    world.configure([])
    world.run("diff", *arguments, expect=2)


@pytest.mark.parametrize("field", ["debug", "logging_enable", "loggingEnable", "logLevel", "streamLogger"])
@pytest.mark.parametrize("store", ["vault", "aws", "azure"])
def test_no_field_of_a_store_is_a_debug_switch(world: World, store: str, field: str) -> None:
    stores = world.stores()
    stores[store][field] = True
    world.configure([], stores=stores)
    assert field in world.run("check", expect=3).stderr

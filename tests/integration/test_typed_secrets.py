"""Typed Secrets from the real stores in the real cluster: written and read back, or refused with the old one intact."""

import base64
import json
import time
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.authority import DAY, Issued, issued, rsa_key
from tests.servers.world import World

pytestmark = pytest.mark.kube
ROOT = issued("root", start=time.time() - DAY, end=time.time() + 30 * DAY)
MIDDLE = issued("middle", by=ROOT, start=time.time() - DAY, end=time.time() + 30 * DAY)
TLS = {"certificate": "web/tls#crt", "privateKey": "web/tls#key"}


def leaf(*, start: float = -DAY, end: float = 10 * DAY) -> Issued:
    """Issue a certificate for the same name, valid between these seconds from now."""
    return issued("web.example.com", by=MIDDLE, key=None, start=time.time() + start, end=time.time() + end)


def kind(world: World, name: str) -> str:
    found = world.kube.secret(world.namespace, name)
    assert found is not None
    return str(found["type"])


def configured(world: World, *mappings: Mapping[str, object]) -> None:
    world.configure(list(mappings), defaults={"namespace": world.namespace, "store": "vault"})


def test_each_type_is_written_from_the_stores_and_read_back(world: World) -> None:
    web, rsa = leaf(), issued("rsa", key=rsa_key(), start=time.time() - DAY, end=time.time() + DAY)
    ssh = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    texts = {"crt": ROOT.pem + web.pem + MIDDLE.pem, "key": web.key_pem(), "ca": ROOT.pem}
    world.openbao.put(world.mount, "web/tls", {name: value.decode() for name, value in texts.items()})
    world.openbao.put(world.mount, "login", {"user": "robot", "password": 'p"ä\\\n', "ssh": ssh.decode().rstrip()})
    world.moto.put(f"web/{world.tag}/bundle", rsa.bundle(password=b"passphrase"))
    world.moto.put(f"web/{world.tag}/password", "passphrase")
    world.keyvault.put(f"bundle-{world.tag}", base64.b64encode(web.bundle(MIDDLE)).decode())
    configured(
        world,
        {"name": "pem", "tls": TLS | {"ca": "web/tls#ca"}, "checks": {"certificate": {"minValid": "7d"}}},
        {
            "name": "bundle",
            "store": "aws",
            "tls": {"pkcs12": f"web/{world.tag}/bundle", "password": f"web/{world.tag}/password"},
        },
        {
            "name": "key-vault",
            "tls": {"pkcs12": {"store": "azure", "key": f"bundle-{world.tag}", "decode": "base64"}},
            "data": {"ca.crt": "web/tls#ca"},
        },
        {
            "name": "docker",
            "docker": [
                {"server": "registry.example.com", "username": "login#user", "password": "login#password"},
                {"server": "ghcr.io", "username": {"literal": "bot"}, "password": "login#user", "email": "login#user"},
            ],
        },
        {"name": "basic", "basicAuth": {"username": "login#user", "password": "login#password"}},
        {"name": "ssh", "sshAuth": {"privateKey": "login#ssh", "knownHosts": {"literal": "host ssh-ed25519 A"}}},
        {"name": "raw", "type": "example.com/kind", "data": {"k": "login#user"}},
    )
    world.run("apply", "--yes")
    chain = web.pem + MIDDLE.pem
    assert world.live("pem") == {"tls.crt": chain + ROOT.pem, "tls.key": web.key_pem(), "ca.crt": ROOT.pem}
    assert world.live("bundle") == {"tls.crt": rsa.pem, "tls.key": rsa.key_pem()}
    assert world.live("key-vault") == {"tls.crt": chain, "tls.key": web.key_pem(), "ca.crt": ROOT.pem}
    password = 'p"ä\\\n'
    (document,) = world.live("docker").values()
    assert json.loads(document) == {
        "auths": {
            "ghcr.io": {"username": "bot", "password": "robot", "email": "robot", "auth": "Ym90OnJvYm90"},
            "registry.example.com": {
                "username": "robot",
                "password": password,
                "auth": base64.b64encode(f"robot:{password}".encode()).decode(),
            },
        }
    }
    assert world.live("basic") == {"username": b"robot", "password": password.encode()}
    assert world.live("ssh") == {"ssh-privatekey": ssh, "known_hosts": b"host ssh-ed25519 A"}
    kinds = {name: kind(world, name) for name in ("pem", "docker", "basic", "ssh", "raw")}
    assert kinds == {
        "pem": "kubernetes.io/tls",
        "docker": "kubernetes.io/dockerconfigjson",
        "basic": "kubernetes.io/basic-auth",
        "ssh": "kubernetes.io/ssh-auth",
        "raw": "example.com/kind",
    }
    assert "0 to create" in world.run("diff", expect=0).stdout, "the same sources give the same bytes"


def test_a_pair_that_does_not_fit_or_is_out_of_date_keeps_the_old_one(world: World) -> None:
    """E10."""
    old, other = leaf(), leaf()
    world.openbao.put(world.mount, "web/tls", {"crt": old.pem.decode(), "key": old.key_pem().decode()})
    mapping: dict[str, object] = {"name": "web", "tls": TLS}
    configured(world, mapping)
    world.run("apply", "--yes")
    before = world.kube.secret(world.namespace, "web")
    expired, early = leaf(end=-60.0), leaf(start=3600.0)
    for pair, key, reason in (
        (other, old, "tls-key-mismatch"),
        (expired, expired, "tls-not-valid"),
        (early, early, "tls-not-valid"),
    ):
        world.openbao.put(world.mount, "web/tls", {"crt": pair.pem.decode(), "key": key.key_pem().decode()})
        _refused(world, reason, old.key_pem(), pair.key_pem())
        assert world.kube.secret(world.namespace, "web") == before
    cut = other.pem.decode()[:-40]
    world.openbao.put(world.mount, "web/tls", {"crt": cut, "key": other.key_pem().decode()})
    _refused(world, "tls-certificate-unreadable", other.key_pem())
    world.openbao.put(world.mount, "web/tls", {"crt": other.pem.decode(), "key": other.key_pem().decode()})
    configured(world, mapping | {"checks": {"certificate": {"minValid": "30d"}}})
    _refused(world, "check-certificate", other.key_pem())
    assert world.kube.secret(world.namespace, "web") == before
    configured(world, mapping)
    world.run("apply", "--yes")
    assert world.live("web") == {"tls.crt": other.pem, "tls.key": other.key_pem()}


def test_a_broken_document_and_a_colliding_key_keep_the_old_one(world: World) -> None:
    """E11."""
    sound = json.dumps({"auths": {"r.example.com": {"auth": "Ym90OnJvYm90"}}})
    world.openbao.put(world.mount, "pull", {"config": sound, "user": "robot", "password": "c4nary-password"})
    world.openbao.put(world.mount, "more", {"extra": "1"})
    whole = {"name": "whole", "type": "docker-registry", "data": {".dockerconfigjson": "pull#config"}}
    built = {
        "name": "built",
        "docker": [{"server": "r.example.com", "username": "pull#user", "password": "pull#password"}],
        "dataFrom": [{"key": "more"}],
    }
    configured(world, whole, built)
    world.run("apply", "--yes")
    before = [world.kube.secret(world.namespace, name) for name in ("whole", "built")]
    broken = {"config": sound[:-3], "user": "c4nary:user", "password": "c4nary-password"}
    world.openbao.put(world.mount, "pull", broken)
    _refused(world, "docker-config-not-json", b"c4nary-password")
    _refused(world, "docker-bad-username", b"c4nary-password", b"c4nary:user")
    world.openbao.put(world.mount, "pull", {"config": sound, "user": "robot", "password": "c4nary-password"})
    world.openbao.put(world.mount, "more", {"extra": "1", ".dockerconfigjson": "c4nary-clash"})
    _refused(world, "key-clash", b"c4nary-clash")
    assert [world.kube.secret(world.namespace, name) for name in ("whole", "built")] == before


def _refused(world: World, reason: str, *secret: bytes) -> None:
    """Run both verbs, and see that neither writes, that the reason is told, and no line of a secret."""
    mark = world.kube.mark()
    shown = world.run("diff", "--format", "json", expect=2)
    assert reason in [change["reason"] for change in json.loads(shown.stdout)["changes"]]
    done = world.run("apply", "--yes", expect=1)
    assert {entry.verb for entry in world.asked(mark)} <= {"get", "list"}
    for text in (shown.stdout, shown.stderr, done.stdout, done.stderr):
        for value in secret:
            assert not [line for line in value.decode().split("\n") if len(line) > 20 and line in text]
            assert len(value) > 40 or value.decode() not in text


def test_numbers_and_parts_keep_their_source_text_and_odd_bytes_survive_on_every_path(world: World) -> None:
    """I-BYTE, E1, E3, E7: from the stores to the API server."""
    binary = bytes(range(256)) + b"\xef\xbb\xbf\r\n\x00\xff\xfe\xc3"
    document = (
        '{ "fraction": 0.10, "long": 12345678901234567890, "truth": true, "nested": [ 1.0, [ ],  {"a" : 1e3} ],'
        ' "text": "\\ufeff\\r\\n\\u0000x" }'
    )
    expected = {
        "fraction": b"0.10",
        "long": b"12345678901234567890",
        "truth": b"true",
        "nested": b'[ 1.0, [ ],  {"a" : 1e3} ]',
        "text": b"\xef\xbb\xbf\r\n\x00x",
    }
    world.moto.put(f"app/{world.tag}/document", document)
    world.moto.put(f"app/{world.tag}/binary", binary)
    world.keyvault.put(f"document-{world.tag}", document)
    world.keyvault.put(f"hex-{world.tag}", binary.hex())
    world.openbao.put(world.mount, "app", {"base64": base64.b64encode(binary).decode(), "text": "\ufeff\r\n\x00x"})
    aws, azure = f"app/{world.tag}/document", f"document-{world.tag}"
    parts = {name: {"store": "aws", "key": aws, "property": name} for name in expected}
    configured(
        world,
        {"name": "by-property", "data": parts},
        {"name": "by-object", "dataFrom": [{"store": "azure", "key": azure}]},
        {
            "name": "bytes",
            "data": {
                "whole": {"store": "aws", "key": f"app/{world.tag}/binary"},
                "base64": {"key": "app", "property": "base64", "decode": "base64"},
                "hex": {"store": "azure", "key": f"hex-{world.tag}", "decode": "hex"},
                "text": "app#text",
            },
        },
        {"name": "typed", "basicAuth": {"password": {"store": "aws", "key": f"app/{world.tag}/binary"}}},
        {
            "name": "checked",
            "data": {"k": {"store": "aws", "key": f"app/{world.tag}/binary"}},
            "checks": {"matches": {"k": r"^\x00[\s\S]{255}\xef\xbb\xbf\r\n\x00\xff\xfe\xc3$"}, "maxBytes": len(binary)},
        },
    )
    world.run("apply", "--yes")
    assert world.live("by-property") == world.live("by-object") == expected
    assert world.live("bytes") == {"whole": binary, "base64": binary, "hex": binary, "text": expected["text"]}
    assert world.live("typed") == {"password": binary}
    assert world.live("checked") == {"k": binary}
    assert "0 to update" in world.run("diff", expect=0).stdout

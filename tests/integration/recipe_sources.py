"""What the stores hold for the recipes, and the files that their kubectl lines name."""

import base64
import fcntl
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.authority import DAY, issued
from tests.servers.keyvault import KeyVault
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao

KNOWN_HOSTS: Final = b"git.example.com ssh-ed25519 AAAA\n"
DOCKER: Final = b'{"auths": {"r.example.com": {"auth": "Ym90OnJvYm90"}}, "credsStore": ""}\n'
PASSPHRASE: Final = "made-up-passphrase"


def files() -> dict[str, bytes]:
    """Make the files that the kubectl lines name, with key pairs of their own, by path."""
    start, end = time.time() - DAY, time.time() + 30 * DAY
    root = issued("root", start=start, end=end)
    middle = issued("middle", by=root, start=start, end=end)
    web = issued("shop.example.com", by=middle, start=start, end=end)
    ssh = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    chain, key = web.pem + middle.pem, web.key_pem()
    return {
        "app.env": b"# comment\nAPI_TOKEN=made-up-1\n\nLOG_LEVEL=info\n",
        "settings.env": b"API_TOKEN=made-up-1\nLOG_LEVEL=debug\nRATE=0.10\n",
        "files/certs/ca.pem": root.pem,
        "files/certs/client.pem": web.pem,
        "ca.pem": root.pem,
        "web.pem": chain,
        "web-key.pem": key,
        "shop.pem": chain,
        "shop-key.pem": key,
        "plain.p12": web.bundle(middle),
        "keystore.p12": web.bundle(middle, password=PASSPHRASE.encode()),
        "id_ed25519": ssh,
        "known_hosts": KNOWN_HOSTS,
        "config.json": DOCKER,
        ".env": b"DB_USER=shop\nDB_PASSWORD='it is $5'\nDB_NAME=shop\n",
        "application.yaml": b'spring:\n  datasource:\n    username: "shop"\n    password: "it is $5"\n'
        b"replicas:\n  - a.internal\n  - b.internal\n",
    }


@contextmanager
def once(folder: Path) -> Iterator[bool]:
    """Tell whether this is the first time in `folder`; another process waits until the first is done."""
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "done"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield not done.exists()
        done.touch()


def in_clouds(made: Mapping[str, bytes], moto: Moto, keyvault: KeyVault) -> None:
    """Fill AWS and Key Vault, which all tests of a run share, so once for a run."""
    values: dict[str, str | bytes] = {
        "shop/api-token": "made-up-1",
        "shop/app-env": '{"API_TOKEN": "made-up-1", "LOG_LEVEL": "info", "RATE": 0.10}',
        "shop/keystore": made["keystore.p12"],
        "shop/p12": made["keystore.p12"],
        "shop/ghcr-token": "made-up-3",
        "shop/docker-config": made["config.json"],
        "below/shop/db-password": "made-up-4",
        "below/shop/mail/key": "made-up-5",
        "below/shopping": "not below",
        "shop/rotated": "made-up-11",
    }
    for name, value in values.items():
        moto.put(name, value)
    moto.put("shop/rotated", "made-up-12")
    moto.tag("below/shop/db-password", {"team": "shop"})
    keyvault.put("shop-ca", made["ca.pem"].decode())
    keyvault.put("shop-certificate", base64.b64encode(made["plain.p12"]).decode())
    for name, text, team in (
        ("tagged-db", "made-up-6", "shop"),
        ("tagged-mail", "made-up-7", "shop"),
        ("tagged-other", "of-others", "payments"),
        ("tagged-db2", "not by this name", "shop"),
    ):
        keyvault.put(name, text, tags={"team": team})


def in_vault(made: Mapping[str, bytes], openbao: OpenBao, mount: str) -> None:
    """Fill a mount of KV 2."""
    objects: dict[str, dict[str, object]] = {
        "shop/db": {"username": "shop", "password": "it is $5"},
        "shop/app-overrides": {"LOG_LEVEL": "debug"},
        "shop/keystore": {"p12": base64.b64encode(made["keystore.p12"]).decode()},
        "shop/web": {
            "crt": made["web.pem"].decode(), "key": made["web-key.pem"].decode(), "ca": made["ca.pem"].decode(),
        },
        "shop/p12": {"password": PASSPHRASE},
        "shop/registry": {"username": "robot", "password": "made-up-2"},
        "shop/git": {"key": made["id_ed25519"].decode().rstrip("\n"), "known_hosts": KNOWN_HOSTS.decode()},
        "shop/replicas": {"hosts": ["a.internal", "b.internal"]},
        "shop/names": {"api-token": "made-up-9", "db": "made-up-8", "db-old": "x", "notes": "y"},
        "shop/db-suffix": {"suffix": ""},
    }  # fmt: skip
    for path, content in objects.items():
        openbao.put(mount, path, content)
    for value in ("made-up-9", "made-up-10", "made-up-12"):
        openbao.put(mount, "shop/rotated", {"password": value})


def docker_login(*registries: tuple[str, str, str]) -> bytes:
    """Give the document that logs in to these registries: server, user name, password."""
    auths = {
        server: {"username": user, "password": word, "auth": base64.b64encode(f"{user}:{word}".encode()).decode()}
        for server, user, word in registries
    }
    return json.dumps({"auths": auths}, separators=(",", ":")).encode()

"""Registries, user names with passwords, and SSH keys: the keys that are made of them, and why they are refused."""

import base64
import json
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_ssh_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.build import build
from syncd.build.docker import docker_config
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.position import Position
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.secret import Built, Content, Refusal
from syncd.model.selection import Extract, Literally, Selection
from syncd.model.shaping import BasicAuth, Builder, DockerConfig, Registry, SshAuth
from syncd.redact import SecretValue

TYPES = {
    DockerConfig: "kubernetes.io/dockerconfigjson",
    BasicAuth: "kubernetes.io/basic-auth",
    SshAuth: "kubernetes.io/ssh-auth",
}
FIELDS = ("server", "username", "password", "email")
BINARY = bytes(range(256)) + b"\xef\xbb\xbf\r\n\x00\xff\xfe"


def ref(name: str, *, optional: bool = False) -> Selection:
    return Selection(RemoteRef("store", name), optional=optional)


def made(
    builder: Builder,
    values: Mapping[str, bytes | None] | None = None,
    *,
    data_from: tuple[Extract, ...] = (),
    allow_empty: bool = False,
    **more: bytes | None,
) -> Built:
    """Build with `values` and `more` in the store; None stands for one that is absent."""
    mapping = SecretMapping(
        "shop/a", SecretKey("default", "shop", "a"), Position("f", 1, 1), TYPES[type(builder)],
        builder=builder, data_from=data_from, allow_empty=allow_empty,
    )  # fmt: skip
    absent = Failure(FailureClass.ABSENT, "not-found")
    outcomes: dict[RemoteRef, Outcome] = {
        RemoteRef("store", name): absent if value is None else Fetched(SecretValue(value), "1")
        for name, value in {**(values or {}), **more}.items()
    }
    return build(mapping, outcomes)


def keys(built: Built) -> Mapping[str, bytes]:
    assert isinstance(built, Content), built
    return {key: value.reveal() for key, value in built.data.items()}


def refused(built: Built) -> str:
    assert isinstance(built, Refusal), "it was not refused"
    assert "c4nary" not in built.message
    return built.reason


# Registries


ONE = DockerConfig((Registry(Literally("registry.example.com"), ref("u"), ref("p"), ref("e", optional=True)),))


def test_a_registry_becomes_what_kubectl_would_write() -> None:
    found = keys(made(ONE, u=b"robot", p=b'p"\\\xc3\xa9<\n', e=b"ops@example.com"))
    (name, document), *others = found.items()
    assert (name, others) == (".dockerconfigjson", [])
    assert document == (
        b'{"auths":{"registry.example.com":{"username":"robot","password":"p\\"\\\\\xc3\xa9<\\n",'
        b'"email":"ops@example.com","auth":"' + base64.b64encode(b'robot:p"\\\xc3\xa9<\n') + b'"}}}'
    )


def test_an_email_that_is_absent_is_left_out() -> None:
    found = json.loads(keys(made(ONE, u=b"robot", p=b"x", e=None))[".dockerconfigjson"])
    assert found["auths"]["registry.example.com"] == {"username": "robot", "password": "x", "auth": "cm9ib3Q6eA=="}


def test_the_order_of_registries_makes_no_difference() -> None:
    entries = [Registry(Literally(f"r{number}.example.com"), ref("u"), ref("p")) for number in range(5)]
    found = {
        keys(made(DockerConfig(order), u=b"u", p=b"p"))[".dockerconfigjson"]
        for order in (tuple(entries), tuple(reversed(entries)), tuple(entries[2:] + entries[:2]))
    }
    assert len(found) == 1
    assert list(json.loads(found.pop())["auths"]) == [f"r{number}.example.com" for number in range(5)]


FROM_STORES = DockerConfig((Registry(ref("s"), ref("u"), ref("p")), Registry(ref("t"), ref("u"), ref("p"))))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"u": b"\xff"}, "docker-not-text"),
        ({"p": b"c4nary\xff"}, "docker-not-text"),
        ({"u": b"a:b"}, "docker-bad-username"),
        ({"u": b"c4nary\n"}, "docker-bad-username"),
        ({"s": b"c4nary \n"}, "docker-bad-server"),
        ({"t": b"c4nary.example.com", "s": b"c4nary.example.com"}, "docker-duplicate-server"),
        ({"p": b""}, "empty-value"),
        ({"p": None}, "source-absent"),
    ],
)
def test_a_broken_registry_is_refused(values: dict[str, bytes | None], reason: str) -> None:
    """E11."""
    sound: dict[str, bytes | None] = {"s": b"a.example.com", "t": b"b.example.com", "u": b"u", "p": b"p"}
    assert refused(made(FROM_STORES, sound | values)) == reason


@settings(deadline=None)
@given(st.lists(st.fixed_dictionaries({name: st.binary(max_size=12) for name in FIELDS}), max_size=4))
def test_any_values_are_a_document_that_every_reader_takes_or_a_refusal(registries: list[dict[str, bytes]]) -> None:
    found = docker_config(registries)
    if isinstance(found, dict):
        auths = json.loads(found[".dockerconfigjson"])["auths"]
        assert len(auths) == len(registries)
        for entry in auths.values():
            assert base64.b64decode(entry["auth"]).decode() == f"{entry['username']}:{entry['password']}"


# User names and passwords


@pytest.mark.parametrize("both", [True, False])
def test_user_name_and_password_are_copied_byte_for_byte(*, both: bool) -> None:
    """I-BYTE."""
    builder = BasicAuth(Literally("robot") if both else None, ref("p"))
    assert keys(made(builder, p=BINARY)) == ({"username": b"robot"} if both else {}) | {"password": BINARY}


def test_one_of_both_is_enough_and_none_is_not() -> None:
    builder = BasicAuth(ref("u", optional=True), ref("p", optional=True))
    assert keys(made(builder, u=b"u", p=None)) == {"username": b"u"}
    assert refused(made(builder, u=None, p=None)) in ("no-keys", "required-key-missing")


def test_an_empty_password_is_a_mistake_unless_it_is_allowed() -> None:
    builder = BasicAuth(ref("u"), ref("p"))
    assert refused(made(builder, u=b"u", p=b"")) == "empty-value"
    assert keys(made(builder, u=b"u", p=b"", allow_empty=True)) == {"username": b"u", "password": b""}


def test_a_key_that_two_give_is_refused() -> None:
    builder = BasicAuth(ref("u"), ref("p"))
    both = (Extract(ref("more")),)
    assert refused(made(builder, data_from=both, u=b"u", p=b"p", more=b'{"password": "c4nary"}')) == "key-clash"
    assert keys(made(builder, data_from=both, u=b"u", p=b"p", more=b'{"x": 0.10}'))["x"] == b"0.10"


# SSH


KEY = ed25519.Ed25519PrivateKey.generate()
OPENSSH = KEY.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
SSH = SshAuth(ref("k"), ref("h", optional=True))


@pytest.mark.parametrize(
    "key",
    [
        OPENSSH,
        KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw")),
        OPENSSH.replace(b"\n", b"\r\n"),
        OPENSSH + b"\n\n",
    ],
    ids=["openssh", "pkcs8", "pkcs8-passphrase", "crlf", "blank-lines"],
)
def test_a_key_in_a_whole_frame_is_kept_byte_for_byte(key: bytes) -> None:
    assert keys(made(SSH, k=key, h=BINARY)) == {"ssh-privatekey": key, "known_hosts": BINARY}


def test_a_final_newline_that_was_lost_is_put_back() -> None:
    found = keys(made(SSH, k=OPENSSH.rstrip(), h=None))
    assert found == {"ssh-privatekey": OPENSSH}
    assert isinstance(load_ssh_private_key(found["ssh-privatekey"], None), ed25519.Ed25519PrivateKey)


@pytest.mark.parametrize(
    "key",
    [
        b"ssh-ed25519 AAAA c4nary",
        OPENSSH[:-20],
        OPENSSH[20:],
        OPENSSH.replace(b"\n", b" "),
        OPENSSH.replace(b"\n", b"\\n"),
        b"\n" + OPENSSH,
        b"\xef\xbb\xbf" + OPENSSH,
        OPENSSH + OPENSSH,
        OPENSSH.replace(b"OPENSSH PRIVATE", b"PUBLIC"),
        OPENSSH.replace(b"b3Blb", b"b3B!b"),
        BINARY,
    ],
    ids=range(11),
)
def test_a_key_whose_frame_is_not_whole_is_refused(key: bytes) -> None:
    """E11."""
    built = made(SSH, k=key, h=None)
    assert refused(built) == "ssh-key-unreadable"
    assert isinstance(built, Refusal)
    assert not [line for line in key.decode("latin-1").split() if len(line) > 12 and line in built.message]


@settings(deadline=None)
@given(at=st.integers(0, len(OPENSSH)), to=st.integers(0, 60), put=st.binary(max_size=6))
def test_a_bent_key_is_a_key_or_a_refusal(at: int, to: int, put: bytes) -> None:
    """I-PARSE."""
    built = made(SSH, k=OPENSSH[:at] + put + OPENSSH[at + to :], h=None)
    assert isinstance(built, Content) or refused(built)

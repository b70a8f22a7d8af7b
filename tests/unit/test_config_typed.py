# ruff: noqa: E501 — a line of a table is a mistake and the line that a person is told
"""Builders of typed Secrets, and checks: what they mean, and each mistake with the exact line that a person is told."""

from pathlib import Path

import pytest

from syncd.model.mapping import SecretMapping
from syncd.model.reference import RemoteRef
from syncd.model.selection import Literally, Selection
from syncd.model.shaping import (
    BasicAuth,
    Builder,
    CertificateCheck,
    Checks,
    DockerConfig,
    Registry,
    SshAuth,
    TlsBundle,
    TlsPair,
    keys_of,
)
from tests.unit.shelf import loaded, mapping, told


def ref(key: str, wanted: str | None = None, *, optional: bool = False) -> Selection:
    return Selection(RemoteRef("main", key, "", "shelf"), wanted, optional=optional)


def only(folder: Path, body: str, more: str = "") -> SecretMapping:
    (found,) = loaded(folder, mapping(f"name: a\n{body}") + more).mappings
    return found


BUILDERS: list[tuple[str, str, Builder, set[str]]] = [
    (
        "tls: {certificate: web#crt, privateKey: {key: web, property: key}, ca: {key: ca, optional: true}}",
        "kubernetes.io/tls",
        TlsPair(ref("web", "crt"), ref("web", "key"), ref("ca", optional=True)),
        {"tls.crt", "tls.key", "ca.crt"},
    ),
    (
        "tls: {certificate: {literal: PEM}, privateKey: web#key}",
        "kubernetes.io/tls",
        TlsPair(Literally("PEM"), ref("web", "key")),
        {"tls.crt", "tls.key"},
    ),
    (
        "tls: {pkcs12: {key: web, decode: base64}, password: web#password}",
        "kubernetes.io/tls",
        TlsBundle(Selection(RemoteRef("main", "web", "", "shelf"), decode="base64"), ref("web", "password")),
        {"tls.crt", "tls.key"},
    ),
    (
        "docker: [{server: r.example.com, username: pull#user, password: pull#password, email: {literal: a@example.com}}]",
        "kubernetes.io/dockerconfigjson",
        DockerConfig(
            (
                Registry(
                    Literally("r.example.com"), ref("pull", "user"), ref("pull", "password"), Literally("a@example.com")
                ),
            )
        ),
        {".dockerconfigjson"},
    ),
    (
        "docker: [{server: {key: pull, property: server}, username: {literal: 8}, password: pull}, {server: {literal: b}, username: u, password: p}]",
        "kubernetes.io/dockerconfigjson",
        DockerConfig(
            (
                Registry(ref("pull", "server"), Literally("8"), ref("pull")),
                Registry(Literally("b"), ref("u"), ref("p")),
            )
        ),
        {".dockerconfigjson"},
    ),
    ("basicAuth: {password: db#pw}", "kubernetes.io/basic-auth", BasicAuth(None, ref("db", "pw")), {"password"}),
    (
        "basicAuth: {username: {literal: robot}, password: {key: db, optional: true}}",
        "kubernetes.io/basic-auth",
        BasicAuth(Literally("robot"), ref("db", optional=True)),
        {"username", "password"},
    ),
    (
        "sshAuth: {privateKey: git#key, knownHosts: {literal: host ssh-ed25519 AAAA}}",
        "kubernetes.io/ssh-auth",
        SshAuth(ref("git", "key"), Literally("host ssh-ed25519 AAAA")),
        {"ssh-privatekey", "known_hosts"},
    ),
]


@pytest.mark.parametrize(("body", "type_", "builder", "keys"), BUILDERS, ids=[body for body, *_ in BUILDERS])
def test_a_builder_arrives_and_implies_its_type(
    tmp_path: Path, body: str, type_: str, builder: Builder, keys: set[str]
) -> None:
    found = only(tmp_path, body)
    assert (found.builder, found.type) == (builder, type_)
    assert keys_of(builder) == keys


def test_its_references_are_read_with_those_of_data(tmp_path: Path) -> None:
    found = only(tmp_path, "tls: {certificate: web#crt, privateKey: web#key}\ndata: {more: x}\ndataFrom: [{key: all}]")
    assert [str(each.ref) for each in found.selections()] == [
        "main:shelf/x",
        "main:shelf/web",
        "main:shelf/web",
        "main:shelf/all",
    ]


def test_the_store_of_the_mapping_is_that_of_its_builder(tmp_path: Path) -> None:
    lines = told(tmp_path, mapping("name: a\nstore: mian\nbasicAuth: {password: x}"))
    assert lines == ["syncd.yaml:9:5: secrets[0].store: there is no store 'mian' (did you mean main?)"]


@pytest.mark.parametrize("type_", ["tls", "kubernetes.io/tls"])
def test_a_type_that_fits_may_be_said(tmp_path: Path, type_: str) -> None:
    assert only(tmp_path, f"type: {type_}\ntls: {{certificate: a, privateKey: b}}").type == "kubernetes.io/tls"


def test_a_mapping_without_builder_is_opaque(tmp_path: Path) -> None:
    assert only(tmp_path, "data: {x: k}").type == "Opaque"


@pytest.mark.parametrize("type_", ["service-account-token", "kubernetes.io/service-account-token"])
def test_a_token_of_a_service_account_needs_the_platform(tmp_path: Path, type_: str) -> None:
    body = f"type: {type_}\nannotations: {{kubernetes.io/service-account.name: x}}\ndata: {{x: k}}"
    (line,) = told(tmp_path, mapping(f"name: a\n{body}"))
    assert "makes or changes credentials of the cluster" in line
    for allowed in ("service-account-token", "kubernetes.io/service-account-token"):
        assert (
            only(tmp_path, body, f"guards: {{allowTypes: [{allowed}]}}\n").type == "kubernetes.io/service-account-token"
        )


def test_a_bootstrap_token_needs_the_platform(tmp_path: Path) -> None:
    body = "type: bootstrap.kubernetes.io/token\ndata: {token-id: a, token-secret: b}"
    (line,) = told(tmp_path, mapping(f"name: a\n{body}"))
    assert "makes or changes credentials of the cluster" in line
    allowed = only(tmp_path, body, "guards: {allowTypes: [bootstrap.kubernetes.io/token]}\n")
    assert allowed.type == "bootstrap.kubernetes.io/token"


CREDENTIAL = "a credential is never written in the file (name where it is in a store, such as KEY#PROPERTY)"
NEEDED = "no such Secret can be made without it (leave `optional` out)"
MISTAKES = [
    ("tls: {}", ["9:5: secrets[0].tls.certificate: missing (or name a bundle with `pkcs12`)", "9:5: secrets[0].tls.privateKey: missing (or name a bundle with `pkcs12`)"]),
    ("tls: {certificate: a}", ["9:5: secrets[0].tls.privateKey: missing"]),
    ("tls: {password: a}", ["9:5: secrets[0].tls.pkcs12: missing"]),
    ("tls: {certificate: a, pkcs12: b}", ["9:27: secrets[0].tls.pkcs12: certificate and pkcs12 exclude each other (a pair has certificate, privateKey and ca; a bundle has pkcs12 and password)"]),
    ("tls: {certificate: a, privateKey: {literal: hunter2}}", [f"9:40: secrets[0].tls.privateKey.literal: {CREDENTIAL}"]),
    ("tls: {pkcs12: a, password: {literal: hunter2}}", [f"9:33: secrets[0].tls.password.literal: {CREDENTIAL}"]),
    ("tls: {pkcs12: {literal: hunter2}}", [f"9:20: secrets[0].tls.pkcs12.literal: {CREDENTIAL}"]),
    ("tls: {certificate: {key: a, optional: true}, privateKey: b}", [f"9:33: secrets[0].tls.certificate.optional: {NEEDED}"]),
    ("tls: {certificate: a, privateKey: ../b}", ["9:27: secrets[0].tls.privateKey.key: dot segments (write it without)"]),
    ("tls: {certificate: a#, privateKey: b}", ["9:11: secrets[0].tls.certificate: nothing after the # (write KEY#PROPERTY, or KEY alone for the whole value)"]),
    ("tls: {cert: a, privateKey: b}", ["9:11: secrets[0].tls.cert: unknown field (known here: certificate, privateKey, ca, pkcs12, password)"]),
    ("tls: a", ["9:5: secrets[0].tls: expected a mapping, not text"]),
    ("docker: []", ["9:5: secrets[0].docker: an empty list (name a registry: {server, username, password})"]),
    ("docker: {server: a}", ["9:5: secrets[0].docker: expected a list, not a mapping"]),
    ("docker: [{server: r#s, username: u, password: p}]", ["9:15: secrets[0].docker[0].server: not the address of a registry (plain text is the address itself; from a store it is {key: KEY, property: PROPERTY})"]),
    ("docker: [{server: r, username: u, password: {literal: hunter2}}]", [f"9:50: secrets[0].docker[0].password.literal: {CREDENTIAL}"]),
    ("docker: [{server: r, username: {key: u, optional: true}, password: p}]", [f"9:45: secrets[0].docker[0].username.optional: {NEEDED}"]),
    ("docker: [{server: r, username: u, password: p, email: a@b}]", ["9:52: secrets[0].docker[0].email: an address itself, where a reference stands (write {literal: ADDRESS}; plain text is a reference, and a key with @ in it stands as {key: KEY})"]),
    ("docker: [{server: r, username: u, password: p}, {server: r, username: u, password: p}]", ["9:54: secrets[0].docker[1].server: this server is there twice (registry 1 of the list is the same)"]),
    ("basicAuth: {}", ["9:5: secrets[0].basicAuth: it has neither username nor password (name at least one of them)"]),
    ("basicAuth: {password: {literal: hunter2}}", [f"9:28: secrets[0].basicAuth.password.literal: {CREDENTIAL}"]),
    ("sshAuth: {privateKey: {literal: hunter2}}", [f"9:28: secrets[0].sshAuth.privateKey.literal: {CREDENTIAL}"]),
    ("tls: {certificate: a, privateKey: b}\nbasicAuth: {username: c}", ["10:5: secrets[0].basicAuth: tls and basicAuth exclude each other (a Secret has one type: keep one of them)"]),
    ("type: opaque\ntls: {certificate: a, privateKey: b}", ["9:5: secrets[0].type: tls makes a Secret of type kubernetes.io/tls (leave `type` out, or `tls`)"]),
    ("type: tls\nbasicAuth: {username: a}", ["9:5: secrets[0].type: basicAuth makes a Secret of type kubernetes.io/basic-auth (leave `type` out, or `basicAuth`)"]),
    ("tls: {certificate: a, privateKey: b}\ndata: {tls.crt: c, more: d}", ["10:12: secrets[0].data['tls.crt']: the builder makes this key (leave it out here)"]),
    ("basicAuth: {username: a}\nallowEmpty: [pasword]", ["10:18: secrets[0].allowEmpty[0]: no such key under data"]),
    ("data: {x: k}\nchecks: {required: [y]}", ["10:25: secrets[0].checks.required[0]: the mapping gives no key 'y' (name a key that the mapping gives)"]),
    ("data: {user: k}\nchecks: {json: [usr]}", ["10:21: secrets[0].checks.json[0]: the mapping gives no key 'usr' (did you mean user?)"]),
    ("dataFrom: [{key: k}]\nchecks: {required: [a/b]}", ["10:25: secrets[0].checks.required[0]: not a key for a Secret"]),
    ("data: {x: k}\nchecks: {matches: {x: '('}}", ["10:24: secrets[0].checks.matches.x: not a regular expression: missing ): ( (see github.com/google/re2/wiki/Syntax for the language)"]),
    ("data: {x: k}\nchecks: {maxBytes: -1}", ["10:14: secrets[0].checks.maxBytes: less than nothing (a number of bytes)"]),
    ("data: {x: k}\nchecks: {certificate: {key: x, minValid: soon}}", ["10:36: secrets[0].checks.certificate.minValid: 'soon' is not a duration (write it as 30s, 5m, 1h30m or 7d)"]),
    ("data: {x: k}\nchecks: {certificate: {}}", ["10:14: secrets[0].checks.certificate.key: the mapping gives no key 'tls.crt' (name a key that the mapping gives)"]),
    ("tls: {certificate: a, privatKey: b}\nallowEmpty: [tls.key]\nchecks: {required: [tls.crt]}", ["9:27: secrets[0].tls.privatKey: unknown field (did you mean privateKey?)"]),
    ("tls: {certificate: a}\nchecks: {required: [tls.crt]}", ["9:5: secrets[0].tls.privateKey: missing"]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "lines"), MISTAKES, ids=[body for body, _ in MISTAKES])
def test_a_mistake_in_a_builder_or_check_is_told_with_its_place(tmp_path: Path, body: str, lines: list[str]) -> None:
    found = told(tmp_path, mapping(f"name: a\n{body}"))
    assert found == [f"syncd.yaml:{line}" for line in lines]
    assert "hunter2" not in "".join(found)


def test_every_check_arrives(tmp_path: Path) -> None:
    body = (
        "data: {a: k, tls.crt: c}\n"
        'checks: {required: [a], matches: {a: "^x$"}, json: [a], maxBytes: 10, certificate: {minValid: 7d}}'
    )
    assert only(tmp_path, body).checks == Checks(
        ("a",), (("a", "^x$"),), ("a",), 10, CertificateCheck("tls.crt", 7 * 86_400.0)
    )


def test_keys_of_a_builder_may_be_checked_and_be_empty(tmp_path: Path) -> None:
    found = only(tmp_path, "basicAuth: {password: p}\nallowEmpty: [password]\nchecks: {required: [password]}")
    assert found.allow_empty == frozenset({"password"})
    assert found.checks.required == ("password",)


def test_keys_that_only_a_store_knows_may_be_checked(tmp_path: Path) -> None:
    found = only(tmp_path, "dataFrom: [{key: k}]\nchecks: {required: [a], certificate: {}}")
    assert found.checks.required == ("a",)

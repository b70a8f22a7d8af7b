# ruff: noqa: E501 — a line of a table is a mistake and the line that a person is told
"""Mistakes at the top of a configuration and in its stores, each with the exact line that a person is told."""

from pathlib import Path
from textwrap import dedent

import pytest

from tests.unit.shelf import HEAD, loaded, told


@pytest.mark.parametrize(
    ("field", "path", "column"),
    [
        ("tenants: {}", "tenants", 1),
        ("guards: {allowRestart: true}", "guards.allowRestart", 10),
        ("daemon: {drift: watch}", "daemon.drift", 10),
        ("daemon: {audit: {path: '-'}}", "daemon.audit", 10),
        ("daemon: {shards: 2}", "daemon.shards", 10),
        ("daemon: {leaderElection: {enabled: true}}", "daemon.leaderElection.enabled", 27),
    ],
)
def test_a_setting_of_later_is_known_and_refused(tmp_path: Path, field: str, path: str, column: int) -> None:
    assert told(tmp_path, HEAD + field + "\n") == [f"syncd.yaml:7:{column}: {path}: not supported yet"]


def test_the_defaults_of_later_settings_may_be_written(tmp_path: Path) -> None:
    loaded(
        tmp_path,
        HEAD + "guards: {maxChanges: off, allowRestart: false}\n"
        "daemon: {drift: poll, leaderElection: {enabled: auto}}\nsecrets: []\n",
    )


TOP_MISTAKES = [
    ("version: 2\ninstance: a\ntarget: {kubernetes: {}}", ["1:1: version: '2' is not one of 1"]),
    ("instance: a\ntarget: {kubernetes: {}}", ["1:1: version: missing"]),
    ("version: 1\ntarget: {kubernetes: {}}", ["1:1: instance: missing"]),
    (
        "version: 1\ninstance: A\ntarget: {kubernetes: {}}",
        ["2:1: instance: 'A' is not a name for an instance (lower-case letters, digits and -, at most 63)"],
    ),
    ("version: 1\ninstance: a", ["1:1: target: missing (write target: {kubernetes: {}})"]),
    (
        "version: 1\ninstance: a\ntarget: {}",
        ["3:1: target: exactly one of kubernetes and directory (such as {kubernetes: {}})"],
    ),
    (
        "version: 1\ninstance: a\ntarget: {kubernetes: {contxt: x}}",
        ["3:23: target.kubernetes.contxt: unknown field (did you mean context?)"],
    ),
    (
        "version: 1\ninstance: a\ntarget: {kubernetes: {limits: {requestsPerSecond: 0}}}",
        ["3:32: target.kubernetes.limits.requestsPerSecond: not a number above 0, at most 100000"],
    ),
    (
        "version: 1\ninstance: a\ntarget: {kubernetes: {}}\ntargets: {a: {kubernetes: {}}}",
        ["4:1: targets: target and targets exclude each other (keep one of them)"],
    ),
    (
        "version: 1\ninstance: a\ntarget: {kubernetes: {}}\nsecret: []",
        ["4:1: secret: unknown field (did you mean secrets?)"],
    ),
    (
        "version: 1\ninstance: a\ntarget: {kubernetes: {}}\ninclude: [x/*.yaml]",
        ["4:11: include[0]: no file matches 'x/*.yaml' (paths start at the folder of this file)"],
    ),
    (
        "version: 1\ninstance: a\ntarget: {kubernetes: {}}\nsecrets:",
        ["4:1: secrets: expected a list (write [] for none)"],
    ),
    (
        "version: 1\ninstance: a\ntarget: {kubernetes: {}}\ndefaults: {store: x}",
        ["4:12: defaults.store: there is no store 'x' (declare it under `stores`)"],
    ),
    (
        "version: 1\ninstance: a\ntarget: {kubernetes: {}}\ndefaults: {namespace: kube-public, interval: 1s, labels: {syncd.dev/x: y}}",
        [
            "4:12: defaults.namespace: kube-public is a protected namespace (`guards.protectedNamespaces` lists them; the home namespace always is)",
            "4:36: defaults.interval: shorter than 10s (write at least 10s)",
            "4:59: defaults.labels['syncd.dev/x']: syncd sets this one itself",
        ],
    ),
    (
        "version: 1\ninstance: a\ntarget: {kubernetes: {}}\nguards: {maxDeletes: {count: -1, percent: 101}, allowTypes: [sevice-account-token], protectedNamespaces: [A]}",
        [
            "4:23: guards.maxDeletes.count: below 0",
            "4:34: guards.maxDeletes.percent: not a number from 0 to 100",
            "4:62: guards.allowTypes[0]: not a type of Secret (did you mean service-account-token?)",
            "4:107: guards.protectedNamespaces[0]: not a name for a namespace (lower-case letters, digits and -, at most 63)",
        ],
    ),
    (
        "version: 1\ninstance: a\ntarget: {kubernetes: {}}\nhome: {namespace: A, keyFile: '', sources: some}",
        [
            "4:8: home.namespace: 'A' is not a name for a namespace (lower-case letters, digits and -, at most 63)",
            "4:22: home.keyFile: empty (leave it out to keep the key in the home namespace)",
            "4:35: home.sources: 'some' is not one of full, none, store (did you mean store?)",
        ],
    ),
    (
        "version: 1\ninstance: a\ntarget: {kubernetes: {}}\ndaemon: {listen: 8080, workers: 0}\nlog: {level: debgu}",
        [
            "4:10: daemon.listen: not an address to listen on (HOST:PORT, or :PORT)",
            "4:24: daemon.workers: not a number from 1 to 256",
            "5:7: log.level: 'debgu' is not one of debug, error, info, warning (did you mean debug?)",
        ],
    ),
    ("[1]", ["1:1: the file is no mapping (it starts with version: 1)"]),
    ("", ["1:1: the file is empty (it starts with version: 1)"]),
    (
        "version: 1\nversion: 1\ninstance: &x a",
        [
            "2:1: version: this key stands here twice (remove one of them)",
            "3:11: instance: anchors are not supported (write the value out, or put it under `defaults`)",
        ],
    ),
]


@pytest.mark.parametrize(("source", "expected"), TOP_MISTAKES, ids=[source for source, _ in TOP_MISTAKES])
def test_a_mistake_at_the_top_is_told_with_its_place(tmp_path: Path, source: str, expected: list[str]) -> None:
    assert told(tmp_path, source + "\n") == [f"syncd.yaml:{line}" for line in expected]


STORE_MISTAKES = [
    ("main: {address: here}", ["5:3: stores.main.type: missing"]),
    (
        "main: {type: shlef, address: here}",
        ["5:10: stores.main.type: there is no store type 'shlef' (did you mean shelf?)"],
    ),
    ("main: {type: shelf}", ["5:3: stores.main.address: missing"]),
    ("main: {type: shelf, address: nowhere}", ["5:23: stores.main.address: nothing is there (name a place)"]),
    (
        "main: {type: shelf, adress: here}",
        ["5:3: stores.main.address: missing", "5:23: stores.main.adress: unknown field (did you mean address?)"],
    ),
    (
        "main: {type: shelf, address: here, limit: {}}",
        ["5:38: stores.main.limit: unknown field (did you mean limits?)"],
    ),
    ("main: {type: shelf, address: here, depth: deep}", ["5:38: stores.main.depth: expected a number, not text"]),
    (
        "main: {type: shelf, address: here, timeouts: {read: 10}}",
        ["5:49: stores.main.timeouts.read: '10' is not a duration (write it as 30s, 5m, 1h30m or 7d)"],
    ),
    (
        "main: {type: shelf, address: here, tls: {certFile: c.pem}}",
        ["5:38: stores.main.tls.keyFile: missing (certFile and keyFile go together)"],
    ),
    ("main: {type: shelf, address: here, plaintext: yes}", ["5:38: stores.main.plaintext: 'yes' is not one of mesh"]),
    (
        "main: {type: shelf, address: here, limits: {concurrency: 0, requestsPerSecond: -1}}",
        [
            "5:47: stores.main.limits.concurrency: not a number from 1 to 256",
            "5:63: stores.main.limits.requestsPerSecond: not a number above 0, at most 100000",
        ],
    ),
    (
        "main: {type: shelf, address: here, proxy: localhost}",
        ["5:38: stores.main.proxy: not the address of a proxy (http://HOST:PORT)"],
    ),
    ("main: shelf", ["5:3: stores.main: expected a mapping (write at least its type)"]),
    (
        "a b: {type: shelf, address: here}",
        ["5:3: stores['a b']: 'a b' is not a name for a store (letters, digits, -, _ and ., at most 63)"],
    ),
    (
        "main: {type: shelf, address: here, token: {}}",
        ["5:38: stores.main.token: exactly one of file and env names a credential (write {file: PATH} or {env: NAME})"],
    ),
    (
        "main: {type: shelf, address: here, formerly: main}",
        ["5:38: stores.main.formerly: this name is taken by the store main"],
    ),
]


@pytest.mark.parametrize(("line", "expected"), STORE_MISTAKES, ids=[line for line, _ in STORE_MISTAKES])
def test_a_mistake_in_a_store_is_told_with_its_place(tmp_path: Path, line: str, expected: list[str]) -> None:
    source = f"version: 1\ninstance: a\ntarget: {{kubernetes: {{}}}}\nstores:\n  {line}\n"
    assert told(tmp_path, source) == [f"syncd.yaml:{problem}" for problem in expected]


@pytest.mark.parametrize(
    "field",
    ["token: hunter2hunter2", "token: {file: a, value: hunter2hunter2}", "proxy: http://u:hunter2hunter2@proxy:80"],
)
def test_a_credential_in_the_file_is_refused_and_never_shown(tmp_path: Path, field: str) -> None:
    source = f"version: 1\ninstance: a\ntarget: {{kubernetes: {{}}}}\nstores:\n  main: {{type: shelf, address: here, {field}}}\n"
    lines = told(tmp_path, source)
    assert len(lines) == 1
    assert "hunter2" not in lines[0]


def test_ten_different_mistakes_in_two_files_are_told_in_one_go(tmp_path: Path) -> None:
    main = """\
        version: 1
        instance: Prod
        target: {kubernetes: {}}
        stores:
          main: {type: shelf, address: here, tken: {file: t}}
          second: {type: shelf, address: nowhere}
        include: [teams/*.yaml, gone/*.yaml]
        defaults: {store: main, namespace: team, interval: 3s}
        secrets:
          - name: a
            datas: {x: k}
          - name: b
            data: {..x: k#p, y: {key: k, decode: b64}}
            namespace: kube-system
        """
    team = """\
        version: 1
        secrets:
          - name: c
            data: {x: {store: thrid, key: k}}
          - name: c
            data: {x: k}
        """
    found = told(tmp_path, dedent(main), teams_pay=dedent(team))
    assert [line.partition(": ")[0] for line in found] == [
        "syncd.yaml:2:1",
        "syncd.yaml:5:38",
        "syncd.yaml:6:25",
        "syncd.yaml:7:25",
        "syncd.yaml:8:42",
        "syncd.yaml:11:5",
        "syncd.yaml:13:12",
        "syncd.yaml:13:34",
        "syncd.yaml:14:5",
        "teams/pay.yaml:4:16",
        "teams/pay.yaml:5:5",
    ]

# ruff: noqa: E501 — a line of a table is a mistake and the line that a person is told
"""Mistakes in mappings, each with the exact line that a person is told."""

from pathlib import Path

import pytest

from tests.unit.shelf import mapping, told

MAPPING_MISTAKES = [
    (
        "nam: a\ndata: {x: k}",
        ["8:5: secrets[0].nam: unknown field (did you mean name?)", "8:5: secrets[0].name: missing"],
    ),
    (
        "name: A\ndata: {x: k}",
        ["8:5: secrets[0].name: 'A' is not a name for a Secret (lower-case letters, digits, - and ., at most 253)"],
    ),
    (
        "name: a\nnamespace: ..\ndata: {x: k}",
        [
            "9:5: secrets[0].namespace: '..' is not a name for a namespace (lower-case letters, digits and -, at most 63)"
        ],
    ),
    (
        "name: a\nnamespace: kube-system\ndata: {x: k}",
        [
            "9:5: secrets[0].namespace: kube-system is a protected namespace (`guards.protectedNamespaces` lists them; the home namespace always is)"
        ],
    ),
    (
        "name: a\nnamespace: syncd\ndata: {x: k}",
        [
            "9:5: secrets[0].namespace: syncd is a protected namespace (`guards.protectedNamespaces` lists them; the home namespace always is)"
        ],
    ),
    (
        "name: a",
        [
            "8:5: secrets[0]: it has neither data nor dataFrom (a Secret is made of one of them at least, or of tls, docker, basicAuth or sshAuth)"
        ],
    ),
    ("name: a\ndata: [x]", ["9:5: secrets[0].data: expected a mapping, not a list"]),
    ("name: a\ndata:", ["9:5: secrets[0].data: expected a mapping, not nothing (write {} for all defaults)"]),
    ("name: [a]\ndata: {x: k}", ["8:5: secrets[0].name: expected text, not a list"]),
    (
        "name: a\ndata: {x: k}\nsuspend: yes",
        ["10:5: secrets[0].suspend: expected true or false, not text (true and false are the only spellings)"],
    ),
    (
        "name: a\ndata: {x: k}\nwhenSourceGone: remove",
        ["10:5: secrets[0].whenSourceGone: 'remove' is not one of delete, keep"],
    ),
    ("name: a\ndata: {x: k}\ntype: Tls", ["10:5: secrets[0].type: 'Tls' is not a type of Secret (did you mean tls?)"]),
    (
        "name: a\ndata: {x: k}\ntype: service-account-token",
        [
            "10:5: secrets[0].type: kubernetes.io/service-account-token makes or changes credentials of the cluster (the platform may list it under `guards.allowTypes`)"
        ],
    ),
    (
        "name: a\ndata: {x: k}\ntype: helm.sh/release.v1",
        [
            "10:5: secrets[0].type: helm.sh/release.v1 makes or changes credentials of the cluster (the platform may list it under `guards.allowTypes`)"
        ],
    ),
    (
        "name: a\ndata: {a/b: k}",
        [
            "9:12: secrets[0].data['a/b']: not a key for a Secret (letters, digits, -, _ and ., at most 253; not . and not starting with ..)"
        ],
    ),
    (
        "name: a\ndata: {..: k}",
        [
            "9:12: secrets[0].data['..']: not a key for a Secret (letters, digits, -, _ and ., at most 253; not . and not starting with ..)"
        ],
    ),
    (
        "name: a\ndata: {x: 'k#'}",
        ["9:12: secrets[0].data.x: nothing after the # (write KEY#PROPERTY, or KEY alone for the whole value)"],
    ),
    (
        "name: a\ndata: {x: '#p'}",
        ["9:12: secrets[0].data.x: not the name of an object (1 to 2048 characters, none of them a control character)"],
    ),
    (
        'name: a\ndata: {x: "k\\nl"}',
        ["9:12: secrets[0].data.x: not the name of an object (1 to 2048 characters, none of them a control character)"],
    ),
    ("name: a\ndata: {x: ../k}", ["9:12: secrets[0].data.x.key: dot segments (write it without)"]),
    ("name: a\ndata:\n  x: {key: ../k}", ["10:11: secrets[0].data.x.key: dot segments (write it without)"]),
    (
        "name: a\ndata: {x: {store: mian, key: k}}",
        ["9:16: secrets[0].data.x.store: there is no store 'mian' (did you mean main?)"],
    ),
    (
        "name: a\nstore: other\ndata: {x: k, y: l}",
        ["9:5: secrets[0].store: there is no store 'other' (declare it under `stores`)"],
    ),
    ("name: a\ndata: {x: {property: p}}", ["9:12: secrets[0].data.x.key: missing (name the object in the store)"]),
    (
        "name: a\ndata: {x: {key: k, property: p, query: q}}",
        ["9:37: secrets[0].data.x.query: property and query exclude each other (keep one of them)"],
    ),
    (
        "name: a\ndata: {x: {key: k, query: 'a['}}",
        [
            "9:24: secrets[0].data.x.query: not a JMESPath expression: Incomplete expression (see jmespath.org for the language)"
        ],
    ),
    (
        "name: a\ndata: {x: {key: k, decode: base46}}",
        ["9:24: secrets[0].data.x.decode: 'base46' is not one of base64, base64url, hex, none (did you mean base64?)"],
    ),
    (
        "name: a\ndata: {x: {literal: t, key: k}}",
        ["9:12: secrets[0].data.x: a literal stands alone (leave out the other fields, or the literal)"],
    ),
    (
        "name: a\ndata: {x: {literal: t, optional: true}}",
        ["9:12: secrets[0].data.x: a literal stands alone (leave out the other fields, or the literal)"],
    ),
    (
        "name: a\ndata: {x: {key: k, propperty: p}}",
        ["9:24: secrets[0].data.x.propperty: unknown field (did you mean property?)"],
    ),
    (
        "name: a\ndataFrom: [{key: k}, {key: K}]",
        ["9:26: secrets[0].dataFrom[1]: this entry stands here twice (remove one of them)"],
    ),
    (
        "name: a\ndataFrom: [{literal: k}]",
        [
            "9:17: secrets[0].dataFrom[0].literal: unknown field (known here: store, key, property, query, version, mount, decode, optional, metadata, find, dynamic, keys, overrides)"
        ],
    ),
    ("name: a\ndata: {x: k}\ninterval: 9s", ["10:5: secrets[0].interval: shorter than 10s (write at least 10s)"]),
    (
        "name: a\ndata: {x: k}\ninterval: 300",
        ["10:5: secrets[0].interval: '300' is not a duration (write it as 30s, 5m, 1h30m or 7d)"],
    ),
    (
        "name: a\ndata: {x: k}\nschedule: 0 3 * *",
        [
            '10:5: secrets[0].schedule: not a crontab line: 4 fields (five fields: minute, hour, day of month, month, day of week, such as "0 3 * * *")'
        ],
    ),
    (
        "name: a\ndata: {x: k}\nschedule: 0 3 * * *\ninterval: 1m",
        ["10:5: secrets[0].schedule: interval and schedule exclude each other (keep one of them)"],
    ),
    (
        "name: a\ndata: {x: k}\ntimeZone: UTC",
        ["10:5: secrets[0].timeZone: a time zone goes with a schedule (leave it out)"],
    ),
    (
        "name: a\ndata: {x: k}\nschedule: 0 3 * * *\ntimeZone: Europe/Berlim",
        ["11:5: secrets[0].timeZone: there is no time zone 'Europe/Berlim' (did you mean Europe/Berlin?)"],
    ),
    (
        "name: a\ndata: {x: k}\nlabels: {a b: c}",
        [
            "10:14: secrets[0].labels['a b']: not a valid key: NAME or DOMAIN/NAME, the name of at most 63 letters, digits, -, _ and ."
        ],
    ),
    (
        "name: a\ndata: {x: k}\nlabels: {a: -}",
        [
            "10:14: secrets[0].labels.a: not a label value: at most 63 letters, digits, -, _ and ., a letter or digit at both ends"
        ],
    ),
    (
        "name: a\ndata: {x: k}\nannotations: {syncd.dev/owner: x}",
        ["10:19: secrets[0].annotations['syncd.dev/owner']: syncd sets this one itself"],
    ),
    (
        "name: a\ndata: {x: k}\nlabels: {a: null}",
        ['10:14: secrets[0].labels.a: expected text, not nothing (a text may be "" or "null" in quotes)'],
    ),
    ("name: a\ndata: {x: k}\nallowEmpty: [y]", ["10:18: secrets[0].allowEmpty[0]: no such key under data"]),
    ("name: a\ndata: {x: k}\nid: a b", ["10:5: secrets[0].id: not an id (letters, digits, -, _, . and /)"]),
    (
        "name: a\ndata: {x: k}\ntarget: defualt",
        ["10:5: secrets[0].target: there is no target 'defualt' (did you mean default?)"],
    ),
]


@pytest.mark.parametrize(("body", "expected"), MAPPING_MISTAKES, ids=[body for body, _ in MAPPING_MISTAKES])
def test_a_mistake_in_a_mapping_is_told_with_its_place(tmp_path: Path, body: str, expected: list[str]) -> None:
    assert told(tmp_path, mapping(body)) == [f"syncd.yaml:{line}" for line in expected]


NOT_YET = [
    "namespaces: [a]",
    "namespaceSelector: {matchLabels: {a: b}}",
    "movedFrom: a/b",
    "restart: [a]",
    "keepVersions: 3",
    "refresh: onChange",
    "refresh: once",
    "immutable: versioned",
]


@pytest.mark.parametrize("field", NOT_YET)
def test_a_field_of_later_is_known_and_refused(tmp_path: Path, field: str) -> None:
    name = field.partition(":")[0]
    expected = [f"syncd.yaml:10:5: secrets[0].{name}: not supported yet"]
    assert told(tmp_path, mapping(f"name: a\ndata: {{x: k}}\n{field}")) == expected

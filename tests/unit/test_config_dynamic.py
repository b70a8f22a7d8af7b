"""`dynamic` in the file: what it becomes, and what is told of a mistake."""

from pathlib import Path

import pytest

from syncd.model.selection import KeyRules, Lease
from tests.unit.test_config_entries import loaded, mistakes


def test_an_entry_becomes_a_lease(tmp_path: Path) -> None:
    body = """\
dataFrom:
- store: other
  dynamic: {path: /database/creds/app/, parameters: {ttl: 1h, max: 1.10}}
  keys: {prefix: DB_}
  overrides: true
- dynamic: {path: pki/issue/web}"""
    (mapping,) = loaded(tmp_path, body).mappings
    parameters = (("max", "1.10"), ("ttl", "1h"))
    assert mapping.data_from == (
        Lease("other", "database/creds/app", parameters, overrides=True, keys=KeyRules(prefix="DB_")),
        Lease("main", "pki/issue/web"),
    )
    assert mapping.leases() == mapping.data_from
    assert mapping.stores() == {"main", "other"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("dataFrom: [{dynamic: {}}]", ["11:15: dataFrom[0].dynamic.path: missing"]),
        ("dataFrom: [{dynamic: {path: a/b, ttl: 1h}}]", ["11:36: dataFrom[0].dynamic.ttl: unknown field"]),
        (
            "dataFrom: [{dynamic: {path: creds}}]",
            ["11:25: dataFrom[0].dynamic.path: 'creds' is no path of an engine"],
        ),
        (
            "dataFrom: [{store: plain, dynamic: {path: a/b}}]",
            ["11:29: dataFrom[0].dynamic: a store of this type issues no short-lived secrets (name a Vault store)"],
        ),
        (
            "dataFrom: [{store: mian, dynamic: {path: a/b}}]",
            ["11:15: dataFrom[0].store: there is no store 'mian' (did you mean main?)"],
        ),
        (
            "dataFrom: [{dynamic: {path: a/b}, mount: secret, optional: true}]",
            [
                "11:37: dataFrom[0].mount: mount and dynamic exclude each other (the path holds the mount)",
                "11:52: dataFrom[0].optional: what is issued is never optional (leave it out)",
            ],
        ),
        (
            "dataFrom: [{dynamic: {path: a/b}, find: {}, key: k}]",
            [
                "11:37: dataFrom[0].find: find and dynamic exclude each other (keep one of them)",
                "11:47: dataFrom[0].key: key and dynamic exclude each other (keep one of them)",
            ],
        ),
        (
            "dataFrom: [{dynamic: {path: a/b}}]\nimmutable: true",
            [
                (
                    "12:3: immutable: a Secret with a short-lived secret has to change "
                    "(leave it out: a short-lived secret is replaced again and again)"
                )
            ],
        ),
        (
            'dataFrom: [{dynamic: {path: a/b}}]\ntemplate: {data: {k: "{{ username }}"}, keep: false}',
            [
                (
                    "12:43: template.keep: it would drop the keys of a short-lived secret "
                    "(say `keep: true`: their values stand in the Secret and nowhere else)"
                )
            ],
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, body: str, expected: list[str]) -> None:
    told = mistakes(tmp_path, body)
    assert [each.partition(" (known here")[0] for each in told] == expected

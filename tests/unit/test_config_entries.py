"""Entries of `dataFrom` and metadata, as the file says them: what they become, and what is told of a mistake."""

from pathlib import Path

import pytest

from syncd.config.files import ConfigurationError
from syncd.config.load import load
from syncd.config.settings import Configuration
from syncd.model.reference import Query, RemoteRef
from syncd.model.selection import Extract, Finding, KeyRules, Selection
from syncd.testing.memory_provider import SPEC, MemoryProvider
from tests.unit.shelf import SPECS, told
from tests.unit.shelf import mapping as on_a_shelf

HEAD = """\
version: 1
instance: prod
target: {directory: {path: out}}
stores:
  main: {type: memory}
  other: {type: memory}
  plain: {type: shelf, address: here}
defaults: {store: main, namespace: team}
secrets:
- name: a
"""
"""Ten lines; the fields of the mapping follow from line 11 on."""


def loaded(folder: Path, body: str) -> Configuration[MemoryProvider]:
    (folder / "syncd.yaml").write_text(HEAD + "".join(f"  {line}\n" for line in body.splitlines()))
    found: Configuration[MemoryProvider] = load(folder / "syncd.yaml", {"memory": SPEC, **SPECS})  # type: ignore[dict-item]  # create gives others
    return found


def mistakes(folder: Path, body: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        loaded(folder, body)
    return [
        str(each).replace(f"{folder}/syncd.yaml:", "").replace("secrets[0].", "") for each in caught.value.diagnostics
    ]


def test_a_find_becomes_a_canonical_query(tmp_path: Path) -> None:
    body = """\
dataFrom:
- store: other
  mount: kv
  find: {path: prod/app, name: "^[a-z]+$", tags: {team: payments, env: 1.10}}
  decode: base64
  overrides: true
- find: {}"""
    (mapping,) = loaded(tmp_path, body).mappings
    tags = (("env", "1.10"), ("team", "payments"))
    assert mapping.data_from == (
        Finding(Query("other", "prod/app/", "^[a-z]+$", tags, "kv"), "base64", overrides=True),
        Finding(Query("main")),
    )
    assert mapping.stores() == {"main", "other"}


def test_rules_for_keys_are_taken_as_they_stand(tmp_path: Path) -> None:
    body = r"""dataFrom:
- key: k
  keys:
    include: ["^A"]
    exclude: ["9$"]
    rename: {old: new, a: b}
    replace: [{pattern: "(.)-", with: '\1_'}, {pattern: x, with: ""}]
    prefix: APP_"""
    (mapping,) = loaded(tmp_path, body).mappings
    rules = KeyRules(("^A",), ("9$",), (("a", "b"), ("old", "new")), (("(.)-", r"\1_"), ("x", "")), "APP_")
    assert mapping.data_from == (Extract(Selection(RemoteRef("main", "k")), keys=rules),)


def test_metadata_is_another_part_of_the_object(tmp_path: Path) -> None:
    body = "data: {team: {key: k, metadata: team.name}, v: k}"
    (mapping,) = loaded(tmp_path, body).mappings
    assert dict(mapping.data) == {
        "team": Selection(RemoteRef("main", "k", part="metadata"), "team.name"),
        "v": Selection(RemoteRef("main", "k")),
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            'dataFrom: [{find: {name: "a("}}]',
            ["11:22: dataFrom[0].find.name: not a pattern: missing ): a( (the language is that of RE2)"],
        ),
        (
            "dataFrom: [{find: {path: a/../b}}]",
            ["11:22: dataFrom[0].find.path: 'a/../b' is no path (write the beginning of the names)"],
        ),
        (
            "dataFrom: [{store: plain, find: {}}]",
            ["11:29: dataFrom[0].find: a store of this type cannot be searched (name each object with `key`)"],
        ),
        (
            "dataFrom: [{store: oher, find: {}}]",
            ["11:15: dataFrom[0].store: there is no store 'oher' (did you mean other?)"],
        ),
        (
            "dataFrom: [{key: k, find: {}, optional: true}]",
            [
                "11:15: dataFrom[0].key: key and find exclude each other (keep one of them)",
                "11:33: dataFrom[0].optional: a find is never optional (`allowEmpty` lets it find nothing)",
            ],
        ),
        ("dataFrom: [{find: {patth: a}}]", ["11:22: dataFrom[0].find.patth: unknown field (did you mean path?)"]),
        (
            "dataFrom: [{keys: {}}]",
            [
                (
                    "11:14: dataFrom[0]: it has neither key, find nor dynamic "
                    "(name an object in the store, look for some, or have one issued)"
                )
            ],
        ),
        (
            "dataFrom: [{find: {}}, {find: {}}]",
            ["11:26: dataFrom[1]: this entry stands here twice (remove one of them)"],
        ),
        (
            'dataFrom: [{key: k, keys: {include: [a, "("], exclude: ["[z"]}}]',
            [
                "11:43: dataFrom[0].keys.include[1]: not a pattern: missing ): ( (the language is that of RE2)",
                "11:59: dataFrom[0].keys.exclude[0]: not a pattern: missing ]: [z (the language is that of RE2)",
            ],
        ),
        (
            r"dataFrom: [{key: k, keys: {replace: [{pattern: a, with: '\1'}]}}]",
            [
                (
                    r"11:53: dataFrom[0].keys.replace[0].with: \1 stands for no group, of which the pattern has 0 "
                    r"(write \1 for the first group, and \\ for a backslash)"
                )
            ],
        ),
        (
            'dataFrom: [{key: k, keys: {replace: [{pattern: "*", with: b}]}}]',
            [
                (
                    "11:41: dataFrom[0].keys.replace[0].pattern: not a pattern: no argument for repetition operator: * "
                    "(the language is that of RE2)"
                )
            ],
        ),
        (
            'dataFrom: [{key: k, keys: {rename: {a: ""}}}]',
            ["11:39: dataFrom[0].keys.rename.a: a key without a name (`exclude` leaves a key out)"],
        ),
        (
            "dataFrom: [{key: k, metadata: m}]",
            ["11:23: dataFrom[0].metadata: dataFrom takes many keys, and metadata is one text (take it with `data`)"],
        ),
        (
            "data: {a: {key: k, metadata: m, property: p}}",
            ["11:22: data.a.metadata: metadata stands for property and query (keep one of them)"],
        ),
        ('data: {a: {key: k, metadata: ""}}', ["11:22: data.a.metadata: empty (write the name of a tag)"]),
        (
            "data: {a: {store: plain, key: k, metadata: m}}",
            ["11:36: data.a.metadata: a store of this type keeps no metadata (leave it out)"],
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, body: str, expected: list[str]) -> None:
    assert mistakes(tmp_path, body) == expected


def test_an_entry_that_only_looks_alike_stands_beside_the_other(tmp_path: Path) -> None:
    body = "dataFrom: [{key: k, keys: {include: [a]}}, {key: k, keys: {include: [b]}}]"
    (mapping,) = loaded(tmp_path, body).mappings
    assert len(mapping.data_from) == 2


def test_a_pattern_longer_than_anybody_reads_is_refused(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, f"dataFrom: [{{find: {{name: {'a' * 1001}}}}}]")
    assert "longer than 1000 characters" in line


def test_a_query_of_a_store_that_is_broken_itself_is_told_once(tmp_path: Path) -> None:
    source = on_a_shelf("name: a\ndataFrom: [{store: main, find: {}}]").replace("address: here", "addres: here")
    assert all("find" not in line for line in told(tmp_path, source))

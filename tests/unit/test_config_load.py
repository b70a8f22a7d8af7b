"""Whole configurations: what they mean, and that nothing else comes out of one than itself or its problems."""

from pathlib import Path
from typing import NoReturn

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.config.files import ConfigurationError
from syncd.config.load import load
from syncd.config.settings import DirectoryTarget, KubernetesTarget
from syncd.model.mapping import SecretKey
from syncd.model.position import Position
from syncd.model.reference import RemoteRef
from syncd.model.selection import Extract, Literally, Selection
from syncd.model.store import Timeouts
from tests.unit.shelf import HEAD, SPECS, loaded, mapping, told


def test_two_mappings_of_one_secret_are_refused_and_both_are_named(tmp_path: Path) -> None:
    team = "version: 1\nsecrets: [{name: a, data: {x: k}}]\n"
    (line,) = told(tmp_path, mapping("name: a\ndata: {x: k}") + "include: [t.yaml]\n", t=team)
    assert line.startswith("t.yaml:2:12: secrets[0].name: another mapping writes the Secret team/a too")
    assert line.endswith("(the other one stands at syncd.yaml:8:5)")


def test_two_mappings_of_one_id_are_refused(tmp_path: Path) -> None:
    source = HEAD + "secrets:\n- {name: a, id: i, data: {x: k}}\n- {name: b, id: i, data: {x: k}}\n"
    assert told(tmp_path, source) == [
        "syncd.yaml:9:13: secrets[1].id: another mapping has the id i too (it stands at syncd.yaml:8:3)"
    ]


def test_a_broken_store_is_told_once_and_not_at_its_references(tmp_path: Path) -> None:
    source = mapping("name: a\ndata: {x: ../k, y: l}").replace("address: here", "address: nowhere")
    assert told(tmp_path, source) == ["syncd.yaml:5:23: stores.main.address: nothing is there (name a place)"]


def test_an_included_file_has_its_own_syntax_problems_beside_the_others(tmp_path: Path) -> None:
    found = told(tmp_path, HEAD + "include: [a.yaml, b.yaml, c.yaml]\n", a="x: [", b="version: 1\ntarget: {}\n", c="")
    assert [line.partition(": ")[0] for line in found] == ["a.yaml:2:1", "b.yaml:2:1", "c.yaml:1:1"]
    assert "target: unknown field" in found[1]


def test_a_file_of_mappings_over_one_mebibyte_is_refused(tmp_path: Path) -> None:
    found = told(tmp_path, HEAD + "include: [big.yaml]\n", big="version: 1\n" + "#" * 1024 * 1024)
    assert found == ["big.yaml:1:1: the file is larger than 1048576 bytes (split it)"]


def test_the_main_file_may_be_larger(tmp_path: Path) -> None:
    loaded(tmp_path, HEAD + "#" * 1024 * 1024 * 2 + "\n")


def test_a_file_that_is_not_there_is_a_problem_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "none.yaml", SPECS)
    assert str(caught.value) == (
        f"{tmp_path}/none.yaml:1:1: the file cannot be read: No such file or directory "
        "(name the file with `--config FILE`, or run syncd in its folder)"
    )


def test_a_link_that_leads_nowhere_says_so(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").symlink_to("gone.yaml")
    found = told(tmp_path, HEAD + "include: [team.yaml]\n")
    assert len(found) == 1
    assert found[0].startswith("team.yaml:1:1: the file cannot be read: No such file or directory")
    assert found[0].endswith("(it is a link that leads nowhere: correct it)")


def test_a_file_that_may_not_be_read_says_what_to_look_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's answer is made up, since root may read everything."""
    (tmp_path / "syncd.yaml").write_text(HEAD)

    def closed(_path: Path, _mode: str) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "syncd.yaml", SPECS)
    assert str(caught.value).endswith(
        "syncd.yaml:1:1: the file cannot be read: Permission denied "
        "(let the user that runs syncd read it: `ls -l` shows its owner and mode)"
    )


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, SPECS)
    assert str(caught.value).endswith(":1:1: this is not a file (name a YAML file)")


def test_a_file_included_twice_is_read_once(tmp_path: Path) -> None:
    team = "version: 1\nsecrets: [{name: a, data: {x: k}}]\n"
    found = loaded(tmp_path, HEAD + "include: [teams/*.yaml, teams/a.yaml, '*.yaml']\n", teams_a=team)
    assert [m.key.name for m in found.mappings] == ["a"]
    assert found.files == (tmp_path / "syncd.yaml", tmp_path / "teams/a.yaml")


def test_everything_that_a_mapping_can_say_arrives(tmp_path: Path) -> None:
    source = mapping(
        """
        name: a.b
        namespace: other
        id: my/id
        type: tls
        labels: {n: 1.10, b: true, i: 8}
        annotations: {note: "two\\nlines"}
        data:
          tls.crt: Web/TLS#crt
          tls.key: {key: web/tls, property: key, version: 8, mount: m, decode: base64, optional: true}
          q: {key: web/tls, query: "a.b"}
          whole: {store: main, key: "k#1"}
          host: {literal: 080}
        dataFrom:
        - {key: all}
        - {key: all, overrides: true}
        allowEmpty: [q]
        schedule: 0 3 * * *
        timeZone: UTC
        suspend: true
        adopt: true
        merge: true
        immutable: true
        refresh: periodic
        whenSourceGone: delete
        whenMappingGone: delete
        """
    )
    (found,) = loaded(tmp_path, source).mappings
    ref = RemoteRef("main", "web/tls", "", "shelf")
    assert found.id == "my/id"
    assert found.key == SecretKey("default", "other", "a.b")
    assert found.origin == Position(str(tmp_path / "syncd.yaml"), 8, 5)
    assert found.type == "kubernetes.io/tls"
    assert found.labels == (("b", "true"), ("i", "8"), ("n", "1.10"))
    assert found.annotations == (("note", "two\nlines"),)
    assert found.data == (
        ("tls.crt", Selection(ref, "crt")),
        ("tls.key", Selection(RemoteRef("main", "web/tls", "8", "m"), "key", None, "base64", optional=True)),
        ("q", Selection(ref, None, "a.b")),
        ("whole", Selection(RemoteRef("main", "k#1", "", "shelf"))),
        ("host", Literally("080")),
    )
    everything = Selection(RemoteRef("main", "all", "", "shelf"))
    assert found.data_from == (Extract(everything), Extract(everything, overrides=True))
    assert found.allow_empty == frozenset({"q"})
    assert (found.schedule, found.time_zone) == ("0 3 * * *", "UTC")
    assert (found.suspend, found.adopt, found.merge, found.immutable) == (True, True, True, True)
    assert (found.when_source_gone, found.when_mapping_gone) == ("delete", "delete")


def test_a_short_mapping_gets_the_defaults_of_its_file_over_those_of_the_platform(tmp_path: Path) -> None:
    main = HEAD.replace("namespace: team}", "namespace: team, interval: 1m, labels: {a: x, b: x}, annotations: {n: m}}")
    team = (
        "version: 1\ndefaults: {namespace: pay, labels: {b: y}}\nsecrets: [{name: s, labels: {c: z}, data: {x: k}}]\n"
    )
    (found,) = loaded(tmp_path, main + "include: [t.yaml]\n", t=team).mappings
    assert (found.id, found.key) == ("pay/s", SecretKey("default", "pay", "s"))
    assert found.labels == (("a", "x"), ("b", "y"), ("c", "z"))
    assert found.annotations == (("n", "m"),)
    assert (found.interval, found.type, found.when_source_gone) == (60.0, "Opaque", "keep")


def test_several_targets_want_to_be_named(tmp_path: Path) -> None:
    source = mapping("name: a\ndata: {x: k}").replace(
        "target: {kubernetes: {}}",
        "targets: {one: {kubernetes: {context: c, kubeconfig: k.yaml}}, two: {directory: {path: out}}}",
    )
    assert told(tmp_path, source) == [
        "syncd.yaml:8:5: secrets[0].target: missing, since there are several targets (one of one, two)"
    ]
    found = loaded(tmp_path, source.replace("    data:", "    target: two\n    data:"))
    assert found.mappings[0].key.target == "two"
    assert found.targets == {
        "one": KubernetesTarget("one", kubeconfig=tmp_path / "k.yaml", context="c"),
        "two": DirectoryTarget("two", tmp_path / "out"),
    }


def test_what_every_store_takes_reaches_the_store(tmp_path: Path) -> None:
    store = (
        "{type: shelf, address: here, timeouts: {total: 1m}, proxy: 'http://p:3128', plaintext: mesh, formerly: old, "
        "limits: {requestsPerSecond: 2.5, concurrency: 3}, tls: {caFile: ca.pem}, shelfMark: 8}"
    )
    found = loaded(tmp_path, HEAD.replace("{type: shelf, address: here}", store)).stores["main"]
    assert (found.requests_per_second, found.concurrency, found.formerly) == (2.5, 3, "old")
    assert found.origin == Position(str(tmp_path / "syncd.yaml"), 5, 3)
    given_settings = found.provider.store
    assert given_settings.timeouts == Timeouts(total=60.0)
    assert (given_settings.proxy, given_settings.plaintext) == ("http://p:3128", True)
    assert (given_settings.base, given_settings.tls.ca_file) == (tmp_path, tmp_path / "ca.pem")
    assert found.provider.options.shelf_mark == 8


def test_types_that_mint_credentials_can_be_allowed(tmp_path: Path) -> None:
    body = "name: a\ntype: service-account-token\nannotations: {kubernetes.io/service-account.name: x}\ndata: {x: k}"
    found = loaded(tmp_path, mapping(body) + "guards: {allowTypes: [service-account-token]}\n")
    assert found.mappings[0].type == "kubernetes.io/service-account-token"
    assert found.guards.allow_types == frozenset({"kubernetes.io/service-account-token"})


def test_the_home_namespace_is_protected_even_where_no_other_is(tmp_path: Path) -> None:
    source = (
        mapping("name: a\nnamespace: vaulted\ndata: {x: k}")
        + "home: {namespace: vaulted}\nguards: {protectedNamespaces: []}\n"
    )
    assert "vaulted is a protected namespace" in told(tmp_path, source)[0]


def test_relative_paths_start_at_the_file_that_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/syncd.yaml").write_text(HEAD + "home: {keyFile: key}\n")
    monkeypatch.chdir(tmp_path)
    found = load(Path("c/syncd.yaml"), SPECS)
    assert found.file == tmp_path / "c/syncd.yaml"
    assert found.home.key_file == tmp_path / "c/key"
    assert found.stores["main"].origin.file == "c/syncd.yaml"


QUIET = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUIET
@given(st.binary(max_size=1000))
def test_any_bytes_are_a_configuration_or_a_configuration_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "fuzz.yaml").write_bytes(data)
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "fuzz.yaml", SPECS)
    assert caught.value.diagnostics


WORDS = """
version instance target targets kubernetes directory path stores main type shelf address token tls proxy timeouts
limits formerly defaults store namespace labels annotations interval secrets name data dataFrom key property query
decode literal find guards maxDeletes count percent allowTypes home daemon listen log level include schedule timeZone
id a b x
"""
NAMES = st.sampled_from(WORDS.split())
SCALARS = st.none() | st.booleans() | st.integers(-2, 300) | NAMES | st.text(max_size=8)
VALUES: st.SearchStrategy[object] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=30
)


@QUIET
@given(st.dictionaries(NAMES, VALUES, max_size=8), VALUES)
def test_any_tree_of_known_words_is_a_configuration_or_a_configuration_error(
    tmp_path: Path, tree: dict[str, object], item: object
) -> None:
    whole = {"version": 1, "instance": "a", "target": {"kubernetes": {}}, **tree, "secrets": [item]}
    whole.pop("include", None)
    (tmp_path / "fuzz.yaml").write_bytes(msgspec.json.encode(whole))
    try:
        load(tmp_path / "fuzz.yaml", SPECS)
    except ConfigurationError as error:
        lines = [str(diagnostic) for diagnostic in error.diagnostics]
        assert len(set(lines)) == len(lines)

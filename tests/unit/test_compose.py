"""From a configuration file and options to what a verb works with."""

import json
from pathlib import Path

import pytest

from syncd.cli.compose import load_configuration, opened_for_reading, opened_for_writing, own_namespace
from syncd.cli.stop import Stop
from syncd.keys import KEY_BYTES, InstanceKey
from syncd.model.inventory import Entry, Inventory
from syncd.model.mapping import SecretKey
from syncd.redact import SecretValue
from syncd.target import kube_login
from tests.unit.command_line import options

KUBECONFIG = {
    "clusters": [{"name": "kind", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "me", "user": {"token": "t"}}],
    "contexts": [{"name": name, "context": {"cluster": "kind", "user": "me"}} for name in ("one", "two")],
    "current-context": "one",
}
FOLDER = {"directory": {"path": "out"}}
CLUSTER = {"kubernetes": {"kubeconfig": "kubeconfig"}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    (tmp_path / "kubeconfig").write_text(json.dumps(KUBECONFIG))
    (tmp_path / "values.yaml").write_text("app: {k: v}\n")
    return tmp_path


def configure(folder: Path, *names: str, **top: object) -> None:
    data = {"k": {"literal": "v"}}
    content: dict[str, object] = {
        "version": 1,
        "instance": "prod",
        "target": FOLDER,
        "secrets": [
            {"namespace": name.partition("/")[0], "name": name.partition("/")[2], "data": data} for name in names
        ],
    }
    (folder / "syncd.yaml").write_text(json.dumps(content | top))


def selected(*patterns: str) -> list[str]:
    with opened_for_reading(options(select=list(patterns))) as parts:
        return [str(mapping.key) for mapping in parts.mappings]


# Which Secrets


def test_globs_select_by_namespace_and_name(folder: Path) -> None:
    configure(folder, "a/x", "a/y", "b/x")

    assert selected() == ["a/x", "a/y", "b/x"]
    assert selected("a/*") == ["a/x", "a/y"]
    assert selected("*/x") == ["a/x", "b/x"]
    assert selected("b/?", "a/y") == ["a/y", "b/x"]
    assert selected("*") == ["a/x", "a/y", "b/x"]


@pytest.mark.parametrize("names", [["a/x"], []])
def test_every_pattern_has_to_match_something(folder: Path, names: list[str]) -> None:
    configure(folder, *names)

    with pytest.raises(Stop, match=r"A/X matches no Secret of syncd\.yaml") as stop:
        selected("*", "A/X") if names else selected("A/X")
    assert stop.value.code == 2


def test_nothing_outside_a_selection_is_an_orphan(folder: Path) -> None:
    configure(folder, "a/x")
    inventory = Inventory(
        {SecretKey("default", "a", "left"): Entry(SecretKey("default", "a", "left"), "", "m", "keep", frozenset({""}))}
    )
    with opened_for_reading(options()) as parts:
        standing = parts.standing(None, options())

        assert [entry.key.name for entry in parts.orphans(standing, inventory, options())] == ["left"]
        assert parts.orphans(standing, inventory, options(select=["a/x"])) == []


# Which cluster


def test_who_writes_says_which_cluster(folder: Path) -> None:
    configure(folder, "a/x", target=CLUSTER)

    with pytest.raises(Stop, match="pass `--context one`") as stop, opened_for_writing(options()):
        pass
    assert stop.value.code == 3
    with opened_for_reading(options()) as parts:
        assert parts.describe() == "cluster kind (context one)"
    with opened_for_writing(options(context="two")) as writing:
        assert writing.describe() == "cluster kind (context two)"


def test_a_context_that_is_not_there_is_named_with_those_that_are(folder: Path) -> None:
    configure(folder, "a/x", target=CLUSTER)

    with (
        pytest.raises(Stop, match=r"no context three \(it has: one, two\)") as stop,
        opened_for_reading(options(context="three")),
    ):
        pass
    assert stop.value.code == 3


@pytest.mark.parametrize(
    ("targets", "word"),
    [({"one": FOLDER}, "none"), ({"one": CLUSTER, "two": CLUSTER}, "2: write a `context` under each")],
)
def test_a_context_on_the_command_line_is_for_one_cluster(folder: Path, targets: object, word: str) -> None:
    configure(folder, target=None, targets=targets)
    content = json.loads((folder / "syncd.yaml").read_text())
    del content["target"]
    (folder / "syncd.yaml").write_text(json.dumps(content))

    with pytest.raises(Stop, match=word) as stop, opened_for_writing(options(context="one")):
        pass
    assert stop.value.code == 2


def test_folders_alone_need_no_home_and_no_key(folder: Path) -> None:
    configure(folder, "a/x")

    with opened_for_writing(options()) as parts:
        assert parts.home is None
        assert parts.instance(None).plain_targets == {"default"}
        assert parts.instance(None).may_write("default")
        assert parts.instance(None).configuration == str(folder / "syncd.yaml")


def test_a_configuration_may_have_a_name_of_its_own(folder: Path) -> None:
    configure(folder, "a/x", home={"configuration": "platform"})

    with opened_for_reading(options()) as parts:
        assert parts.instance(None).configuration == "platform"


# The home namespace


@pytest.fixture
def pod(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    account = folder / "serviceaccount"
    account.mkdir()
    (account / "namespace").write_text("own-one\n")
    (account / "token").write_text("t")
    monkeypatch.setattr(kube_login, "SERVICE_ACCOUNT", account)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    return account


def test_the_home_namespace_is_the_pods_own_in_a_pod(folder: Path, pod: Path) -> None:
    environment = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}

    assert kube_login.own_namespace(environment, pod) == "own-one"
    assert kube_login.own_namespace({}, pod) is None
    assert kube_login.own_namespace(environment, folder) is None
    assert own_namespace(environment) == "own-one"
    assert own_namespace({}) == "syncd"


@pytest.mark.usefixtures("pod")
def test_no_mapping_writes_to_the_pods_own_namespace(folder: Path) -> None:
    configure(folder, "own-one/x", "syncd/x")

    with pytest.raises(Stop) as stop:
        load_configuration(options())

    assert "secrets[0].namespace" in str(stop.value)
    assert "secrets[1]" not in str(stop.value)


def test_no_mapping_writes_to_the_usual_home_outside_of_a_pod(folder: Path) -> None:
    configure(folder, "own-one/x", "syncd/x")

    with pytest.raises(Stop) as stop:
        load_configuration(options())

    assert "secrets[1].namespace" in str(stop.value)
    assert "secrets[0]" not in str(stop.value)


# What a run may do


def test_the_daemon_is_told_nothing_and_apply_what_its_options_say(folder: Path) -> None:
    configure(folder, "a/x", guards={"maxDeletes": {"count": 3, "percent": 7}, "allowReplace": True})
    said = options(prune=True, allow_deletes=9, allow_changes=8)
    key = InstanceKey(SecretValue(bytes(KEY_BYTES)))

    with opened_for_reading(options()) as parts:
        daemon, apply = parts.standing(key, None), parts.standing(key, said)

    assert (daemon.rules.allow_deletes, daemon.rules.allow_changes) == (None, None)
    assert (apply.rules.prune, apply.rules.allow_deletes, apply.rules.allow_changes) == (True, 9, 8)
    for standing in (daemon, apply):
        assert (standing.rules.max_deletes_count, standing.rules.max_deletes_percent) == (3, 7)
        assert standing.rules.allow_replace
        assert standing.instance.key is key
        assert "syncd" in standing.rules.protected_namespaces
        assert standing.mappings_per_store == {("", ""): 1}

"""The page of recipes: each is loaded with the page's own configuration, and begins with a line that kubectl takes."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from syncd.config.load import load
from syncd.fetch.registry import Registry
from tests.authority import chain_of_three
from tests.documents import read
from tests.kubectl import NoSuchFormError, created, parsed
from tests.recipes import PAGE, Recipe, around, recipes, titles

RECIPES = recipes()
WITH_A_LINE = [each for each in RECIPES if each.kubectl]


def test_there_is_a_recipe_for_each_kind_of_secret_and_each_line_of_kubectl() -> None:
    assert {each.kind for each in RECIPES} >= {
        "Opaque",
        "kubernetes.io/tls",
        "kubernetes.io/dockerconfigjson",
        "kubernetes.io/basic-auth",
        "kubernetes.io/ssh-auth",
    }
    flags = {word.split("=")[0] for each in WITH_A_LINE for word in each.kubectl if word.startswith("--")}
    assert flags >= {"--from-literal", "--from-file", "--from-env-file", "--docker-server", "--cert", "--key", "--type"}
    assert len(titles()) > 25


def test_the_list_on_top_of_the_page_names_every_recipe_in_its_order() -> None:
    listed = re.findall(r"\[([^\]]+)\]\(#", read(PAGE).partition("\n## ")[0])
    assert [name.lower() for name in listed[1:]] == [title.lower() for title in titles()]


@pytest.mark.parametrize("each", RECIPES, ids=str)
def test_a_recipe_loads_with_the_configuration_of_its_page(each: Recipe, tmp_path: Path) -> None:
    (tmp_path / "syncd.yaml").write_text(f"{around()}include: [recipe.yaml]\n")
    (tmp_path / "recipe.yaml").write_text(each.file())
    found = load(tmp_path / "syncd.yaml", Registry())
    loaded = {mapping.key.name: mapping for mapping in found.mappings if mapping.key.name != "first"}
    assert list(loaded) == each.names()
    assert {mapping.type for mapping in loaded.values()} == {each.kind}


@pytest.mark.parametrize("each", RECIPES, ids=str)
def test_a_recipe_is_short(each: Recipe) -> None:
    assert 2 <= len(each.items.splitlines()) <= 15
    assert len(yaml.safe_load(each.items)) == len(each.names())


@pytest.mark.parametrize("each", WITH_A_LINE, ids=str)
def test_the_line_that_a_recipe_replaces_has_the_form_of_kubectl_and_the_name_of_the_secret(each: Recipe) -> None:
    given = parsed(each.kubectl)
    assert given.name == each.names()[0]


@pytest.mark.parametrize(
    "line",
    [
        "kubectl create secret generic a --from-litteral=k=v",
        "kubectl create secret generic a --from-lit=k=v",
        "kubectl create secret tls a --cert=c.pem",
        "kubectl create secret docker-registry a --from-literal=k=v",
        "kubectl create secret generic",
        "kubectl create configmap a --from-literal=k=v",
    ],
)
def test_a_line_that_kubectl_would_not_take_is_found_out(line: str) -> None:
    with pytest.raises(NoSuchFormError):
        parsed(line.split())


LINES = [
    ["generic", "a", "--from-literal=k=it's $5", "--from-literal=empty=", "--from-literal=b==x"],
    ["generic", "a", "--from-env-file=a.env", "--type=example.com/kind"],
    ["generic", "a", "--from-file=certs", "--from-file=x=key.pem", "--from-file=key.pem"],
    ["docker-registry", "a", "--docker-server=r.example.com", "--docker-username=u", "--docker-password=p"],
    ["docker-registry", "a", "--docker-username=u", "--docker-password=p", "--docker-email=a@example.com"],
    ["docker-registry", "a", "--from-file=.dockerconfigjson=config.json"],
    ["tls", "a", "--cert=certs/cert.pem", "--key=key.pem"],
]


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_what_a_line_makes_is_what_kubectl_makes_of_it(line: list[str], tmp_path: Path) -> None:
    leaf = chain_of_three()[0]
    (tmp_path / "certs").mkdir()
    for name, content in {
        "certs/cert.pem": leaf.pem,
        "key.pem": leaf.key_pem(),
        "a.env": b'# comment\n\nA=1\n  B=two words\nC="q"\n',
        "config.json": b'{"auths": {}}\n',
    }.items():
        (tmp_path / name).write_bytes(content)
    words = ["kubectl", "create", "secret", *line]
    made = created(words, tmp_path)
    assert made.data
    if program := shutil.which("kubectl"):
        done = subprocess.run(
            [program, *words[1:], "--dry-run=client", "-o", "json"], cwd=tmp_path, capture_output=True, check=True
        )
        said = json.loads(done.stdout)
        theirs = {key: base64.b64decode(value) for key, value in said["data"].items()}
        assert (said["metadata"]["name"], said.get("type", "Opaque"), theirs) == made

"""Every recipe of the page is applied from the real stores to the real cluster, and read back as the page says."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.integration.recipe_sources import docker_login, files, in_clouds, in_vault, once
from tests.kubectl import Made, created
from tests.recipes import Recipe, around, recipe, recipes, titles
from tests.servers.keyvault import KeyVault
from tests.servers.moto import Moto
from tests.servers.world import World

pytestmark = pytest.mark.kube

PASSWORD: Final = {"password": b"it is $5"}
WITHOUT_KUBECTL: Final[Mapping[str, Mapping[str, bytes]]] = {
    "Several registries": {
        ".dockerconfigjson": docker_login(
            ("ghcr.io", "shop-bot", "made-up-3"), ("registry.example.com", "robot", "made-up-2")
        )
    },
    "merge": PASSWORD,
    "immutable": PASSWORD,
    "removal": PASSWORD,
}
"""What comes of the recipes that no kubectl line stands for."""


@pytest.fixture(scope="session")
def made(shared_root: Path, moto: Moto, keyvault: KeyVault) -> dict[str, bytes]:
    """Return the files of the kubectl lines, the same for all tests of a run, and fill the stores that they share."""
    folder = shared_root / "recipes"
    with once(folder) as first:
        for name, content in files().items() if first else ():
            (folder / "files" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "files" / name).write_bytes(content)
        found = {
            str(path.relative_to(folder / "files")): path.read_bytes()
            for path in (folder / "files").rglob("*")
            if path.is_file()
        }
        if first:
            in_clouds(found, moto, keyvault)
    return found


@pytest.fixture
def shop(world: World, made: dict[str, bytes]) -> World:
    """Return a world with all that the recipes name, in its own mount and folder."""
    for name, content in made.items():
        (world.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (world.folder / name).write_bytes(content)
    in_vault(made, world.openbao, world.mount)
    return world


def configured(world: World, each: Recipe) -> None:
    """Write the page's configuration with the real stores under its names, and the recipe as an included file."""
    whole = yaml.safe_load(around())
    real = world.stores()
    stores = {name: real.get(store["type"], store) for name, store in whole["stores"].items()}
    world.configure([], stores=stores, defaults={**whole["defaults"], "namespace": world.namespace},
                    include=["recipe.yaml"])  # fmt: skip
    (world.folder / "recipe.yaml").write_text(each.file())


def expected(each: Recipe, folder: Path) -> Mapping[str, bytes]:
    """Give what kubectl would have made, or what is said here where it has no line."""
    return created(each.kubectl, folder).data if each.kubectl else WITHOUT_KUBECTL[each.title]


def read_back(world: World, name: str) -> Made:
    found = world.kube.secret(world.namespace, name)
    assert found is not None, f"{name} was not written"
    return Made(name, str(found["type"]), world.live(name))


def test_every_recipe_of_the_page_is_applied_here() -> None:
    without = {each.title for each in recipes() if not each.kubectl}
    assert set(WITHOUT_KUBECTL) == without, "say here what comes of a recipe without a kubectl line"


@pytest.mark.parametrize("title", titles())
def test_a_recipe_gives_what_its_page_says_and_what_kubectl_gave(title: str, shop: World) -> None:
    each = recipe(title)
    configured(shop, each)
    wanted = expected(each, shop.folder)
    assert set(wanted) == each.keys
    if title == "adopt":
        shop.kube.put_secret(shop.namespace, each.names()[0], wanted, kind=each.kind)
    shop.run("apply", "--yes")
    for name in each.names():
        assert read_back(shop, name) == Made(name, each.kind, dict(wanted))
    if each.kubectl:
        assert created(each.kubectl, shop.folder).kind == each.kind
    if each.shown.startswith("{"):
        assert json.loads(each.shown) == json.loads(next(iter(wanted.values())))
    elif each.shown:
        assert each.shown.encode() == next(iter(wanted.values()))
    assert "0 to create, 0 to update" in shop.run("diff").stdout


def test_what_is_said_of_merge_holds_of_a_key_that_another_puts_there(shop: World) -> None:
    configured(shop, recipe("merge"))
    shop.run("apply", "--yes")
    path = f"/api/v1/namespaces/{shop.namespace}/secrets/shared"
    added = {"stringData": {"theirs": "kept"}}
    shop.kube.do("PATCH", path, added, content_type="application/merge-patch+json")
    shop.openbao.put(shop.mount, "shop/db", {"username": "shop", "password": "made-up-13"})
    shop.run("apply", "--yes")
    assert shop.live("shared") == {"password": b"made-up-13", "theirs": b"kept"}


def test_what_is_said_of_adopt_holds_of_the_same_mapping_without_it(shop: World) -> None:
    each = recipe("adopt")
    configured(shop, each)
    text = (shop.folder / "recipe.yaml").read_text()
    (shop.folder / "recipe.yaml").write_text(text.replace("adopt: true", "adopt: false"))
    shop.kube.put_secret(shop.namespace, "by-hand", {"other": b"stays"})
    assert "not-owned" in shop.run("apply", "--yes", expect=1).stdout
    assert shop.live("by-hand") == {"other": b"stays"}


def applied(world: World, title: str) -> dict[str, object]:
    """Apply a recipe; give the whole Secret as the API has it."""
    each = recipe(title)
    configured(world, each)
    world.run("apply", "--yes")
    found: dict[str, object] | None = world.kube.secret(world.namespace, each.names()[0])
    assert found is not None
    return found


def test_labels_and_annotations_of_the_recipe_stand_on_the_secret(shop: World) -> None:
    metadata = applied(shop, "Labels and annotations")["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["labels"]["app.kubernetes.io/name"] == "shop"
    assert metadata["annotations"]["example.com/contact"] == "ops@example.com"


def test_the_immutable_secret_is_so(shop: World) -> None:
    assert applied(shop, "immutable")["immutable"] is True

"""The configuration with the real types of stores: the examples load, and the schema that is kept is current."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.config.convert import Shape
from syncd.config.document import MappingFileShape, PlatformShape
from syncd.config.files import ConfigurationError
from syncd.config.load import load
from syncd.config.schema import schema
from syncd.fetch.registry import Registry

CONFIG = Path(__file__).parents[2] / "config"


def test_the_example_loads_with_every_store_and_mapping() -> None:
    found = load(CONFIG / "examples/syncd.yaml", Registry())
    assert {store.type for store in found.stores.values()} == {"vault", "aws", "azure"}
    assert [str(mapping.key) for mapping in found.mappings] == [
        "payments/db-credentials",
        "payments/app-env",
        "payments/web-tls",
    ]


def test_the_schema_in_the_repository_is_the_current_one() -> None:
    current = json.dumps(schema(Registry()), indent=2, sort_keys=True) + "\n"
    assert (CONFIG / "syncd.schema.json").read_text() == current, "run `syncd schema > config/syncd.schema.json`"


def test_every_reference_inside_the_schema_leads_somewhere() -> None:
    whole = schema(Registry())
    definitions = whole["$defs"]
    assert isinstance(definitions, dict)
    references = set(_references(whole))
    assert references
    assert references <= {f"#/$defs/{name}" for name in definitions}


@pytest.mark.parametrize("shape", [PlatformShape, MappingFileShape])
def test_the_schema_names_every_field_of_a_file_and_no_other(shape: type[Shape]) -> None:
    definitions = schema(Registry())["$defs"]
    assert isinstance(definitions, dict)
    definition = definitions[shape.__name__.removesuffix("Shape")]
    assert list(definition["properties"]) == list(shape.__struct_encode_fields__)
    assert definition["additionalProperties"] is False


@pytest.mark.parametrize("kind", ["vault", "aws", "azure", "file"])
def test_a_store_in_the_schema_takes_its_options_and_what_every_store_takes(kind: str) -> None:
    registry = Registry()
    definitions = schema(registry)["$defs"]
    assert isinstance(definitions, dict)
    properties = definitions[f"store-{kind}"]["properties"]
    assert properties["type"] == {"const": kind}
    assert {"tls", "timeouts", "limits", "proxy", "formerly", "plaintext"} < properties.keys()
    assert set(registry[kind].options.__struct_encode_fields__) < properties.keys()


def test_mistakes_in_the_options_of_real_stores_have_their_places(tmp_path: Path) -> None:
    source = """\
version: 1
instance: a
target: {kubernetes: {}}
stores:
  v: {type: vault, address: "https://v:8200", auth: {token: hunter2}}
  w: {type: vault, adress: "https://v:8200", auth: {appRole: {roleId: r}}}
  a: {type: aws, region: eu-west-1, auth: {static: {accessKeyId: x, secretAccessKey: hunter2}}}
  k: {type: azure, vaultUrl: "https://kv.vault.azure.net", auth: {}}
  f: {type: file}
"""
    (tmp_path / "syncd.yaml").write_text(source)
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "syncd.yaml", Registry())
    lines = [str(line).removeprefix(f"{tmp_path}/syncd.yaml:") for line in caught.value.diagnostics]
    assert [line.split(": ")[1] for line in lines] == [
        "stores.v.auth.token",
        "stores.w.address",
        "stores.w.adress",
        "stores.w.auth.appRole.secretId",
        "stores.a.auth.static.secretAccessKey",
        "stores.k.auth",
        "stores.f.path",
    ]
    assert (
        lines[0]
        == "5:54: stores.v.auth.token: a credential is never written in the file (write {file: PATH} or {env: NAME})"
    )
    assert "hunter2" not in str(caught.value)


def test_references_are_read_the_way_their_store_reads_them(tmp_path: Path) -> None:
    source = """\
version: 1
instance: a
target: {kubernetes: {}}
stores:
  v: {type: vault, address: "https://v:8200", auth: {token: {env: T}}}
defaults: {namespace: n, store: v}
secrets:
- name: s
  data: {good: a/b#c, bad: a/../b}
"""
    (tmp_path / "syncd.yaml").write_text(source)
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "syncd.yaml", Registry())
    (diagnostic,) = caught.value.diagnostics
    assert str(diagnostic).startswith(f"{tmp_path}/syncd.yaml:9:23: secrets[0].data.bad")


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield inner
            yield from _references(inner)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def test_the_default_said_aloud_is_no_mistake(tmp_path: Path) -> None:
    mapping = "{name: s, namespace: n, restart: none, refresh: periodic, data: {k: {literal: v}}}"
    head = "version: 1\ninstance: a\ntarget: {directory: {path: out}}\n"
    (tmp_path / "syncd.yaml").write_text(f"{head}secrets:\n- {mapping}\n")
    assert len(load(tmp_path / "syncd.yaml", Registry()).mappings) == 1

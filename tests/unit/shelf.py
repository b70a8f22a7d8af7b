"""A made-up type of store, and small configurations that use it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import dedent

import msgspec
import pytest

from syncd.config.files import ConfigurationError
from syncd.config.load import load
from syncd.config.settings import Configuration
from syncd.fetch.credential import Credential
from syncd.fetch.seam import Call, ProviderSpec
from syncd.model.reference import Outcome, RemoteRef
from syncd.model.store import StoreSettings
from syncd.node import Problem, Text


class ShelfOptions(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Options of a made-up type of store."""

    address: Text
    token: Credential | None = None
    shelf_mark: Text = "a"
    depth: int = 1


class Shelf:
    """A provider that spells names in lower case and knows no dots in them."""

    batch_size = 1

    def __init__(self, options: ShelfOptions, store: StoreSettings) -> None:
        """Keep both, for a test to look at."""
        self.options = options
        self.store = store

    def canonical(self, ref: RemoteRef) -> RemoteRef | Problem:
        if ".." in ref.key:
            return Problem(("key",), "dot segments", "write it without")
        return ref._replace(key=ref.key.lower(), mount=ref.mount or "shelf")

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Iterable[tuple[RemoteRef, Outcome]]:
        raise NotImplementedError

    def relogin(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def check(options: ShelfOptions, _store: StoreSettings) -> Iterable[Problem]:
    if options.address == "nowhere":
        yield Problem(("address",), "nothing is there", "name a place")
    if options.token is not None:
        yield from options.token.check("token")


SPECS: Mapping[str, ProviderSpec[ShelfOptions]] = {"shelf": ProviderSpec("shelf", ShelfOptions, Shelf, check)}

HEAD = """\
version: 1
instance: prod
target: {kubernetes: {}}
stores:
  main: {type: shelf, address: here}
defaults: {store: main, namespace: team}
"""
"""Six lines; mappings and whatever else follow from line 7."""


def loaded(folder: Path, source: str, **others: str) -> Configuration[Shelf]:
    """Load `source` as syncd.yaml beside `others`, whose names stand without .yaml and with _ for /."""
    (folder / "syncd.yaml").write_text(source)
    for name, content in others.items():
        path = folder / (name.replace("_", "/") + ".yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    found: Configuration[Shelf] = load(folder / "syncd.yaml", SPECS)  # type: ignore[arg-type]  # create gives a Shelf
    return found


def told(folder: Path, source: str, **others: str) -> list[str]:
    """Give every line that a person is told, paths from the folder."""
    with pytest.raises(ConfigurationError) as caught:
        loaded(folder, source, **others)
    return [str(diagnostic).replace(f"{folder}/", "") for diagnostic in caught.value.diagnostics]


def mapping(body: str) -> str:
    """Put the fields of one mapping under HEAD; its first line is line 8, its fields from column 5."""
    lines = dedent(body).strip().splitlines()
    return HEAD + "secrets:\n  - " + "\n    ".join(lines) + "\n"

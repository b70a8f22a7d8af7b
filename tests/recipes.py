"""The recipes of docs/recipes.md, taken apart: the kubectl line, the mapping, and what the page says comes of it."""

import re
import shlex
import textwrap
from dataclasses import dataclass
from typing import Final

from tests.documents import commands_in, fences_in, read, section

PAGE: Final = "docs/recipes.md"
FIRST: Final = "Around every recipe"
"""The heading of the configuration that the recipes belong to."""
_GIVES: Final = re.compile(r"^Gives `([^`]+)`: ((?:`[^`]+`(?:, )?)+)\.", re.MULTILINE)


@dataclass(frozen=True)
class Recipe:
    """One section of the page."""

    title: str
    kubectl: tuple[str, ...]
    """The words of the kubectl line that it replaces; empty where kubectl has none."""
    items: str
    """The mappings, as they stand on the page: a YAML list."""
    kind: str
    """The Kubernetes type of the Secrets."""
    keys: frozenset[str]
    shown: str
    """The content of the Secret's one key, where the page shows it."""

    def __str__(self) -> str:
        """Name it in a test's id."""
        return self.title

    def file(self) -> str:
        """Give a file of mappings that may be included, with the recipe in it."""
        return f"version: 1\nsecrets:\n{textwrap.indent(self.items, '  ')}"

    def names(self) -> list[str]:
        """Give the names of the Secrets."""
        return re.findall(r"^- name: (\S+)$", self.items, re.MULTILINE)


def titles() -> list[str]:
    """Give the headings of all recipes, in the order of the page."""
    found = re.findall(r"^## (.+)$", read(PAGE), re.MULTILINE)
    return [title for title in found if title != FIRST]


def recipe(title: str) -> Recipe:
    """Take one section apart. Raises AssertionError where it has not the form of a recipe."""
    text = section(PAGE, title)
    blocks = fences_in(text, PAGE)
    (items,) = [block.text for block in blocks if block.language == "yaml"]
    lines = list(commands_in(blocks))
    assert len(lines) <= 1, f"{title}: one kubectl line at most"
    gives = _GIVES.findall(text)
    assert len(gives) == 1, f"{title}: one line says what it gives"
    shown = [block.text for block in blocks if block.language in ("text", "json")]
    assert len(blocks) == 1 + len(lines) + len(shown), f"{title}: a block that no test looks at"
    kind, keys = gives[0]
    return Recipe(
        title,
        tuple(shlex.split(lines[0])) if lines else (),
        items,
        kind,
        frozenset(re.findall(r"`([^`]+)`", keys)),
        "".join(shown),
    )


def recipes() -> list[Recipe]:
    """Take the page apart."""
    return [recipe(title) for title in titles()]


def around() -> str:
    """Give the configuration that the recipes belong to."""
    (block,) = fences_in(section(PAGE, FIRST), PAGE)
    return block.text

"""The project's Markdown, as the tests of the documentation look at it: fences, commands, headings and links."""

import re
import shlex
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_FOREIGN: Final = frozenset({"quickstart-output", "dist", "build", "node_modules"})
_FENCE: Final = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_HEADING: Final = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_CODE: Final = re.compile(r"`([^`\n]+)`")
SHELL: Final = frozenset({"sh", "console"})


@dataclass(frozen=True)
class Fence:
    """A fenced block."""

    file: str
    """Its document, relative to the repository."""
    line: int
    """Of the opening fence, from 1."""
    language: str
    text: str

    def __str__(self) -> str:
        """Name it in a test's id."""
        return f"{self.file}:{self.line}"


def documents() -> list[Path]:
    """List the Markdown files of the repository, without what is built or installed in it."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    return sorted(path for path in found if not any(part[0] == "." or part in _FOREIGN for part in path.parts))


def guides() -> list[Path]:
    """List the documents whose every command is run."""
    return [path for path in documents() if str(path) == "README.md" or path.parts[0] == "docs"]


def read(document: str | Path) -> str:
    """Give the text of a document."""
    return (ROOT / document).read_text()


def fences(document: str | Path) -> list[Fence]:
    """Give the fenced blocks of a document, those in lists without their indentation."""
    return fences_in(read(document), str(document))


def fences_in(text: str, document: str) -> list[Fence]:
    """Give the fenced blocks of a piece of a document; their lines count from its beginning."""
    return [
        Fence(document, text.count("\n", 0, found.start()) + 1, found[2], textwrap.dedent(found[3]))
        for found in _FENCE.finditer(text)
    ]


def prose(text: str) -> str:
    """Leave the fenced blocks out."""
    return _FENCE.sub("", text)


def commands(document: str | Path) -> Iterator[str]:
    """Give the command lines of the shell blocks, without prompt, comment and output."""
    yield from commands_in(fences(document))


def commands_in(blocks: Iterable[Fence]) -> Iterator[str]:
    """Give the command lines of those blocks that are for a shell."""
    for fence in blocks:
        if fence.language not in SHELL:
            continue
        for line in fence.text.replace("\\\n", " ").splitlines():
            typed = line.removeprefix("$ ") if fence.language == "console" and line.startswith("$ ") else line
            if fence.language == "console" and typed == line:
                continue
            words = shlex.split(typed, comments=True)
            if words:
                yield shlex.join(words)


def section(document: str | Path, title: str) -> str:
    """Give the text under a heading, up to the next one of the same level or above."""
    text = read(document)
    (found,) = re.finditer(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    rest = text[found.end() :]
    after = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: after.start()] if after else rest


def codes(text: str) -> list[str]:
    """Give what stands between single backquotes, outside of fences."""
    return _CODE.findall(prose(text))


def links(document: str | Path) -> list[str]:
    """Give the targets of the links outside of fences."""
    return _LINK.findall(prose(read(document)))


def anchors(document: str | Path) -> set[str]:
    """Give the anchors that GitHub makes of the headings."""
    titles = _HEADING.findall(prose(read(document)))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}

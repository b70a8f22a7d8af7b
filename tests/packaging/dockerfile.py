"""Reads the Dockerfile and .dockerignore, as far as this repository uses them, for the tests that carry them out."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Instruction:
    """One instruction, its continuation lines joined."""

    name: str
    """In capitals: `RUN`."""
    text: str
    """What follows the name, flags of the instruction included."""

    @property
    def flags(self) -> dict[str, str]:
        """Flags such as `--from=build`."""
        return dict(word[2:].split("=", 1) for word in self.text.split() if word.startswith("--") and "=" in word)

    @property
    def words(self) -> list[str]:
        """The arguments without flags."""
        return [word for word in self.text.split() if not word.startswith("--")]

    @property
    def exec_form(self) -> list[str] | None:
        """The command as a list, or None where a shell would carry it out."""
        return [str(word) for word in json.loads(self.text)] if self.text.startswith("[") else None


@dataclass
class Stage:
    """From one FROM to the next."""

    image: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        """Give the instructions of one kind."""
        return [found for found in self.instructions if found.name == name]

    def one(self, name: str) -> Instruction:
        """Give the only instruction of its kind."""
        (found,) = self.all(name)
        return found

    def environment(self) -> dict[str, str]:
        """Give what ENV sets, of the form NAME=VALUE without quotes."""
        return dict(word.split("=", 1) for found in self.all("ENV") for word in found.words)


def read_dockerfile(root: Path = _ROOT) -> list[Stage]:
    """Give the stages in their order."""
    lines = [line for line in (root / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    stages: list[Stage] = []
    for line in filter(None, (line.strip() for line in joined.splitlines())):
        name, _, text = line.partition(" ")
        instruction = Instruction(name.upper(), text.strip())
        if instruction.name == "FROM":
            image, *alias = instruction.words
            stages.append(Stage(image, alias[1] if alias else ""))
        else:
            stages[-1].instructions.append(instruction)
    return stages


def is_ignored(path: str, root: Path = _ROOT) -> bool:
    """Tell whether .dockerignore keeps a file from the build: the last pattern that fits it or a folder of it counts.

    https://docs.docker.com/build/concepts/context/#dockerignore-files
    """
    ignored = False
    parts = path.split("/")
    prefixes = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    for line in (root / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = _regex(line.removeprefix("!"))
        if any(pattern.fullmatch(prefix) for prefix in prefixes):
            ignored = not line.startswith("!")
    return ignored


def _regex(pattern: str) -> re.Pattern[str]:
    text = re.escape(pattern).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    return re.compile(text)

"""Files read with care: regular ones, bounded, and inside the folder that was configured, wherever links lead."""

import os
import stat
from pathlib import Path
from typing import Final

_SWAPS: Final = 3
"""How often a path is followed anew because what it led to went away, as in a volume that is being updated."""


class NotRegular(Exception):  # noqa: N818 — turned into a failure by the provider
    """It is there, but it is a folder, a pipe or a device."""


class Outside(Exception):  # noqa: N818 — turned into a failure by the provider
    """A link leads out of the folder."""


class TooLarge(Exception):  # noqa: N818 — turned into a failure by the provider
    """More bytes than a value or file may have."""


class BrokenLink(Exception):  # noqa: N818 — turned into a failure by the provider
    """There is such a name, but it leads nowhere."""


def parts(key: str) -> tuple[str, ...] | None:
    """Take a relative path apart; None for one that is not its own only spelling, or could leave the folder.

    A part that starts with two dots is refused as a whole: Kubernetes keeps the files of a volume below `..data`,
    and each of them must have one name.
    """
    split = tuple(key.split("/"))
    if not key.isprintable() or any(part in ("", ".") or part.startswith("..") for part in split):
        return None
    return split


def read_regular(path: Path, limit: int) -> bytes:
    """Read a regular file, at most `limit` bytes. Raises NotRegular, TooLarge and OSError."""
    # Not blocking: to open a pipe would wait for its writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotRegular
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise TooLarge
    return data


def read_inside(folder: Path, key: tuple[str, ...], limit: int) -> bytes | None:
    """Read the file at `key` in `folder`; None where there is no such name.

    Raises NotRegular, Outside, TooLarge, BrokenLink and OSError (FileNotFoundError where the folder is not there).
    """
    for _ in range(_SWAPS):
        root = folder.resolve(strict=True)
        try:
            found = root.joinpath(*key).resolve(strict=True)
        except (FileNotFoundError, NotADirectoryError):
            if _leads_nowhere(root, key):
                raise BrokenLink from None
            return None
        except RuntimeError:  # a loop of links
            raise BrokenLink from None
        if not found.is_relative_to(root):
            raise Outside
        try:
            return read_regular(found, limit)
        except FileNotFoundError:
            continue
    raise BrokenLink


def _leads_nowhere(root: Path, key: tuple[str, ...]) -> bool:
    """Tell whether a name on the way to `key` is there, but is a link to nothing."""
    steps = [root.joinpath(*key[: length + 1]) for length in range(len(key))]
    return any(step.is_symlink() and not step.exists() for step in steps)


def is_empty(folder: Path) -> bool:
    """Tell whether a folder holds no name at all, as the mount point of a volume that is not mounted."""
    with os.scandir(folder) as entries:
        return next(entries, None) is None

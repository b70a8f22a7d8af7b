"""What a `find` sees of a store of files: the files below a folder, wherever its links lead within it."""

import os
from pathlib import Path

from syncd.fetch.discovery import MOST_NAMES, MOST_PAGES, fits_name, name_unsafe, too_long
from syncd.fetch.seam import Call
from syncd.model.reference import Failure, FailureClass, Found, Listing, Query, RemoteRef
from syncd_providers.file import folder


def in_names(names: list[str], query: Query) -> Found:
    """Find among the top-level keys of a file."""
    below = (name for name in names if name.startswith(query.path))
    fitting = sorted(name for name in below if fits_name(query, name.removeprefix(query.path)))
    if not all(name.isprintable() for name in fitting):
        return name_unsafe(query)
    return Listing(tuple(RemoteRef(query.store, name) for name in fitting))


def in_folder(root: Path, query: Query, call: Call) -> Found:
    """Find among the files below the folder `root`, one request for each folder that is listed. Raises OSError.

    Names that start with two dots are nobody's, since a volume of Kubernetes keeps its files behind them (`folder`).
    Links to folders are followed as long as they lead within `root`, each folder once on the way down.
    """
    top = root.resolve(strict=True)
    if folder.is_empty(root):
        message = f"the folder {root} is empty; is its volume mounted?"
        return Failure(FailureClass.UNAVAILABLE, "folder-empty", message, scope="store")
    start = root.joinpath(*query.path.split("/")) if query.path else root
    if not start.is_dir():
        return Listing(())
    waiting = [(start, query.path, frozenset[Path]())]
    refs: list[RemoteRef] = []
    folders = names = 0
    while waiting:
        here, path, above = waiting.pop()
        real = here.resolve(strict=True)
        if real in above or not real.is_relative_to(top):
            continue
        folders += 1
        call.spend()
        for name, is_folder in _entries(here):
            names += 1
            if folders > MOST_PAGES or names > MOST_NAMES:
                return too_long(query)
            if is_folder:
                waiting.append((here / name, f"{path}{name}/", above | {real}))
            elif fits_name(query, f"{path}{name}".removeprefix(query.path)):
                if folder.parts(f"{path}{name}") is None:
                    return name_unsafe(query)
                refs.append(RemoteRef(query.store, f"{path}{name}"))
    return Listing(tuple(sorted(refs)))


def _entries(here: Path) -> list[tuple[str, bool]]:
    """Give the names in a folder, and whether each is a folder; a link that leads nowhere is not."""
    with os.scandir(here) as entries:
        return [(entry.name, _is_folder(entry)) for entry in entries if not entry.name.startswith("..")]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False

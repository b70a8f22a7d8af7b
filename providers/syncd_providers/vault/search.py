"""A query's walk through the folders of a KV mount: whole, or the failure that kept it from being so."""

from collections.abc import Callable

from syncd.fetch.discovery import MOST_NAMES, MOST_PAGES, fits_name, fits_tags, name_unsafe, too_long
from syncd.model.reference import Failure, FailureClass, Found, Listing, Query, RemoteRef
from syncd_providers.vault import listing, paths

Folder = Callable[[str], tuple[str, ...] | Failure]
"""Lists a folder, named below the mount with its final slash; empty for the mount itself."""
Tags = Callable[[RemoteRef], dict[str, str] | Failure]
"""Reads the metadata of an object."""


class Search:
    """One query's walk. Raises what its requests raise."""

    def __init__(self, query: Query, folder: Folder, tags: Tags) -> None:
        """Start at the query's own folder; `query` is canonical."""
        self._query = query
        self._folder = folder
        self._tags = tags
        self._requests = 0
        self._names = 0

    def found(self) -> Found:
        """Walk through all folders, depth first."""
        waiting = [self._query.path]
        refs: list[RemoteRef] = []
        while waiting:
            folder = waiting.pop()
            if not self._may_go_on():
                return too_long(self._query)
            names = self._folder(folder)
            if isinstance(names, Failure):
                return names
            self._names += len(names)
            for name in names:
                path = folder + name
                if name.endswith("/"):
                    if paths.fault_of_path(path.removesuffix("/")):
                        return name_unsafe(self._query)
                    waiting.append(path)
                    continue
                ref = self._object(path)
                if isinstance(ref, Failure):
                    return ref
                if ref is not None:
                    refs.append(ref)
        return Listing(tuple(sorted(refs)))

    def _object(self, path: str) -> RemoteRef | Failure | None:
        """Give the reference to an object, if the query asks for it."""
        query = self._query
        if not fits_name(query, path.removeprefix(query.path)):
            return None
        ref = RemoteRef(query.store, path, mount=query.mount)
        if paths.fault_of_path(path):
            return name_unsafe(query)
        if not query.tags:
            return ref
        if not self._may_go_on():
            return too_long(query)
        told = self._tags(ref._replace(part="metadata"))
        if isinstance(told, Failure):
            gone = told.cls is FailureClass.ABSENT
            return listing.moved(f"{query.mount}/{query.path}") if gone else told
        return ref if fits_tags(query, told) else None

    def _may_go_on(self) -> bool:
        self._requests += 1
        return self._requests <= MOST_PAGES and self._names <= MOST_NAMES

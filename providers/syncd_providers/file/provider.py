"""The file provider: one path, read once for each batch of references."""

import stat
from collections.abc import Iterable, Sequence

import msgspec

from syncd.fetch.http import BODY_LIMIT
from syncd.fetch.seam import Call
from syncd.model.reference import Failure, FailureClass, Fetched, Found, Outcome, Query, RemoteRef
from syncd.model.store import StoreSettings
from syncd.node import Problem, Text, text
from syncd.redact import SecretValue
from syncd_providers.file import folder, search
from syncd_providers.file.failures import attempt
from syncd_providers.file.forms import SIZE_LIMIT, Values, form, shape


class FileOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """The fields of a store of type `file` beside those that every store takes."""

    path: Text
    """Relative to the file that names the store."""


def check(options: FileOptions, _settings: StoreSettings) -> Iterable[Problem]:
    """Give the problem of a path that names nothing."""
    path = text(options.path)
    if not path or "\0" in path:
        yield Problem(("path",), "not a path", "write a .yaml, .json or .env file, or a folder")


class FileProvider:
    """One file or folder. It logs in nowhere and keeps nothing open. Implements `Provider` and `Discovers`."""

    batch_size = 1000

    def __init__(self, options: FileOptions, settings: StoreSettings) -> None:
        """Keep the path."""
        self._path = settings.base / text(options.path)
        self._form = form(self._path.name)

    def canonical(self, ref: RemoteRef) -> RemoteRef | Problem:
        """Give `ref` back, or why it names nothing: a top-level key, or a path inside the folder."""
        if ref.version:
            return Problem(("version",), "a file has no versions", "leave it out")
        if ref.mount:
            return Problem(("mount",), "a file has no mounts", "leave it out")
        if not ref.key or not ref.key.isprintable():
            return Problem(("key",), "not a key", "write the name of a top-level key, or of a file in the folder")
        if self._form is None and folder.parts(ref.key) is None:
            hint = "write it relative to the store's folder, without empty parts and parts that start with two dots"
            return Problem(("key",), "not the path of a file in the folder", hint)
        return ref

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Iterable[tuple[RemoteRef, Outcome]]:
        """Read each reference; of a file with keys, all from one reading."""
        kind = attempt(lambda: self._path.stat().st_mode, self._path)
        if isinstance(kind, int) and stat.S_ISDIR(kind):
            for ref in refs:
                call.spend()
                yield ref, self._from_folder(ref)
            return
        call.spend()
        values = kind if isinstance(kind, Failure) else attempt(self._values, self._path)
        for ref in refs:
            yield ref, values if isinstance(values, Failure) else self._from_values(ref, values)

    def canonical_query(self, query: Query) -> Query | Problem:
        """Give the query with a path that ends in a slash, or why it asks for nothing that a file has."""
        if query.mount:
            return Problem(("mount",), "a file has no mounts", "leave it out")
        if query.tags:
            return Problem(("find", "tags"), "a file has no tags", "leave them out")
        path = query.path.removesuffix("/")
        if path and (not path.isprintable() or (self._form is None and folder.parts(path) is None)):
            return Problem(("find", "path"), "not a path", "write the beginning of the names, such as payments/")
        return query._replace(path=f"{path}/" if path else "")

    def find(self, query: Query, call: Call) -> Found:
        """Find among the keys of a file, or the files of a folder."""
        kind = attempt(lambda: self._path.stat().st_mode, self._path)
        if isinstance(kind, int) and stat.S_ISDIR(kind):
            return attempt(lambda: search.in_folder(self._path, query, call), self._path)
        call.spend()
        values = kind if isinstance(kind, Failure) else attempt(self._values, self._path)
        return values if isinstance(values, Failure) else search.in_names(list(values), query)

    def relogin(self) -> None:
        """Do nothing: there is no login."""

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def _values(self) -> Values | Failure:
        if self._form is None:
            message = f"the name of {self._path} does not tell its form; call it .yaml, .json or .env"
            return Failure(FailureClass.CONFIG, "file-form-unknown", message, scope="store", transient=False)
        data = folder.read_regular(self._path, SIZE_LIMIT)
        if not data.strip():
            message = (
                f"{self._path} is empty; write the keys and values that mappings ask for: {shape(self._path.name)}"
            )
            return Failure(FailureClass.MALFORMED, "file-empty", message, scope="store")
        return self._form(data)

    def _from_values(self, ref: RemoteRef, values: Values) -> Outcome:
        if ref.key not in values:
            message = f"{self._path} has no key {ref.key}; add it there, or correct `key` in the mapping"
            return Failure(FailureClass.ABSENT, "not-found", message, transient=False)
        value = values[ref.key]
        if value is None:
            message = f"the value of {ref.key} in {self._path} is null; write a value or remove the key"
            return Failure(FailureClass.MALFORMED, "value-null", message, transient=False)
        return Fetched(SecretValue(value.data), "", structured=value.structured)

    def _from_folder(self, ref: RemoteRef) -> Outcome:
        key = folder.parts(ref.key)
        if key is None:
            message = f"{ref.key} is not the path of a file in {self._path}"
            return Failure(FailureClass.CONFIG, "key-unsafe", message, transient=False)
        return attempt(lambda: self._file(ref, key), self._path.joinpath(*key))

    def _file(self, ref: RemoteRef, key: tuple[str, ...]) -> Outcome:
        data = folder.read_inside(self._path, key, BODY_LIMIT)
        if data is not None:
            return Fetched(SecretValue(data), "")
        if folder.is_empty(self._path):
            message = f"the folder {self._path} is empty; is its volume mounted?"
            return Failure(FailureClass.UNAVAILABLE, "folder-empty", message, scope="store")
        message = f"the folder {self._path} has no file {ref.key}; add it there, or correct `key` in the mapping"
        return Failure(FailureClass.ABSENT, "not-found", message, transient=False)

"""A folder of manifests as a target: DIR/<namespace>/<name>.yaml, mode 0600 in folders of mode 0700.

Every name is checked again here, the last step before the disk, and every path is opened one step at a time from
a handle, following no link. A file is replaced whole: written beside, synced, renamed. What a crash leaves are
files of our prefix, swept before the first write. Two syncd processes on one folder are kept apart by a lock on
each namespace's folder, so that between the look at a file and its replacement nobody of us comes in; a folder
that stays locked fails its writes.

There is no key here and no inventory: who can write the files could write the key. The folder is the list.
"""

import errno
import hashlib
import os
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from syncd.model.mapping import SecretKey
from syncd.model.reference import FailureClass
from syncd.model.secret import (
    DesiredSecret,
    Live,
    LiveSecret,
    Missing,
    ReadFailure,
    WriteFailure,
    WriteFailureKind,
    WriteOutcome,
    Written,
)
from syncd.target.folder import TEMPORARY, cause, content, made, names, opened, sweep, written
from syncd.target.folder_lock import FolderLocked, FolderLocks
from syncd.target.manifest import LIMIT, UnreadableManifestError, read_manifest, write_manifest
from syncd.target.names import LABEL, well_named
from syncd.target.seam import Permit

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
INSTANCE: Final = "syncd.dev/instance"

_SUFFIX: Final = ".yaml"
_DIGEST_KEY: Final = secrets.token_bytes(32)
"""Of this process: a file's digest, which stands where a resourceVersion does, tells nobody else anything."""

_A_LINK: Final = "it or its folder is a link or no plain file, and syncd follows none; move it away"
_TOO_LONG: Final = "the name is too long for this file system; shorten it"
_CLOSED: Final = "this user has no right to; correct owner, mode or mount"
_UNREAD: Final[Mapping[int, tuple[FailureClass, str, str]]] = {
    **dict.fromkeys((errno.ELOOP, errno.ENOTDIR, errno.EISDIR), (FailureClass.MALFORMED, "not-a-file", _A_LINK)),
    **dict.fromkeys((errno.EACCES, errno.EPERM), (FailureClass.DENIED, "permission-denied", _CLOSED)),
    errno.EFBIG: (FailureClass.MALFORMED, "too-large", "it is larger than a Secret can be; move it away"),
    errno.ENAMETOOLONG: (FailureClass.CONFIG, "name-too-long", _TOO_LONG),
}
_UNWRITTEN: Final[Mapping[int, tuple[WriteFailureKind, str, str]]] = {
    errno.EEXIST: ("exists", "exists", "something stands there already"),
    errno.ENOENT: ("gone", "gone", "it or its folder was removed in the meantime"),
    **dict.fromkeys((errno.ELOOP, errno.ENOTDIR, errno.EISDIR), ("invalid", "not-a-file", _A_LINK)),
    errno.EFBIG: ("invalid", "too-large", "what stands there is larger than a Secret can be; move it away"),
    errno.ENAMETOOLONG: ("invalid", "name-too-long", _TOO_LONG),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), ("denied", "permission-denied", _CLOSED)),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), ("quota", "disk-full", "no space is left; the old file is intact")),
}


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, key=_DIGEST_KEY, digest_size=16).hexdigest()


class DirectoryReader:
    """A folder of manifests that is looked at and never written."""

    def __init__(self, path: Path, *, target: str = "default") -> None:
        """Take the folder, which need not exist, and the target's name; touches no disk."""
        self._path = path
        self._target = target

    def describe(self) -> str:
        """Name the folder for the head of a diff."""
        return f"directory {self._path}"

    def read(self, keys: Collection[SecretKey]) -> Iterable[Live]:
        """Look at the file of each Secret."""
        for key in keys:
            yield self._read(key)

    def owned(self, instance: str) -> Iterator[SecretKey]:
        """List the Secrets whose manifests bear the label of `instance`; files that are none are passed over."""
        with suppress(OSError):
            for key in list(self._manifests()):
                live = self._read(key)
                if (
                    isinstance(live, LiveSecret)
                    and live.labels.get(MANAGED_BY) == "syncd"
                    and live.labels.get(INSTANCE) == instance
                ):
                    yield key

    def close(self) -> None:
        """Hold nothing, close nothing."""

    def _manifests(self) -> Iterator[SecretKey]:
        for namespace in filter(LABEL.fullmatch, names(self._path)):
            with suppress(OSError), opened(self._path, namespace) as folder:  # a link, a file, or closed to us
                files = names(folder)
                keys = (
                    SecretKey(self._target, namespace, f.removesuffix(_SUFFIX)) for f in files if f.endswith(_SUFFIX)
                )
                yield from filter(well_named, keys)

    def _read(self, key: SecretKey) -> Live:
        if not well_named(key):
            return ReadFailure(
                key, FailureClass.CONFIG, "bad-name", f"{key!s} is not a namespace and name of Kubernetes"
            )
        try:
            with opened(self._path, key.namespace) as folder:
                data = content(folder, key.name + _SUFFIX, LIMIT)
            return read_manifest(data, key, resource_version=_digest(data))
        except FileNotFoundError:
            return Missing(key)
        except OSError as error:
            return self._unread(key, error)
        except UnreadableManifestError as error:
            text = f"{self._file(key)} cannot be read as a Secret: {error}; move it away"
            return ReadFailure(key, FailureClass.MALFORMED, "not-a-manifest", text)

    def _unread(self, key: SecretKey, error: OSError) -> ReadFailure:
        unknown = (FailureClass.UNAVAILABLE, "disk", cause(error))
        cls, reason, text = _UNREAD.get(error.errno or 0, unknown)
        return ReadFailure(key, cls, reason, f"{self._file(key)} cannot be read: {text}")

    def _file(self, key: SecretKey) -> Path:
        return self._path / key.namespace / (key.name + _SUFFIX)


class DirectoryTarget(DirectoryReader):
    """A folder of manifests."""

    def __init__(self, path: Path, *, target: str = "default", locks: FolderLocks | None = None) -> None:
        """Take the folder, which is made with the first write, and the target's name; touches no disk.

        `locks`: how long to wait for a namespace's folder that another process keeps; None: 10 s.
        """
        super().__init__(path, target=target)
        self._locks = locks or FolderLocks()
        self._swept = False
        self._sweeping = Lock()

    def create(self, desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        """Write a new file; never over one that stands there."""
        return self._write(desired.key, permit, desired, None)

    def update(self, live: LiveSecret, desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        """Replace the file that was judged."""
        return self._write(live.key, permit, desired, live)

    def delete(self, live: LiveSecret, permit: Permit) -> WriteOutcome:
        """Remove the file that was judged; the folder stays."""
        return self._write(live.key, permit, None, live)

    def _write(
        self, key: SecretKey, permit: Permit, desired: DesiredSecret | None, live: LiveSecret | None
    ) -> WriteOutcome:
        if not well_named(key) or (desired is not None and desired.key != key):
            text = f"{key!s} is not a namespace and name of Kubernetes; nothing was written"
            return WriteFailure(key, "invalid", "bad-name", text)
        if not permit.granted():
            return _stopped(key)
        try:
            self._sweep_once()
            if desired is None:
                return self._remove(key, permit, live)
            made(self._path, key.namespace)
            return self._put(desired, permit, live)
        except (OSError, FolderLocked) as error:
            return self._unwritten(key, error)
        except UnicodeEncodeError:
            text = f"{self._file(key)}: a label or annotation is no text; nothing was written"
            return WriteFailure(key, "invalid", "not-text", text)

    def _put(self, desired: DesiredSecret, permit: Permit, live: LiveSecret | None) -> WriteOutcome:
        key, data, file = desired.key, write_manifest(desired), desired.key.name + _SUFFIX
        temporary = TEMPORARY + secrets.token_hex(8)
        with (
            opened(self._path, key.namespace) as folder,
            written(folder, temporary, data),
            self._locks.held(folder, key.namespace, permit) as held,
        ):
            failure = self._moved(folder, key, live) if held else _stopped(key)
            if failure is not None:
                return failure
            if not permit.granted():
                return _stopped(key)
            if live is None:
                os.link(temporary, file, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            else:
                os.rename(temporary, file, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
        return Written(key, "", _digest(data))

    def _remove(self, key: SecretKey, permit: Permit, live: LiveSecret | None) -> WriteOutcome:
        with opened(self._path, key.namespace) as folder, self._locks.held(folder, key.namespace, permit) as held:
            failure = self._moved(folder, key, live) if held else _stopped(key)
            if failure is not None:
                return failure
            if not permit.granted():
                return _stopped(key)
            os.unlink(key.name + _SUFFIX, dir_fd=folder)
            os.fsync(folder)
        return Written(key, "", "")

    def _moved(self, folder: int, key: SecretKey, live: LiveSecret | None) -> WriteFailure | None:
        """Tell why the file is not the one that was judged (for a create: why there is one)."""
        try:
            held = _digest(content(folder, key.name + _SUFFIX, LIMIT))
        except FileNotFoundError:
            held = None
        if live is None:
            text = f"{self._file(key)} stands there already; nothing was written"
            return None if held is None else WriteFailure(key, "exists", "exists", text)
        if held is None:
            text = f"{self._file(key)} was removed by somebody else in the meantime; nothing was written"
            return WriteFailure(key, "gone", "gone", text)
        if held != live.resource_version:
            text = f"{self._file(key)} was changed by somebody else in the meantime; nothing was written"
            return WriteFailure(key, "conflict", "changed", text)
        return None

    def _sweep_once(self) -> None:
        """Remove what a crash left behind, before our own first write."""
        with self._sweeping:
            if self._swept:
                return
            with suppress(FileNotFoundError):
                for namespace in filter(LABEL.fullmatch, names(self._path)):
                    with suppress(OSError), opened(self._path, namespace) as folder:
                        sweep(folder)
            self._swept = True

    def _unwritten(self, key: SecretKey, error: OSError | FolderLocked) -> WriteFailure:
        if isinstance(error, FolderLocked):
            folder = self._path / key.namespace
            text = (
                f"{key}: not written, since another process, most likely another syncd, keeps the folder {folder} "
                f"locked; `fuser -v {folder}` names it. Let it finish, then run this again"
            )
            return WriteFailure(key, "unavailable", "folder-locked", text)
        unknown: tuple[WriteFailureKind, str, str] = ("unavailable", "disk", cause(error))
        kind, reason, text = _UNWRITTEN.get(error.errno or 0, unknown)
        return WriteFailure(key, kind, reason, f"{self._file(key)} cannot be written: {text}")


def _stopped(key: SecretKey) -> WriteFailure:
    kind: WriteFailureKind = "stopped"
    return WriteFailure(key, kind, "stopped", f"{key}: not written, since the run is ending")

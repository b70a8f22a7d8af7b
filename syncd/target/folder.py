"""Files in one folder, through its handle alone: read whole, written beside and synced, swept.

No link is followed, nothing but plain files is read, and no file is ever open to others.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

TEMPORARY: Final = ".syncd-tmp-"
"""Prefix of files that are being written."""
FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_LINK: Final = os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def opened(root: Path, name: str) -> Iterator[int]:
    """Open the folder `name` of `root` and give its handle. `root` may be a link, as the user named it; `name` not."""
    above = os.open(root, _FOLDER)
    try:
        folder = os.open(name, _FOLDER | _NO_LINK, dir_fd=above)
    finally:
        os.close(above)
    try:
        yield folder
    finally:
        os.close(folder)


def made(root: Path, name: str) -> None:
    """Make `root` and its folder `name` where they are missing; `name` is closed to others, even where it was open."""
    root.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    above = os.open(root, _FOLDER)
    try:
        with suppress(FileExistsError):
            os.mkdir(name, FOLDER_MODE, dir_fd=above)
            os.fsync(above)
    finally:
        os.close(above)
    with opened(root, name) as folder:
        if stat.S_IMODE(os.fstat(folder).st_mode) != FOLDER_MODE:
            os.fchmod(folder, FOLDER_MODE)


def names(folder: int | Path) -> list[str]:
    """List what stands in a folder, sorted."""
    return sorted(os.listdir(folder))  # noqa: PTH208 — a handle, which pathlib cannot list


def content(folder: int, name: str, limit: int) -> bytes:
    """Read a plain file whole; raises OSError, EISDIR for what is not one and EFBIG above `limit` bytes."""
    # O_NONBLOCK: a pipe that somebody put there would otherwise be waited for.
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _NO_LINK, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return data


@contextmanager
def written(folder: int, name: str, data: bytes) -> Iterator[None]:
    """Hold a temporary file with `data` on disk; locked while it lives, so that a sweep spares it."""
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, FILE_MODE, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.fchmod(descriptor, FILE_MODE)
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
            os.fsync(descriptor)
            yield
    finally:
        with suppress(FileNotFoundError):  # renamed
            os.unlink(name, dir_fd=folder)


def sweep(folder: int) -> None:
    """Remove the temporary files whose writers are gone."""
    for name in names(folder):
        if not name.startswith(TEMPORARY):
            continue
        with suppress(OSError):
            descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _NO_LINK, dir_fd=folder)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # its writer lives as long as it is locked
                os.unlink(name, dir_fd=folder)
            finally:
                os.close(descriptor)


def cause(error: OSError) -> str:
    """Say the system's own word for an error number, which holds no text of ours."""
    return os.strerror(error.errno) if error.errno else "input or output error"

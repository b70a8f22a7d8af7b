"""The instance's key in a file, for `home: {keyFile: PATH}`: 32 bytes that nobody but the owner may read."""

import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from syncd.keys import KEY_BYTES, InstanceKey
from syncd.redact import SecretValue
from syncd.target.seam import HomeFailure


def read_key_file(path: Path) -> InstanceKey | HomeFailure | None:
    """Read the key; None where there is no file, a failure where others may read it or it holds no key."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                message = f"others may read the key file {path} (mode {mode:04o}): `chmod 600 {path}`"
                return HomeFailure("key-file-open", message)
            content = file.read(KEY_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"the key file {path} cannot be read ({error.strerror or 'unknown reason'})"
        return HomeFailure("key-unreadable", message)
    return instance_key(content, f"the key file {path}")


def make_key_file(path: Path, random_bytes: Callable[[int], bytes]) -> HomeFailure | None:
    """Make the file with a new key, whole or not at all; one that is there already stays."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(handle, random_bytes(KEY_BYTES))
            os.fsync(handle)
        finally:
            os.close(handle)
        with suppress(FileExistsError):
            # A link fails where the name is taken, unlike a rename, and shows the file with its content only.
            path.hardlink_to(draft)
    except OSError as error:
        message = f"the key file {path} cannot be made ({error.strerror or 'unknown reason'})"
        return HomeFailure("key-unwritable", message)
    finally:
        draft.unlink(missing_ok=True)
    return None


def instance_key(content: bytes, where: str) -> InstanceKey | HomeFailure:
    """Make a key of stored bytes; a failure that names `where` they stand if they are none."""
    if len(content) != KEY_BYTES:
        message = f"{where} does not hold a key of {KEY_BYTES} bytes: put the right one back from a backup"
        return HomeFailure("key-unreadable", message)
    return InstanceKey(SecretValue(content))

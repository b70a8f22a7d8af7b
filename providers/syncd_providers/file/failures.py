"""What the file system's errors mean. A path that is not there proves nothing: an unmounted volume looks like it."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from syncd.model.reference import Failure, FailureClass
from syncd_providers.file.folder import BrokenLink, NotRegular, Outside, TooLarge
from syncd_providers.file.forms import shape
from syncd_providers.file.malformed import Malformed

T = TypeVar("T")

_MEANINGS: tuple[tuple[type[Exception], FailureClass, str, str], ...] = (
    (NotRegular, FailureClass.UNUSABLE, "not-a-regular-file", "is a folder, a pipe or a device; name a file"),
    (
        Outside,
        FailureClass.DENIED,
        "link-leaves-folder",
        "is a link out of the store's folder, which is not followed; put the file itself there",
    ),
    (TooLarge, FailureClass.MALFORMED, "file-too-large", "is larger than syncd reads; is it the right file?"),
    (BrokenLink, FailureClass.UNAVAILABLE, "link-broken", "is a link that leads nowhere; is its volume mounted?"),
    (PermissionError, FailureClass.DENIED, "permission-denied", "may not be read by syncd; change its mode or owner"),
    (FileNotFoundError, FailureClass.UNAVAILABLE, "path-missing", "is not there; is its volume mounted?"),
    (NotADirectoryError, FailureClass.UNAVAILABLE, "path-missing", "is not there; is its volume mounted?"),
    (OSError, FailureClass.UNAVAILABLE, "file-unreadable", "cannot be read; see the system's log"),
)
"""By the error, most special first: class, reason and what is so of the path."""


def attempt(read: Callable[[], T], path: Path) -> T | Failure:
    """Give what `read` gives, or the failure of reading `path`."""
    try:
        return read()
    except Malformed as error:
        message = f"{path}:{error.line}:{error.column} is not well-formed; correct it there: {shape(path.name)}"
        return Failure(FailureClass.MALFORMED, "file-malformed", message)
    except (NotRegular, Outside, TooLarge, BrokenLink, OSError) as error:
        for kind, cls, reason, what in _MEANINGS:
            if isinstance(error, kind):
                return Failure(cls, reason, f"{path} {what}")
        raise

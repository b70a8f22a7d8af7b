"""Secrets in a folder, and looks at them, for the tests of the directory target."""

import stat
from collections.abc import Callable
from pathlib import Path

from syncd.model.mapping import SecretKey
from syncd.model.secret import DesiredSecret, Live, LiveSecret
from syncd.redact import SecretValue
from syncd.target.directory import DirectoryReader

KEY = SecretKey("default", "payments", "db")


def desired(key: SecretKey = KEY, *, value: bytes = b"v", labels: dict[str, str] | None = None) -> DesiredSecret:
    return DesiredSecret(key, "Opaque", {"password": SecretValue(value)}, labels or {}, {})


def look(path: Path, key: SecretKey = KEY) -> Live:
    (answer,) = DirectoryReader(path).read([key])
    return answer


def standing(path: Path, key: SecretKey = KEY) -> LiveSecret:
    live = look(path, key)
    assert isinstance(live, LiveSecret)
    return live


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def listing(path: Path) -> list[str]:
    return sorted(str(p.relative_to(path)) for p in path.rglob("*"))


class OnSecondAsking:
    """A permit that does something when it is asked right before the write, and answers as that does."""

    def __init__(self, act: Callable[[], bool]) -> None:
        """Take what is done then."""
        self._act = act
        self._asked = 0

    def granted(self) -> bool:
        self._asked += 1
        return self._act() if self._asked == 2 else True

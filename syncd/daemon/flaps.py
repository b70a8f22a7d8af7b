"""Values that go back and forth: each write is in order by itself, and together they restart workloads for nothing.

Two writers in the store, two rotations that undo each other, or a proxy before two stores look like this.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final

from syncd.daemon.digests import Digests
from syncd.model.mapping import SecretKey
from syncd.redact import SecretValue

WINDOW: Final = 3600.0
"""Seconds that are looked back upon."""
THRESHOLD: Final = 3
"""Returns to an earlier content within the window from which on it is said."""
_REMEMBERED: Final = 400
"""Writes of one Secret; a window at the shortest interval holds 360."""


class Flaps:
    """Counts, for each Secret, how often a write brought back a content that an earlier write had replaced.

    Remembers keyed digests in memory, never a value; the key is made at the start and leaves with the process.
    """

    def __init__(self, key: bytes) -> None:
        """Start with nothing remembered; `key` is random."""
        self._digests = Digests(key)
        self._written: dict[SecretKey, deque[tuple[float, bytes, bool]]] = {}

    def written(self, key: SecretKey, data: Mapping[str, SecretValue], now: float) -> int:
        """Take in a write at `now`, in monotonic seconds; give the returns within the window, this one included.

        0 where this write is no return.
        """
        digest = self._digests.of(data)
        writes = self._written.setdefault(key, deque(maxlen=_REMEMBERED))
        while writes and writes[0][0] < now - WINDOW:
            writes.popleft()
        # The same content again, twice in a row, is drift put right and no return.
        back = bool(writes) and writes[-1][1] != digest and any(earlier == digest for _, earlier, _ in writes)
        writes.append((now, digest, back))
        return sum(returned for _, _, returned in writes) if back else 0

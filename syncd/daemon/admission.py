"""Writes that the API server stored otherwise: an admission webhook's work, which is told and not fought over."""

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from syncd.daemon.digests import Digests
from syncd.model.mapping import SecretKey
from syncd.model.plan import Action, Change, Plan
from syncd.model.secret import DesiredSecret

_BOOKKEEPING: Final = "syncd.dev/"
"""Prefix of our own annotations, which say where the content is from, not what it is."""


class Admission:
    """Remembers our latest write of each Secret and the resourceVersion that confirmed it. Thread-safe.

    What is read back under that very version and differs from the same content was changed on its way in: nobody wrote
    since, so writing once more gives the same again, and workloads that follow the Secret would start anew at every
    interval. Other content is always written. Contents are kept as digests under a key that this process alone has.
    """

    def __init__(self) -> None:
        """Start with nothing written."""
        self._digests = Digests()
        self._confirmed: dict[SecretKey, tuple[str, bytes]] = {}
        self._lock = threading.Lock()

    def written(self, changes: Iterable[Change]) -> None:
        """Take in what was written."""
        with self._lock:
            for change in changes:
                if change.confirmed and change.desired is not None:
                    self._confirmed[change.key] = (change.confirmed, self._content(change.desired))

    def judged(self, plan: Plan) -> Plan:
        """Turn the updates that would only repeat such a write into conflicts."""
        with self._lock:
            changes = tuple(_told(change) if self._repeats(change) else change for change in plan.changes)
        return replace(plan, changes=changes)

    def _repeats(self, change: Change) -> bool:
        if change.action is not Action.UPDATE or change.live is None or change.desired is None:
            return False
        version, content = self._confirmed.get(change.key, ("", b""))
        return version == change.live.resource_version and content == self._content(change.desired)

    def _content(self, desired: DesiredSecret) -> bytes:
        ours = {name: text for name, text in desired.annotations.items() if not name.startswith(_BOOKKEEPING)}
        return self._digests.of(desired.data, desired.labels, ours, {"type": desired.type})


def _told(change: Change) -> Change:
    message = (
        f"{change.key}: the API server stored something else than syncd wrote, so an admission webhook or policy "
        "changes it on its way in; exempt the Secret there, or have the mapping say what it makes of it"
    )
    return replace(change, action=Action.CONFLICT, reason="changed-by-admission", message=message, desired=None)

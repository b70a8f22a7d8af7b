"""Writes that the API server stored otherwise: an admission webhook's work, which is told and not fought over."""

import threading
from collections.abc import Iterable
from dataclasses import replace

from syncd.model.mapping import SecretKey
from syncd.model.plan import Action, Change, Plan


class Admission:
    """Remembers under which resourceVersion our latest write of each Secret was confirmed. Thread-safe.

    What is read back under that very version and still differs was changed on its way in: nobody wrote since, so
    writing once more gives the same again, and workloads that follow the Secret would start anew at every interval.
    """

    def __init__(self) -> None:
        """Start with nothing written."""
        self._confirmed: dict[SecretKey, str] = {}
        self._lock = threading.Lock()

    def written(self, changes: Iterable[Change]) -> None:
        """Take in what was written."""
        with self._lock:
            self._confirmed.update((change.key, change.confirmed) for change in changes if change.confirmed)

    def judged(self, plan: Plan) -> Plan:
        """Turn the updates that would only repeat such a write into conflicts."""
        with self._lock:
            changes = tuple(_told(change) if self._repeats(change) else change for change in plan.changes)
        return replace(plan, changes=changes)

    def _repeats(self, change: Change) -> bool:
        if change.action is not Action.UPDATE or change.reason != "drift" or change.live is None:
            return False
        return self._confirmed.get(change.key) == change.live.resource_version


def _told(change: Change) -> Change:
    message = (
        f"{change.key}: the API server stored something else than syncd wrote, so an admission webhook or policy "
        "changes it on its way in; exempt the Secret there, or have the mapping say what it makes of it"
    )
    return replace(change, action=Action.CONFLICT, reason="changed-by-admission", message=message, desired=None)

"""The home objects in a cluster: the instance's key in a Secret, its inventory in ConfigMaps."""

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from syncd.keys import KEY_BYTES, InstanceKey
from syncd.model.inventory import Inventory
from syncd.model.mapping import SecretKey
from syncd.model.secret import DesiredSecret
from syncd.redact import SecretValue
from syncd.target.home_reader import KubernetesHomeReader, PreviousKey, Stored, name_of, refused
from syncd.target.inventory import Part, divided, encode_part, merged, whole
from syncd.target.key_file import make_key_file
from syncd.target.kube_answer import CallFailed
from syncd.target.kube_api import Api
from syncd.target.kube_login import Cluster
from syncd.target.kube_status import decode_status
from syncd.target.kube_wire import (
    decode_metadata,
    encode_config_map,
    encode_config_map_patch,
    encode_secret,
)
from syncd.target.seam import HomeFailure, Permit

__all__ = ["DEFAULT_NAMESPACE", "KubernetesHome", "KubernetesHomeReader", "PreviousKey", "home_namespace"]
DEFAULT_NAMESPACE: Final = "syncd"
_TRIES: Final = 3
_MOST_PARTS: Final = 1_000
"""Of an inventory: five million Secrets."""


def home_namespace(said: str | None, cluster: Cluster) -> str:
    """Give the home namespace: what the configuration says, else the Pod's own, else `syncd`."""
    return said or cluster.pod_namespace or DEFAULT_NAMESPACE


class KubernetesHome(KubernetesHomeReader):
    """What apply and the daemon get.

    `save` is called from one thread at a time, with an inventory that was made from the last one that this object
    gave or was given; what others wrote meanwhile is kept.
    """

    def __init__(
        self,
        api: Api,
        *,
        instance: str,
        namespace: str,
        key_file: Path | None = None,
        previous: Sequence[PreviousKey] = (),
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Speak through `api`, which is not closed here; `random_bytes` gives the key."""
        super().__init__(api, instance=instance, namespace=namespace, key_file=key_file, previous=previous)
        self._writes = api
        self._random_bytes = random_bytes
        self._stored: Stored | None = None
        self._known = Inventory()
        """What the caller knows: the base of what he changes."""

    def make_key(self) -> InstanceKey | HomeFailure:
        """Make the key where there is neither key nor inventory, and give the one that then stands.

        A key that was taken away to be renewed is made too: one of before still proves the inventory.
        """
        found = self.key()
        if found is not None:
            return found
        lost = self.key_lost()
        if lost is None:
            return self.renew_key()
        # Looked at with an inventory too: another first start may have made both since.
        return (self.key() or lost) if lost.reason == "key-lost" else lost

    def renew_key(self) -> InstanceKey | HomeFailure:
        """Make the key where there is none, whatever else stands, and give the one that then stands."""
        failure = self._post_key() if self._key_file is None else make_key_file(self._key_file, self._random_bytes)
        message = f"the instance's key ({self.key_name()}) could not be made; try again"
        return failure or self.key() or HomeFailure("key-unwritable", message)

    def reset_inventory(self, key: InstanceKey, permit: Permit) -> HomeFailure | None:
        """Put an empty inventory in the place of what stands there, whoever signed it."""
        stored = Stored()
        while len(stored.states) < _MOST_PARTS:
            number = len(stored.states)
            place = self.part_place(number)
            answer = self.got(place)
            if isinstance(answer, HomeFailure):
                return answer
            found = None if answer is None else decode_metadata(answer.body, place.namespace, place.name)
            if found is None:
                break
            stored.states[number] = found
            stored.parts[number] = Part({})
            stored.outdated.add(number)
        self._stored, self._known = stored, Inventory()
        try:
            return self._put(stored, Inventory(), key, permit)
        except _ChangedMeanwhile:
            message = f"{name_of(self.part_place(0))}: somebody else changed it meanwhile; try again"
            return HomeFailure("inventory-contended", message)

    def inventory(self, key: InstanceKey) -> Inventory | HomeFailure | None:
        """Read and check every part, and keep their state as the precondition of `save`."""
        found = self._refresh(key)
        if isinstance(found, HomeFailure):
            return found
        # What is taken along from a name of before is not stored yet: a save carries it over.
        self._known = whole(found.parts)
        return self.taken_along(found if found.parts else None, key)

    def save(self, inventory: Inventory, key: InstanceKey, permit: Permit, *, merge: bool = True) -> HomeFailure | None:
        """Write the parts that changed; where another writer came first, read again, merge by entry and try again.

        Without `merge` that is `inventory-changed`.
        """
        if not merge:
            return self._save_as_read(inventory, key, permit)
        for attempt in range(_TRIES):
            if self._stored is None or attempt:
                stored = self._refresh(key)
                if isinstance(stored, HomeFailure):
                    return stored
            else:
                stored = self._stored
            # Where it is gone altogether, what the caller knows is all there is.
            wanted = merged(self._known, inventory, whole(stored.parts)) if stored.parts else inventory
            try:
                failure = self._put(stored, wanted, key, permit)
            except _ChangedMeanwhile:
                continue
            if failure is None:
                self._known = inventory
            return failure
        message = f"{name_of(self.part_place(0))}: other writers change it all the time; try again later"
        return HomeFailure("inventory-contended", message)

    def _save_as_read(self, inventory: Inventory, key: InstanceKey, permit: Permit) -> HomeFailure | None:
        """Write over what was read last and over nothing else."""
        changed = HomeFailure("inventory-changed", f"{name_of(self.part_place(0))}: another writer came first")
        if self._stored is None:
            return changed
        try:
            failure = self._put(self._stored, inventory, key, permit)
        except _ChangedMeanwhile as meanwhile:
            if not meanwhile.perhaps_ours:
                return changed
            # The answer was lost: what stands there tells whether the write was.
            stored = self._refresh(key)
            if isinstance(stored, HomeFailure):
                return stored
            failure = None if stored.parts and whole(stored.parts) == inventory else changed
        if failure is None:
            self._known = inventory
        return failure

    def _refresh(self, key: InstanceKey) -> Stored | HomeFailure:
        found = self.read_parts(self._instance, key.signers(self._instance, present=True))
        if isinstance(found, HomeFailure):
            return found
        self._stored = found or Stored()
        return self._stored

    def _put(self, stored: Stored, wanted: Inventory, key: InstanceKey, permit: Permit) -> HomeFailure | None:
        """Write what differs from the stored parts, the first one last, since it counts the others."""
        if not stored.parts and wanted == Inventory():
            return None
        parts = divided(wanted, stored.parts)
        for number in sorted(parts, reverse=True):
            if parts[number] == stored.parts.get(number) and number not in stored.outdated:
                continue
            failure = self._put_part(number, parts[number], stored, key, permit)
            if failure is not None:
                return failure
        return None

    def _put_part(
        self, number: int, part: Part, stored: Stored, key: InstanceKey, permit: Permit
    ) -> HomeFailure | None:
        """Write one part and note its new state. Raises _ChangedMeanwhile where another writer came first."""
        place = self.part_place(number)
        content = encode_part(part, instance=self._instance, number=number, key=key)
        state = stored.states.get(number)
        try:
            if state is None:
                body = encode_config_map(place.namespace, place.name, self._labels(), content)
                answer = self._writes.create(place, body, permit)
            else:
                answer = self._writes.patch(place, encode_config_map_patch(state, content), permit)
        except CallFailed as failed:
            if failed.sent:
                raise _ChangedMeanwhile(perhaps_ours=True) from None
            return HomeFailure(failed.reason, f"{name_of(place)}: {failed.message}")
        if answer.status == 409 and state is None and number:
            return self._put_over(number, part, stored, key, permit)
        gone = answer.status == 404 and decode_status(answer.body).not_found(place.resource, place.name)
        if answer.status == 409 or answer.status >= 500 or gone:
            raise _ChangedMeanwhile(perhaps_ours=answer.status >= 500)
        metadata = decode_metadata(answer.body, place.namespace, place.name) if answer.status in (200, 201) else None
        if metadata is None:
            return refused(place, answer)
        stored.parts[number] = part
        stored.states[number] = metadata
        stored.outdated.discard(number)
        return None

    def _put_over(
        self, number: int, part: Part, stored: Stored, key: InstanceKey, permit: Permit
    ) -> HomeFailure | None:
        """Write a new part where one stands that the first part does not count yet.

        A writer that was stopped left it, or one is at it right now: its entries stay.
        """
        failure = self.read_part(number, self._instance, key.signers(self._instance, present=True), stored)
        if failure is not None:
            return failure
        if number not in stored.parts:
            raise _ChangedMeanwhile(perhaps_ours=False)
        return self._put_part(number, Part({**stored.parts[number].entries, **part.entries}), stored, key, permit)

    def _post_key(self) -> HomeFailure | None:
        place = self._key_place
        value = SecretValue(self._random_bytes(KEY_BYTES))
        where = SecretKey("", place.namespace, place.name)
        desired = DesiredSecret(where, "Opaque", {"key": value}, self._labels(), annotations={})
        try:
            answer = self._writes.create(place, encode_secret(desired), None)
        except CallFailed as failed:
            # Where it may have arrived, reading the key tells.
            return None if failed.sent else HomeFailure(failed.reason, f"{name_of(place)}: {failed.message}")
        told_by_reading = answer.status in (201, 409) or answer.status >= 500
        return None if told_by_reading else refused(place, answer)

    def _labels(self) -> dict[str, str]:
        return {"app.kubernetes.io/managed-by": "syncd", "syncd.dev/instance": self._instance}


class _ChangedMeanwhile(Exception):  # noqa: N818 — leads to another look, not to a person
    """The stored inventory is not what it was when it was read, or it is not known what it is."""

    def __init__(self, *, perhaps_ours: bool) -> None:
        """Say whether it may be our own write whose answer was lost."""
        super().__init__()
        self.perhaps_ours = perhaps_ours

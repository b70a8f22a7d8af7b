"""The home objects in a cluster: the instance's key in a Secret, its inventory in ConfigMaps."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncd.keys import KEY_BYTES, InstanceKey
from syncd.model.inventory import Inventory
from syncd.model.mapping import SecretKey
from syncd.model.reference import FailureClass
from syncd.model.secret import DesiredSecret
from syncd.redact import SecretValue
from syncd.target.inventory import InventoryUnusable, Part, decode_part, divided, encode_part, merged, whole
from syncd.target.key_file import instance_key, make_key_file, read_key_file
from syncd.target.kube_answer import Answer, CallFailed
from syncd.target.kube_api import Api, ApiReader, Place
from syncd.target.kube_login import Cluster
from syncd.target.kube_status import decode_status, meaning
from syncd.target.kube_wire import (
    Metadata,
    decode_config_map,
    decode_metadata,
    decode_secret,
    encode_config_map,
    encode_config_map_patch,
    encode_secret,
)
from syncd.target.seam import HomeFailure, Permit

DEFAULT_NAMESPACE: Final = "syncd"
_TRIES: Final = 3


def home_namespace(said: str | None, cluster: Cluster) -> str:
    """Give the home namespace: what the configuration says, else the Pod's own, else `syncd`."""
    return said or cluster.pod_namespace or DEFAULT_NAMESPACE


@dataclass(frozen=True)
class _Stored:
    """The inventory as it was read: its parts, and the state of each ConfigMap."""

    parts: dict[int, Part]
    states: dict[int, Metadata]


class KubernetesHomeReader:
    """What a diff gets: it looks, and has nothing to write with."""

    def __init__(self, api: ApiReader, *, instance: str, namespace: str, key_file: Path | None = None) -> None:
        """Speak through `api`, which is not closed here; `key_file` holds the key instead of a Secret."""
        self._reads = api
        self._instance = instance
        self._namespace = namespace
        self._key_file = key_file
        self._key_place = Place(namespace, "secrets", f"syncd-{instance}")

    def key(self) -> InstanceKey | HomeFailure | None:
        """Read the key."""
        if self._key_file is not None:
            return read_key_file(self._key_file)
        place = self._key_place
        answer = self._got(place)
        if not isinstance(answer, Answer):
            return answer
        found = decode_secret(answer.body, SecretKey("", place.namespace, place.name))
        value = found.data.get("key") if found else None
        return instance_key(b"" if value is None else value.reveal(), f"the Secret {_name(place)}")

    def inventory(self, key: InstanceKey) -> Inventory | HomeFailure | None:
        """Read and check every part."""
        stored = self._read_parts(key)
        return whole(stored.parts) if isinstance(stored, _Stored) else stored

    def _part_place(self, number: int) -> Place:
        suffix = f"-{number}" if number else ""
        return Place(self._namespace, "configmaps", f"syncd-{self._instance}-inventory{suffix}")

    def _read_parts(self, key: InstanceKey) -> _Stored | HomeFailure | None:
        stored = _Stored({}, {})
        number, count = 0, 1
        while number < count:
            failure = self._read_part(number, key, stored)
            if failure is not None:
                return failure
            if number not in stored.parts:
                if number == 0:
                    return None
                place = self._part_place(number)
                message = f"the ConfigMap {_name(place)}, a part of the inventory, is gone: put it back from a backup"
                return HomeFailure("inventory-unreadable", message)
            count = stored.parts[0].parts
            number += 1
        return stored

    def _read_part(self, number: int, key: InstanceKey, into: _Stored) -> HomeFailure | None:
        place = self._part_place(number)
        answer = self._got(place)
        if not isinstance(answer, Answer):
            return answer
        found = decode_config_map(answer.body, place.namespace, place.name)
        if found is None:
            return _unusable(place, "inventory-unreadable")
        try:
            part = decode_part(found.binary_data or {}, instance=self._instance, number=number, key=key)
        except InventoryUnusable as error:
            return _unusable(place, error.reason)
        into.parts[number] = part
        into.states[number] = found.metadata
        return None

    def _got(self, place: Place) -> Answer | HomeFailure | None:
        """Read one object: the answer with it, or None where the API server itself says that there is none."""
        try:
            answer = self._reads.get(place)
        except CallFailed as failed:
            return HomeFailure(failed.reason, f"{_name(place)}: {failed.message}", whole_cluster=True)
        if answer.status == 200:
            return answer
        if answer.status == 404 and decode_status(answer.body).not_found(place.resource, place.name):
            return None
        return _refused(place, answer)


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
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Speak through `api`, which is not closed here; `random_bytes` gives the key."""
        super().__init__(api, instance=instance, namespace=namespace, key_file=key_file)
        self._writes = api
        self._random_bytes = random_bytes
        self._stored: _Stored | None = None
        self._known = Inventory()
        """What the caller knows: the base of what he changes."""

    def make_key(self) -> InstanceKey | HomeFailure:
        """Make the key where there is neither key nor inventory, and give the one that then stands."""
        found = self.key()
        if found is not None:
            return found
        inventory = self._got(self._part_place(0))
        if isinstance(inventory, HomeFailure):
            return inventory
        if inventory is None:
            failure = self._post_key() if self._key_file is None else make_key_file(self._key_file, self._random_bytes)
            if failure is not None:
                return failure
        # Looked at with an inventory too: another first start may have made both since.
        return self.key() or self._no_key(lost=inventory is not None)

    def inventory(self, key: InstanceKey) -> Inventory | HomeFailure | None:
        """Read and check every part, and keep their state as the precondition of `save`."""
        found = self._refresh(key)
        if isinstance(found, HomeFailure):
            return found
        self._known = whole(found.parts)
        return self._known if found.parts else None

    def save(self, inventory: Inventory, key: InstanceKey, permit: Permit) -> HomeFailure | None:
        """Write the parts that changed; where another writer came first, read again, merge by entry and try again."""
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
        message = f"{_name(self._part_place(0))}: other writers change it all the time; try again later"
        return HomeFailure("inventory-contended", message)

    def _refresh(self, key: InstanceKey) -> _Stored | HomeFailure:
        found = self._read_parts(key)
        if isinstance(found, HomeFailure):
            return found
        self._stored = found or _Stored({}, {})
        return self._stored

    def _put(self, stored: _Stored, wanted: Inventory, key: InstanceKey, permit: Permit) -> HomeFailure | None:
        """Write what differs from the stored parts, the first one last, since it counts the others."""
        if not stored.parts and wanted == Inventory():
            return None
        parts = divided(wanted, stored.parts)
        for number in sorted(parts, reverse=True):
            if parts[number] == stored.parts.get(number):
                continue
            failure = self._put_part(number, parts[number], stored, key, permit)
            if failure is not None:
                return failure
        return None

    def _put_part(
        self, number: int, part: Part, stored: _Stored, key: InstanceKey, permit: Permit
    ) -> HomeFailure | None:
        """Write one part and note its new state. Raises _ChangedMeanwhile where another writer came first."""
        place = self._part_place(number)
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
                raise _ChangedMeanwhile from None
            return HomeFailure(failed.reason, f"{_name(place)}: {failed.message}")
        if answer.status == 409 and state is None and number:
            return self._put_over(number, part, stored, key, permit)
        gone = answer.status == 404 and decode_status(answer.body).not_found(place.resource, place.name)
        if answer.status == 409 or answer.status >= 500 or gone:
            raise _ChangedMeanwhile
        metadata = decode_metadata(answer.body, place.namespace, place.name) if answer.status in (200, 201) else None
        if metadata is None:
            return _refused(place, answer)
        stored.parts[number] = part
        stored.states[number] = metadata
        return None

    def _put_over(
        self, number: int, part: Part, stored: _Stored, key: InstanceKey, permit: Permit
    ) -> HomeFailure | None:
        """Write a new part where one stands that the first part does not count yet.

        A writer that was stopped left it, or one is at it right now: its entries stay.
        """
        failure = self._read_part(number, key, stored)
        if failure is not None:
            return failure
        if number not in stored.parts:
            raise _ChangedMeanwhile
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
            return None if failed.sent else HomeFailure(failed.reason, f"{_name(place)}: {failed.message}")
        told_by_reading = answer.status in (201, 409) or answer.status >= 500
        return None if told_by_reading else _refused(place, answer)

    def _no_key(self, *, lost: bool) -> HomeFailure:
        where = str(self._key_file) if self._key_file else f"the Secret {_name(self._key_place)}"
        if lost:
            message = (
                f"the instance's key ({where}) is gone, but its inventory {_name(self._part_place(0))} stands: put the "
                "key back from a backup, or delete the inventory and sign the marks anew with `syncd own --resign`"
            )
            return HomeFailure("key-lost", message)
        return HomeFailure("key-unwritable", f"the instance's key ({where}) could not be made; try again")

    def _labels(self) -> dict[str, str]:
        return {"app.kubernetes.io/managed-by": "syncd", "syncd.dev/instance": self._instance}


class _ChangedMeanwhile(Exception):  # noqa: N818 — leads to another look, not to a person
    """The stored inventory is not what it was when it was read, or it is not known what it is."""


def _name(place: Place) -> str:
    return f"{place.namespace}/{place.name}"


def _unusable(place: Place, reason: str) -> HomeFailure:
    said = {
        "inventory-forged": (
            "is not signed with this instance's key: somebody else wrote it, or the key is another one; put either "
            "back from a backup"
        ),
    }.get(reason, "holds no inventory that this version can read; put it back from a backup")
    return HomeFailure(reason, f"the ConfigMap {_name(place)} {said}")


def _refused(place: Place, answer: Answer) -> HomeFailure:
    found = meaning(answer.status, answer.body, place.namespace)
    if found.reason == "namespace-missing":
        message = (
            f"the home namespace {place.namespace} does not exist: `kubectl create namespace {place.namespace}` makes "
            "it, or name another with `home: {namespace: NAME}`"
        )
        return HomeFailure("home-namespace-missing", message)
    everywhere = found.cls is FailureClass.UNAVAILABLE or found.reason == "not-authenticated"
    return HomeFailure(found.reason, f"{place.resource} {_name(place)}: {found.sentence}", whole_cluster=everywhere)

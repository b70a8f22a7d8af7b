"""The home objects in a cluster as a diff sees them: the instance's key, the keys of before, and the inventory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from syncd.keys import Former, InstanceKey
from syncd.model.inventory import Inventory
from syncd.model.mapping import SecretKey
from syncd.model.reference import FailureClass
from syncd.target.inventory import InventoryUnusable, Part, decode_part, whole
from syncd.target.key_file import instance_key, read_key_file
from syncd.target.kube_answer import Answer, CallFailed
from syncd.target.kube_api import ApiReader, Place
from syncd.target.kube_status import decode_status, meaning
from syncd.target.kube_wire import Metadata, decode_config_map, decode_secret
from syncd.target.seam import HomeFailure


@dataclass(frozen=True, slots=True)
class PreviousKey:
    """A name that the instance had before, and where the key is that it signed with then."""

    instance: str
    secret: str | None = None
    """Name of a Secret of the home namespace; None with a file."""
    file: Path | None = None


@dataclass(frozen=True)
class Stored:
    """The inventory as it was read: its parts, and the state of each ConfigMap."""

    parts: dict[int, Part] = field(default_factory=dict)
    states: dict[int, Metadata] = field(default_factory=dict)
    outdated: set[int] = field(default_factory=set)
    """Parts that the present key did not sign: written anew, whatever they hold."""


class KubernetesHomeReader:
    """What a diff gets: it looks, and has nothing to write with."""

    def __init__(
        self,
        api: ApiReader,
        *,
        instance: str,
        namespace: str,
        key_file: Path | None = None,
        previous: Sequence[PreviousKey] = (),
    ) -> None:
        """Speak through `api`, which is not closed here; `key_file` holds the key instead of a Secret."""
        self._reads = api
        self._instance = instance
        self._namespace = namespace
        self._key_file = key_file
        self._key_place = Place(namespace, "secrets", f"syncd-{instance}")
        self._previous = tuple(previous)

    def key(self) -> InstanceKey | HomeFailure | None:
        """Read the key, and with it those of before."""
        found = read_key_file(self._key_file) if self._key_file is not None else self._key_in(self._key_place)
        if not self._previous or not isinstance(found, InstanceKey):
            return found
        former = self.former()
        return former if isinstance(former, HomeFailure) else found.after(former)

    def former(self) -> tuple[Former, ...] | HomeFailure:
        """Read the keys of before; all must be there, or what they signed would be taken for somebody else's."""
        keys: list[Former] = []
        for index, previous in enumerate(self._previous):
            if previous.file is not None:
                found, where = read_key_file(previous.file), f"the file {previous.file}"
            else:
                place = Place(self._namespace, "secrets", previous.secret or "")
                found, where = self._key_in(place), name_of(place)
            if isinstance(found, HomeFailure):
                return found
            if found is None:
                message = (
                    f"{where}, which `home.previous[{index}]` names, is not there: put it back, or take the entry out "
                    "once everything is signed anew"
                )
                return HomeFailure("previous-key-missing", message)
            keys.append(Former(previous.instance, found))
        return tuple(keys)

    def key_lost(self) -> HomeFailure | None:
        """Look whether an inventory stands that no key of before proves."""
        answer = self.got(self.part_place(0))
        if answer is None or isinstance(answer, HomeFailure):
            return answer
        former = self.former()
        if isinstance(former, HomeFailure):
            return former
        keys = [key for name, key in former if name == self._instance]
        if keys and self.read_part(0, self._instance, keys, Stored()) is None:
            return None
        message = (
            f"the instance's key ({self.key_name()}) is gone, but its inventory, {name_of(self.part_place(0))}, "
            "stands: put the key back from a backup, or sign the marks anew with `syncd own --resign`"
        )
        return HomeFailure("key-lost", message)

    def key_name(self) -> str:
        """Name the key in a message: its file, or its Secret."""
        return str(self._key_file) if self._key_file else name_of(self._key_place)

    def inventory(self, key: InstanceKey) -> Inventory | HomeFailure | None:
        """Read and check every part, and take along what the instance owned under another name."""
        stored = self.read_parts(self._instance, key.signers(self._instance, present=True))
        if isinstance(stored, HomeFailure):
            return stored
        return self.taken_along(stored, key)

    def taken_along(self, stored: Stored | None, key: InstanceKey) -> Inventory | HomeFailure | None:
        """Put the inventories of the names of before under the present one, each once; None where there is none."""
        found = stored or Stored()
        inventory = replace(whole(found.parts), unsaved=bool(found.outdated))
        for name in dict.fromkeys(former.instance for former in key.former):
            if name == self._instance or name in inventory.taken_along:
                continue
            before = self.read_parts(name, key.signers(name, present=False))
            if isinstance(before, HomeFailure):
                return before
            if before is not None:
                entries = {**whole(before.parts).entries, **inventory.entries}
                inventory = replace(
                    inventory, entries=entries, taken_along=(*inventory.taken_along, name), unsaved=True
                )
        return inventory if stored is not None or inventory.unsaved else None

    def part_place(self, number: int, instance: str = "") -> Place:
        """Name the ConfigMap of one part."""
        suffix = f"-{number}" if number else ""
        return Place(self._namespace, "configmaps", f"syncd-{instance or self._instance}-inventory{suffix}")

    def read_parts(self, instance: str, keys: Sequence[InstanceKey]) -> Stored | HomeFailure | None:
        """Read every part of an inventory that one of these keys signed; None where there is none."""
        stored = Stored()
        number, count = 0, 1
        while number < count:
            failure = self.read_part(number, instance, keys, stored)
            if failure is not None:
                return failure
            if number not in stored.parts:
                if number == 0:
                    return None
                place = self.part_place(number, instance)
                message = f"{name_of(place)}, a part of the inventory, is gone: put it back from a backup"
                return HomeFailure("inventory-unreadable", message)
            count = stored.parts[0].parts
            number += 1
        return stored

    def read_part(self, number: int, instance: str, keys: Sequence[InstanceKey], into: Stored) -> HomeFailure | None:
        """Read one part and note it and its state; what is not there leaves no note."""
        place = self.part_place(number, instance)
        answer = self.got(place)
        if not isinstance(answer, Answer):
            return answer
        found = decode_config_map(answer.body, place.namespace, place.name)
        if found is None:
            return _unusable(place, "inventory-unreadable")
        reason = "inventory-forged"
        for index, key in enumerate(keys):
            try:
                part = decode_part(found.binary_data or {}, instance=instance, number=number, key=key)
            except InventoryUnusable as error:
                reason = error.reason
                if reason != "inventory-forged":
                    break
                continue
            into.parts[number] = part
            into.states[number] = found.metadata
            into.outdated.discard(number)
            if index:
                into.outdated.add(number)
            return None
        return _unusable(place, reason)

    def got(self, place: Place) -> Answer | HomeFailure | None:
        """Read one object: the answer with it, or None where the API server itself says that there is none."""
        try:
            answer = self._reads.get(place)
        except CallFailed as failed:
            return HomeFailure(failed.reason, f"{name_of(place)}: {failed.message}", whole_cluster=True)
        if answer.status == 200:
            return answer
        if answer.status == 404 and decode_status(answer.body).not_found(place.resource, place.name):
            return None
        return refused(place, answer)

    def _key_in(self, place: Place) -> InstanceKey | HomeFailure | None:
        answer = self.got(place)
        if not isinstance(answer, Answer):
            return answer
        found = decode_secret(answer.body, SecretKey("", place.namespace, place.name))
        value = found.data.get("key") if found else None
        return instance_key(b"" if value is None else value.reveal(), name_of(place))


_KINDS: Final = {"secrets": "the Secret", "configmaps": "the ConfigMap"}


def name_of(place: Place) -> str:
    """Name an object by its kind, and as kubectl users write it: `the Secret syncd/syncd-prod`."""
    return f"{_KINDS[place.resource]} {place.namespace}/{place.name}"


def _unusable(place: Place, reason: str) -> HomeFailure:
    said = {
        "inventory-forged": (
            "is not signed with this instance's key: somebody else wrote it, or the key is another one; put either "
            "back from a backup, or sign what is owned anew with `syncd own --resign`"
        ),
    }.get(reason, "holds no inventory that this version can read; put it back from a backup")
    return HomeFailure(reason, f"{name_of(place)} {said}")


def refused(place: Place, answer: Answer) -> HomeFailure:
    """Say in the words of a home failure what the API server refused."""
    found = meaning(answer.status, answer.body, place.namespace)
    if found.reason == "namespace-missing":
        message = (
            f"the home namespace {place.namespace} does not exist: `kubectl create namespace {place.namespace}` makes "
            "it, or name another with `home: {namespace: NAME}`"
        )
        return HomeFailure("home-namespace-missing", message)
    if found.reason == "permission-denied":
        message = (
            f"{name_of(place)}: syncd has no right to do that in the home namespace {place.namespace} (403); there it "
            "needs get and create on its Secret, and get, create and patch on its ConfigMaps (deploy/base has them)"
        )
        return HomeFailure(found.reason, message)
    everywhere = found.cls is FailureClass.UNAVAILABLE or found.reason == "not-authenticated"
    return HomeFailure(found.reason, f"{name_of(place)}: {found.sentence}", whole_cluster=everywhere)

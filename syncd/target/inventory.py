"""The inventory's bytes: signed, compressed parts with at most 5,000 entries each. Pure.

A part is trusted only where its MAC is ours; the MAC covers the instance and which part it is, so that neither
another instance's inventory nor a part in another part's place is taken.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from syncd.keys import InstanceKey
from syncd.model.inventory import Entry, Inventory, Removal
from syncd.model.mapping import Policy, SecretKey

PART_ENTRIES: Final = 5_000
"""Entries in one ConfigMap, which holds 1 MiB: some 200 bytes each before compression."""
_SIZE_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of a part after decompression."""


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    target: str
    namespace: str
    name: str
    tenant: str
    mapping: str
    when_mapping_gone: Policy
    configurations: str | tuple[str, ...]
    """One alone as its bare name, as every inventory had it before there could be several.

    A syncd of then does not read several, and so removes nothing of what another configuration names.
    """


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    parts: int
    """How many parts there are, said by the first."""
    entries: tuple[_Entry, ...]
    removals: tuple[Removal, ...] = ()
    """In the first part alone."""
    taken_along: tuple[str, ...] = ()
    """Likewise."""


@dataclass(frozen=True, slots=True)
class Part:
    """The content of one ConfigMap."""

    entries: Mapping[SecretKey, Entry]
    removals: tuple[Removal, ...] = ()
    parts: int = 1
    taken_along: tuple[str, ...] = ()


class InventoryUnusable(Exception):  # noqa: N818 — becomes a HomeFailure one level up
    """The bytes are no part of our inventory. The text is a fixed reason code."""

    def __init__(self, reason: str) -> None:
        """Keep the code."""
        super().__init__(reason)
        self.reason = reason


def encode_part(part: Part, *, instance: str, number: int, key: InstanceKey) -> dict[str, bytes]:
    """Give the `payload` and `mac` of a part; equal content gives equal bytes."""
    entries = tuple(
        _Entry(*entry.key, entry.tenant, entry.mapping, entry.when_mapping_gone, _names(entry.configurations))
        for _, entry in sorted(part.entries.items())
    )
    content = _Part(version=1, parts=part.parts, entries=entries, removals=part.removals, taken_along=part.taken_along)
    payload = zlib.compress(msgspec.json.encode(content), 6)
    return {"payload": payload, "mac": key.mac("inventory", _signed(instance, number, payload))}


def decode_part(binary: Mapping[str, bytes], *, instance: str, number: int, key: InstanceKey) -> Part:
    """Check and read one part; raises InventoryUnusable with `inventory-forged` or `inventory-unreadable`."""
    payload = binary.get("payload", b"")
    if not key.verify("inventory", _signed(instance, number, payload), binary.get("mac", b"")):
        reason = "inventory-forged"
        raise InventoryUnusable(reason)
    reason = "inventory-unreadable"
    try:
        decompressor = zlib.decompressobj()
        content = msgspec.json.decode(decompressor.decompress(payload, _SIZE_LIMIT), type=_Part)
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InventoryUnusable(reason) from None
    if content.version != 1 or content.parts < 1:
        raise InventoryUnusable(reason)
    entries = [
        Entry(
            SecretKey(found.target, found.namespace, found.name),
            found.tenant,
            found.mapping,
            found.when_mapping_gone,
            frozenset([found.configurations] if isinstance(found.configurations, str) else found.configurations),
        )
        for found in content.entries
    ]
    return Part({entry.key: entry for entry in entries}, content.removals, content.parts, content.taken_along)


def whole(parts: Mapping[int, Part]) -> Inventory:
    """Put the parts together."""
    entries: dict[SecretKey, Entry] = {}
    for number in sorted(parts):
        entries.update(parts[number].entries)
    first = parts.get(0, Part({}))
    return Inventory(entries, first.removals, first.taken_along)


def divided(inventory: Inventory, before: Mapping[int, Part]) -> dict[int, Part]:
    """Spread an inventory over parts: an entry stays where it was, a new one goes where there is room.

    So a change touches few ConfigMaps, and nothing is between two of them when a write fails.
    """
    count = max(before, default=0) + 1
    left = dict(inventory.entries)
    spread: list[dict[SecretKey, Entry]] = []
    for number in range(count):
        held = before[number].entries if number in before else {}
        spread.append({where: left.pop(where) for where in held if where in left})
    number = 0
    for where in sorted(left):
        while number < len(spread) and len(spread[number]) >= PART_ENTRIES:
            number += 1
        if number == len(spread):
            spread.append({})
        spread[number][where] = left[where]
    parts = {number: Part(entries) for number, entries in enumerate(spread)}
    parts[0] = Part(spread[0], inventory.removals, len(spread), inventory.taken_along)
    return parts


def merged(base: Inventory, ours: Inventory, theirs: Inventory) -> Inventory:
    """Carry what changed from `base` to `ours` over to `theirs`, entry by entry; removals of both count.

    Of an entry that both changed, who names it is carried over name by name.
    """
    entries = dict(theirs.entries)
    for where in base.entries.keys() - ours.entries.keys():
        found = entries.pop(where, None)
        names = found.configurations - base.entries[where].configurations if found is not None else frozenset()
        if found is not None and names:
            entries[where] = found._replace(configurations=names)
    for where, entry in ours.entries.items():
        if base.entries.get(where) != entry:
            entries[where] = _merged_entry(base.entries.get(where), entry, entries.get(where))
    known, wanted = set(base.removals), set(ours.removals)
    kept = tuple(removal for removal in theirs.removals if removal in wanted or removal not in known)
    added = tuple(removal for removal in ours.removals if removal not in known and removal not in kept)
    along = tuple(dict.fromkeys((*theirs.taken_along, *ours.taken_along)))
    return Inventory(entries, tuple(sorted(kept + added)), along)


def _merged_entry(base: Entry | None, ours: Entry, theirs: Entry | None) -> Entry:
    """Carry the change of one entry over."""
    if theirs is None or theirs == base:
        return ours
    known = base.configurations if base is not None else frozenset()
    names = (theirs.configurations - (known - ours.configurations)) | (ours.configurations - known)
    rest = theirs if base is not None and ours._replace(configurations=known) == base else ours
    return rest._replace(configurations=names or theirs.configurations)


def _names(configurations: frozenset[str]) -> str | tuple[str, ...]:
    """Spell who names an entry; equal sets give equal bytes."""
    names = tuple(sorted(configurations))
    return names[0] if len(names) == 1 else names


def _signed(instance: str, number: int, payload: bytes) -> bytes:
    # The instance is a DNS label: a NUL ends it for sure.
    return f"syncd/inventory/1\0{instance}\0{number}\0".encode() + payload

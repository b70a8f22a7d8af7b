"""The bytes of the inventory: what goes in comes out, and nobody else's are taken."""

import dataclasses
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.keys import InstanceKey
from syncd.model.inventory import Entry, Inventory, Removal
from syncd.model.mapping import SecretKey
from syncd.redact import SecretValue
from syncd.target import inventory as module
from syncd.target.inventory import InventoryUnusable, Part, decode_part, divided, encode_part, merged, whole

KEY = InstanceKey(SecretValue(b"k" * 32))
TEXT = st.text(max_size=20)
KEYS = st.builds(SecretKey, TEXT, TEXT, TEXT)
ENTRIES = st.builds(
    Entry, KEYS, TEXT, TEXT, st.sampled_from(["keep", "delete"]), st.frozensets(TEXT, min_size=1, max_size=3)
)
REMOVALS = st.builds(
    Removal, st.floats(0, 2e9), TEXT, TEXT, st.integers(0, 10_000), st.sampled_from(["removal", "update"])
)
INVENTORIES = st.builds(
    lambda entries, removals: Inventory({entry.key: entry for entry in entries}, tuple(sorted(removals))),
    st.lists(ENTRIES, max_size=12),
    st.lists(REMOVALS, max_size=4, unique=True),
)


def encoded(part: Part, *, instance: str = "prod", number: int = 0) -> dict[str, bytes]:
    return encode_part(part, instance=instance, number=number, key=KEY)


def unusable(binary: dict[str, bytes], *, instance: str = "prod", number: int = 0, key: InstanceKey = KEY) -> str:
    with pytest.raises(InventoryUnusable) as raised:
        decode_part(binary, instance=instance, number=number, key=key)
    return raised.value.reason


@given(INVENTORIES)
def test_an_inventory_survives_its_bytes(inventory: Inventory) -> None:
    parts = divided(inventory, {})
    read = {
        number: decode_part(encoded(part, number=number), instance="prod", number=number, key=KEY)
        for number, part in parts.items()
    }
    assert whole(read) == inventory


@given(INVENTORIES)
def test_equal_inventories_have_equal_bytes(inventory: Inventory) -> None:
    turned = Inventory(dict(reversed(list(inventory.entries.items()))), inventory.removals)
    assert [encoded(p) for p in divided(inventory, {}).values()] == [encoded(p) for p in divided(turned, {}).values()]


@given(before=INVENTORIES, after=INVENTORIES)
def test_no_entry_is_lost_or_moved_when_parts_are_filled(before: Inventory, after: Inventory) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PART_ENTRIES", 3)
        old = divided(before, {})
        new = divided(after, old)
    assert whole(new) == after
    assert sum(len(part.entries) for part in new.values()) == len(after.entries)
    assert new[0].parts == len(new)
    for number, part in old.items():
        stay = part.entries.keys() & after.entries.keys()
        assert stay <= new[number].entries.keys()


@given(base=INVENTORIES, ours=INVENTORIES)
def test_where_nobody_else_wrote_the_merge_is_ours(base: Inventory, ours: Inventory) -> None:
    result = merged(base, ours, base)
    assert result.entries == ours.entries
    assert sorted(result.removals) == sorted(ours.removals)


@given(base=INVENTORIES, theirs=INVENTORIES)
def test_where_we_changed_nothing_the_merge_is_theirs(base: Inventory, theirs: Inventory) -> None:
    assert merged(base, base, theirs) == theirs


OURS = Entry(SecretKey("default", "app", "a"), "", "app/a", "keep", frozenset({"a"}))


def _of(*configurations: str, **fields: str) -> Inventory:
    entry = OURS._replace(configurations=frozenset(configurations), **fields)  # type: ignore[arg-type]
    return Inventory({entry.key: entry})


def test_one_configuration_is_spelled_as_it_was_before_there_could_be_several() -> None:
    """J13."""
    before = (OURS.key.target, "app", "a", "", "app/a", "keep", "a")
    content = {"version": 1, "parts": 1, "entries": [before]}
    payload = zlib.compress(msgspec.json.encode(content), 6)
    signed = {"payload": payload, "mac": KEY.mac("inventory", module._signed("prod", 0, payload))}
    assert decode_part(signed, instance="prod", number=0, key=KEY) == Part(_of("a").entries)
    for names, spelled in ((("a",), "a"), (("b", "a"), ["a", "b"])):
        told = msgspec.json.decode(zlib.decompress(encoded(Part(_of(*names).entries))["payload"]))
        assert told["entries"][0][-1] == spelled


@pytest.mark.parametrize(
    ("ours", "theirs", "merges"),
    [
        (_of("a", "b"), _of("a", "c"), _of("a", "b", "c")),
        (_of("b"), _of("a", "c"), _of("b", "c")),
        (_of("a", "b"), _of("c"), _of("b", "c")),
        (_of("a", "b"), _of("a", "c", mapping="other"), _of("a", "b", "c", mapping="other")),
        (_of("a", mapping="ours"), _of("a", "c", mapping="other"), _of("a", "c", mapping="ours")),
        (Inventory(), _of("a", "c"), _of("c")),
        (Inventory(), _of("a", mapping="other"), Inventory()),
        (_of("a", "b"), Inventory(), _of("a", "b")),
    ],
)
def test_who_names_an_entry_is_merged_name_by_name(ours: Inventory, theirs: Inventory, merges: Inventory) -> None:
    assert merged(_of("a"), ours, theirs) == merges


@given(base=INVENTORIES, ours=INVENTORIES, theirs=INVENTORIES)
def test_no_merge_loses_a_name_that_somebody_added_or_leaves_an_entry_without_one(
    base: Inventory, ours: Inventory, theirs: Inventory
) -> None:
    result = merged(base, ours, theirs)
    assert all(entry.configurations for entry in result.entries.values())
    for side in (ours, theirs):
        for where, entry in side.entries.items():
            known = base.entries.get(where)
            added = entry.configurations - (known.configurations if known else frozenset())
            if added:
                assert added <= result.entries[where].configurations


def test_nobody_elses_bytes_are_taken() -> None:
    mine = encoded(Part({}))
    payload = bytearray(mine["payload"])
    payload[-1] ^= 1
    other = InstanceKey(SecretValue(b"o" * 32))
    assert unusable(mine, instance="other") == "inventory-forged"
    assert unusable(mine, number=1) == "inventory-forged"
    assert unusable(mine, key=other) == "inventory-forged"
    assert unusable({**mine, "payload": bytes(payload)}) == "inventory-forged"
    assert unusable({"payload": mine["payload"]}) == "inventory-forged"
    assert unusable({}) == "inventory-forged"
    assert decode_part(mine, instance="prod", number=0, key=KEY) == Part({})


def test_signed_bytes_of_another_version_are_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    real = module._Part
    monkeypatch.setattr(module, "_Part", lambda **fields: real(**{**fields, "version": 2}))
    signed = encoded(Part({}))
    monkeypatch.setattr(module, "_Part", real)
    assert unusable(signed) == "inventory-unreadable"


def test_ten_thousand_entries_fit_in_two_config_maps() -> None:
    keys = [SecretKey("default", f"team-{n % 97}", f"database-credentials-{n}") for n in range(10_000)]
    entries = {key: Entry(key, "payments", str(key), "keep", frozenset({"/etc/syncd/syncd.yaml"})) for key in keys}
    parts = divided(Inventory(entries), {})
    sizes = [len(encoded(part, number=number)["payload"]) for number, part in parts.items()]
    assert len(sizes) == 2
    assert max(sizes) < 1_000_000 * 3 // 4, "base64 in a ConfigMap of 1 MiB"
    smaller = divided(dataclasses.replace(Inventory(entries), entries=dict(list(entries.items())[:10])), parts)
    assert smaller[0].parts == 2

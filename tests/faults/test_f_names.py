"""Section F of the catalogue: key names and collisions."""

from pathlib import Path

import pytest

from syncd.model.mapping import SecretMapping
from syncd.model.plan import Action
from syncd.model.reference import RemoteRef
from syncd.model.secret import DesiredSecret, LiveSecret
from syncd.model.selection import Extract, Literally, Selection
from syncd.redact import SecretValue
from syncd.target.directory import DirectoryReader, DirectoryTarget
from syncd.testing.memory_target import Granted
from tests.faults.memory_site import Site, secret, wants


def takes_all(name: str, **fields: object) -> SecretMapping:
    return wants(name, data=(), data_from=(Extract(Selection(RemoteRef("memory", name))),), **fields)


# F1


@pytest.mark.parametrize("key", [b"two words", b"a/b", b"..data", "\u0430".encode()])
def test_a_key_that_no_secret_can_hold_keeps_the_secret_until_the_store_is_mended(key: bytes) -> None:
    site = Site(takes_all("app", interval=60.0), wants("other", interval=60.0))
    site.store.put("app", b'{"good": "1"}')
    site.store.put("other", b"x")
    site.run(10)
    site.store.put("app", b'{"good": "2", "%s": "3"}' % key)
    site.run(70)
    (line,) = site.said("secret-unreadable")
    assert (line["name"], line["reason"]) == ("app", "bad-key")
    assert site.values("app") == {"good": b"1"}
    site.store.put("app", b'{"good": "2"}')
    site.run(70)
    assert site.values("app") == {"good": b"2"}


# F4


def test_keys_that_differ_in_case_alone_stand_in_one_file(tmp_path: Path) -> None:
    data = {key: SecretValue(key.encode()) for key in ("Token", "TOKEN", "token")}
    DirectoryTarget(tmp_path).create(DesiredSecret(secret("app"), "Opaque", data, {}, {}), Granted())
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["app.yaml"]
    (live,) = DirectoryReader(tmp_path).read([secret("app")])
    assert isinstance(live, LiveSecret)
    assert live.data == data


# F6


@pytest.mark.parametrize("mapping", [takes_all("app"), wants("app", data=(("1st", Literally("x")),))])
def test_a_key_that_cannot_be_a_variable_is_written_and_remarked_upon(mapping: SecretMapping) -> None:
    site = Site(mapping)
    site.store.put("app", b'{"1st": "x"}')
    (change,) = site.apply().changes
    assert (change.action, change.outcome) == (Action.CREATE, "done")
    assert '"1st" starts with a digit' in change.message
    assert "envFrom" in change.message


@pytest.mark.parametrize("key", ["tls.crt", ".dockerconfigjson", "_x", "-x", "a1", "some.thing-else"])
def test_any_other_key_can_be_a_variable(key: str) -> None:
    site = Site(wants("app", data=((key, Literally("x")),)))
    (change,) = site.apply().changes
    assert (change.outcome, change.message) == ("done", "")


# F7


def test_a_key_that_left_an_object_leaves_the_secret_at_once_and_counts_as_a_removal() -> None:
    site = Site(takes_all("a"), takes_all("b"))
    for name in ("a", "b"):
        site.store.put(name, b'{"old": "1", "new": "2"}')
    site.apply()
    for name in ("a", "b"):
        site.store.put(name, b'{"new": "2"}')
    first, second = site.apply().changes
    assert (first.action, first.outcome, first.keys.removed) == (Action.UPDATE, "done", ("old",))
    # One removal an hour is what a store with two mappings may ask for.
    assert (second.outcome, second.keys.removed) == ("held", ("old",))
    assert site.values("a") == {"new": b"2"}
    assert site.values("b") == {"old": b"1", "new": b"2"}

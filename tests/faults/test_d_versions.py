"""Section D of the catalogue: deleted, disabled, expired and pending versions."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from syncd.fetch.seam import Call
from syncd.model.plan import Action
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.testing.memory_provider import MemoryProvider
from tests.faults.memory_site import Site, wants
from tests.integration.vault_store import Bench, ask, failed, verdict
from tests.servers.openbao import OpenBao

UNUSABLE = FailureClass.UNUSABLE


# D4


def test_a_version_whose_time_is_up_is_deleted_and_not_absent(openbao: OpenBao, tmp_path: Path) -> None:
    mount = openbao.mount()
    openbao.request("POST", f"{mount}/metadata/x", {"delete_version_after": "1s"})
    openbao.put(mount, "x", {"k": "v"})
    provider = Bench(tmp_path, openbao.address).with_token(openbao.token([openbao.reader(mount)]))
    until = time.monotonic() + 10
    while isinstance(outcome := ask(provider, "x", mount=mount), Fetched):
        assert time.monotonic() < until
        time.sleep(0.1)
    provider.close()
    assert verdict(outcome) == (UNUSABLE, "version-deleted")
    assert not failed(outcome).transient


# D3, D8, D16, D17


class Rotating(MemoryProvider):
    """A store whose value is replaced right after each look at it."""

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Iterable[tuple[RemoteRef, Outcome]]:
        answers = list(super().fetch(refs, call))
        number = len(self.requests)
        self.put("app", b'{"user": "u%d", "password": "p%d"}' % (number, number))
        return answers


def test_all_keys_of_an_object_that_rotates_meanwhile_are_of_one_version() -> None:
    store = Rotating()
    site = Site(wants("app", "user", "password"), store=store)
    store.put("app", b'{"user": "u0", "password": "p0"}')
    for number in range(3):
        site.apply()
        assert site.values("app") == {"user": b"u%d" % number, "password": b"p%d" % number}


@pytest.mark.parametrize("cls", [FailureClass.UNUSABLE, FailureClass.DENIED, FailureClass.ABSENT])
def test_what_can_be_read_again_is_written_at_the_next_look_with_no_help(cls: FailureClass) -> None:
    site = Site(wants("app"))
    site.store.put("app", b"one")
    site.apply()
    site.store.put("app", b"two")
    site.store.break_down(Failure(cls, "disabled"), "app")
    made = site.apply()
    assert [change.action for change in made.changes] == [Action.UNREADABLE]
    assert site.values("app") == {"value": b"one"}
    site.store.mend()
    site.apply()
    assert site.values("app") == {"value": b"two"}


def test_an_object_made_anew_under_its_name_is_written_and_said() -> None:
    site = Site(wants("app"))
    for value in (b"one", b"two", b"three"):
        site.store.put("app", value)
    site.run(10)
    site.store.delete("app")
    site.store.put("app", b"another")
    site.run(10)
    (line,) = site.said("secret-updated")
    assert (line["reason"], line["message"]) == ("source-changed", "memory:app was deleted and made anew")
    assert site.values("app") == {"value": b"another"}


def test_an_old_value_as_a_new_version_is_a_change_like_any_other() -> None:
    site = Site(wants("app"))
    site.store.put("app", b"one")
    site.apply()
    for value in (b"two", b"one"):
        site.store.put("app", value)
        (change,) = site.apply().changes
        assert (change.action, change.reason, change.message) == (Action.UPDATE, "source-changed", "")
        assert site.values("app") == {"value": value}

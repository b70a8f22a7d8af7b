"""Sources that can come back, or whose store lost them all: kept by five applies that prune, and by a daemon for hours.

Each answer is the adapter's own, read from the real or wire-true server in that state; the runs are in memory, on a
clock that the test moves. Every other source of the store is well, so nothing but the answer itself keeps the Secret.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from syncd.model.mapping import SecretMapping
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.plan.instance import Rules
from tests.faults.memory_site import Site
from tests.integration import aws_store, azure_store, vault_store
from tests.servers.keyvault import KeyVault
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao
from tests.unit.daemon_rig import DaemonRig, wants

HOUR = 3600.0


@dataclass(frozen=True)
class Stores:
    """The three servers, and a corner of one's own in each."""

    openbao: OpenBao
    moto: Moto
    keyvault: KeyVault
    folder: Path

    def of_vault(self, happens: Callable[[str], None]) -> tuple[Outcome, Outcome]:
        """Give how the adapter reads an object before and after something happens to its mount."""
        mount = self.openbao.mount()
        self.openbao.put(mount, "app", {"password": "good"})
        bench = vault_store.Bench(self.folder, self.openbao.address)
        provider = bench.with_token(self.openbao.token([self.openbao.reader(mount)]))
        before = vault_store.ask(provider, "app", mount=mount)
        happens(mount)
        after = vault_store.ask(provider, "app", mount=mount)
        provider.close()
        return before, after

    def of_aws(self, happens: Callable[[str], None]) -> tuple[Outcome, Outcome]:
        account = aws_store.Account(self.moto, self.folder, self.moto.credentials())
        account.put("app", "good")
        provider = account.store()
        before = aws_store.read_one(provider, account.ref("app"))
        happens(account.prefix + "app")
        after = aws_store.read_one(provider, account.ref("app"))
        provider.close()
        return before, after

    def of_key_vault(self, happens: Callable[[str], None]) -> tuple[Outcome, Outcome]:
        name = f"kept-{self.moto.credentials().access_key_id.lower()}"
        self.keyvault.put(name, "good")
        provider = azure_store.provider_for(self.keyvault)
        before = azure_store.read(provider, name)
        happens(name)
        after = azure_store.read(provider, name)
        provider.close()
        return before, after

    def wiped(self, mount: str) -> None:
        """Take a mount away and make it anew, with something else in it."""
        self.openbao.unmount(mount)
        self.openbao.mount(name=mount)
        self.openbao.put(mount, "new", {"password": "after the wipe"})

    def without_value(self, name: str) -> None:
        self.moto.delete(name)
        self.moto.put_without_value(name)


@pytest.fixture
def stores(openbao: OpenBao, moto: Moto, keyvault: KeyVault, tmp_path: Path) -> Stores:
    return Stores(openbao, moto, keyvault, tmp_path)


CAN_COME_BACK: Mapping[str, Callable[[Stores], tuple[Outcome, Outcome]]] = {
    "disabled": lambda at: at.of_key_vault(at.keyvault.disable),
    "expired": lambda at: at.of_key_vault(at.keyvault.expire),
    "soft-deleted": lambda at: at.of_key_vault(at.keyvault.delete),
    "version-deleted": lambda at: at.of_vault(lambda mount: at.openbao.delete_version(mount, "app")),
    "version-destroyed": lambda at: at.of_vault(lambda mount: at.openbao.destroy(mount, "app", 1)),
    "scheduled-deletion": lambda at: at.of_aws(lambda name: at.moto.delete(name, recovery_days=7)),
    "no-value": lambda at: at.of_aws(at.without_value),
}
"""By the adapter's reason code."""


def going(name: str) -> SecretMapping:
    mapping = wants(name, RemoteRef("memory", name), interval=300.0)
    return replace(mapping, when_source_gone="delete", when_mapping_gone="delete")


def failure_after(before: Outcome, after: Outcome) -> Failure:
    assert isinstance(before, Fetched)
    assert isinstance(after, Failure)
    return after


def six_hours(failure: Failure, *, mappings: int, gone: int) -> DaemonRig:
    """Let a daemon write its Secrets, have `gone` of the sources answer so, and let it live for six hours."""
    rig = DaemonRig(*(going(f"m{number}") for number in range(mappings)))
    rig.start(rules=Rules(prune=True))
    rig.run(1)
    assert len(rig.cluster.secrets) == mappings
    for number in range(gone):
        rig.stores["memory"].break_down(failure, f"m{number}")
    rig.run(6 * HOUR)
    rig.stop()
    return rig


def five_prunes(failure: Failure, *, mappings: int, gone: int, allow_deletes: int | None) -> Site:
    """Write the Secrets, have `gone` of the sources answer so, and apply with `--prune` five times."""
    wanted = [going(f"m{number}") for number in range(mappings)]
    site = Site(*wanted, prune=True, allow_deletes=allow_deletes)
    for number in range(mappings):
        site.store.put(f"m{number}", b"good")
    site.apply()
    assert len(site.cluster.secrets) == mappings
    for number in range(gone):
        site.store.break_down(failure, f"m{number}")
    for _ in range(5):
        site.apply()
        site.now += 60.0
    return site


@pytest.mark.parametrize("reason", sorted(CAN_COME_BACK))
def test_a_source_that_can_come_back_keeps_its_secret(stores: Stores, reason: str) -> None:
    """I-DEL: the class says so, whatever the policy, the flags and the time."""
    failure = failure_after(*CAN_COME_BACK[reason](stores))
    assert (failure.cls, failure.reason) == (FailureClass.UNUSABLE, reason)
    rig = six_hours(failure, mappings=4, gone=1)
    assert "delete" not in rig.verbs("m0")
    assert rig.data("m0") == {"k0": b"value of m0"}
    # Read at each interval all the while, and never written.
    assert rig.verbs("m0").count("read") >= 6 * HOUR / 300.0 - 1
    assert rig.verbs("m0").count("create") + rig.verbs("m0").count("update") == 1
    site = five_prunes(failure, mappings=4, gone=1, allow_deletes=99)
    assert len(site.cluster.secrets) == 4
    assert [asked.verb for asked in site.cluster.writes()] == ["create"] * 4


@pytest.mark.parametrize("count", [1, 3, 50])
def test_a_mount_that_was_wiped_and_made_anew_keeps_its_secrets(stores: Stores, count: int) -> None:
    """I-CAP, A16: each object is absent, by Vault's own word, and the store is not believed."""
    failure = failure_after(*stores.of_vault(stores.wiped))
    assert failure.cls is FailureClass.ABSENT
    rig = six_hours(failure, mappings=count, gone=count)
    assert len(rig.cluster.secrets) == count
    assert {asked.verb for asked in rig.cluster.writes()} == {"create"}
    site = five_prunes(failure, mappings=count, gone=count, allow_deletes=None)
    assert len(site.cluster.secrets) == count
    assert {asked.verb for asked in site.cluster.writes()} == {"create"}


def test_a_source_that_is_truly_gone_takes_its_secret_along(stores: Stores) -> None:
    """So the two above prove something: one of four, by Vault's own word, goes both ways."""
    failure = failure_after(*stores.of_vault(lambda mount: stores.openbao.remove(mount, "app")))
    assert failure.cls is FailureClass.ABSENT
    assert len(six_hours(failure, mappings=4, gone=1).cluster.secrets) == 3
    assert len(five_prunes(failure, mappings=4, gone=1, allow_deletes=None).cluster.secrets) == 3

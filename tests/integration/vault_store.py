"""A store of type `vault` for tests: built as the configuration builds it, on a clock that tests move."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.store import StoreSettings, Timeouts, Tls
from syncd.node import Problem
from syncd.testing.provider_case import Allowance
from syncd_providers.vault import SPEC
from syncd_providers.vault.options import VaultOptions
from syncd_providers.vault.provider import VaultProvider

CANARY = "canary-7d1f93"
"""A value or credential of a test; it may stand in a SecretValue and nowhere else."""


@dataclass
class Bench:
    """Makes stores in a folder, and reads from them."""

    folder: Path
    address: str = ""
    now: float = 1000.0
    """What the stores made here take for monotonic seconds."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    tls: Tls = field(default_factory=Tls)
    may_consume: bool = True
    """As in a run that writes; a diff and a check have it False."""
    made: list[VaultProvider] = field(default_factory=list)

    def store(self, auth: Mapping[str, object], **fields: object) -> VaultProvider:
        """Make a store; `fields` stand beside `auth` in its block."""
        block = {"address": self.address, "auth": auth, **fields}
        settings = StoreSettings(
            "v",
            self.folder,
            timeouts=self.timeouts,
            tls=self.tls,
            clock=lambda: self.now,
            may_consume=self.may_consume,
        )
        options = msgspec.convert(block, VaultOptions)
        assert list(SPEC.check(options, settings)) == []
        provider = SPEC.create(options, settings)
        assert isinstance(provider, VaultProvider)
        self.made.append(provider)
        return provider

    def with_token(self, token: str, **fields: object) -> VaultProvider:
        """Make a store with a given token, in the file `token`."""
        (self.folder / "token").write_text(token + "\n")
        return self.store({"token": {"file": "token"}}, **fields)

    def with_approle(self, pair: tuple[str, str], **fields: object) -> VaultProvider:
        """Make a store that logs in, its secret id in the file `secret-id`."""
        (self.folder / "secret-id").write_text(pair[1] + "\n")
        return self.store({"appRole": {"roleId": pair[0], "secretId": {"file": "secret-id"}}}, **fields)


def ref_of(provider: VaultProvider, key: str, *, mount: str = "", version: str = "") -> RemoteRef:
    """Give the canonical reference."""
    found = provider.canonical(RemoteRef("v", key, version, mount))
    assert not isinstance(found, Problem), found
    return found


def ask(
    provider: VaultProvider, key: str, *, mount: str = "", version: str = "", call: Allowance | None = None
) -> Outcome:
    """Read one object and prove that what came back prints no value."""
    ref = ref_of(provider, key, mount=mount, version=version)
    ((same, outcome),) = provider.fetch([ref], call or Allowance())
    assert same == ref
    assert CANARY not in repr(outcome)
    return outcome


def fetched(outcome: Outcome) -> Fetched:
    """Narrow to a value."""
    assert isinstance(outcome, Fetched), outcome
    return outcome


def failed(outcome: Outcome) -> Failure:
    """Narrow to a failure, which says something to a person and holds no value."""
    assert isinstance(outcome, Failure), outcome
    assert outcome.message
    return outcome


def verdict(outcome: Outcome) -> tuple[FailureClass, str]:
    """Give the class and reason of a failure."""
    failure = failed(outcome)
    return failure.cls, failure.reason

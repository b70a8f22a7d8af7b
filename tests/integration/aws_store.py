"""A store of type `aws` on the test server, and a call that counts what is spent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import msgspec

from syncd.model.reference import Failure, Fetched, Outcome, RemoteRef
from syncd.model.store import StoreSettings, Timeouts
from syncd.testing.provider_case import Allowance
from syncd_providers.aws import SPEC
from syncd_providers.aws.options import AwsOptions
from syncd_providers.aws.provider import AwsProvider
from tests.servers.moto import AwsCredentials, Moto
from tests.servers.moto_proxy import Logged


@dataclass
class Account:
    """One test's own corner of the test server: an access key, a folder for its files, a prefix for its names."""

    moto: Moto
    folder: Path
    key: AwsCredentials
    prefix: str = field(default_factory=lambda: f"t-{uuid4().hex[:8]}/")

    def __post_init__(self) -> None:
        """Write the credential file."""
        (self.folder / "secret-key").write_text(self.key.secret_access_key + "\n")

    def store(
        self,
        auth: Mapping[str, object] | None = None,
        *,
        timeouts: Timeouts | None = None,
        clock: Callable[[], float] | None = None,
        **options: object,
    ) -> AwsProvider:
        """Open a store as the configuration would; a static access key unless told otherwise."""
        static = {"accessKeyId": self.key.access_key_id, "secretAccessKey": {"file": "secret-key"}}
        tree = {
            "region": self.moto.region,
            "endpoint": self.moto.endpoint,
            "auth": auth or {"static": static},
            **options,
        }
        settings = StoreSettings("aws-eu", self.folder, timeouts or Timeouts(), clock=clock)
        converted = msgspec.convert(tree, AwsOptions)
        assert not list(SPEC.check(converted, settings))
        return AwsProvider(converted, settings)

    def put(self, name: str, value: str | bytes) -> str:
        """Write a secret under the test's prefix."""
        return self.moto.put(self.prefix + name, value)

    def ref(self, name: str, version: str = "") -> RemoteRef:
        """Name a secret under the test's prefix."""
        return RemoteRef("aws-eu", self.prefix + name, version)

    def fault(self, kind: str, name: str | None = None, **how: str | float) -> None:
        """Order a fault for one of the test's secrets, or for all requests of its access key."""
        scope = {"access_key_id": self.key.access_key_id} if name is None else {"name": self.prefix + name}
        self.moto.fault(kind, **scope, **how)

    def requests(self) -> list[Logged]:
        """List what the test's access key asked."""
        return self.moto.requests(access_key_id=self.key.access_key_id)

    def operations(self) -> list[str]:
        """List which operations it asked, in order."""
        return [entry.operation for entry in self.requests()]


def read(provider: AwsProvider, refs: Sequence[RemoteRef], call: Allowance | None = None) -> dict[RemoteRef, Outcome]:
    """Fetch references as the gateway does: made canonical, and every answer collected."""
    names = [provider.canonical(ref) for ref in refs]
    return dict(provider.fetch([name for name in names if isinstance(name, RemoteRef)], call or Allowance()))


def read_one(provider: AwsProvider, ref: RemoteRef, call: Allowance | None = None) -> Outcome:
    """Fetch one reference."""
    (outcome,) = read(provider, [ref], call).values()
    return outcome


def value_of(outcome: Outcome) -> bytes:
    """Give the bytes of what was read."""
    assert isinstance(outcome, Fetched), outcome
    return outcome.value.reveal()


def verdict(outcome: Outcome) -> tuple[str, str]:
    """Give class and reason of a failure."""
    assert isinstance(outcome, Failure), outcome
    return outcome.cls.value, outcome.reason

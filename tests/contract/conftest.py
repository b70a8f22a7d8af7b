"""What the contract tests share: readable failures of the shipped suites, and an address where nothing listens."""

import socket
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite(
    "syncd.testing.provider_case",
    "syncd.testing.provider_contract",
    "syncd.testing.discovery_contract",
    "syncd.testing.lease_contract",
)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Hold a port without listening on it, so that every connection is refused and nobody else takes it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]

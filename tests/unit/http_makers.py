"""Transports, and a peer that answers one thing, for the tests of the transport."""

from collections.abc import Callable

import pytest

from syncd.fetch.http import Transport, TransportError
from tests.servers.wire import Reply, Wire

Make = Callable[..., Transport]


def serving(reply: Reply) -> Wire:
    return Wire(lambda _request: reply)


def reason_of(transport: Transport, url: str, remaining: float | None = None) -> TransportError:
    with pytest.raises(TransportError) as caught:
        transport.request("GET", url, remaining=remaining)
    return caught.value

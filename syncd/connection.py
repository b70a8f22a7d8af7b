"""urllib3's connections, with the limit that they lack: the whole answer, headers and body, ends at a deadline.

A socket's time-out starts anew with each packet, so a peer that sends a byte a second is never cut off by it. Here
each packet may take what is left of the whole at most.
"""

import http.client
import io
import socket
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class _Limits(NamedTuple):
    deadline: float
    """Real monotonic seconds at which the answer must be whole."""
    pause: float
    """Seconds between two packets."""


class _ThreadLimits(threading.local):
    now = _Limits(0.0, 0.0)


_limits = _ThreadLimits()
"""What binds the request that this thread sends next; a thread sends one at a time."""


def bind(total: float, *, pause: float) -> None:
    """Bind this thread's next request: `total` seconds from now for all of its answer, `pause` between packets."""
    _limits.now = _Limits(time.monotonic() + total, pause)


class _TimedReader(io.RawIOBase):
    """The bytes of an answer as they come in. Raises TimeoutError at the deadline."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._raw = connected.makefile("rb", buffering=0)
        self._limits = _limits.now

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        left = self._limits.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(min(left, self._limits.pause))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(sock))


class _PlainConnection(HTTPConnection):
    response_class = _TimedResponse


class _TlsConnection(HTTPSConnection):
    response_class = _TimedResponse


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


POOLS: Final[dict[str, type[urllib3.HTTPConnectionPool]]] = {"http": _PlainPool, "https": _TlsPool}
"""For a manager's `pool_classes_by_scheme`."""


def limit(pool: urllib3.HTTPConnectionPool) -> None:
    """Let a pool of somebody else's making open connections of this kind."""
    pool.ConnectionCls = POOLS[pool.scheme].ConnectionCls

"""The lean transport under the SDKs' public seams: urllib3 with every limit set.

No retries (the gateway has the only retry layer), no redirects (a token must not travel), certificates always
verified, a cap on the body after decompression, and a total deadline beside the time-outs of single packets.
Nothing of a foreign error leaves it but a fixed reason code.
"""

import http.client
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    IncompleteRead,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from syncd.connection import POOLS, bind
from syncd.model.reference import Failure, FailureClass, Scope
from syncd.model.store import Timeouts, Tls

BODY_LIMIT: Final = 2 * 1024 * 1024
"""Bytes of a body after decompression; twice what a Kubernetes Secret can hold."""
_CHUNK: Final = 65_536
_CONTEXT_AGE: Final = 10.0
"""Seconds after which the certificate files are looked at again."""
_VERIFY_REASONS: Final = {
    9: "certificate-not-yet-valid",
    10: "certificate-expired",
    62: "certificate-wrong-name",
    64: "certificate-wrong-name",
}
"""By OpenSSL's X509_V_ERR_ codes (62 a name, 64 an address that does not match); the rest is an untrusted chain."""
_NO_CONNECTION: Final = frozenset(
    {
        "address-unusable",
        "connect-timeout",
        "connection-refused",
        "name-not-resolved",
        "proxy-failed",
        "tls-failed",
        "tls-files-unusable",
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer, whatever its status. Its body may hold secrets: it is parsed, never shown."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def __repr__(self) -> str:
        """Give the status alone."""
        return f"Answer(status={self.status})"


_UNUSABLE: Final = "answered with a body that cannot be used; is something in between?"
_ADDRESS: Final = "cannot be reached ({reason}): does it run, and is that its address?"
_BROKEN_OFF: Final = "broke off ({reason}): look at its log and at the network"
_ADVICE: Final = {
    "timeout": "did not answer in time ({reason}): look at its load and the network, or raise the store's `timeouts`",
    "connection-lost": _BROKEN_OFF,
    "answer-cut-short": _BROKEN_OFF,
    "proxy-failed": "cannot be reached through the store's proxy ({reason}): does the proxy run?",
    "tls-failed": "does not speak TLS as it should ({reason}): is that its address?",
    "tls-files-unusable": "was not asked ({reason}): correct the files under the store's `tls`",
    "address-unusable": "is not an address that can be asked ({reason}): correct it in the store",
    "certificate-untrusted": "has a certificate of an unknown authority ({reason}): name that in `tls: {{caFile: …}}`",
    "certificate-wrong-name": "has a certificate for another name ({reason}): is that its address?",
    "certificate-expired": "has a certificate that has expired ({reason}): renew it, or set the clock",
    "certificate-not-yet-valid": "has a certificate that is not valid yet ({reason}): set the clock",
}
"""What is so of the service by reason, and what to do; anything else is `_ADDRESS`."""


class TransportError(Exception):
    """No complete answer. Its text is a fixed reason code."""

    def __init__(self, reason: str, *, malformed: bool = False) -> None:
        """Keep the code; `malformed` where the service did answer, but not in a form that can be used."""
        super().__init__(reason)
        self.reason = reason
        self.malformed = malformed

    def failure(self, address: str) -> Failure:
        """Say it as an outcome, for the store at `address`."""
        if self.malformed:
            return Failure(FailureClass.MALFORMED, self.reason, f"{address} {_UNUSABLE}")
        # Without a connection every reference fares alike; one that was lost, or is slow, may be this request's own.
        scope: Scope = "store" if self.reason in _NO_CONNECTION or self.reason.startswith("certificate-") else "ref"
        message = f"{address} {_ADVICE.get(self.reason, _ADDRESS).format(reason=self.reason)}"
        return Failure(FailureClass.UNAVAILABLE, self.reason, message, scope=scope)


class Transport:
    """Keep-alive connections to the services of one store. Shared by the store's worker threads."""

    def __init__(
        self,
        *,
        timeouts: Timeouts,
        tls: Tls,
        proxy: str | None = None,
        connections: int = 16,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the settings; connects with the first request."""
        self._timeouts = timeouts
        self._tls = tls
        self._proxy = proxy
        self._connections = connections
        self._clock = clock
        self._lock = threading.Lock()
        self._pools: _Pools | None = None
        self._stamp: tuple[float, ...] = ()
        self._looked = 0.0

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        remaining: float | None = None,
    ) -> Answer:
        """Send one request and give the whole answer; `remaining` seconds at most. Raises TransportError."""
        total = self._timeouts.total if remaining is None else min(self._timeouts.total, remaining)
        bind(total, pause=self._timeouts.read)
        timeout = urllib3.Timeout(connect=min(self._timeouts.connect, total), read=self._timeouts.read, total=total)
        try:
            send, target = self._route(url)
            response = send(
                method,
                target,
                headers=headers,
                body=body,
                timeout=timeout,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=True,
            )
            try:
                content = _whole_body(response)
            except BaseException:
                response.close()
                raise
            response.release_conn()
        except (HTTPError, OSError, ValueError, http.client.HTTPException) as error:
            raise _translated(error) from None
        return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, content)

    def look_again(self) -> None:
        """Look at the certificate files with the next request, however lately that was done; for logins."""
        self._looked = float("-inf")

    def close(self) -> None:
        """Close idle connections; later requests open new ones."""
        with self._lock:
            if self._pools is not None:
                self._pools.manager.clear()
                self._pools.by_origin.clear()

    def _route(self, url: str) -> tuple["_Send", str]:
        """Give the pool's own call for the host of `url`, and what it is to ask there.

        The manager's call parses the address and looks the pool up for each request, a third of its cost; behind a
        proxy it is needed.
        """
        pools = self._current()
        if self._proxy:
            return pools.manager.urlopen, url
        scheme, _, rest = url.partition("://")
        host, slash, target = rest.partition("/")
        origin = f"{scheme}://{host}"
        pool = pools.by_origin.get(origin)
        if pool is None:
            pool = pools.by_origin[origin] = pools.manager.connection_from_url(origin)
        return pool.urlopen, slash + target or "/"

    def _current(self) -> "_Pools":
        now = self._clock()
        pools = self._pools
        if pools is not None and now - self._looked < _CONTEXT_AGE:
            return pools
        with self._lock:
            self._looked = now
            stamp = self._file_times()
            if self._pools is None or stamp != self._stamp:
                try:
                    fresh = self._build()
                except (OSError, ValueError):
                    # Half-rotated files: the old context serves until a pair fits again.
                    if self._pools is None:
                        reason = "tls-files-unusable"
                        raise TransportError(reason) from None
                else:
                    self._pools, self._stamp = fresh, stamp
            return self._pools

    def _file_times(self) -> tuple[float, ...]:
        files = (self._tls.ca_file, self._tls.cert_file, self._tls.key_file)
        try:
            return tuple(file.stat().st_mtime for file in files if file is not None)
        except OSError:
            return ()

    def _build(self) -> "_Pools":
        authorities = str(self._tls.ca_file) if self._tls.ca_file else None
        context = ssl.create_default_context(cafile=None if self._tls.system_too else authorities)
        if authorities and self._tls.system_too:
            context.load_verify_locations(authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._tls.cert_file:
            context.load_cert_chain(self._tls.cert_file, self._tls.key_file)
        name = self._tls.server_name
        make = urllib3.PoolManager if self._proxy is None else partial(urllib3.ProxyManager, self._proxy)
        manager = make(
            maxsize=self._connections, ssl_context=context, retries=False, server_hostname=name, assert_hostname=name
        )
        manager.pool_classes_by_scheme = POOLS
        return _Pools(manager)


class _Send(Protocol):
    """`urlopen` of a pool or of a manager."""

    def __call__(  # noqa: PLR0913 — the signature is urllib3's
        self,
        method: str,
        url: str,
        /,
        *,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        timeout: urllib3.Timeout,
        retries: bool,
        redirect: bool,
        preload_content: bool,
        decode_content: bool,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request."""


@dataclass(frozen=True, slots=True)
class _Pools:
    """The pools that were made with one set of certificate files."""

    manager: urllib3.PoolManager
    by_origin: dict[str, urllib3.HTTPConnectionPool] = field(default_factory=dict)


def _whole_body(response: urllib3.BaseHTTPResponse) -> bytes:
    """Read all of a body that is within the limit, decompressed."""
    declared = response.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > BODY_LIMIT:
        reason = "answer-too-large"
        raise TransportError(reason, malformed=True)
    first = response.read1(_CHUNK)
    if declared == str(len(first)) and "content-encoding" not in response.headers:
        return first  # in one packet, as nearly every answer is
    parts: list[bytes] = [first] if first else []
    size = len(first)
    while first and (chunk := response.read1(_CHUNK)):
        parts.append(chunk)
        size += len(chunk)
        if size > BODY_LIMIT:
            reason = "answer-too-large"
            raise TransportError(reason, malformed=True)
    return b"".join(parts)


def _translated(error: Exception) -> TransportError:
    """Turn urllib3's and the socket's errors into a reason code; their texts name hosts and quote bodies."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TransportError(_VERIFY_REASONS.get(cause.verify_code, "certificate-untrusted"))
        if isinstance(cause, IncompleteRead | http.client.IncompleteRead):
            return TransportError("answer-cut-short")
        cause = cause.__cause__ or cause.__context__
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (DecodeError, "answer-undecodable"),
        (NameResolutionError, "name-not-resolved"),
        (ProxyError, "proxy-failed"),
        (NewConnectionError, "connection-refused"),  # before its base class, the time-out
        (ConnectTimeoutError, "connect-timeout"),
        (ReadTimeoutError, "timeout"),
        (TimeoutError, "timeout"),
        (SSLError, "tls-failed"),
        (ValueError, "address-unusable"),
    )
    for kind, reason in kinds:
        if isinstance(error, kind):
            return TransportError(reason, malformed=kind is DecodeError)
    return TransportError("connection-lost")

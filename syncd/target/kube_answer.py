"""What came of one request: a whole answer, or a fixed code for why there is none."""

import re
import ssl
from dataclasses import dataclass
from typing import Final

from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

NOT_SENT: Final = frozenset({"connection-refused", "connect-timeout", "name-not-resolved"})
"""Reasons that say for sure that nothing arrived, and that pass by themselves."""


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """A complete answer, whatever its status. Its body may hold values: it is parsed, never shown."""

    status: int
    body: bytes
    retry_after: float | None = None
    """Seconds the server asked us to wait."""


class CallFailed(Exception):  # noqa: N818 — becomes data one level up
    """No complete answer. Its text is a fixed reason code."""

    def __init__(self, *, reason: str, sent: bool, message: str) -> None:
        """Keep the code; `sent` where the request may have reached the server and had its effect."""
        super().__init__(reason)
        self.reason = reason
        self.sent = sent
        self.message = message


def retry_after_seconds(retry_after: str | None) -> float | None:
    """Read Retry-After, held between a second and ten minutes; the API server gives seconds, never a date."""
    if retry_after is None:
        return None
    return min(600.0, max(1.0, float(retry_after))) if re.fullmatch(r"[0-9]{1,9}", retry_after, re.ASCII) else 1.0


def translated(error: Exception, address: str) -> CallFailed:
    """Turn urllib3's and the socket's errors into a reason code; their texts quote bodies.

    `address` is the API server's, for the message.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            message = (
                f"the certificate of the API server {address} is not one that the kubeconfig or the Pod's CA vouches "
                "for: correct `certificate-authority` there, or the address"
            )
            return CallFailed(reason="certificate-untrusted", sent=False, message=message)
        cause = cause.__cause__ or cause.__context__
    kinds: tuple[tuple[type[Exception], str, bool], ...] = (
        (NameResolutionError, "name-not-resolved", False),
        (NewConnectionError, "connection-refused", False),  # a ConnectTimeoutError to urllib3
        (ConnectTimeoutError, "connect-timeout", False),
        (ProxyError, "proxy-failed", False),
        (ReadTimeoutError, "timeout", True),
        (TimeoutError, "timeout", True),
        (SSLError, "tls-failed", True),
    )
    for kind, reason, sent in kinds:
        if isinstance(error, kind):
            return CallFailed(reason=reason, sent=sent, message=unreached(address, reason))
    return CallFailed(reason="connection-lost", sent=True, message=unreached(address, "connection-lost"))


def unreached(address: str, reason: str) -> str:
    """Say that there is no whole answer from the API server at `address`, and what to look at."""
    what = _UNREACHED.get(reason)
    if what is not None:
        return f"the API server {address} {what} ({reason})"
    return f"the API server {address} cannot be reached ({reason}): does it run, and is that its address?"


_UNREACHED: Final = {
    "timeout": "did not answer in time: look at its load and at the network",
    "connection-lost": "broke off: look at its log and at the network",
    "tls-failed": "does not speak TLS as it should: is that its address?",
    "proxy-failed": "cannot be reached through the kubeconfig's `proxy-url`: does the proxy run?",
    "answer-too-large": "answered with more than any Secret holds: is that its address?",
}

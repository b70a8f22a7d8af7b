"""Every wire request of the Azure SDK, logins too: azure-core's public transport seam over syncd's own transport.

The call that a request belongs to travels in a context variable, since the SDK has no room for it. What happened on
the wire is kept beside it, because the SDK turns errors into texts and sometimes swallows them. This module imports
azure-core, so it is imported when a store is first read.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode

from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import HttpTransport
from azure.core.rest import HttpRequest, HttpResponse

from syncd.fetch.http import Answer, Transport, TransportError
from syncd.fetch.seam import Call, CallAborted
from syncd_providers.azure.options import origin
from syncd_providers.azure.response import BufferedResponse


@dataclass(slots=True)
class Exchange:
    """One call of the gateway, and what its latest wire request came to."""

    call: Call
    address: str = ""
    """Origin that was spoken to."""
    answer: Answer | None = None
    error: TransportError | None = None
    aborted: CallAborted | None = None


_current: ContextVar[Exchange] = ContextVar("syncd_azure_exchange")


@contextmanager
def exchange(call: Call) -> Iterator[Exchange]:
    """Let the requests that this thread makes in the block count for `call`."""
    begun = Exchange(call)
    token = _current.set(begun)
    try:
        yield begun
    finally:
        _current.reset(token)


def current() -> Exchange:
    """Give the exchange of this thread; raises LookupError outside of a call."""
    return _current.get()


class AzureTransport(HttpTransport[HttpRequest, HttpResponse]):
    """Sends what the SDK asks for to the addresses it was made for, and to no other.

    Shared by clients and credentials of one store, in all threads. Raises CallAborted where the budget ends, and
    azure-core's ServiceRequestError, whose text is a reason code, where there is no answer.
    """

    def __init__(self, routes: Mapping[str, Transport]) -> None:
        """Take the transport for each origin that may be spoken to."""
        self._routes = routes

    def send(self, request: HttpRequest, **_options: object) -> HttpResponse:
        """Send one request; the SDK's own options on time-outs and verification say nothing here."""
        now = current()
        now.address, now.answer, now.error = origin(request.url), None, None
        try:
            now.call.spend()
            now.answer = self._ask(now, request)
        except CallAborted as aborted:
            now.aborted = aborted
            raise
        except TransportError as error:
            now.error = error
            raise ServiceRequestError(error.reason) from None
        return BufferedResponse(request, now.answer)

    def _ask(self, now: Exchange, request: HttpRequest) -> Answer:
        route = self._routes.get(now.address)
        if route is None:
            reason = "address-not-configured"
            raise TransportError(reason)
        return route.request(
            request.method,
            request.url,
            headers=dict(request.headers),
            body=_body(request),
            remaining=now.call.remaining(),
        )

    def open(self) -> None:
        """Connect with the first request."""

    def close(self) -> None:
        """Leave the connections to the provider, whose clients come and go."""

    def __enter__(self) -> Self:
        """Return the transport."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the connections to the provider."""


def _body(request: HttpRequest) -> bytes | None:
    content = request.content
    if content is None or isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, Mapping):
        return urlencode(content).encode()
    reason = "request-not-supported"
    raise TransportError(reason)

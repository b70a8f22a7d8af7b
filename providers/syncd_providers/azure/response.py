"""An answer in the form that azure-core's pipelines read: the public HttpResponse over a body that is all there."""

import json
from collections.abc import Iterator, MutableMapping
from typing import Self

from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest, HttpResponse
from azure.core.utils import case_insensitive_dict

from syncd.fetch.http import Answer


class BufferedResponse(HttpResponse):
    """A complete answer; reading and closing it does nothing more."""

    def __init__(self, request: HttpRequest, answer: Answer) -> None:
        """Wrap `answer`."""
        self._request = request
        self._status = answer.status
        self._headers: MutableMapping[str, str] = case_insensitive_dict(answer.headers)
        self._content = answer.body
        self._encoding: str | None = None

    def __repr__(self) -> str:
        """Give the status alone."""
        return f"BufferedResponse(status={self._status})"

    @property
    def request(self) -> HttpRequest:
        """What was asked."""
        return self._request

    @property
    def status_code(self) -> int:
        """The status."""
        return self._status

    @property
    def headers(self) -> MutableMapping[str, str]:
        """The headers, in any case."""
        return self._headers

    @property
    def reason(self) -> str:
        """Nothing: the phrase is text of the peer's."""
        return ""

    @property
    def content_type(self) -> str | None:
        """The type of the body, as said."""
        return self._headers.get("content-type")

    @property
    def is_closed(self) -> bool:
        """True: the connection is back in its pool."""
        return True

    @property
    def is_stream_consumed(self) -> bool:
        """True: the body is here."""
        return True

    @property
    def encoding(self) -> str | None:
        """How the text is read; None for UTF-8."""
        return self._encoding

    @encoding.setter
    def encoding(self, value: str | None) -> None:
        self._encoding = value

    @property
    def url(self) -> str:
        """Where it came from."""
        return self._request.url

    @property
    def content(self) -> bytes:
        """The body."""
        return self._content

    def text(self, encoding: str | None = None) -> str:
        """Give the body as text; what is not in the encoding is replaced."""
        return self._content.decode(encoding or self._encoding or "utf-8-sig", "replace")

    def json(self) -> object:
        """Give the body as JSON; raises ValueError."""
        return json.loads(self.text())

    def raise_for_status(self) -> None:
        """Raise for an error status, without the body."""
        if self._status >= 400:
            raise HttpResponseError(message=f"status {self._status}")

    def read(self) -> bytes:
        """Give the body."""
        return self._content

    def iter_raw(self, **_: object) -> Iterator[bytes]:
        """Give the body in one piece."""
        yield self._content

    def iter_bytes(self, **_: object) -> Iterator[bytes]:
        """Give the body in one piece."""
        yield self._content

    def close(self) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        """Return the response."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

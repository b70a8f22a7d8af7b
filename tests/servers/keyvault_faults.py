"""Faults a test may order: what the Key Vault stand-in does instead of answering well.

A fault waits for the next requests that match it. On the vault's own paths only requests with a good token count,
so that the SDK's first, unauthenticated probe never uses a fault up.
"""

import gzip
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.servers.keyvault_answers import Answer

FOREIGN = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>404</h1></body></html>"


@dataclass
class Fault:
    """One ordered fault."""

    kind: str
    """A name in `KINDS`."""
    path: str = "/secrets"
    """The beginning of the paths it is for."""
    method: str = ""
    """Empty means every method."""
    query: str = ""
    """What must stand in the query, such as `skiptoken` for the pages after the first."""
    times: int = 1
    """How many requests it hits; 0 means all until it is cleared."""
    seconds: float = 60.0
    """How long `hang` waits before it answers after all, or `drip` waits between bytes."""
    status: int = 500
    """For `status`."""
    size: int = 3 * 1024 * 1024
    """For `huge` and `bomb`: bytes of the value."""


class Faults:
    """The faults in waiting, first come first served."""

    def __init__(self) -> None:
        """Start without any."""
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Order a fault."""
        if fault.kind not in KINDS:
            message = f"no fault is called {fault.kind!r}; there are {', '.join(sorted(KINDS))}"
            raise ValueError(message)
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._waiting.clear()

    def take(self, method: str, path: str, query: str = "") -> Fault | None:
        """Return the fault this request gets, and count it."""
        with self._lock:
            for fault in self._waiting:
                here = path.lower().startswith(fault.path.lower()) and fault.query in query
                if here and fault.method in ("", method):
                    if fault.times == 1:
                        self._waiting.remove(fault)
                    elif fault.times > 1:
                        fault.times -= 1
                    return fault
        return None


def _edited(answer: Answer, change: Callable[[dict[str, object]], dict[str, object]]) -> Answer:
    content = json.loads(answer.body)
    return replace(answer, body=json.dumps(change(content)).encode())


def _wrong_id(answer: Answer) -> Answer:
    def change(content: dict[str, object]) -> dict[str, object]:
        vault = str(content["id"]).partition("/secrets/")[0]
        return {**content, "id": f"{vault}/secrets/somebody-elses/{'0' * 32}"}

    return _edited(answer, change)


def _foreign_link(answer: Answer) -> Answer:
    def change(content: dict[str, object]) -> dict[str, object]:
        return {**content, "nextLink": str(content["nextLink"]).replace("127.0.0.1", "localhost")}

    return _edited(answer, change)


def _looping_link(answer: Answer) -> Answer:
    def change(content: dict[str, object]) -> dict[str, object]:
        # The token of the second page, whichever page this is.
        vault = str(content["value"]).partition("'id': '")[2].partition("/secrets/")[0]
        return {**content, "nextLink": f"{vault}/secrets?api-version=7.4&$skiptoken=MjU=&maxresults=25"}

    return _edited(answer, change)


def _foreign_entry(answer: Answer) -> Answer:
    def change(content: dict[str, object]) -> dict[str, object]:
        return {**content, "value": [{"id": "https://other.example/secrets/a", "attributes": {"enabled": True}}]}

    return _edited(answer, change)


def _huge(answer: Answer, fault: Fault) -> Answer:
    return _edited(answer, lambda content: {**content, "value": "A" * fault.size})


def _bomb(answer: Answer, fault: Fault) -> Answer:
    headers = {**answer.headers, "Content-Encoding": "gzip"}
    return replace(answer, body=gzip.compress(_huge(answer, fault).body), headers=headers)


def _page(status: int) -> Answer:
    return Answer(status, FOREIGN, content_type="text/html; charset=utf-8")


KINDS: dict[str, Callable[[Answer, Fault, str], Answer]] = {
    # The handler does these four to the connection; the answer stays as it is.
    "hang": lambda answer, _fault, _path: answer,
    "drip": lambda answer, _fault, _path: answer,
    "reset": lambda answer, _fault, _path: answer,
    "cut": lambda answer, _fault, _path: answer,
    # An ingress or a proxy speaks in the service's place.
    "foreign_404": lambda _answer, _fault, _path: _page(404),
    "foreign_200": lambda _answer, _fault, _path: _page(200),
    "status": lambda _answer, fault, _path: Answer(fault.status, b""),
    # `localhost` is this same server, so the log shows whether the token travelled.
    "redirect": lambda _answer, _fault, path: Answer(307, headers={"Location": path}),
    # The service itself answers 200, and wrongly.
    "empty": lambda answer, _fault, _path: replace(answer, body=b""),
    "null_value": lambda answer, _fault, _path: _edited(answer, lambda content: {**content, "value": None}),
    "no_value": lambda answer, _fault, _path: _edited(
        answer, lambda content: {name: value for name, value in content.items() if name != "value"}
    ),
    "wrong_id": lambda answer, _fault, _path: _wrong_id(answer),
    "truncated": lambda answer, _fault, _path: replace(answer, body=answer.body[: len(answer.body) // 2]),
    "huge": lambda answer, fault, _path: _huge(answer, fault),
    "bomb": lambda answer, fault, _path: _bomb(answer, fault),
    # Listings: a page without entries that has a successor, one that has the second page as its successor, entries of
    # another vault, and a successor on another host.
    "empty_page": lambda answer, _fault, _path: _edited(answer, lambda content: {**content, "value": []}),
    "looping_link": lambda answer, _fault, _path: _looping_link(answer),
    "foreign_entry": lambda answer, _fault, _path: _foreign_entry(answer),
    "foreign_link": lambda answer, _fault, _path: _foreign_link(answer),
}
"""What each kind makes of the good answer; the path is where a redirect points."""


def twisted(answer: Answer, fault: Fault | None, *, elsewhere: str) -> Answer:
    """Return the answer this fault makes of a good one."""
    return answer if fault is None else KINDS[fault.kind](answer, fault, elsewhere)

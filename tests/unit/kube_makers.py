"""An API server's answers and a time that only waiting moves, for the tests of the Kubernetes target on the wire."""

import base64

from syncd.model.mapping import SecretKey
from syncd.model.secret import LiveSecret
from syncd.redact import SecretValue
from tests.servers.kube_use import Granted
from tests.servers.kube_wire import Say, secret, status

PERMIT = Granted()
KEY = SecretKey("default", "ns", "app")
CANARY = "canary-51ab-value"


class Time:
    """A clock that only waiting moves."""

    now = 1000.0

    def __init__(self) -> None:
        """Start with no wait."""
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def live(data: bytes = b"v", version: str = "1") -> LiveSecret:
    return LiveSecret(KEY, "u1", version, "Opaque", {"k": SecretValue(data)}, {}, {})


def stored(data: bytes = b"v", version: str = "1", uid: str = "u1") -> Say:
    return Say(200, secret("ns", "app", {"k": base64.b64encode(data).decode()}, version=version, uid=uid))


def metadata(version: str) -> Say:
    return Say(200, secret("ns", "app", {}, version=version))


NOT_FOUND = status(404, "NotFound")

"""Faults a test may order of the AWS stand-in: what it answers instead of what moto would.

Every fault is bound to a secret-name prefix or to an access key id, so that tests on one shared server do not meet
each other's. Bound to names, a fault is about those secrets: in a batch it moves them to the Errors list, as
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html describes. Bound to an
access key id alone, it is about the whole request.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

ERRORS = {
    "throttle": ("ThrottlingException", 400),
    "denied": ("AccessDeniedException", 400),
    "internal": ("InternalServiceError", 500),
    "decryption": ("DecryptionFailure", 400),
    "not-found": ("ResourceNotFoundException", 400),
    "no-value": ("ResourceNotFoundException", 400),
    "pending-deletion": ("InvalidRequestException", 400),
    "expired": ("ExpiredTokenException", 400),
    "unknown-client": ("UnrecognizedClientException", 400),
    "bad-signature": ("InvalidSignatureException", 400),
}
"""Kinds that are one error answer: its code and HTTP status. `error` takes both from the order."""
WIRE = ("hang", "reset", "cut", "html", "huge")
"""Kinds that break the answer as a whole, whatever it would have been."""
EDITS = ("omitted", "wrong-secret", "empty")
"""Kinds that change a good answer for one secret."""
READS = ("GetSecretValue", "BatchGetSecretValue")


@dataclass
class Fault:
    """One ordered fault."""

    kind: str
    """`error`, or a name in ERRORS, WIRE or EDITS."""
    name: str = ""
    """The beginning of the names it is for."""
    access_key_id: str = ""
    operation: str = ""
    """Such as GetSecretValue; empty means each one that the kind makes sense for."""
    times: int = 1
    """How many requests it hits; 0 means all until it is cleared."""
    after: int = 0
    """How many requests that it is for pass unharmed before."""
    code: str = ""
    """For `error`: the AWS error code."""
    status: int = 400
    """For `error`, and for `html`."""
    retry_after: str = ""
    """The Retry-After header of an error answer."""
    date_offset: float = 0.0
    """Seconds by which the Date header of an error answer is off."""
    seconds: float = 60.0
    """How long `hang` waits before it answers after all."""
    message: str = "ordered by a test"
    """The error's text; a test puts a canary here to see that it stays inside."""

    def error(self) -> tuple[str, int] | None:
        """Give the code and status of the error answer that it is, if it is one."""
        return (self.code, self.status) if self.kind == "error" else ERRORS.get(self.kind)

    def hits(self, operation: str, access_key_id: str, ids: Sequence[str]) -> bool:
        """Tell whether a request is one of those it is for."""
        if self.access_key_id and self.access_key_id != access_key_id:
            return False
        if self.name and not any(self.names(secret_id) for secret_id in ids):
            return False
        if self.operation:
            return self.operation == operation
        if self.kind == "omitted":
            return operation == "BatchGetSecretValue"
        if self.kind == "pending-deletion":
            return operation in (*READS, "DescribeSecret")
        return operation in READS or self.kind not in ("no-value", "decryption", *EDITS)

    def names(self, secret_id: str) -> bool:
        """Tell whether it is for this name or ARN."""
        return secret_id.rpartition(":secret:")[2].startswith(self.name)


class Faults:
    """The faults in waiting, first come first served."""

    def __init__(self) -> None:
        """Start without any."""
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Order a fault. Raises ValueError for an unknown kind or one that would hit every test."""
        kinds = ("error", *ERRORS, *WIRE, *EDITS)
        if fault.kind not in kinds:
            message = f"no fault is called {fault.kind!r}; there are {', '.join(kinds)}"
            raise ValueError(message)
        if not fault.name and not fault.access_key_id:
            message = "a fault needs a name prefix or an access key id, since all tests share this server"
            raise ValueError(message)
        with self._lock:
            self._waiting.append(fault)

    def clear(self, *, name: str = "", access_key_id: str = "") -> None:
        """Forget the faults of this prefix and this access key id."""
        with self._lock:
            self._waiting = [f for f in self._waiting if (f.name, f.access_key_id) != (name, access_key_id)]

    def take(self, operation: str, access_key_id: str, ids: Sequence[str]) -> list[Fault]:
        """Return the faults that this request gets, and count them."""
        taken = []
        with self._lock:
            for fault in list(self._waiting):
                if fault.hits(operation, access_key_id, ids):
                    if fault.after:
                        fault.after -= 1
                        continue
                    taken.append(fault)
                    if fault.times == 1:
                        self._waiting.remove(fault)
                    elif fault.times > 1:
                        fault.times -= 1
        return taken

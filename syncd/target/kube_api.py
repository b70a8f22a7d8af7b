"""Raw calls to one API server: limits on time, size and rate, retries where they are safe, a fresh login after a 401.

The official client sets none of these. What belongs here: everything about a request but its meaning.
"""

import random
import re
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

import urllib3
from urllib3.exceptions import HTTPError

from syncd import __version__
from syncd.connection import bind
from syncd.model.store import Timeouts
from syncd.target.bucket import Bucket
from syncd.target.kube_answer import NOT_SENT, Answer, CallFailed, retry_after_seconds, translated, unreached
from syncd.target.kube_login import Cluster, ClusterError, Session, login
from syncd.target.kube_status import TOO_LARGE
from syncd.target.kube_wire import MERGE_PATCH
from syncd.target.seam import Permit

CONCURRENCY: Final = 16
"""Requests in flight at once; more threads only fight for the interpreter."""
FIELD_MANAGER: Final = "syncd"
_PATIENCE: Final = 30.0
"""Seconds for one read or write with all its tries."""
_TRIES: Final = 3
_TIMEOUTS: Final = Timeouts()
_BODY_LIMIT: Final = 4 * 1024 * 1024
"""Bytes; the API server takes 3 MiB at most, and a Secret of 1 MiB is 1.4 MiB as base64."""
_SENT_LIMIT: Final = 3 * 1024 * 1024
"""Bytes of a request that the API server takes (k8s.io/apiserver `MaxRequestBodyBytes`). It hangs up on a larger one
while that is still being sent, so its 413 often never arrives."""
_CHUNK: Final = 65_536
_RETRIED: Final = frozenset({429, 500, 502, 503, 504})
_JSON: Final = "application/json"
_METADATA_ONLY: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""The answer to a write then leaves out the values
(https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches)."""
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_SUBDOMAIN: Final = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII
)


class Place(NamedTuple):
    """One object."""

    namespace: str
    resource: str
    """`secrets`, `configmaps`."""
    name: str


class ApiReader:
    """Reads objects by name. Shared by threads; connects with the first call."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        requests_per_second: float = 500.0,
        timeouts: Timeouts = _TIMEOUTS,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Keep the settings; `jitter` gives numbers from 0 to 1 that spread the retries of many threads."""
        self._cluster = cluster
        self._timeouts = timeouts
        self._clock = clock
        self._wait = wait
        self._jitter = jitter
        self._bucket = Bucket(requests_per_second, clock=clock, wait=wait)
        self._slots = threading.BoundedSemaphore(CONCURRENCY)
        self._lock = threading.Lock()
        self._session: Session | None = None

    @property
    def cluster(self) -> Cluster:
        """Tell which cluster this speaks to."""
        return self._cluster

    def get(self, place: Place) -> Answer:
        """Read one object; tried again where the server is busy or out of reach. Raises CallFailed."""
        return self._tried("GET", place, retried=_RETRIED, resend=True)

    def close(self) -> None:
        """Close idle connections; later calls open new ones."""
        with self._lock:
            if self._session is not None:
                self._session.pool.close()
                self._session = None  # a closed pool stays closed

    def _tried(
        self,
        method: str,
        place: Place,
        body: bytes | None = None,
        *,
        retried: frozenset[int],
        resend: bool,
        content_type: str = _JSON,
        permit: Permit | None = None,
    ) -> Answer:
        """Send, and again after a pause while that is safe; `resend`: also where it may have arrived."""
        deadline = self._clock() + _PATIENCE
        attempt = 1
        while True:
            pause = self._jitter() * 2 ** (attempt - 1)
            try:
                answer = self._authenticated(method, place, body, content_type, deadline, permit)
            except CallFailed as failed:
                again = (failed.sent and resend) or failed.reason in NOT_SENT
                if not again or attempt == _TRIES or self._clock() + pause > deadline:
                    raise
                self._wait(pause)
            else:
                pause = max(pause, answer.retry_after or 0.0)
                if answer.status not in retried or attempt == _TRIES or self._clock() + pause > deadline:
                    return answer
                if answer.status == 429:
                    self._bucket.pause(pause)  # for every thread
                else:
                    self._wait(pause)
            attempt += 1

    def _authenticated(
        self, method: str, place: Place, body: bytes | None, content_type: str, deadline: float, permit: Permit | None
    ) -> Answer:
        session = self._logged_in()
        try:
            answer = self._once(session, method, place, body, content_type, deadline, permit)
        except CallFailed as failed:
            if failed.reason != "certificate-untrusted":
                raise
        else:
            if answer.status != 401:
                return answer
        # Token or authority may have been replaced since they were read: read everything anew, once.
        return self._once(self._logged_in(instead_of=session), method, place, body, content_type, deadline, permit)

    def _logged_in(self, instead_of: Session | None = None) -> Session:
        with self._lock:
            if self._session is None or self._session is instead_of:
                try:
                    fresh = login(self._cluster, connections=CONCURRENCY)
                except ClusterError as error:
                    raise CallFailed(reason=error.reason, sent=False, message=str(error)) from None
                self._session = fresh
            return self._session

    def _once(
        self,
        session: Session,
        method: str,
        place: Place,
        body: bytes | None,
        content_type: str,
        deadline: float,
        permit: Permit | None,
    ) -> Answer:
        path = _path(place, collection=method == "POST")
        if method in ("POST", "PATCH"):
            path += f"?fieldManager={FIELD_MANAGER}"
        try:
            authorization = session.authorization()
        except ClusterError as error:
            raise CallFailed(reason=error.reason, sent=False, message=str(error)) from None
        headers = {
            "Accept": _JSON if method == "GET" else f"{_METADATA_ONLY}, {_JSON}",
            "User-Agent": f"syncd/{__version__}",
        }
        if authorization:
            headers["Authorization"] = authorization
        if body is not None:
            headers["Content-Type"] = content_type
        # What is written was read and judged already; a read can wait.
        if not self._bucket.take(patience=deadline - self._clock(), urgent=method != "GET"):
            raise CallFailed(
                reason="rate-limited",
                sent=False,
                message="the budget of requests to the API server is used up: try again later",
            )
        if not self._slots.acquire(timeout=max(0.0, deadline - self._clock())):
            raise CallFailed(
                reason="busy", sent=False, message="too many requests to the API server are waiting: try again later"
            )
        try:
            if permit is not None and not permit.granted():
                raise CallFailed(reason="stopped", sent=False, message="stopped before it was written")
            return self._exchange(session.pool, method, session.prefix + path, headers, body, deadline)
        finally:
            self._slots.release()

    def _exchange(
        self,
        pool: urllib3.HTTPConnectionPool,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes | None,
        deadline: float,
    ) -> Answer:
        total = max(0.001, min(self._timeouts.total, deadline - self._clock()))
        ends = self._clock() + total
        bind(total, pause=self._timeouts.read)
        timeout = urllib3.Timeout(connect=min(self._timeouts.connect, total), read=min(self._timeouts.read, total))
        try:
            response = pool.urlopen(
                method,
                url,
                body=body,
                headers=headers,
                timeout=timeout,
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
            )
            try:
                content = self._read(response, ends)
            except BaseException:
                response.close()
                raise
            response.release_conn()
        except (HTTPError, OSError, ValueError) as error:
            raise translated(error, self._cluster.address) from None
        return Answer(response.status, content, retry_after_seconds(response.headers.get("Retry-After")))

    def _read(self, response: urllib3.BaseHTTPResponse, ends: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        declared = None if "Content-Encoding" in response.headers else response.headers.get("Content-Length")
        while chunk := response.read1(_CHUNK):
            if declared == str(len(chunk)) and not parts:
                return chunk  # in one piece, as nearly every answer is
            parts.append(chunk)
            size += len(chunk)
            if size > _BODY_LIMIT:
                raise self._unanswered(reason="answer-too-large")
            if self._clock() > ends:
                raise self._unanswered(reason="timeout")
        return b"".join(parts)

    def _unanswered(self, *, reason: str) -> CallFailed:
        return CallFailed(reason=reason, sent=True, message=unreached(self._cluster.address, reason))


class Api(ApiReader):
    """Writes too. Each write is sent once, and again only where the server did not carry it out: 429, or out of reach.

    All raise CallFailed; with `sent` the outcome is unknown. A withdrawn permit is CallFailed `stopped`.
    """

    def create(self, place: Place, body: bytes, permit: Permit | None) -> Answer:
        """POST to the collection of `place`; the body names the object too."""
        return self._write("POST", place, body, permit)

    def patch(self, place: Place, body: bytes, permit: Permit | None) -> Answer:
        """Merge a patch, which names uid and resourceVersion itself."""
        return self._write("PATCH", place, body, permit, MERGE_PATCH)

    def delete(self, place: Place, body: bytes, permit: Permit | None) -> Answer:
        """Delete with the preconditions in `body`."""
        return self._write("DELETE", place, body, permit)

    def _write(
        self, method: str, place: Place, body: bytes, permit: Permit | None, content_type: str = _JSON
    ) -> Answer:
        if len(body) > _SENT_LIMIT:
            raise CallFailed(reason="too-large", sent=False, message=TOO_LARGE)
        return self._tried(
            method,
            place,
            body,
            retried=frozenset({429}),  # refused before it was looked at, by priority and fairness
            resend=False,
            content_type=content_type,
            permit=permit,
        )


def _path(place: Place, *, collection: bool) -> str:
    """Build the path, with names that cannot lead anywhere else.

    `..` as a name would address the namespace itself, an empty one every Secret in it.
    """
    if not _LABEL.fullmatch(place.namespace) or not _SUBDOMAIN.fullmatch(place.name):
        message = (
            "its namespace or name is none that Kubernetes knows (lower-case letters, digits, `-`, and `.` in names)"
        )
        raise CallFailed(reason="name-unusable", sent=False, message=message)
    path = f"/api/v1/namespaces/{place.namespace}/{place.resource}"
    return path if collection else f"{path}/{place.name}"

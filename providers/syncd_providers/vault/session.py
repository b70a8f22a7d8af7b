"""The token of one store: got once for all threads, prolonged in time, told dead from merely not allowed, given back.

Nothing here runs by itself: a token is looked after by the fetch that needs it.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from syncd.fetch.http import TransportError
from syncd.fetch.seam import Call
from syncd.model.reference import Failure, FailureClass
from syncd.redact import SecretValue
from syncd_providers.vault.login import Grant, Login, judge_login, widened

if TYPE_CHECKING:
    from syncd_providers.vault.client import VaultClient

REVOKE_SECONDS: Final = 2.0
"""What giving tokens back may take at the end, altogether."""
_ALIVE_SECONDS: Final = 10.0
"""How long a look-up that found the token alive is believed."""
_SETTLED_SECONDS: Final = 60.0
"""A token that is younger, and was got because the one before seemed dead, is not suspected itself."""
_BLIND_SECONDS: Final = 3600.0
"""How long it is believed that the identity may not look its own token up."""
_WHOLE: Final = 0.9
"""Share of its life from which a token counts as just renewed."""
_RETIRED: Final = 4
"""How many replaced tokens are remembered for the end."""

Verdict = Literal["alive", "dead", "unknown"]


@dataclass(frozen=True, slots=True)
class Token:
    """A token at hand. Its times are on the store's clock."""

    secret: SecretValue
    number: int
    """Counts logins; a renewal keeps it."""
    ours: bool
    got: float
    lifetime: float
    """Seconds that the login gave; a renewal that gives much less has met the maximum."""
    renewable: bool
    due: float
    """When to renew it or log in anew: at two thirds of its life, or a little before."""
    ends: float
    index: str = ""
    batch: bool = False
    accessor: str = ""
    """See `Grant` for all three."""


class Session:
    """Hands out the token. Called from several threads."""

    def __init__(
        self,
        client: "VaultClient",
        login: Login,
        address: str,
        clock: Callable[[], float] | None,
        jitter: Callable[[], float] = random.random,
        *,
        outlives: bool = False,
    ) -> None:
        """Keep what it needs; logs in with the first `token`. `jitter` gives numbers from 0 to 1.

        `outlives`: leases hang on its tokens, so none is ever revoked.
        """
        self._jitter = jitter
        self._outlives = outlives
        self._client = client
        self._login = login
        self._address = address
        self._clock = clock or time.monotonic
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._retired: list[Token] = []
        self._number = 0
        self._attempts = 0
        self._last_failure: Failure | None = None
        self._suspect: int | None = None
        self._dropped = 0
        self._died = self._blind_until = float("-inf")
        self._alive: tuple[int, float] = (0, 0.0)
        self._closed = False

    def token(self, call: Call) -> Token | Failure:
        """Give a token that serves, logging in or renewing where that is due. Raises CallAborted."""
        token = self._token
        if token is not None and token.number > self._dropped:
            now = self._clock()
            if now < token.due or (now < token.ends and self._lock.locked()):
                return token  # the latter: somebody renews it, and until then it serves
        attempts = self._attempts
        with self._held(call) as held:
            if not held:
                message = f"the login to {self._address} takes too long"
                return Failure(FailureClass.UNAVAILABLE, "login-slow", message, scope="store")
            if self._attempts != attempts and self._token is None and self._last_failure is not None:
                return self._last_failure  # the attempt that we waited for
            return self._refreshed(call)

    def prolonged(self, call: Call) -> Token | Failure:
        """Give the token after it was renewed, where that is worth it: what hangs on it is to live on."""
        token = self.token(call)
        if isinstance(token, Failure) or not token.renewable:
            return token
        with self._held(call) as held:
            now = self._clock()
            if not held or self._token is not token or token.ends - now > token.lifetime * _WHOLE:
                return self._token or token
            return self._renewed(token, call) or token

    @property
    def suspected(self) -> bool:
        """Tell whether its token was judged dead, and is still at hand."""
        return self._suspect is not None

    def judge(self, token: Token, call: Call) -> Verdict:
        """Tell whether a token that was refused is known to the server at all. Raises CallAborted, TransportError."""
        with self._held(call) as held:
            if not held:
                return "unknown"
            now = self._clock()
            if self._alive[0] == token.number and now - self._alive[1] < _ALIVE_SECONDS:
                return "alive"
            replaced = self._token is not None and self._token.number > token.number
            verdict = "dead" if replaced or now >= token.ends else self._looked_up(token, now, call)
            if verdict == "dead":
                self._suspect = token.number
            elif verdict == "alive":
                self._alive = (token.number, now)
            return verdict

    def drop(self) -> None:
        """Forget the token, so that the next `token` logs in anew; a newer one than the one that was judged stays."""
        suspect, self._suspect = self._suspect, None
        token = self._token
        if token is not None and (suspect is None or token.number <= suspect):
            self._dropped = token.number

    def close(self) -> None:
        """Give back every token that syncd logged in for, within two seconds. Never raises."""
        self._closed = True
        deadline = time.monotonic() + REVOKE_SECONDS
        # A login that is under way sees `_closed` and gives its token back itself.
        held = self._lock.acquire(timeout=REVOKE_SECONDS / 2)
        tokens, self._retired = [*self._retired, *([self._token] if self._token else [])], []
        self._token = None
        if held:
            self._lock.release()
        for token in reversed(tokens):
            self._revoke(token, deadline)

    @contextmanager
    def _held(self, call: Call) -> Iterator[bool]:
        held = self._lock.acquire(timeout=call.remaining())
        try:
            yield held
        finally:
            if held:
                self._lock.release()

    def _looked_up(self, token: Token, now: float, call: Call) -> Verdict:
        if now < self._blind_until:
            return "unknown"
        call.spend()
        status = self._client.lookup(token.secret, call.remaining()).status
        if status != 403:
            return "alive" if status == 200 else "unknown"
        if token.ours and token.got - self._died < _SETTLED_SECONDS and now - token.got < _SETTLED_SECONDS:
            # Just issued in place of one that seemed dead: it is the look-up that is not allowed, as without the
            # policy `default`. Otherwise each denied path would cost a login in each pass.
            self._blind_until = now + _BLIND_SECONDS
            return "unknown"
        self._died = now
        return "dead"

    def _refreshed(self, call: Call) -> Token | Failure:
        """Log in or renew. The lock is held."""
        token = self._token
        if token is not None and token.number <= self._dropped:
            self._retire(token)
            token = self._token = None
        if self._closed:
            message = f"the store at {self._address} is closed"
            return Failure(FailureClass.UNAVAILABLE, "closed", message, scope="store", transient=False)
        if token is not None and self._clock() < token.due:
            return token
        if token is not None and token.renewable and self._clock() < token.ends:
            renewed = self._renewed(token, call)
            if renewed is not None:
                return renewed
        return self._logged_in(token, call)

    def _renewed(self, token: Token, call: Call) -> Token | None:
        """Prolong the token, or keep it for a while where the server is in trouble; None where a login is due."""
        asked = self._clock()
        call.spend()
        try:
            answer = self._client.renew(token.secret, call.remaining())
        except TransportError:
            return self._postponed(token, asked)
        grant = judge_login(answer, "the renewal", self._address)
        if isinstance(grant, Failure):
            refused = grant.cls in (FailureClass.DENIED, FailureClass.CONFIG)
            return None if refused else self._postponed(token, asked)
        if grant.seconds < token.lifetime / 2:
            return None  # near the maximum a renewal gives less and less
        self._token = replace(token, due=_due(asked, grant.seconds, self._jitter()), ends=asked + grant.seconds)
        return self._token

    def _logged_in(self, old: Token | None, call: Call) -> Token | Failure:
        asked = self._clock()
        try:
            grant = self._login.get(self._client, call)
        except TransportError as error:
            grant = widened(error.failure(self._address), self._login.described)
        if isinstance(grant, Failure):
            if old is not None and asked < old.ends:
                return self._postponed(old, asked)
            self._token = None
            self._attempts += 1
            self._last_failure = grant
            return grant
        if old is not None:
            self._retire(old)
        self._last_failure = None
        self._number += 1
        token = _token(grant, self._number, asked, self._jitter())
        if self._closed:
            self._revoke(token, time.monotonic() + REVOKE_SECONDS)
        else:
            self._token = token
        return token

    def _postponed(self, token: Token, now: float) -> Token:
        """Let a token that still serves go on serving, and try again after a quarter of what is left of it."""
        self._token = replace(token, due=min(token.ends, now + (token.ends - now) / 4 + 1))
        return self._token

    def _retire(self, token: Token) -> None:
        if token.ours and not token.batch and not self._outlives:
            self._retired = [*self._retired, token][-_RETIRED:]

    def _revoke(self, token: Token, deadline: float) -> None:
        left = deadline - time.monotonic()
        if token.ours and not token.batch and not self._outlives and left > 0:
            with suppress(TransportError):
                self._client.revoke(token.secret, left)


def _due(asked: float, seconds: float, chance: float) -> float:
    """Give the moment to renew at: two thirds of the life, or up to a tenth of them earlier, so that those who logged
    in together do not renew together.
    """  # noqa: D205 — one sentence
    return asked + seconds * 2 / 3 * (1 - chance / 10)


def _token(grant: Grant, number: int, asked: float, chance: float) -> Token:
    forever = float("inf")
    seconds = grant.seconds or forever
    return Token(
        grant.secret,
        number,
        grant.ours,
        got=asked,
        lifetime=grant.seconds,
        renewable=grant.ours and grant.renewable,
        due=_due(asked, seconds, chance),
        ends=asked + seconds,
        index=grant.index,
        batch=grant.batch,
        accessor=grant.accessor,
    )

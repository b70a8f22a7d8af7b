"""One vault spoken to: its transports, its login and the SDK's clients over them.

This module imports the Azure SDK, so it is imported when a store is first read.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from azure.core.rest import HttpRequest
from azure.keyvault.secrets import ApiVersion, SecretClient

from syncd.fetch.http import Answer, Transport
from syncd.fetch.seam import Call, CallAborted
from syncd.model.reference import Failure, FailureClass, Found, Outcome, Query, RemoteRef
from syncd.model.store import StoreSettings, Tls
from syncd_providers.azure import answers, listing
from syncd_providers.azure.credential import Login
from syncd_providers.azure.login import LoginFailed
from syncd_providers.azure.methods import identity_endpoints, way_of
from syncd_providers.azure.options import AzureOptions, Default, ManagedIdentity, origin
from syncd_providers.azure.transport import AzureTransport, Exchange, exchange

T = TypeVar("T")
API_VERSION = ApiVersion.V7_4
"""One that every cloud speaks; later ones left the read of a secret as it is."""


class Session:
    """Reads secrets of one vault as one identity, from several threads."""

    def __init__(self, options: AzureOptions, settings: StoreSettings, now: Callable[[], float]) -> None:
        """Prepare without connecting."""
        _quiet()
        self._options = options
        self._settings = settings
        self._vault = options.vault()
        self._now = now
        self._transports: list[Transport] = []
        self._wire = AzureTransport(self._routes())
        self._login = self._new_login()
        # A client for each thread: the SDK's policy drops its token on a 401 while another thread may be using it.
        self._clients = threading.local()

    def read(self, ref: RemoteRef, call: Call) -> Outcome:
        """Read one canonical reference, its value or its metadata. Raises CallAborted alone."""
        asked = answers.Asked(ref, self._vault)
        path = f"/secrets/{ref.key}/{ref.version}" if ref.version else f"/secrets/{ref.key}"
        judged = answers.described if ref.part else answers.read

        def told() -> Outcome:
            found = judged(self._get(path), asked, self._now())
            if found != answers.NOT_FOUND:
                return found
            return answers.deleted(self._get(f"/deletedsecrets/{ref.key}"), asked, self._now())

        return self._within(call, told)

    def find(self, query: Query, call: Call) -> Found:
        """Read the whole list of secrets for a canonical query. Raises CallAborted alone."""
        return self._within(call, lambda: listing.found(query, self._vault, self._get, self._now))

    def _within(self, call: Call, told: Callable[[], T]) -> T | Failure:
        with exchange(call) as seen:
            try:
                return told()
            except CallAborted:
                raise
            except LoginFailed as error:
                return error.failure
            except Exception as error:  # noqa: BLE001 — whatever the SDK raises ends here, without its text
                return self._failure(error, seen)

    def relogin(self) -> None:
        """Take a new login; each thread's client follows at its next read."""
        self._login = self._new_login()

    def close(self) -> None:
        """Close idle connections. An Entra token cannot be given back; it ends by itself."""
        for transport in self._transports:
            transport.close()

    def _new_login(self) -> Login:
        return Login(way_of(self._options, self._settings.base, self._wire), self._now)

    def _get(self, path: str) -> Answer:
        # Streamed, so that the SDK hands the body on as it came instead of decoding it by its announced type.
        response = self._client().send_request(HttpRequest("GET", path), stream=True)
        return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, response.read())

    def _client(self) -> SecretClient:
        login = self._login
        made: tuple[Login, SecretClient] | None = getattr(self._clients, "made", None)
        if made is None or made[0] is not login:
            client = SecretClient(
                self._vault,
                login,
                transport=self._wire,
                api_version=API_VERSION,
                verify_challenge_resource=self._options.verify_challenge_resource,
                retry_total=0,
                permit_redirects=False,
            )
            made = self._clients.made = (login, client)
        return made[1]

    def _failure(self, error: Exception, seen: Exchange) -> Failure:
        if seen.error is not None:
            return seen.error.failure(seen.address)
        if isinstance(error, ValueError) and seen.answer is not None and seen.answer.status == 401:
            message = (
                f"{self._vault} asks for a token that is meant for another domain, so none was sent; "
                "check vaultUrl, or set verifyChallengeResource to false for a vault behind a name of your own"
            )
            return Failure(FailureClass.DENIED, "challenge-for-another-resource", message, scope="store")
        message = f"the Azure SDK failed on an answer of {self._vault} ({type(error).__name__})"
        return Failure(FailureClass.UNAVAILABLE, "sdk-failed", message)

    def _routes(self) -> dict[str, Transport]:
        """Make the transports, each for the addresses that its settings are meant for."""
        settings = self._settings
        authorities = Tls(ca_file=settings.tls.ca_file)
        routes = dict.fromkeys(self._options.logins(), self._transport(authorities, settings.proxy))
        if isinstance(self._options.method()[1], ManagedIdentity | Default):
            # The platform's endpoint is on this machine or its link, never behind a proxy.
            here = self._transport(authorities, None)
            routes |= {origin(url): here for url in identity_endpoints() if urlsplit(url).hostname}
        return {**routes, self._vault: self._transport(settings.tls, settings.proxy)}

    def _transport(self, tls: Tls, proxy: str | None) -> Transport:
        clock = self._settings.clock or time.monotonic
        made = Transport(timeouts=self._settings.timeouts, tls=tls, proxy=proxy, clock=clock)
        self._transports.append(made)
        return made


def _quiet() -> None:
    """Pin the SDK's loggers: it logs the texts of failed logins at WARNING, and requests with headers below."""
    for name in ("azure", "msal", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("azure.identity").setLevel(logging.CRITICAL + 1)

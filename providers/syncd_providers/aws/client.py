"""Secrets Manager and STS as one store asks them: by clients of botocore whose requests go through our transport.

botocore signs, spells and parses; `before-send` is its public event for whoever sends in its stead. So each request,
logins at STS included, is spent against the store's budget, ends in time, is capped in size and takes no proxy or
certificate from the environment. Its exceptions carry values and bodies: none leaves this module, which with `session`
is the only one that meets the SDK.
"""

import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

from syncd.fetch.credential import Credential, CredentialUnreadable, plain_or_credential
from syncd.fetch.http import Transport, TransportError
from syncd.fetch.seam import Call, CallAborted
from syncd.model.reference import Failure, FailureClass
from syncd.model.store import StoreSettings
from syncd.node import text
from syncd_providers.aws.answers import Operation, Refused, login_failure
from syncd_providers.aws.auth import Static
from syncd_providers.aws.options import AwsOptions
from syncd_providers.aws.roles import Keys, Roles, StsOperation, Told, hops_of
from syncd_providers.aws.session import Base, Body, make_client, open_session

_METHODS: Final[Mapping[Operation | StsOperation, str]] = {
    "AssumeRole": "assume_role",
    "AssumeRoleWithWebIdentity": "assume_role_with_web_identity",
    "GetSecretValue": "get_secret_value",
    "BatchGetSecretValue": "batch_get_secret_value",
    "DescribeSecret": "describe_secret",
    "ListSecrets": "list_secrets",
}
_MEMBERS: Final[Mapping[Operation, tuple[str, ...]]] = {
    "GetSecretValue": ("ARN", "Name"),
    "BatchGetSecretValue": ("SecretValues", "Errors"),
    "DescribeSecret": ("ARN", "Name"),
    "ListSecrets": ("SecretList",),
}
"""Of which an answer has one at least."""
_AMBIENT: Final = ("env", "ec2-credentials-file", "boto-config", "container-role", "iam-role")
"""The parts of the SDK's chain that are no profile's own, in its words."""


class _Opened(NamedTuple):
    """A client of Secrets Manager."""

    client: Any
    keys: Keys | None
    """Of the last role, whose end is the client's; None where the method's own credentials serve, which it renews."""


class SecretsManager:
    """Secrets Manager in one region, with one identity. Used by several threads at once."""

    def __init__(self, options: AwsOptions, settings: StoreSettings, wall: Callable[[], float]) -> None:
        """Keep the settings; `wall` is the clock that a Date header is compared with, in seconds since the epoch."""
        self._options = options
        self._settings = settings
        self._wall = wall
        self._store = f"store {settings.name}"
        place = f"region {text(options.region)}" if options.endpoint is None else text(options.endpoint)
        self._where = f"{self._store} ({place})"
        self._transport = Transport(
            timeouts=settings.timeouts,
            tls=settings.tls,
            proxy=settings.proxy,
            clock=settings.clock or time.monotonic,
        )
        self._clock = settings.clock or time.monotonic
        hops = hops_of(options.auth, settings)
        self._roles = Roles(hops, self._store, self._clock) if hops else None
        self._opening = threading.Lock()
        self._opened: _Opened | None = None
        self._current = threading.local()

    def ask(
        self, operation: Operation, parameters: Mapping[str, object], call: Call
    ) -> Mapping[str, object] | Refused | Failure:
        """Send one request and give the parsed answer, the service's refusal, or why there was neither."""
        self._current.call = call
        self._current.answered = False
        try:
            opened = self._ready(call)
            if isinstance(opened, Failure):
                return opened
            content: Mapping[str, object] = getattr(opened.client, _METHODS[operation])(**parameters)
        except CallAborted:
            raise
        except CredentialUnreadable as error:
            return self._denied("credential-unreadable", str(error))
        except TransportError as error:
            return error.failure(self._where)
        except Exception as error:  # noqa: BLE001 — whatever the SDK raises becomes data here, and its text stays here
            return self._translated(operation, error)
        finally:
            self._current.call = None
        # botocore takes a body that is no JSON for an answer without members.
        return content if any(member in content for member in _MEMBERS[operation]) else self._unreadable()

    def drop(self) -> None:
        """Forget session and credentials; the next request reads the files anew."""
        self._opened = None
        if self._roles is not None:
            self._roles.drop()

    def close(self) -> None:
        """Close idle connections."""
        self.drop()
        self._transport.close()

    def _ready(self, call: Call) -> _Opened | Failure:
        """Give a client whose credentials are good; one thread logs in, and who can do without does not wait."""
        opened = self._opened
        if opened is not None and (opened.keys is None or self._clock() < opened.keys.due):
            return opened
        alive = opened is not None and opened.keys is not None and self._clock() < opened.keys.ends
        # Sessions are not thread-safe, and a slow login is not to be waited for by everybody in turn.
        if not self._opening.acquire(timeout=0 if alive else call.remaining()):
            if opened is not None and alive:
                return opened
            return Failure(
                FailureClass.UNAVAILABLE, "login-timeout", f"{self._store}: the login takes too long; try again later"
            )
        try:
            opened = self._opened
            if opened is not None and (opened.keys is None or self._clock() < opened.keys.due):
                return opened
            fresh = self._open()
            if not isinstance(fresh, Failure):
                self._opened = fresh
            return fresh
        finally:
            self._opening.release()

    def _open(self) -> _Opened | Failure:
        address = text(self._options.endpoint) if self._options.endpoint is not None else None
        if self._roles is None:
            base = self._base()
            return base if isinstance(base, Failure) else _Opened(self._made(base, "secretsmanager", address), None)
        keys = self._roles.granted(self._assume)
        if isinstance(keys, Failure):
            return keys
        base = Base(self._session(None, alone=True), keys.arguments())
        return _Opened(self._made(base, "secretsmanager", address), keys)

    def _base(self) -> Base | Failure:
        """Give what the store's own method logs in with."""
        auth = self._options.auth
        keys = self._static_keys(auth.static) if auth.static else {}
        if any(not value.isascii() or not value.isprintable() or " " in value for value in keys.values()):
            return self._denied("credential-unreadable", "the access key holds characters that none has")
        profile = text(auth.profile) if auth.profile is not None else None
        session = self._session(profile, alone=auth.static is not None)
        if profile is not None:
            chain = session.get_component("credential_provider")
            for method in _AMBIENT:
                chain.remove(method)
        if auth.static is None and session.get_credentials() is None:
            where = f"profile {profile!r}" if profile is not None else "the SDK's chain"
            return self._denied("no-credentials", f"{where} holds no credentials; check the `auth` of this store")
        return Base(session, keys)

    def _session(self, profile: str | None, *, alone: bool) -> Any:  # noqa: ANN401 — a botocore session
        sts = text(self._options.sts_endpoint) if self._options.sts_endpoint is not None else None
        return open_session(profile, self._send, sts, alone=alone)

    def _made(self, base: Base, service: str, address: str | None) -> Any:  # noqa: ANN401 — a botocore client
        return make_client(base, service, text(self._options.region), address, self._settings.timeouts)

    def _assume(
        self, operation: StsOperation, parameters: Mapping[str, object], signer: Keys | None
    ) -> Told | Refused | Failure:
        """Ask STS for a role: by a token, with the keys of the role before, or as the store's own method logs in."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 — as in session.py

        if operation == "AssumeRole" and signer is None:
            base = self._base()
        else:
            base = Base(self._session(None, alone=True), signer.arguments() if signer is not None else {})
        if isinstance(base, Failure):
            return base
        address = text(self._options.sts_endpoint) if self._options.sts_endpoint is not None else None
        client = self._made(base, "sts", address)
        try:
            content: Mapping[str, object] = getattr(client, _METHODS[operation])(**parameters)
        except ClientError as error:
            if error.operation_name != operation:
                raise
            return self._refused(error.response)
        except TransportError as error:
            return error.failure(f"STS ({client.meta.endpoint_url})")
        return Told(content, self._told_at(content))

    def _static_keys(self, static: Static) -> dict[str, str]:
        sources: dict[str, str | int | bool | Credential | None] = {
            "aws_access_key_id": static.access_key_id,
            "aws_secret_access_key": static.secret_access_key,
            "aws_session_token": static.session_token,
        }
        base = self._settings.base
        return {name: plain_or_credential(source, base) for name, source in sources.items() if source is not None}

    def _send(self, request: Any, **_event: object) -> Any:  # noqa: ANN401 — an AWSPreparedRequest; an AWSResponse
        from botocore.awsrequest import AWSResponse  # noqa: PLC0415 — as in session.py

        call: Call = self._current.call
        call.spend()
        headers = {
            name: value.decode("latin-1") if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
        }
        body = request.body.encode() if isinstance(request.body, str) else request.body
        answer = self._transport.request(
            request.method, request.url, headers=headers, body=body, remaining=call.remaining()
        )
        self._current.answered = True
        return AWSResponse(request.url, answer.status, answer.headers, Body(answer.body))

    def _translated(self, operation: Operation, error: Exception) -> Refused | Failure:
        from botocore import exceptions  # noqa: PLC0415 — as in session.py
        from botocore.parsers import ResponseParserError  # noqa: PLC0415 — as in session.py

        if isinstance(error, exceptions.ClientError):
            refused = self._refused(error.response)
            return refused if error.operation_name == operation else login_failure(refused, self._store)
        if isinstance(error, exceptions.ProfileNotFound):
            return self._denied("no-credentials", "the SDK's files hold no such profile; check `auth.profile`")
        login = (
            exceptions.NoCredentialsError,
            exceptions.PartialCredentialsError,
            exceptions.CredentialRetrievalError,
            exceptions.MetadataRetrievalError,
            exceptions.SSOError,
            exceptions.ConfigParseError,
            exceptions.ConfigNotFound,
            exceptions.InvalidConfigError,
            exceptions.UnknownCredentialError,
            exceptions.InfiniteLoopConfigError,
        )
        if isinstance(error, login):
            return self._denied("login-failed", "the SDK could not get credentials; check the `auth` of this store")
        if self._current.answered or isinstance(error, ResponseParserError):
            return self._unreadable()
        # The type's name is code; its text may quote what was sent.
        failed = f"{self._store}: the request could not be made ({type(error).__name__}); look at the store's settings"
        return Failure(FailureClass.UNAVAILABLE, "request-failed", failed)

    def _refused(self, response: Mapping[str, Any]) -> Refused:
        meta = response.get("ResponseMetadata", {})
        headers = meta.get("HTTPHeaders", {})
        now = self._wall()
        date = _moment(headers.get("date", ""))
        after = headers.get("retry-after", "")
        try:
            retry_after: float | None = float(after)
        except ValueError:
            moment = _moment(after)
            retry_after = None if moment is None else moment - now
        skew = 0.0 if date is None else date - now
        status = int(meta.get("HTTPStatusCode", 0))
        return Refused(str(response.get("Error", {}).get("Code", "")), status, skew, retry_after)

    def _told_at(self, content: Mapping[str, Any]) -> float:
        """Give the service's time, which the end of keys is to be seen by; ours where it does not tell."""
        date = _moment(content.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", ""))
        return self._wall() if date is None else date

    def _unreadable(self) -> Failure:
        message = f"{self._store} answered with a body that cannot be used; is something in between?"
        return Failure(FailureClass.MALFORMED, "answer-unreadable", message)

    def _denied(self, reason: str, what: str) -> Failure:
        return Failure(FailureClass.DENIED, reason, f"{self._store}: {what}", scope="store", transient=False)


def _moment(header: str) -> float | None:
    """Read an HTTP date, as seconds since the epoch."""
    try:
        return parsedate_to_datetime(header).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None

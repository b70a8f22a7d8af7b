"""The one module that meets boto3 and botocore: a session for each store, its requests sent through our transport.

botocore signs, spells and parses; `before-send` is its public event for whoever sends in its stead. So each request,
logins at STS included, is spent against the store's budget, ends in time, is capped in size and takes no proxy or
certificate from the environment. Its exceptions and log lines carry values and bodies: none leaves this module.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from importlib import metadata
from typing import Any, Final

from syncd.fetch.credential import Credential, CredentialUnreadable, plain_or_credential
from syncd.fetch.http import Transport, TransportError
from syncd.fetch.seam import Call, CallAborted
from syncd.model.reference import Failure, FailureClass
from syncd.model.store import StoreSettings
from syncd.node import text
from syncd_providers.aws.answers import Operation, Refused, login_failure
from syncd_providers.aws.options import AwsOptions, Static

_METHODS: Final[Mapping[Operation, str]] = {
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
        self._opening = threading.Lock()
        self._client: Any = None
        self._current = threading.local()

    def ask(
        self, operation: Operation, parameters: Mapping[str, object], call: Call
    ) -> Mapping[str, object] | Refused | Failure:
        """Send one request and give the parsed answer, the service's refusal, or why there was neither."""
        self._current.call = call
        self._current.answered = False
        try:
            client = self._opened(call)
            if isinstance(client, Failure):
                return client
            content: Mapping[str, object] = getattr(client, _METHODS[operation])(**parameters)
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
        self._client = None

    def close(self) -> None:
        """Close idle connections."""
        self._client = None
        self._transport.close()

    def _opened(self, call: Call) -> Any:  # noqa: ANN401 — botocore makes its clients at run time
        client = self._client
        if client is not None:
            return client
        # Sessions are not thread-safe, and a slow login is not to be waited for by everybody in turn.
        if not self._opening.acquire(timeout=call.remaining()):
            return Failure(
                FailureClass.UNAVAILABLE, "login-timeout", f"{self._store}: the login takes too long; try again later"
            )
        try:
            client = self._client
            if client is None:
                client = self._open()
                _silence()
                if not isinstance(client, Failure):
                    self._client = client
            return client
        finally:
            self._opening.release()

    def _open(self) -> Any:  # noqa: ANN401 — as above
        import boto3  # noqa: PLC0415 — 40 MiB that a process without AWS stores does without
        import botocore.session  # noqa: PLC0415 — as above
        from botocore.config import Config  # noqa: PLC0415 — as above

        auth = self._options.auth
        keys = self._static_keys(auth.static) if auth.static else {}
        if any(not value.isascii() or not value.isprintable() or " " in value for value in keys.values()):
            return self._denied("credential-unreadable", "the access key holds characters that none has")
        profile = text(auth.profile) if auth.profile is not None else None
        variables = _isolated(botocore.session.Session.SESSION_VARIABLES) if auth.static else None
        session = botocore.session.Session(session_vars=variables, profile=profile)
        session.register("before-send", self._send)
        if self._options.sts_endpoint is not None:
            _redirect_sts(session, text(self._options.sts_endpoint))
        if profile is not None:
            chain = session.get_component("credential_provider")
            for method in _AMBIENT:
                chain.remove(method)
        if auth.static is None and session.get_credentials() is None:
            where = f"profile {profile!r}" if profile is not None else "the SDK's chain"
            return self._denied("no-credentials", f"{where} holds no credentials; check the `auth` of this store")
        timeouts = self._settings.timeouts
        config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=timeouts.connect,
            read_timeout=timeouts.read,
            parameter_validation=False,
            ignore_configured_endpoint_urls=True,
            user_agent_extra=_user_agent(),
        )
        address = text(self._options.endpoint) if self._options.endpoint is not None else None
        return boto3.Session(botocore_session=session).client(
            "secretsmanager", region_name=text(self._options.region), endpoint_url=address, config=config, **keys
        )

    def _static_keys(self, static: Static) -> dict[str, str]:
        sources: dict[str, str | int | bool | Credential | None] = {
            "aws_access_key_id": static.access_key_id,
            "aws_secret_access_key": static.secret_access_key,
            "aws_session_token": static.session_token,
        }
        base = self._settings.base
        return {name: plain_or_credential(source, base) for name, source in sources.items() if source is not None}

    def _send(self, request: Any, **_event: object) -> Any:  # noqa: ANN401 — an AWSPreparedRequest; an AWSResponse
        from botocore.awsrequest import AWSResponse  # noqa: PLC0415 — as in _open

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
        return AWSResponse(request.url, answer.status, answer.headers, _Body(answer.body))

    def _translated(self, operation: Operation, error: Exception) -> Refused | Failure:
        from botocore import exceptions  # noqa: PLC0415 — as in _open
        from botocore.parsers import ResponseParserError  # noqa: PLC0415 — as in _open

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

    def _unreadable(self) -> Failure:
        message = f"{self._store} answered with a body that cannot be used; is something in between?"
        return Failure(FailureClass.MALFORMED, "answer-unreadable", message)

    def _denied(self, reason: str, what: str) -> Failure:
        return Failure(FailureClass.DENIED, reason, f"{self._store}: {what}", scope="store", transient=False)


class _Body:
    """What botocore reads a body from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> tuple[bytes, ...]:
        return (self._content,)


def _isolated(variables: Mapping[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    """Cut botocore's settings off environment and files: their defaults alone stay."""
    kept = {name: (None, None, default, convert) for name, (_, _, default, convert) in variables.items()}
    for name in ("config_file", "credentials_file"):
        kept[name] = (None, None, os.devnull, None)
    return kept


def _redirect_sts(session: Any, address: str) -> None:  # noqa: ANN401 — a botocore session
    """Let the session's own logins go to this STS; it makes those clients itself and takes no address for them."""
    create = session.create_client

    def create_client(service_name: str, *positional: object, **named: object) -> object:
        if service_name == "sts":
            named["endpoint_url"] = address
        return create(service_name, *positional, **named)

    session.create_client = create_client


def _moment(header: str) -> float | None:
    """Read an HTTP date, as seconds since the epoch."""
    try:
        return parsedate_to_datetime(header).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _user_agent() -> str:
    try:
        return f"syncd/{metadata.version('syncd')}"
    except metadata.PackageNotFoundError:
        return "syncd"


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def _silence() -> None:
    """Keep the SDK's log lines in: at DEBUG they hold values and tokens, in warnings foreign text.

    A filter, since a level can be lowered again by whoever switches debugging on.
    """
    loggers = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in ("botocore", "boto3")]
    for name in ("botocore", "boto3", *loggers):
        logger = logging.getLogger(name)
        logger.addFilter(_nothing)
        logger.setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.WARNING)

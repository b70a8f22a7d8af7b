"""Sessions and clients of boto3 and botocore: cut off from the environment where that is asked, and silent.

Imported early, but nothing of the SDK with it: that is 40 MiB, which a process without AWS stores does without.
"""

import logging
import os
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any, NamedTuple

from syncd.model.store import Timeouts


class Base(NamedTuple):
    """A session, and the keys for its clients where it is to find none itself."""

    session: Any
    keys: Mapping[str, str]

    def __repr__(self) -> str:
        """Say nothing."""
        return "Base()"


def open_session(profile: str | None, send: Callable[..., Any], sts: str | None, *, alone: bool) -> Any:  # noqa: ANN401 — botocore has no types
    """Make a session whose requests go to `send`; `alone`, it looks at no environment and no file, and finds no keys.

    `sts` is the address for the session's own logins; None for the public one.
    """
    import botocore.session  # noqa: PLC0415 — late on purpose
    from botocore.credentials import CredentialResolver  # noqa: PLC0415 — late on purpose

    variables = _isolated(botocore.session.Session.SESSION_VARIABLES) if alone else None
    session = botocore.session.Session(session_vars=variables, profile=profile)
    session.register("before-send", send)
    if alone:
        session.register_component("credential_provider", CredentialResolver([]))
    elif sts is not None:
        _redirect_sts(session, sts)
    return session


def make_client(base: Base, service: str, region: str, address: str | None, timeouts: Timeouts) -> Any:  # noqa: ANN401 — botocore makes its clients at run time
    """Make a client that neither retries nor takes an address from elsewhere; None is the region's public one."""
    import boto3  # noqa: PLC0415 — late on purpose
    from botocore.config import Config  # noqa: PLC0415 — late on purpose

    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=timeouts.connect,
        read_timeout=timeouts.read,
        parameter_validation=False,
        ignore_configured_endpoint_urls=True,
        user_agent_extra=_user_agent(),
    )
    session = boto3.Session(botocore_session=base.session)
    client = session.client(service, region_name=region, endpoint_url=address, config=config, **base.keys)
    _silence()
    return client


class Body:
    """What botocore reads a body from."""

    def __init__(self, content: bytes) -> None:
        """Keep it whole."""
        self._content = content

    def stream(self) -> tuple[bytes, ...]:
        """Give it in one piece."""
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

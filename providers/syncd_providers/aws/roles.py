"""The roles that a store takes on with STS, one after the other, and the temporary keys of each. Meets no SDK.

Each hop's keys are kept and replaced at two thirds of their life, so that the last hop's renewal asks for the earlier
ones only when their own time has come. Where a renewal fails, the old keys serve to their end.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, NamedTuple, Protocol

from syncd.fetch.credential import Credential, CredentialUnreadable, plain_or_credential
from syncd.model.reference import Failure, FailureClass
from syncd.model.store import StoreSettings
from syncd.node import text
from syncd_providers.aws.answers import Refused, login_failure
from syncd_providers.aws.auth import AssumeRole, Auth, WebIdentity, is_role, is_session_name

PAUSE: Final = 30.0
"""Seconds for which the old keys serve before a renewal that failed is tried again."""
StsOperation = Literal["AssumeRole", "AssumeRoleWithWebIdentity"]


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """Temporary keys of a role. Times are on the store's clock."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    due: float
    """When to replace them."""
    ends: float

    def arguments(self) -> dict[str, str]:
        """Give them in the words of boto3."""
        return {
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key,
            "aws_session_token": self.session_token,
        }


@dataclass(frozen=True, slots=True)
class Hop:
    """One role to take on."""

    operation: StsOperation
    where: str
    """Where it stands in the file, such as `static, assumeRole[1]`."""
    parameters: Callable[[], dict[str, object]]
    """Read what is sent, `RoleArn` among it. Raises CredentialUnreadable."""


class Told(NamedTuple):
    """A success of STS."""

    content: Mapping[str, object]
    now: float
    """The service's time at its answer, in seconds since the epoch."""


class Assume(Protocol):
    """Sends one request to STS, signed with `signer`; with None as the store's own method logs in."""

    def __call__(
        self, operation: StsOperation, parameters: Mapping[str, object], signer: Keys | None
    ) -> Told | Refused | Failure:
        """Give the answer, or why there was none."""


class Roles:
    """The chain of one store. To be used by one thread at a time, apart from `drop`."""

    def __init__(self, hops: Sequence[Hop], store: str, clock: Callable[[], float]) -> None:
        """Keep the settings; `store` is its words for a person."""
        self._hops = hops
        self._store = store
        self._clock = clock
        self._held: list[Keys | None] = [None] * len(hops)

    def granted(self, assume: Assume) -> Keys | Failure:
        """Give the last role's keys; takes on what is due."""
        held = self._held
        fresh = [number for number, keys in enumerate(held) if keys is not None and self._clock() < keys.due]
        signer = held[fresh[-1]] if fresh else None
        for number in range(fresh[-1] + 1 if fresh else 0, len(held)):
            found = self._taken_on(self._hops[number], signer, assume)
            if isinstance(found, Failure):
                old = held[number]
                now = self._clock()
                if old is None or now >= old.ends:
                    return found
                found = replace(old, due=min(old.ends, now + PAUSE))
            held[number] = signer = found
        assert signer is not None, "a chain has a hop at least"  # noqa: S101 — for the type alone
        return signer

    def drop(self) -> None:
        """Forget the keys of all hops. What a login in another thread brings meanwhile is forgotten too."""
        self._held = [None] * len(self._hops)

    def _taken_on(self, hop: Hop, signer: Keys | None, assume: Assume) -> Keys | Failure:
        try:
            parameters = hop.parameters()
        except CredentialUnreadable as error:
            said = f"{self._store}: {hop.where}: {error}"
            return Failure(FailureClass.DENIED, "credential-unreadable", said, scope="store", transient=False)
        described = f"{self._store}: {hop.where} (role {parameters['RoleArn']})"
        answer = assume(hop.operation, parameters, signer)
        if isinstance(answer, Refused):
            return login_failure(answer, described)
        if isinstance(answer, Failure):
            return replace(answer, message=f"{described}: {answer.message}", scope="store")
        keys = self._keys(answer)
        if keys is None:
            message = f"{described}: STS answered without usable keys; is something in between?"
            return Failure(FailureClass.MALFORMED, "answer-unreadable", message, scope="store")
        return keys

    def _keys(self, told: Told) -> Keys | None:
        found = told.content.get("Credentials")
        if not isinstance(found, dict):
            return None
        parts = [found.get(name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
        key_id, secret, token = (part if isinstance(part, str) and _is_plain(part) else "" for part in parts)
        expiration = found.get("Expiration")
        if not (key_id and secret and token and isinstance(expiration, datetime)):
            return None
        life = expiration.timestamp() - told.now
        now = self._clock()
        return Keys(key_id, secret, token, now + life * 2 / 3, now + life) if life > 0 else None


def hops_of(auth: Auth, settings: StoreSettings, environment: Mapping[str, str] = os.environ) -> tuple[Hop, ...]:
    """Give the roles that a login takes on, in order; none where its method's own keys serve."""
    own_name = re.sub(r"[^A-Za-z0-9_+=,.@-]", "-", f"syncd-{settings.name}")[:64]
    hops: list[Hop] = []
    login = auth.web_identity
    if login is not None:
        hops.append(
            Hop("AssumeRoleWithWebIdentity", "webIdentity", lambda: _by_token(login, settings, own_name, environment))
        )
    for number, role in enumerate(auth.assume_role or ()):
        hops.append(Hop("AssumeRole", f"{auth.method()}, assumeRole[{number}]", _by_role(role, own_name)))
    return tuple(hops)


def _by_token(
    login: WebIdentity, settings: StoreSettings, own_name: str, environment: Mapping[str, str]
) -> dict[str, object]:
    role = text(login.role_arn) if login.role_arn is not None else environment.get("AWS_ROLE_ARN", "")
    if not is_role(role):
        message = "AWS_ROLE_ARN holds no role's ARN; is the Pod's ServiceAccount annotated with one? Or give `roleArn`"
        raise CredentialUnreadable(message)
    file = login.token_file if login.token_file is not None else environment.get("AWS_WEB_IDENTITY_TOKEN_FILE", "")
    if not text(file):
        message = "AWS_WEB_IDENTITY_TOKEN_FILE is not set; is the Pod's ServiceAccount annotated? Or give `tokenFile`"
        raise CredentialUnreadable(message)
    ambient = environment.get("AWS_ROLE_SESSION_NAME", "")
    name = ambient if is_session_name(ambient) else own_name
    return {
        "RoleArn": role,
        "RoleSessionName": text(login.session_name) if login.session_name is not None else name,
        "WebIdentityToken": plain_or_credential(Credential(file=file), settings.base),
    }


def _by_role(role: AssumeRole, own_name: str) -> Callable[[], dict[str, object]]:
    asked: dict[str, object] = {
        "RoleArn": text(role.role_arn),
        "RoleSessionName": text(role.session_name) if role.session_name is not None else own_name,
    }
    if role.external_id is not None:
        asked["ExternalId"] = text(role.external_id)
    if role.tags:
        asked["Tags"] = [{"Key": tag, "Value": text(value)} for tag, value in role.tags.items()]
    return lambda: asked


def _is_plain(part: str) -> bool:
    """Tell whether this can stand in a header."""
    return part.isascii() and part.isprintable() and " " not in part

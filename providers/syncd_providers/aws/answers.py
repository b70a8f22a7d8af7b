"""What an error answer of Secrets Manager means: a pure function of operation, error code and status.

What the table below does not hold is UNAVAILABLE, and ABSENT takes two answers: the same ResourceNotFoundException
comes for a secret that does not exist and for one without a value (boto3#2794), so DescribeSecret decides.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

from syncd.model.reference import Failure, FailureClass, Query, RemoteRef, Scope

Operation = Literal["GetSecretValue", "BatchGetSecretValue", "DescribeSecret", "ListSecrets"]
NOT_FOUND: Final = "ResourceNotFoundException"
SKEW: Final = 300.0
"""Seconds by which a clock may be off before AWS refuses a signature:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""


@dataclass(frozen=True, slots=True)
class Refused:
    """An error answer, without its text."""

    code: str
    """The service's error code, or the status where the body was not the service's."""
    status: int
    skew: float = 0.0
    """Seconds by which the service's clock is ahead of ours, by its Date header."""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a refusal means."""

    cls: FailureClass
    reason: str
    advice: str
    """What happened and what to do, after the name of the object or store."""
    scope: Scope = "ref"
    stale_credential: bool = False
    transient: bool = True


_C = FailureClass
ABSENT: Final = Verdict(
    _C.ABSENT, "not-found", "does not exist; create it, or correct `key` in the mapping", transient=False
)
UNPROVEN: Final = Verdict(
    _C.UNUSABLE,
    "absence-unproven",
    "was not found, or holds no value; allow secretsmanager:DescribeSecret to tell which",
    transient=False,
)
NO_VALUE: Final = Verdict(_C.UNUSABLE, "no-value", "exists but holds no value yet; put one there", transient=False)
NO_VERSION: Final = Verdict(
    _C.UNUSABLE, "no-such-version", "exists, but not in this version; correct `version` in the mapping", transient=False
)
NO_STAGE: Final = Verdict(
    _C.UNUSABLE,
    "no-such-stage",
    "has no version with this staging label; correct `version` in the mapping, or put the label there",
    transient=False,
)
PENDING: Final = Verdict(
    _C.UNUSABLE, "scheduled-deletion", "is scheduled for deletion; restore it or drop the reference", transient=False
)
_UNDECRYPTABLE: Final = Verdict(
    _C.UNUSABLE, "decryption-failed", "cannot be decrypted; look at the state of its KMS key", transient=False
)
_DENIED: Final = Verdict(
    _C.DENIED,
    "permission-denied",
    "may not be read by this identity; allow secretsmanager:GetSecretValue on it",
    transient=False,
)
_EXPIRED: Final = Verdict(
    _C.DENIED,
    "credential-expired",
    "the session of this store has expired; renew the credential that its `auth` names",
    "store",
    stale_credential=True,
)
_UNKNOWN_CLIENT: Final = Verdict(
    _C.DENIED,
    "credential-invalid",
    "AWS does not accept the store's access key; correct it under the store's `auth`",
    "store",
    stale_credential=True,
)
_SIGNATURE: Final = Verdict(
    _C.DENIED,
    "signature-rejected",
    "the secret access key does not fit its id; correct either under the store's `auth`",
    "store",
    stale_credential=True,
)
_CLOCK: Final = Verdict(
    _C.DENIED, "clock", "our clock differs from the service's by more than five minutes; set it", "store"
)
_THROTTLED: Final = Verdict(
    _C.THROTTLED, "throttled", "AWS asks for fewer requests; lower limits.requestsPerSecond if it goes on", "store"
)
_NOT_DESCRIBED: Final = replace(
    _DENIED, advice="may not be described by this identity; allow secretsmanager:DescribeSecret on it"
)
_NOT_LISTED: Final = replace(
    _DENIED, advice='may not be listed by this identity; allow secretsmanager:ListSecrets on Resource "*"'
)
_CONFIG: Final = Verdict(
    _C.CONFIG,
    "invalid-parameter",
    "is not a reference that AWS takes; correct `key` and `version` in the mapping",
    transient=False,
)
_NO_QUERY: Final = replace(_CONFIG, advice="is not a query that AWS takes; correct `find` in the mapping")
_SERVER: Final = Verdict(_C.UNAVAILABLE, "server-error", "the service failed inside; try again later")
_OTHER: Final = Verdict(
    _C.UNAVAILABLE, "unexpected-answer", "the answer is none that syncd knows; is something in between?"
)
OF_ONE_SECRET: Final = frozenset({_SERVER.reason, _OTHER.reason})
"""Reasons of UNAVAILABLE that say nothing about the next secret."""

_CODES: Final[dict[str, Verdict]] = {
    **dict.fromkeys(("InvalidRequestException", "InvalidRequest"), PENDING),
    **dict.fromkeys(("DecryptionFailure", "DecryptionFailureException"), _UNDECRYPTABLE),
    **dict.fromkeys(("AccessDeniedException", "AccessDenied", "NotAuthorized", "UnauthorizedOperation"), _DENIED),
    **dict.fromkeys(("ExpiredTokenException", "ExpiredToken", "TokenRefreshRequired", "RequestExpired"), _EXPIRED),
    **dict.fromkeys(
        (
            "UnrecognizedClientException",
            "UnrecognizedClient",
            "InvalidClientTokenId",
            "InvalidAccessKeyId",
            "InvalidToken",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "AuthFailure",
            "OptInRequired",
        ),
        _UNKNOWN_CLIENT,
    ),
    **dict.fromkeys(
        (
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "IncompleteSignatureException",
            "RequestTimeTooSkewed",
        ),
        _SIGNATURE,
    ),
    # The family that botocore.retries.standard takes for throttling, and the service's own LimitExceededException.
    **dict.fromkeys(
        (
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestThrottled",
            "RequestThrottledException",
            "TooManyRequestsException",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "BandwidthLimitExceeded",
            "LimitExceededException",
            "SlowDown",
            "PriorRequestNotComplete",
            "EC2ThrottledException",
        ),
        _THROTTLED,
    ),
    **dict.fromkeys(("InvalidParameterException", "InvalidParameter", "ValidationException"), _CONFIG),
    **dict.fromkeys(("InternalServiceError", "InternalServiceErrorException", "InternalFailure"), _SERVER),
    "ServiceUnavailable": _SERVER,
    "ServiceUnavailableException": _SERVER,
}
_LISTING: Final = {_DENIED: _NOT_LISTED, _CONFIG: _NO_QUERY, PENDING: _OTHER, _UNDECRYPTABLE: _OTHER}
"""What is said otherwise, or makes no sense, where no secret was named."""
_STS_DENIALS: Final = frozenset({"InvalidIdentityToken", "IDPRejectedClaim", "RegionDisabledException"})
_LOGIN: Final = Verdict(
    _C.DENIED,
    "login-refused",
    "STS does not give this identity the role; look at the role's ARN and at whom it trusts",
    "store",
    stale_credential=True,
)
_NO_LOGIN: Final = Verdict(
    _C.CONFIG,
    "login-invalid",
    "STS does not take this login as it is written; correct role, session name, external id and tags in `auth`",
    "store",
    transient=False,
)
_ISSUER: Final = Verdict(
    _C.UNAVAILABLE, "issuer-unreachable", "STS cannot reach the issuer of the token; try again later", "store"
)
_STS_OTHERS: Final = {
    **dict.fromkeys(("ValidationError", "PackedPolicyTooLarge", "MalformedPolicyDocument"), _NO_LOGIN),
    "IDPCommunicationError": _ISSUER,
}
"""https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html, Errors."""
_NO_REF: Final = RemoteRef("", "")
_CLOCK_SUSPECTS: Final = (_SIGNATURE, _EXPIRED)
_NO_BATCH: Final = frozenset({"UnknownOperationException", "UnknownOperation", "InvalidAction"})


def classify(operation: Operation, refused: Refused) -> Verdict:
    """Say what a refusal means. `UNPROVEN` for a secret not found by a read: DescribeSecret then tells more."""
    verdict = _CODES.get(refused.code)
    if operation == "ListSecrets":
        verdict = _LISTING.get(verdict, verdict) if verdict is not None else None
    elif refused.code == NOT_FOUND:
        return ABSENT if operation == "DescribeSecret" else UNPROVEN
    elif operation == "DescribeSecret" and verdict is _DENIED:
        return _NOT_DESCRIBED
    if verdict in _CLOCK_SUSPECTS and abs(refused.skew) > SKEW:
        return _CLOCK
    if verdict is not None:
        return verdict
    if refused.status == 429:
        return _THROTTLED
    return _SERVER if refused.status >= 500 else _OTHER


def no_batches_here(refused: Refused) -> bool:
    """Tell whether this identity or endpoint takes no batches at all, so that asking again is of no use soon."""
    return _CODES.get(refused.code) is _DENIED or refused.code in _NO_BATCH or refused.status == 501


def decides_alone(code: str) -> bool:
    """Tell whether a code in a batch's Errors list says all about its secret, so that no single read need follow.

    AccessDenied there is about GetSecretValue on this secret, which a batch needs too.
    """
    return code in _CODES and _CODES[code] is not _SERVER


def failure(verdict: Verdict, ref: RemoteRef | Query, store: str, refused: Refused | None = None) -> Failure:
    """Say a verdict as an outcome: about `ref`, or about the `store` as a whole (its words for a person)."""
    said = f"{ref} {verdict.advice}"
    if verdict.scope == "store" or verdict.cls is FailureClass.UNAVAILABLE:
        said = f"{store}: {verdict.advice}"
    if refused is not None and verdict.cls is FailureClass.UNAVAILABLE:
        said += f" (status {refused.status})"
    return Failure(
        verdict.cls,
        verdict.reason,
        said,
        retry_after=refused.retry_after if refused and verdict.cls is FailureClass.THROTTLED else None,
        scope=verdict.scope,
        stale_credential=verdict.stale_credential,
        transient=verdict.transient,
    )


def login_failure(refused: Refused, store: str) -> Failure:
    """Say what a refusal of STS means, which is asked where a web identity or a profile's role logs in."""
    verdict = _CODES.get(refused.code)
    if verdict is not None and verdict.cls is FailureClass.THROTTLED:
        return failure(verdict, _NO_REF, store, refused)
    if verdict in _CLOCK_SUSPECTS and abs(refused.skew) > SKEW:
        return failure(_CLOCK, _NO_REF, store)
    if verdict in (_DENIED, _EXPIRED, _UNKNOWN_CLIENT, _SIGNATURE) or refused.code in _STS_DENIALS:
        return failure(_LOGIN, _NO_REF, store)
    other = _STS_OTHERS.get(refused.code, _SERVER if refused.status >= 500 else _OTHER)
    return replace(failure(other, _NO_REF, store, refused), scope="store")

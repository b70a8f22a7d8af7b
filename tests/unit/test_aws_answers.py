"""Error answers of Secrets Manager: what is known means what the table says, and the rest is unavailable."""

from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.reference import FailureClass, RemoteRef
from syncd_providers.aws import answers
from syncd_providers.aws.answers import (
    SKEW,
    Operation,
    Refused,
    classify,
    decides_alone,
    failure,
    login_failure,
    no_batches_here,
)

OPERATIONS: tuple[Operation, ...] = get_args(Operation)
REF = RemoteRef("aws-eu", "prod/app")
TABLE = {
    "InvalidRequestException": ("unusable", "scheduled-deletion"),
    "DecryptionFailure": ("unusable", "decryption-failed"),
    "AccessDeniedException": ("denied", "permission-denied"),
    "AccessDenied": ("denied", "permission-denied"),
    "ExpiredTokenException": ("denied", "credential-expired"),
    "ExpiredToken": ("denied", "credential-expired"),
    "RequestExpired": ("denied", "credential-expired"),
    "UnrecognizedClientException": ("denied", "credential-invalid"),
    "InvalidClientTokenId": ("denied", "credential-invalid"),
    "MissingAuthenticationTokenException": ("denied", "credential-invalid"),
    "InvalidSignatureException": ("denied", "signature-rejected"),
    "SignatureDoesNotMatch": ("denied", "signature-rejected"),
    "IncompleteSignature": ("denied", "signature-rejected"),
    "Throttling": ("throttled", "throttled"),
    "ThrottlingException": ("throttled", "throttled"),
    "ThrottledException": ("throttled", "throttled"),
    "RequestThrottledException": ("throttled", "throttled"),
    "TooManyRequestsException": ("throttled", "throttled"),
    "ProvisionedThroughputExceededException": ("throttled", "throttled"),
    "RequestLimitExceeded": ("throttled", "throttled"),
    "BandwidthLimitExceeded": ("throttled", "throttled"),
    "LimitExceededException": ("throttled", "throttled"),
    "SlowDown": ("throttled", "throttled"),
    "PriorRequestNotComplete": ("throttled", "throttled"),
    "InvalidParameterException": ("config", "invalid-parameter"),
    "ValidationException": ("config", "invalid-parameter"),
    "InternalServiceError": ("unavailable", "server-error"),
    "InternalFailure": ("unavailable", "server-error"),
    "ServiceUnavailable": ("unavailable", "server-error"),
}
STRANGE = (
    "",
    "404",
    "Not Found",
    "SecretNotFound",
    "resourcenotfoundexception",
    "NoSuchEntity",
    "PublicPolicyException",
)


@pytest.mark.parametrize(("code", "expected"), TABLE.items())
@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name != "ListSecrets"])
def test_a_known_code_means_what_the_table_says(operation: Operation, code: str, expected: tuple[str, str]) -> None:
    found = classify(operation, Refused(code, 400))
    assert (found.cls.value, found.reason) == expected


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "InvalidRequestException", "DecryptionFailure"])
def test_what_is_said_of_one_secret_says_nothing_of_a_list(code: str) -> None:
    found = classify("ListSecrets", Refused(code, 400))
    assert (found.cls.value, found.reason) == ("unavailable", "unexpected-answer")


@pytest.mark.parametrize(
    ("operation", "right"),
    [("GetSecretValue", "GetSecretValue"), ("DescribeSecret", "DescribeSecret"), ("ListSecrets", "ListSecrets")],
)
def test_a_refusal_names_the_right_that_is_missing(operation: Operation, right: str) -> None:
    assert f"secretsmanager:{right} on" in classify(operation, Refused("AccessDeniedException", 400)).advice


def test_only_describe_says_absent() -> None:
    found = {operation: classify(operation, Refused("ResourceNotFoundException", 400)) for operation in OPERATIONS}
    assert found["DescribeSecret"].cls is FailureClass.ABSENT
    for operation in ("GetSecretValue", "BatchGetSecretValue"):
        assert (found[operation].cls, found[operation].reason) == (FailureClass.UNUSABLE, "absence-unproven")


def test_an_unknown_pair_is_unavailable_whatever_its_status() -> None:
    for operation, code, status in product(OPERATIONS, STRANGE, range(300, 600)):
        if status != 429:
            assert classify(operation, Refused(code, status)).cls is FailureClass.UNAVAILABLE


@given(code=st.text(), status=st.integers(0, 999), operation=st.sampled_from(OPERATIONS), skew=st.floats())
def test_nothing_but_one_code_is_ever_absent(code: str, status: int, operation: Operation, skew: float) -> None:
    found = classify(operation, Refused(code, status, skew))
    assert found.cls is not FailureClass.ABSENT or (operation, code) == ("DescribeSecret", "ResourceNotFoundException")


def test_a_status_of_too_many_requests_throttles_without_a_code() -> None:
    assert classify("GetSecretValue", Refused("", 429)).cls is FailureClass.THROTTLED


@pytest.mark.parametrize("code", ["InvalidSignatureException", "ExpiredTokenException", "RequestExpired"])
@pytest.mark.parametrize("skew", [SKEW + 1, -SKEW - 1])
def test_a_refused_signature_beside_a_far_date_is_the_clock(code: str, skew: float) -> None:
    found = classify("GetSecretValue", Refused(code, 400, skew))
    assert (found.cls, found.reason, found.stale_credential) == (FailureClass.DENIED, "clock", False)


@pytest.mark.parametrize("code", ["AccessDeniedException", "DecryptionFailure", "InternalServiceError"])
def test_a_far_date_changes_no_other_answer(code: str) -> None:
    assert classify("GetSecretValue", Refused(code, 400, 9999)) == classify("GetSecretValue", Refused(code, 400))


@pytest.mark.parametrize(
    ("code", "stale"),
    [
        ("ExpiredTokenException", True),
        ("UnrecognizedClientException", True),
        ("InvalidSignatureException", True),
        ("AccessDeniedException", False),
        ("ThrottlingException", False),
    ],
)
def test_a_new_login_is_asked_for_where_it_may_help(code: str, *, stale: bool) -> None:
    assert failure(classify("GetSecretValue", Refused(code, 400)), REF, "store aws-eu").stale_credential is stale


def test_only_throttling_carries_a_wait() -> None:
    for code, carried in (("ThrottlingException", 3.0), ("InternalServiceError", None)):
        refused = Refused(code, 400, retry_after=3.0)
        assert failure(classify("GetSecretValue", refused), REF, "store aws-eu", refused).retry_after == carried


def test_a_message_names_the_object_or_the_store() -> None:
    def said(code: str, status: int = 400) -> str:
        refused = Refused(code, status)
        return failure(classify("GetSecretValue", refused), REF, "store aws-eu", refused).message

    assert said("AccessDeniedException") == (
        "aws-eu:prod/app may not be read by this identity; allow secretsmanager:GetSecretValue on it"
    )
    assert said("ThrottlingException") == (
        "store aws-eu: AWS asks for fewer requests; lower limits.requestsPerSecond if it goes on"
    )
    assert said("Unheard\nOf", 418) == (
        "store aws-eu: the answer is none that syncd knows; is something in between? (status 418)"
    )


def test_every_verdict_says_what_to_do() -> None:
    verdicts = [found for found in vars(answers).values() if isinstance(found, answers.Verdict)]
    assert len(verdicts) > 14
    assert [verdict.reason for verdict in verdicts if ";" not in verdict.advice] == []


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("AccessDeniedException", 400, True),
        ("AccessDenied", 403, True),
        ("UnknownOperationException", 404, True),
        ("NotImplemented", 501, True),
        ("ExpiredTokenException", 400, False),
        ("ThrottlingException", 400, False),
        ("InternalServiceError", 500, False),
    ],
)
def test_batches_are_given_up_where_the_batch_itself_is_refused(code: str, status: int, *, expected: bool) -> None:
    assert no_batches_here(Refused(code, status)) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("DecryptionFailure", True),
        ("AccessDeniedException", True),
        ("ThrottlingException", True),
        ("InternalServiceError", False),
        ("ResourceNotFoundException", False),
        ("Unheard", False),
    ],
)
def test_which_codes_of_a_batch_need_no_single_read(code: str, *, expected: bool) -> None:
    assert decides_alone(code) is expected


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        (Refused("AccessDenied", 403), ("denied", "login-refused")),
        (Refused("InvalidIdentityToken", 400), ("denied", "login-refused")),
        (Refused("ExpiredTokenException", 400), ("denied", "login-refused")),
        (Refused("ExpiredTokenException", 400, skew=1000), ("denied", "clock")),
        (Refused("Throttling", 400), ("throttled", "throttled")),
        (Refused("ServiceUnavailable", 503), ("unavailable", "server-error")),
        (Refused("IDPCommunicationError", 400), ("unavailable", "issuer-unreachable")),
        (Refused("ValidationError", 400), ("config", "login-invalid")),
        (Refused("PackedPolicyTooLarge", 400), ("config", "login-invalid")),
        (Refused("Unheard", 400), ("unavailable", "unexpected-answer")),
        (Refused("ResourceNotFoundException", 404), ("unavailable", "unexpected-answer")),
    ],
)
def test_a_refused_login_is_the_stores_and_never_absence(refused: Refused, expected: tuple[str, str]) -> None:
    found = login_failure(refused, "store aws-eu")
    assert (found.cls.value, found.reason) == expected
    assert found.message.startswith("store aws-eu: ")

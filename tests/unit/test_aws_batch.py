"""Taking a batch's answer apart, and how fast batches go."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.reference import Failure, Fetched, RemoteRef
from syncd_providers.aws.batch import Pace, read_value, sort_out

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
UUID = "0e9f7c1a-6f0b-4b6e-9f57-6d7f1f1c2b3a"


def _answer(name: str, **changes: object) -> dict[str, object]:
    made = datetime(2026, 1, 2, tzinfo=UTC)
    content: dict[str, object] = {
        "ARN": f"{ARN}{name}-AbC123",
        "Name": name,
        "VersionId": UUID,
        "VersionStages": ["AWSCURRENT"],
        "SecretString": "v",
        "CreatedDate": made,
    }
    return {key: value for key, value in (content | changes).items() if value is not None}


def _ref(key: str, version: str = "") -> RemoteRef:
    return RemoteRef("aws-eu", key, version)


def test_each_reference_gets_its_own_value_however_it_was_asked() -> None:
    refs = [_ref("a"), _ref(f"{ARN}a-AbC123"), _ref(f"{ARN}a"), _ref("b")]
    found = sort_out(refs, {"SecretValues": [_answer("b", SecretString="two"), _answer("a", SecretString="one")]})
    values = {ref: o.value.reveal() for ref, o in found.outcomes.items() if isinstance(o, Fetched)}
    assert values == {refs[0]: b"one", refs[1]: b"one", refs[2]: b"one", refs[3]: b"two"}


def test_what_is_in_neither_list_has_no_outcome() -> None:
    found = sort_out([_ref("a"), _ref("b")], {"SecretValues": [_answer("somebody-elses")], "Errors": []})
    assert (dict(found.outcomes), dict(found.errors)) == ({}, {})


def test_an_error_beats_a_value_for_the_same_secret() -> None:
    errors = [{"SecretId": "a", "ErrorCode": "DecryptionFailure", "Message": "m"}]
    found = sort_out([_ref("a")], {"SecretValues": [_answer("a")], "Errors": errors})
    assert dict(found.outcomes) == {}
    assert dict(found.errors) == {_ref("a"): "DecryptionFailure"}


@pytest.mark.parametrize(
    ("changes", "version", "reason"),
    [
        ({"Name": "b"}, "", "answer-for-another-secret"),
        ({"ARN": f"{ARN}b-AbC123"}, "", "answer-for-another-secret"),
        ({"ARN": None}, "", "answer-for-another-secret"),
        ({"VersionId": None}, "", "answer-incomplete"),
        ({"VersionId": "f" * 36}, UUID, "answer-for-another-version"),
        ({"VersionStages": ["AWSPREVIOUS"]}, "", "answer-for-another-version"),
        ({"VersionStages": ["AWSCURRENT"]}, "AWSPENDING", "answer-for-another-version"),
        ({"SecretString": None}, "", "answer-incomplete"),
        ({"SecretString": 5}, "", "answer-incomplete"),
        ({"SecretBinary": b"both"}, "", "answer-incomplete"),
        ({"SecretString": "canary\ud800"}, "", "not-text"),
    ],
)
def test_an_answer_that_does_not_fit_is_malformed(changes: dict[str, object], version: str, reason: str) -> None:
    found = read_value(_ref("a", version), _answer("a", **changes))
    assert isinstance(found, Failure)
    assert (found.cls.value, found.reason) == ("malformed", reason)
    assert "canary" not in repr(found)


def test_version_and_time_are_the_answers() -> None:
    found = read_value(_ref("a"), _answer("a"))
    assert isinstance(found, Fetched)
    assert (found.version, found.created) == (UUID, datetime(2026, 1, 2, tzinfo=UTC).timestamp())


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["ARN", "Name", "SecretString", "VersionId", "SecretId", "ErrorCode", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(values=_JUNK, errors=_JUNK)
def test_junk_raises_nothing_and_yields_no_value(values: object, errors: object) -> None:
    found = sort_out([_ref("a"), _ref(f"{ARN}a")], {"SecretValues": values, "Errors": errors})
    assert not any(isinstance(outcome, Fetched) for outcome in found.outcomes.values())


class Waits(Event):
    """An event that writes down how long it was waited for, and does not wait."""

    def __init__(self) -> None:
        """Begin without any."""
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        return False


@dataclass
class Turn:
    """The part of a `Call` that a pace looks at."""

    left: float = 100.0
    cancelled: Event = field(default_factory=Waits)
    deadline: float = 100.0

    @property
    def seconds(self) -> list[float]:
        """The waits so far."""
        assert isinstance(self.cancelled, Waits)
        return self.cancelled.seconds

    def spend(self) -> None:
        """Count nothing."""

    def remaining(self) -> float:
        return self.left


def test_a_seconds_worth_of_batches_goes_at_once_and_the_rest_evenly() -> None:
    pace, turn = Pace(4, lambda: 5.0), Turn()
    for _ in range(7):
        pace.wait(turn)
    assert turn.seconds == [0.25, 0.5, 0.75]


def test_idle_time_is_not_saved_up_beyond_a_second() -> None:
    now = [0.0]
    pace, turn = Pace(4, lambda: now[0]), Turn()
    pace.wait(turn)
    now[0] = 3600.0
    for _ in range(5):
        pace.wait(turn)
    assert turn.seconds == [0.25]


def test_nobody_waits_past_the_end_of_the_call() -> None:
    pace, turn = Pace(1, lambda: 0.0), Turn(left=0.2)
    for _ in range(3):
        pace.wait(turn)
    assert turn.seconds == [0.2, 0.2]

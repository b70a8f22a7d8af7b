"""What the daemon says of its passes: once for each change of a Secret's state, and never a value."""

from dataclasses import replace

from syncd.daemon.standing_report import StandingReport
from syncd.model.mapping import SecretKey
from syncd.model.plan import Action, Change, KeyChanges, Plan
from syncd.model.position import Position
from syncd.model.report import PassReport
from syncd.model.secret import DesiredSecret, LiveSecret
from syncd.redact import SecretValue
from tests.unit.daemon_rig import RecordingLog

KEY = SecretKey("default", "team", "a")
CANARY = SecretValue(b"canary")
LIVE = LiveSecret(KEY, "u", "1", "Opaque", {"k": CANARY}, {}, {})
DESIRED = DesiredSecret(KEY, "Opaque", {"k": CANARY}, {}, {})
UNCHANGED = Change(KEY, Action.UNCHANGED, "in-sync", live=LIVE, desired=DESIRED)
UNREADABLE = Change(KEY, Action.UNREADABLE, "source-denied", message="store vault does not let us read x")
UPDATED = Change(
    KEY, Action.UPDATE, "source-changed", outcome="done", keys=KeyChanges(changed=("k",)), live=LIVE, desired=DESIRED
)


def told(*changes: Change, interrupted: bool = False) -> list[tuple[str, str]]:
    """Take one pass in for each change, and give the level and event of each line about a Secret."""
    log = RecordingLog()
    report = StandingReport(log)
    for change in changes:
        report.take(PassReport(Plan((change,)), {}, 0.1, interrupted=interrupted), now=0.0)
    return [(level, event) for level, event, _ in log.events if event != "pass"]


def test_a_failure_is_told_once_for_each_reason() -> None:
    unavailable = replace(UNREADABLE, reason="source-unavailable")

    assert told(UNREADABLE, UNREADABLE, unavailable, unavailable, UNREADABLE) == 3 * [("warning", "secret-unreadable")]


def test_a_recovery_is_told_once() -> None:
    assert told(UNREADABLE, UNCHANGED, UNCHANGED) == [("warning", "secret-unreadable"), ("info", "secret-recovered")]


def test_what_was_failed_or_held_and_is_fine_again_has_recovered() -> None:
    for outcome in ("failed", "held"):
        bad = replace(UPDATED, outcome=outcome)
        assert told(bad, bad, UNCHANGED) == [("warning", f"secret-{outcome}"), ("info", "secret-recovered")]


def test_what_is_fine_is_not_worth_a_word() -> None:
    assert told(UNCHANGED, UNCHANGED) == []


def test_every_write_is_told() -> None:
    assert told(UPDATED, UPDATED) == 2 * [("info", "secret-updated")]


def test_a_write_that_was_skipped_is_told_as_that() -> None:
    assert told(replace(UPDATED, outcome="skipped")) == [("info", "secret-skipped")]


def test_a_pass_that_was_cut_off_tells_its_writes_alone() -> None:
    assert told(UNREADABLE, UPDATED, replace(UPDATED, outcome="skipped"), interrupted=True) == [
        ("info", "secret-updated")
    ]


def test_passes_that_wrote_nothing_are_for_developers() -> None:
    log = RecordingLog()
    report = StandingReport(log)
    report.take(PassReport(Plan((UNCHANGED,)), {}, 0.1), now=0.0)
    report.take(PassReport(Plan((UPDATED,)), {}, 0.1), now=1.0)

    assert [level for level, event, _ in log.events if event == "pass"] == ["debug", "info"]


def test_neither_what_is_said_nor_what_is_kept_holds_a_value() -> None:
    """M1."""
    log = RecordingLog()
    report = StandingReport(log)
    report.take(PassReport(Plan((UPDATED,)), {}, 0.1), now=0.0)

    (kept,) = report.latest()
    assert (kept.live, kept.desired) == (None, None)
    assert not any(isinstance(value, SecretValue) for _, _, fields in log.events for value in fields.values())


def test_a_broken_pass_is_told_by_type_and_place() -> None:
    log = RecordingLog()
    try:
        UPDATED.keys.nothing  # type: ignore[attr-defined]  # noqa: B018
    except AttributeError as error:
        StandingReport(log).broken(error)

    assert log.events == [("error", "pass-broken", {"error": "AttributeError at an unknown place"})]


def test_a_sweep_forgets_what_it_no_longer_finds_and_leaves_the_rest() -> None:
    log = RecordingLog()
    report = StandingReport(log)
    orphan = Change(SecretKey("default", "team", "left"), Action.ORPHAN, "keep", message="kept")
    report.take(PassReport(Plan((UNCHANGED,)), {}, 0.1), now=0.0)
    report.take_sweep(PassReport(Plan((orphan,)), {}, 0.1))
    report.take_sweep(PassReport(Plan((orphan,)), {}, 0.1))
    assert {change.key for change in report.latest()} == {KEY, orphan.key}

    report.take_sweep(PassReport(Plan(()), {}, 0.1, interrupted=True))
    assert {change.key for change in report.latest()} == {KEY, orphan.key}, "a sweep that broke found nothing out"

    report.take_sweep(PassReport(Plan(()), {}, 0.1))
    assert {change.key for change in report.latest()} == {KEY}
    assert log.told().count("secret-orphan") == 1


def test_missed_runs_are_told_with_their_number() -> None:
    log = RecordingLog()
    StandingReport(log).missed("0 3 * * *", runs=2, mappings=7)
    ((level, event, fields),) = log.events
    assert (level, event) == ("warning", "runs-missed")
    assert (fields["schedule"], fields["runs"], fields["mappings"]) == ("0 3 * * *", 2, 7)
    assert "2 run(s) of schedule `0 3 * * *` were missed" in str(fields["message"])


def test_each_failure_of_a_secret_is_told_with_the_mapping_s_position() -> None:
    log = RecordingLog()
    change = replace(UNREADABLE, also=("store aws answers 500",), origin=Position("teams/a.yaml", 3, 5))
    StandingReport(log).take(PassReport(Plan((change,)), {}, 0.1), now=0.0)
    (fields,) = log.of("secret-unreadable")
    assert fields["message"] == change.message
    assert fields["also"] == ("store aws answers 500",)
    assert fields["position"] == "teams/a.yaml:3:5"

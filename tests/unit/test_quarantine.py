"""A mapping that brings a defect up again and again."""

from syncd.daemon.quarantine import DEFECTS, Quarantine
from syncd.model.plan import Action, Change, Plan
from tests.unit.daemon_rig import key


def passed(quarantine: Quarantine, **reasons: str) -> dict[str, str]:
    """Take in a pass with these reasons, and give those that stand afterwards."""
    changes = tuple(
        Change(key(name), Action.UNREADABLE, reason, message=f"{name}: a defect") for name, reason in reasons.items()
    )
    return {change.key.name: change.reason for change in quarantine.judged(Plan(changes)).changes}


def test_the_fifth_defect_in_a_row_is_the_last() -> None:
    """J12."""
    quarantine = Quarantine()
    for _ in range(DEFECTS - 1):
        assert passed(quarantine, a="defect", b="in-sync") == {"a": "defect", "b": "in-sync"}
        assert quarantine.holds([key("a"), key("b")]) == frozenset()

    assert passed(quarantine, a="defect", b="in-sync") == {"a": "quarantined", "b": "in-sync"}

    assert quarantine.holds([key("a"), key("b")]) == {key("a")}


def test_any_other_end_of_a_pass_begins_the_count_anew() -> None:
    quarantine = Quarantine()
    for reason in ["defect"] * (DEFECTS - 1) + ["source-unavailable"] + ["defect"] * (DEFECTS - 1):
        assert passed(quarantine, a=reason) == {"a": reason}
    assert quarantine.holds([key("a")]) == frozenset()
    assert passed(quarantine, a="defect") == {"a": "quarantined"}


def test_what_is_told_says_how_it_comes_back() -> None:
    quarantine = Quarantine()
    change = Change(key("a"), Action.UNREADABLE, "defect", message="team/a: a defect in syncd")
    *_, (told,) = (quarantine.judged(Plan((change,))).changes for _ in range(DEFECTS))
    assert told.message.startswith("team/a: a defect in syncd. It is the 5th defect in a row")
    assert "started anew" in told.message

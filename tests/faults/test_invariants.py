"""The invariants as properties: schedules of faults, foreign writers, crashes and clock jumps, judged at every step.

`SYNCD_SCHEDULES` says how many schedules there are in all (`make soak`: 20,000). A schedule that breaks an invariant
is made as short as can be and printed, with the line that repeats it.
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.machine.patches import one_at_a_time
from tests.faults.machine.rules import Everything

_SCHEDULES = int(os.environ.get("SYNCD_SCHEDULES", "500"))
_PARTS = 10
_STEPS = 50


@pytest.fixture(autouse=True)
def _one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    one_at_a_time(monkeypatch)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("part", range(_PARTS))
def test_no_schedule_breaks_an_invariant(part: int) -> None:
    schedules = _SCHEDULES // _PARTS + (part < _SCHEDULES % _PARTS)
    run_state_machine_as_test(
        Everything,
        settings=settings(
            max_examples=schedules,
            stateful_step_count=_STEPS,
            deadline=None,
            derandomize=False,
            print_blob=True,
            database=None,  # the parts would all begin with what one of them found
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )

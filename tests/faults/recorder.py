"""Plugin of pytest that notes which tests a whole run passed, for the check of the catalogue.

With pytest-xdist the controller sees the report of every worker, so it alone writes. A run of chosen tests
(paths, -k, -m, --lf…) writes nothing: it says nothing about the catalogue.
"""

import json
from pathlib import Path
from typing import Final

import pytest

from tests.faults.catalogue import RECORD, Outcome, plain

_SELECTIONS: Final = ("keyword", "markexpr", "deselect", "lf", "last_failed", "stepwise", "ignore", "ignore_glob")
_WORST: Final[tuple[Outcome, ...]] = ("passed", "skipped", "failed")


class Recorder:
    """Keeps the worst outcome of each test over its parameters and phases."""

    def __init__(self, record: Path) -> None:
        """Forget what an earlier run wrote; `record` is the file to write."""
        self._record = record
        self._record.unlink(missing_ok=True)
        self._outcomes: dict[str, Outcome] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one phase of one test; a passed set-up or tear-down says nothing yet."""
        if report.when != "call" and report.passed:
            return
        test = plain(report.nodeid)
        self._outcomes[test] = max(self._outcomes.get(test, "passed"), report.outcome, key=_WORST.index)

    def pytest_sessionfinish(self) -> None:
        """Write the record."""
        self._record.parent.mkdir(exist_ok=True)
        self._record.write_text(json.dumps(self._outcomes, indent=0, sort_keys=True), "utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Record where this process sees the whole run."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    chosen = any(config.getoption(name, default=None) for name in _SELECTIONS)
    if whole and not chosen and not hasattr(config, "workerinput") and not config.option.collectonly:
        config.pluginmanager.register(Recorder(config.rootpath / RECORD), "catalogue-recorder")

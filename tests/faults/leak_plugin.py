"""Plugin of pytest that looks for canaries and credentials in all that the run's tests print, log and fail with.

Each process looks after its own tests, since it knows what they made. With pytest-xdist a finding goes to the
controller with the test's report. A run with a finding fails, and names the tests; it never repeats a value.
"""

from collections.abc import Generator, Iterator
from typing import Final

import pytest

from tests.servers.canary import leaks, watched

_PROPERTY: Final = "leak"


def findings(report: pytest.TestReport) -> Iterator[str]:
    """Name what of this report holds a value; the captured output is looked at once, when the test is over."""
    texts = [("its name", report.nodeid), ("what it failed with", report.longreprtext)]
    if report.when == "teardown":
        texts += report.sections
    for where, text in texts:
        if text and leaks(watched(), where=where, text=text.encode("utf-8", "surrogateescape")):
            yield where


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note on a report what leaked."""
    report = yield
    report.user_properties.extend((_PROPERTY, where) for where in findings(report))
    return report


class Reporter:
    """Gathers the findings of all processes, in the one that prints the summary."""

    def __init__(self) -> None:
        """Start without any."""
        self.found: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather."""
        for name, where in report.user_properties:
            if name == _PROPERTY:
                self.found[f"{report.nodeid.partition('[')[0]}: {where}"] = None

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run."""
        if self.found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which tests showed a value."""
        if self.found:
            terminalreporter.section("values that leaked", red=True)
            for line in self.found:
                terminalreporter.line(line)


def pytest_configure(config: pytest.Config) -> None:
    """Gather where this process sees the whole run."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Reporter(), "leak-reporter")

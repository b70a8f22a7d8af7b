"""Logs: one line an event, nothing foreign, no traceback."""

import io
import json
import logging

import pytest

from syncd.daemon.foreign_log import FOREIGN, silence_foreign
from syncd.daemon.log import open_log
from syncd.redact import SecretValue

CANARY = "canary-5f2d71"


def test_an_event_is_one_json_line() -> None:
    stream = io.StringIO()
    open_log("info", "json", stream).info("pass", writes=3, store="vault-main")
    line = json.loads(stream.getvalue())
    assert {"event": "pass", "writes": 3, "store": "vault-main", "level": "info"}.items() <= line.items()
    assert line["timestamp"].endswith("Z")


def test_a_level_hides_what_is_below_it() -> None:
    stream = io.StringIO()
    log = open_log("warning", "json", stream)
    log.info("quiet")
    log.warning("heard")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["heard"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_name_cannot_forge_a_line_or_colour_a_terminal(form: str) -> None:
    stream = io.StringIO()
    open_log("info", form, stream).info("pass", name='a\n{"event":"forged"}\x1b[31m')  # type: ignore[arg-type]
    assert stream.getvalue().count("\n") == 1
    assert "\x1b[31m" not in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_traceback_and_no_value_is_printed(form: str) -> None:
    stream = io.StringIO()
    log = open_log("debug", form, stream)  # type: ignore[arg-type]
    try:
        raise ValueError(CANARY)
    except ValueError:
        log.error("failed", exc_info=True, stack_info=True, value=SecretValue(CANARY.encode()))  # noqa: G201 — the way under test
    assert CANARY not in stream.getvalue()
    assert "Traceback" not in stream.getvalue()


def test_foreign_loggers_print_nothing_even_where_somebody_raises_their_level(
    capfd: pytest.CaptureFixture[str],
) -> None:
    silence_foreign()
    for name in FOREIGN:
        logging.getLogger(name).critical(CANARY)
        child = logging.getLogger(f"{name}.child")
        child.setLevel(logging.DEBUG)
        child.critical(CANARY)
        child.setLevel(logging.NOTSET)
    printed = capfd.readouterr()
    assert CANARY not in printed.out + printed.err

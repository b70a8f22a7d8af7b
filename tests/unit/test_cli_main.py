"""The command line: what is said where, and which exit code says what."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.cli import main as command
from tests.unit.command_line import PATIENCE, Desk, Terminal, names

CANARY = "canary-b7d1"
ESCAPE = "\x1b["


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.values(app={"password": CANARY})
    made.configure("a", "b")
    return made


# Usage


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["diff", "--no-such-option"],
        ["diff", "--format", "xml"],
        ["apply", "--format", "markdown"],
        ["apply", "--allow-deletes", "many"],
        ["apply", "--allow-deletes=-1"],
        ["diff", "--pru"],
        ["check", "--select", "a/b"],
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)

    assert ended.value.code == 2
    assert "usage: syncd" in capsys.readouterr().err


def test_nobody_to_ask_is_a_usage_error(desk: Desk) -> None:
    assert "--yes" in desk.run("apply", expect=2)[1]
    assert desk.written() == []


@pytest.mark.parametrize("verb", [["diff"], ["apply", "--yes"]])
def test_a_selection_that_matches_nothing_is_a_usage_error(desk: Desk, verb: list[str]) -> None:
    out, err = desk.run(*verb, "--select", "team/zzz", expect=2)

    assert out == ""
    assert "matches no Secret" in err
    assert "did you mean team/" in err


# The configuration


def test_a_missing_or_broken_configuration_is_exit_code_3_for_every_verb(desk: Desk) -> None:
    (desk.folder / "broken.yaml").write_text("version: 1\ninstance: [")
    for verb in (["check"], ["diff"], ["apply", "--yes"], ["run"]):
        assert "nowhere.yaml" in desk.run(*verb, "-c", "nowhere.yaml", expect=3)[1]
        assert "broken.yaml:3:1: " in desk.run(*verb, "-c", "broken.yaml", expect=3)[1]


def test_the_file_is_named_by_option_by_environment_or_by_its_usual_name(desk: Desk) -> None:
    (desk.folder / "syncd.yaml").rename(desk.folder / "other.yaml")
    desk.run("check", expect=3)
    desk.run("check", "--config", "other.yaml")
    desk.environment["SYNCD_CONFIG"] = "other.yaml"
    desk.run("check")
    desk.environment["SYNCD_CONFIG"] = "nowhere.yaml"
    desk.run("check", "--config", "other.yaml")


def test_without_mappings_there_is_nothing_to_do(desk: Desk) -> None:
    desk.configure()
    assert json.loads(desk.run("check", "--format", "json")[0])["mappings"] == 0
    assert "0 to create" in desk.run("diff")[0]
    assert "0 created" in desk.run("apply", "--yes")[0]


# A pass over a folder alone


def test_a_first_apply_creates_and_a_second_one_changes_nothing(desk: Desk) -> None:
    assert "2 to create" in desk.run("diff", expect=1)[0]
    assert "2 created" in desk.run("apply", "--yes")[0]
    assert desk.written() == ["a", "b"]
    desk.run("diff")
    assert "2 unchanged" in desk.run("apply", "--yes")[0]


def test_data_goes_to_stdout_and_nothing_else_does(desk: Desk) -> None:
    out, err = desk.run("apply", "--yes", "--format", "json")

    assert [change["outcome"] for change in json.loads(out)["changes"]] == ["done", "done"]
    assert err == ""


def test_a_source_that_is_gone_is_an_exit_code_of_each_verb(desk: Desk) -> None:
    desk.run("apply", "--yes")
    desk.values(other={"k": "v"})

    assert "source-absent" in desk.run("diff", expect=2)[0]
    assert "source-absent" in desk.run("apply", "--yes", expect=1)[0]
    assert desk.written() == ["a", "b"]


# Colours and progress


@pytest.mark.parametrize(
    ("options", "environment", "coloured"),
    [([], {}, True), (["--no-color"], {}, False), ([], {"NO_COLOR": "1"}, False), ([], {"NO_COLOR": ""}, True)],
)
def test_colours_are_for_terminals_that_want_them(
    desk: Desk, options: list[str], environment: dict[str, str], *, coloured: bool
) -> None:
    desk.environment |= environment
    terminal = Terminal(desk, "diff", *options)

    assert terminal.end() == 1
    assert (f"{ESCAPE}32m" in terminal.shown) is coloured
    assert ESCAPE not in desk.run("diff", expect=1)[0]


def test_progress_is_shown_on_a_terminal_and_wiped(desk: Desk) -> None:
    desk.configure(*names(500))
    terminal = Terminal(desk, "apply", "--yes", "--no-color")
    terminal.until("of 500")
    assert terminal.end() == 0
    assert terminal.shown.rindex(f"{ESCAPE}K") < terminal.shown.rindex("500 created")

    assert "writing" not in "".join(desk.run("apply", "--yes"))


# Questions


@pytest.mark.parametrize("answer", ["y", "Yes", "YES", "", "yes please", "no"])
def test_only_yes_is_taken_for_yes(desk: Desk, answer: str) -> None:
    terminal = Terminal(desk, "apply")
    terminal.until("Only `yes`")
    terminal.type(answer + "\n")

    assert terminal.end() == 1
    assert "nothing was written" in terminal.shown
    assert desk.written() == []


def test_yes_writes_what_was_shown(desk: Desk) -> None:
    terminal = Terminal(desk, "apply")
    terminal.until("Only `yes`")
    assert "2 to create" in terminal.shown
    assert CANARY not in terminal.shown
    terminal.type("yes\n")

    assert terminal.end() == 0
    assert "2 created" in terminal.shown
    assert desk.written() == ["a", "b"]


def test_nothing_to_write_is_nothing_to_ask(desk: Desk) -> None:
    desk.run("apply", "--yes")
    terminal = Terminal(desk, "apply")

    assert terminal.end() == 0
    assert "Only `yes`" not in terminal.shown
    assert "2 unchanged" in terminal.shown


def test_the_end_of_input_is_no_yes(desk: Desk) -> None:
    terminal = Terminal(desk, "apply")
    terminal.until("Only `yes`")
    terminal.type("\x04")

    assert terminal.end() == 1
    assert desk.written() == []


# Interruptions


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_the_writes_ends_it_with_nothing_written(desk: Desk, number: int, code: int) -> None:
    ours, theirs = os.openpty()
    process = desk.start("apply", stdin=theirs)
    os.close(theirs)
    assert process.stderr is not None
    shown = ""
    while "Only `yes`" not in shown:
        shown += process.stderr.read(1)
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    os.close(ours)

    assert process.returncode == code
    assert "Traceback" not in err
    assert desk.written() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_writes_lets_the_writes_under_way_finish_and_reports(desk: Desk, number: int) -> None:
    desk.configure(*names(1000))
    process = desk.start("apply", "--yes", "--format", "json")
    while not desk.written():
        assert process.poll() is None
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, err) == (1, "")
    outcomes = {change["name"]: change["outcome"] for change in json.loads(out)["changes"]}
    assert set(outcomes.values()) == {"done", "skipped"}
    assert sorted(name for name, outcome in outcomes.items() if outcome == "done") == desk.written()


def test_ctrl_c_on_a_terminal_says_how_to_go_on(desk: Desk) -> None:
    desk.configure(*names(1000))
    terminal = Terminal(desk, "apply", "--yes")
    terminal.until("writing")
    terminal.interrupt()

    assert terminal.end() == 1
    assert "Interrupted before the last write; run it again to finish." in terminal.shown
    assert 0 < len(desk.written()) < 1000


# Where it is read, and what goes wrong


@pytest.mark.parametrize(("verb", "code"), [(["diff"], 2), (["apply", "--yes"], 1), (["schema"], 1)])
def test_a_reader_who_has_gone_is_no_drama(desk: Desk, verb: list[str], code: int) -> None:
    read, write = os.pipe()
    os.close(read)
    process = desk.start(*verb, stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, err) == (code, "")


def test_a_full_disk_is_told(desk: Desk) -> None:
    with Path("/dev/full").open("w") as full:
        process = desk.start("diff", stdout=full.fileno())
        _, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 2
    assert err == "syncd: what was to be printed could not be written: No space left on device\n"


def test_closed_streams_are_no_defect(desk: Desk) -> None:
    desk.run("apply", "--yes")
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m syncd diff <&- >&- 2>&-"],
        cwd=desk.folder,
        env={"PATH": os.environ["PATH"]},
        timeout=PATIENCE,
        check=False,
    )

    assert done.returncode == 0


DEFECT = f"""
import sys, syncd.cli.main as main, syncd.cli.{{verb}} as verb
def broken(options):
    password = {CANARY!r}
    raise RuntimeError(password)
verb.main = broken
sys.exit(main.main([{{verb!r}}]))
"""


@pytest.mark.parametrize(("verb", "code"), [("diff", 2), ("check", 1), ("apply", 1), ("run", 1)])
def test_a_defect_is_told_by_type_and_place_alone(desk: Desk, verb: str, code: int) -> None:
    """M3, M4."""
    done = subprocess.run(
        [sys.executable, "-c", DEFECT.format(verb=verb)],
        cwd=desk.folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("syncd: a defect in syncd: RuntimeError at syncd.cli.main:")
    assert done.stderr.count("\n") == 1
    assert CANARY not in done.stderr

"""How far a run has come, on a terminal and nowhere else."""

import io

from syncd.cli.progress import counter


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def test_nothing_is_shown_where_nobody_looks() -> None:
    assert counter(io.StringIO()) is None


def test_a_terminal_is_told_ten_times_a_second_at_most_and_left_clean() -> None:
    terminal, now = Terminal(), [0.0]
    show = counter(terminal, clock=lambda: now[0])
    assert show is not None

    for done in range(1, 101):
        now[0] = done * 0.01
        show(done, 100)

    lines = terminal.getvalue().split("\r")[1:]
    assert lines[0] == "writing 10 of 100\x1b[K"
    assert 8 <= len(lines) <= 11
    assert lines[-1] == "\x1b[K"

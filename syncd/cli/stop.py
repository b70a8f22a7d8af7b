"""How a command ends early: an exit code of the contract, and what a person is told."""

import sys
from typing import Final

USAGE: Final = 2
UNTOLD: Final = 2
"""Exit code of a diff that could not tell."""
CONFIGURATION: Final = 3
"""Exit code where the configuration does not hold."""
INTERRUPTED: Final = 130
"""128 + SIGINT, as shells count."""
TERMINATED: Final = 143
"""128 + SIGTERM."""


class Stop(Exception):  # noqa: N818 — not an error of the program's
    """The command cannot go on."""

    def __init__(self, code: int, message: str) -> None:
        """Keep the code beside the text."""
        super().__init__(message)
        self.code = code


class Terminated(KeyboardInterrupt):
    """SIGTERM came while there was nothing to finish; like Ctrl-C, no handler of errors takes it for one."""


def tell(text: str) -> None:
    """Say something to the person at the terminal: on stderr, since data alone goes to stdout."""
    sys.stderr.write(text.rstrip("\n") + "\n")

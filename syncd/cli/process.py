"""What a process that handles values does first: no dumps of its memory, and no way to print but our own.

Tracebacks, warnings and foreign log lines quote values; a core file and the TLS keys of a session hold them all.
Kept apart, so that `--help` does not import it.
"""

import ctypes
import faulthandler
import logging
import os
import resource
import sys
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from syncd.cli.stop import tell
from syncd.daemon.foreign_log import silence_foreign
from syncd.defect import described

if TYPE_CHECKING:
    from types import TracebackType

_PR_SET_DUMPABLE: Final = 4
"""https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html"""


def harden() -> None:
    """Close every way out that a value could take by accident. For the whole process, and for good."""
    _keep_memory_in()
    # urllib3, botocore and ssl would each write the keys of every TLS session to the file that it names.
    os.environ.pop("SSLKEYLOGFILE", None)
    _say_only_where()
    silence_foreign()
    logging.disable(sys.maxsize)
    warnings.simplefilter("ignore")
    warnings.showwarning = _nothing  # whatever a library filters later


def _keep_memory_in() -> None:
    """Allow no core dump, and no other process of this user to look into the memory and the environment."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The limit does not hold where the kernel pipes dumps to a program (core(5)); this does. Without prctl, as on
    # other systems than Linux, the limit alone has to do.
    prctl: Callable[..., int] | None = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _say_only_where() -> None:
    """Replace every hook that prints an exception nobody caught: type and place are told, text and locals never."""
    faulthandler.disable()

    def uncaught(kind: type[BaseException], error: BaseException, _trace: "TracebackType | None") -> None:
        if issubclass(kind, KeyboardInterrupt):
            tell("syncd: interrupted")
            return
        tell(f"syncd: a defect in syncd: {described(error)}; please report it")

    def uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            name = arguments.thread.name if arguments.thread else "a thread"
            tell(f"syncd: a defect in syncd, in {name}: {described(arguments.exc_value)}; please report it")

    def unraisable(arguments: "sys.UnraisableHookArgs") -> None:
        if arguments.exc_value is not None:
            tell(f"syncd: a defect in syncd, in a clean-up: {described(arguments.exc_value)}; please report it")

    sys.excepthook = uncaught
    threading.excepthook = uncaught_in_thread
    sys.unraisablehook = unraisable


def _nothing(*_arguments: object, **_named: object) -> None:
    """Print nothing."""

"""What a process that handles values allows: no core dump, no look into its memory, no traceback, no foreign line."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.canary import canary

VALUE = canary()
HARDENED = """
import _thread, atexit, gc, logging, os, sys, threading, time, warnings
from syncd.cli.process import harden
VALUE = os.environ["VALUE"]
harden()
def fail():
    held = VALUE
    raise ValueError(held)
class Dying:
    def __del__(self):
        fail()
"""
PLACE = "ValueError at an unknown place; please report it"


def run(script: str, *options: str, expect: int = 0, **environment: str) -> str:
    """Run a script after `harden`; give all that it printed, which must not hold the value that it knows."""
    done = subprocess.run(
        [sys.executable, *options, "-c", HARDENED + script],
        env={"PATH": os.environ["PATH"], "VALUE": VALUE, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    printed = done.stdout + done.stderr
    assert VALUE not in printed
    assert "Traceback" not in printed
    assert done.returncode == expect, printed
    return printed


@pytest.mark.parametrize(
    ("script", "where", "code"),
    [
        ("fail()", "syncd: a defect in syncd: ", 1),
        ("raise ValueError(VALUE) from KeyError(VALUE)", "syncd: a defect in syncd: ", 1),
        (
            "worker = threading.Thread(target=fail, name='syncd-worker-1'); worker.start(); worker.join()",
            "syncd: a defect in syncd, in syncd-worker-1: ",
            0,
        ),
        ("_thread.start_new_thread(fail, ()); time.sleep(0.2)", "syncd: a defect in syncd, in a clean-up: ", 0),
        ("Dying()", "syncd: a defect in syncd, in a clean-up: ", 0),
        ("atexit.register(fail)", "syncd: a defect in syncd, in a clean-up: ", 0),
        ("threading._register_atexit(fail)", "syncd: a defect in syncd, in a clean-up: ", 0),
    ],
    ids=["main thread", "with a cause", "thread", "bare thread", "finaliser", "at exit", "end of threads"],
)
def test_an_exception_that_nobody_caught_is_told_by_type_and_place_alone(script: str, where: str, code: int) -> None:
    assert run(script, expect=code) == f"{where}{PLACE}\n"


def test_a_group_of_exceptions_is_told_by_its_own_type_alone() -> None:
    printed = run("raise ExceptionGroup(VALUE, [ValueError(VALUE)])", expect=1)
    assert printed == "syncd: a defect in syncd: ExceptionGroup at an unknown place; please report it\n"


def test_an_answer_of_the_health_server_that_fails_is_told_by_type_and_place_alone() -> None:
    script = """
import http.client, socket, struct
from syncd.daemon.health import HealthServer
server = HealthServer(("127.0.0.1", 0), {"/livez": fail, "/metrics": lambda: (200, "text/plain", bytes(1 << 24))})
gone = socket.create_connection(("127.0.0.1", server.port))
gone.sendall(b"GET /metrics HTTP/1.0\\r\\n\\r\\n")
gone.recv(1)
gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
gone.close()
asking = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
try:
    asking.request("GET", "/livez")
    asking.getresponse()
except http.client.RemoteDisconnected:
    pass
for thread in threading.enumerate():
    if "process_request_thread" in thread.name:
        thread.join(10)
server.stop()
"""
    told = run(script)
    assert re.fullmatch(
        r"syncd: a defect in syncd, in \S+ \(process_request_thread\): "
        r"ValueError at syncd\.daemon\.health:[0-9]+; please report it\n",
        told,
    )


@pytest.mark.parametrize("options", [(), ("-W", "always"), ("-W", "error"), ("-X", "dev"), ("-X", "tracemalloc=5")])
def test_no_warning_is_shown_whatever_the_interpreter_was_told(options: tuple[str, ...]) -> None:
    script = """
warnings.warn(VALUE)
warnings.warn(VALUE, ResourceWarning)
warnings.warn_explicit(VALUE, UserWarning, VALUE, 1)
open(sys.executable)
gc.collect()
warnings.filterwarnings("always")
warnings.warn(VALUE)
"""
    assert run(script, *options) == ""


@pytest.mark.parametrize("name", ["", "botocore.parsers", "azure.core", "never.heard.of"])
def test_no_line_of_a_foreign_logger_is_shown_whatever_it_was_told(name: str) -> None:
    script = f"""
logging.basicConfig(level=1, stream=sys.stderr, force=True)
logger = logging.getLogger({name!r})
logger.handlers[:] = [logging.StreamHandler(sys.stdout)]
logger.setLevel(1)
for level in (1, 10, 20, 30, 40, 50, 1000):
    logger.log(level, "%s", VALUE)
logger.critical("%d", VALUE)
try:
    fail()
except ValueError:
    logger.exception("%s", VALUE)
"""
    assert run(script) == ""


def test_no_core_is_dumped_and_the_kernel_pipes_none_to_a_program() -> None:
    script = """
import ctypes, resource
get_dumpable = 3  # https://man7.org/linux/man-pages/man2/PR_GET_DUMPABLE.2const.html
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(get_dumpable, 0, 0, 0, 0))
"""
    assert run(script) == "(0, 0) 0\n"
    done = subprocess.run(
        [sys.executable, "-c", HARDENED + "os.abort()"],
        env={"VALUE": VALUE},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGABRT
    assert done.stderr == b""


def test_a_crash_prints_no_stack_even_where_the_interpreter_was_told_to() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", HARDENED + "os.kill(os.getpid(), 11)"],
        env={"VALUE": VALUE},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGSEGV, b"", b"")


def test_the_keys_of_tls_sessions_are_written_nowhere(tmp_path: Path) -> None:
    script = """
import ssl, urllib3.util.ssl_
from botocore.httpsession import create_urllib3_context
made = [ssl.create_default_context(), urllib3.util.ssl_.create_urllib3_context(), create_urllib3_context()]
print([context.keylog_filename for context in made])
"""
    assert run(script, SSLKEYLOGFILE=str(tmp_path / "keys")) == "[None, None, None]\n"
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("verb", ["check", "diff", "apply", "run", "own --resign"])
def test_every_verb_that_meets_values_closes_these_ways_before_it_reads_anything(verb: str, tmp_path: Path) -> None:
    script = f"""
import sys
from syncd.cli.main import main
main({verb.split()!r})
print(sys.excepthook.__module__)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "syncd.cli.process\n"


def test_no_option_takes_a_secret() -> None:
    options = set()
    for verb in ("check", "diff", "apply", "run", "own", "schema"):
        shown = subprocess.run(
            [sys.executable, "-m", "syncd", verb, "--help"], capture_output=True, text=True, check=True
        ).stdout
        options |= set(re.findall(r"--[a-z-]+", shown))
    assert "--config" in options
    named = [name for name in options if re.search("token|password|secret|key|credential|role", name)]
    assert named == ["--redact-keys"]

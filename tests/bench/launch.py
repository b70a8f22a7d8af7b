"""Run one command and say as one line of JSON what it cost: wall seconds, CPU seconds, peak MiB, exit code.

    python -I -S launch.py SECONDS COMMAND…

A program of its own, and a small one: the kernel counts what the process that forks holds as the child's peak too.
The command is killed after SECONDS.
"""

import json
import os
import signal
import sys
import time


def main() -> None:
    """Run it and print."""
    limit, *command = sys.argv[1:]
    began = time.perf_counter()
    child = os.posix_spawn(
        command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    signal.signal(signal.SIGALRM, lambda _number, _frame: os.kill(child, signal.SIGKILL))
    signal.alarm(int(limit))
    _, status, usage = os.wait4(child, 0)
    cost = {
        "wall": time.perf_counter() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss / 1024,
        "code": os.waitstatus_to_exitcode(status),
    }
    print(json.dumps(cost))


if __name__ == "__main__":
    main()

"""`python -m tests.bench [NAME…]`: run the named benchmarks, or all, and print a table of each."""

import argparse
import importlib
import sys

NAMES = ("startup", "config", "apply")


def main() -> int:
    """Run them in turn; exit code 1 where one misses its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    names = parser.parse_args().names or NAMES
    for unknown in set(names) - set(NAMES):
        parser.error(f"there is no benchmark {unknown}; choose from {', '.join(NAMES)}")
    missed = []
    for name in names:
        benchmark = importlib.import_module(f"tests.bench.bench_{name}")
        print(f"\n{name}: {str(benchmark.__doc__).partition(chr(10))[0]}", flush=True)
        if benchmark.main():
            missed.append(name)
    if missed:
        print(f"\nmissed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

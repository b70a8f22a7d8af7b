"""Check that every fault and invariant is accounted for, and that the tests named passed in the last whole run.

`python -m tests.faults.check`, right after the tests: it prints each problem and the count, and exits with 1 where
there is a problem. Where CI is not `true`, a test that was skipped for want of a server is said and let pass.
"""

import json
import os
import sys
from pathlib import Path

from tests.faults.catalogue import CATALOGUE, INVARIANTS, RECORD, Catalogue, Listing, Outcome, read, run_problems

_ROOT = Path(__file__).parents[2]


def main() -> int:
    """Print what there is to say; give the exit code."""
    return max([_check(listing) for listing in (CATALOGUE, INVARIANTS)])


def _check(listing: Listing) -> int:
    catalogue = read(_ROOT, listing)
    problems = [*catalogue.problems, *_of_the_run(catalogue)]
    for problem in problems:
        print(f"{listing.title}: {problem}")  # noqa: T201 — it is what the check is for
    print(catalogue.count())  # noqa: T201 — as above
    return 1 if problems else 0


def _of_the_run(catalogue: Catalogue) -> tuple[str, ...]:
    try:
        outcomes: dict[str, Outcome] = json.loads((_ROOT / RECORD).read_text("utf-8"))
    except FileNotFoundError:
        return ("no whole run of the tests is on record; run `make test`",)
    in_ci = os.environ.get("CI") == "true"
    named = {test for row in catalogue.rows.values() for test in row.tests}
    skipped = sum(outcomes.get(test) == "skipped" for test in named)
    if skipped and not in_ci:
        print(f"{catalogue.listing.title}: {skipped} tests of it were skipped on this machine")  # noqa: T201 — as above
    return run_problems(catalogue, outcomes, skips_count=in_ci)


if __name__ == "__main__":
    sys.exit(main())

"""`syncd diff`: what apply would change, key by key, without values and without a single write."""

import sys
import time
from argparse import Namespace
from dataclasses import replace

from syncd.cli.compose import Parts, opened_for_reading
from syncd.cli.events import observer
from syncd.cli.stop import UNTOLD, Stop
from syncd.ledger import Known, look_up
from syncd.model.plan import Plan
from syncd.plan.removal import removal_candidates
from syncd.reconcile import plan, see
from syncd.report import exit_code_for_diff, render_diff
from syncd.target.seam import HomeReader, TargetReader
from syncd.told import start_reading


def main(options: Namespace) -> int:
    """Read, plan and print."""
    with opened_for_reading(options, observe=observer(options)) as parts:
        made = planned(parts, options)
    sys.stdout.write(render_diff(made, form=options.format, color=options.color, redact_keys=options.redact_keys))
    return exit_code_for_diff(made)


def planned(parts: Parts[TargetReader, HomeReader], options: Namespace) -> Plan:
    """Plan as apply would, and note what it would object to. Raises Stop where no Secret can be looked at."""
    reading = start_reading(parts.mappings, parts.gateway)
    known = look_up(parts.home) if parts.home is not None else Known()
    failure = known.failure
    if failure is not None and failure.whole_cluster and len(parts.targets) == 1:
        # Said once: every Secret would be answered the same.
        raise Stop(UNTOLD, f"syncd: nothing could be compared with {parts.describe()}: {failure.message}")
    standing = parts.standing(known.key, options)
    orphans = parts.orphans(standing, known.inventory, options)
    look_at = [mapping.key for mapping in parts.mappings]
    now = time.time()
    holdings = standing.holdings(now)
    seen = see(parts.mappings, reading, parts.targets, look_at=look_at, orphans=orphans, now=now, holdings=holdings)
    # A diff makes no second look at an absent source: it shows what the first one would lead to.
    seen = replace(seen, confirmed_absent=removal_candidates(seen.wanted))
    made = plan(seen, standing, inventory=known.inventory, target=parts.describe(), now=time.time())
    objection = parts.objection(standing, known.inventory, take_over=options.take_over)
    first = parts.home is not None and known.key is None and failure is None
    notes = [
        *made.notes,
        *(["the instance has no key yet: `syncd apply` makes it before it writes"] if first else []),
        *([failure.message] if failure else []),
        *([f"apply refuses: {objection}"] if objection else []),
    ]
    return replace(made, notes=tuple(notes))

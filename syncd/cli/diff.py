"""`syncd diff`: what apply would change, key by key, without values and without a single write."""

import sys
import time
from argparse import Namespace
from dataclasses import replace

from syncd.cli.compose import Parts, opened_for_reading, rules
from syncd.cli.events import observer
from syncd.ledger import look_up
from syncd.model.plan import Plan
from syncd.plan.removal import removal_candidates
from syncd.reconcile import Standing, orphaned, plan, refs_of, see
from syncd.report import exit_code_for_diff, render_diff
from syncd.target.seam import HomeReader, TargetReader


def main(options: Namespace) -> int:
    """Read, plan and print."""
    with opened_for_reading(options, observe=observer(options)) as parts:
        made = _planned(parts, options)
    sys.stdout.write(render_diff(made, form=options.format, color=options.color, redact_keys=options.redact_keys))
    return exit_code_for_diff(made)


def _planned(parts: Parts[TargetReader, HomeReader], options: Namespace) -> Plan:
    reading = parts.gateway.read(refs_of(parts.mappings))
    key, inventory, unproved = look_up(parts.home) if parts.home is not None else (None, None, "")
    instance = parts.instance(key)
    everything = parts.configuration.mappings
    orphans = [] if options.select else orphaned(everything, inventory, parts.targets, instance=instance)
    seen = see(
        parts.mappings, reading, parts.targets, look_at=[mapping.key for mapping in parts.mappings], orphans=orphans
    )
    # A diff makes no second look at an absent source: it shows what the first one would lead to.
    seen = replace(seen, confirmed_absent=removal_candidates(seen.wanted))
    standing = Standing.of(
        everything,
        instance=instance,
        rules=rules(parts.configuration, options, home_namespace=parts.home_namespace),
    )
    made = plan(seen, standing, inventory=inventory, target=parts.describe(), now=time.time())
    return replace(made, notes=(*made.notes, unproved)) if unproved else made

"""`syncd check`: load everything, report every problem, touch nothing else."""

import json
import sys
from argparse import Namespace

from syncd.cli.compose import load_configuration


def main(options: Namespace) -> int:
    """Load the configuration; problems end it with exit code 3 before this says anything."""
    configuration = load_configuration(options)
    found = {
        "instance": configuration.instance,
        "targets": len(configuration.targets),
        "stores": len(configuration.stores),
        "mappings": len(configuration.mappings),
    }
    if options.format == "json":
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        sys.stdout.write(
            f"{options.config} holds: instance {found['instance']}, {found['targets']} target(s), "
            f"{found['stores']} store(s), {found['mappings']} mapping(s)\n"
        )
    return 0

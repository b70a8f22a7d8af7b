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
        counts = (("target", found["targets"]), ("store", found["stores"]), ("mapping", found["mappings"]))
        said = ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for word, number in counts)
        sys.stdout.write(f"{options.config} has no mistakes: instance {found['instance']}, {said}\n")
    return 0

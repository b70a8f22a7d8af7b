"""`syncd schema`: the JSON Schema of the configuration file, for editors."""

import json
import sys
from argparse import Namespace

from syncd.cli.stop import tell
from syncd.config.schema import schema
from syncd.fetch.registry import ProviderUnusable, Registry, Spec


def main(_options: Namespace) -> int:
    """Print the schema of every installed store type's options too; without its SDK a type still has its options."""
    registry = Registry(for_use=False)
    specs: dict[str, Spec] = {}
    for name in registry:
        try:
            specs[name] = registry[name]
        except ProviderUnusable as error:
            tell(f"syncd: left out of the schema: {error}")
    sys.stdout.write(json.dumps(schema(specs), indent=2, sort_keys=True) + "\n")
    return 0

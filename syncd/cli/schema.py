"""`syncd schema`: the JSON Schema of the configuration file, for editors."""

import json
import sys
from argparse import Namespace

from syncd.config.schema import schema
from syncd.fetch.registry import Registry


def main(_options: Namespace) -> int:
    """Print the schema of every installed store type's options too."""
    sys.stdout.write(json.dumps(schema(Registry()), indent=2, sort_keys=True) + "\n")
    return 0

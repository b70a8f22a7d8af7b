"""The SDKs' own loggers, cut off whatever level is asked for: they print values at debug level and bodies in warnings.

Apart from `log`, so that a run that logs nothing itself does not import structlog for it.
"""

import logging
from typing import Final

FOREIGN: Final = (
    "apscheduler",
    "azure",
    "boto3",
    "botocore",
    "hvac",
    "kubernetes",
    "msal",
    "requests",
    "s3transfer",
    "urllib3",
)


def silence_foreign() -> None:
    """Cut the SDKs' loggers off, so that no debug switch of theirs can bring a value out."""
    for name in FOREIGN:
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.CRITICAL + 1)
    # What is not listed has no handler to go to either: the last resort would print to stderr.
    logging.lastResort = None

"""What a one-shot run logs about its stores, on stderr, where `--log-level` asks for it."""

import sys
from argparse import Namespace

from syncd.cli.compose import Observe
from syncd.daemon.foreign_log import silence_foreign
from syncd.fetch.call import CallRecord


def observer(options: Namespace) -> Observe | None:
    """Give what logs each fetch, or None where nothing below a warning is asked for; foreign loggers are cut off."""
    if options.log_level not in ("debug", "info"):
        silence_foreign()
        return None
    from syncd.daemon.log import open_log  # noqa: PLC0415 — structlog is for who asks for it

    log = open_log(options.log_level, "auto", sys.stderr)

    def observe(record: CallRecord) -> None:
        log.debug(
            "store-read",
            store=record.store,
            references=record.references,
            requests=record.requests,
            seconds=round(record.seconds, 3),
            tries=record.tries,
            outcomes=dict(record.outcomes),
        )

    return observe

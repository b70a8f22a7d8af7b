"""`syncd`: reads the command line and hands it to the verb's own file."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final, NoReturn

from syncd import __version__
from syncd.cli.stop import INTERRUPTED, TERMINATED, UNTOLD, Stop, Terminated, tell
from syncd.defect import described

_VERBS: Final = {
    "check": "load the configuration and report every problem",
    "diff": "show what apply would change, without values and without a single write",
    "apply": "bring the Secrets to what the stores say, once",
    "run": "keep them so: the daemon",
    "own": "sign marks anew after the instance's key was lost",
    "schema": "print the JSON Schema of the configuration file, for editors",
}
_CODES: Final = {
    "check": "0 fine; 3 problems in the configuration",
    "diff": "0 no difference; 1 differences; 2 something could not be told; 3 problems in the configuration",
    "apply": "0 all that was allowed was done; 1 failed, held, unreadable, conflict or declined; 2 usage; "
    "3 problems in the configuration",
    "run": "0 on SIGTERM; 2 usage; 3 problems in the configuration",
    "own": "0 signed; 1 failed, left alone or declined; 2 usage; 3 problems in the configuration",
    "schema": "0",
}
_COUNT_DIGITS: Final = 9


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code. Prints no traceback, whatever happens."""
    _have_streams()
    options = _options(argv)
    try:
        options.color = not options.no_color and not os.environ.get("NO_COLOR") and sys.stdout.isatty()
        if options.verb != "schema":  # the one that meets no value
            import_module("syncd.cli.process").harden()
        verb: Callable[[argparse.Namespace], int] = import_module(f"syncd.cli.{options.verb}").main
        code = verb(options)
    except Stop as stop:
        tell(str(stop))
        code = stop.code
    except KeyboardInterrupt as interrupt:
        terminated = isinstance(interrupt, Terminated)
        tell("syncd: terminated" if terminated else "syncd: interrupted")
        code = TERMINATED if terminated else INTERRUPTED
    except BrokenPipeError:
        code = _failed(options)
    except Exception as error:  # noqa: BLE001 — the last line of defence: its text and locals may carry values
        tell(f"syncd: a defect in syncd: {described(error)}; please report it")
        code = _failed(options)
    return code if _flushed() else _failed(options)


def _have_streams() -> None:
    """Open what whoever started this has closed (`>&-`), where Python then has None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 — for as long as we run


def _failed(options: argparse.Namespace) -> int:
    """Give the exit code for what the verb itself does not foresee: 1 would say that a diff found differences."""
    return UNTOLD if options.verb == "diff" else 1


def _flushed() -> bool:
    """Have what was printed arrive; without a reader, quietly not. A full disk is told."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    except OSError as error:
        tell(f"syncd: what was to be printed could not be written: {error.strerror}")
    else:
        return True
    # The interpreter would try once more at its end, and complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return False


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; what a verb does not know is refused with the options of that verb."""
    options, unknown = _parser().parse_known_args(argv)
    if unknown:
        unfit: Callable[[str], NoReturn] = options.unfit
        verb = f"syncd {options.verb}"
        unfit(f"`{verb}` does not take {' '.join(unknown)}; `{verb} --help` tells what it takes")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="syncd",
        description="Brings secrets from Vault, AWS Secrets Manager and Azure Key Vault into Kubernetes Secrets.",
        epilog="Start with `syncd check`, then `syncd diff`. `syncd VERB --help` tells the options of a verb.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"syncd {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, text in _VERBS.items():
        verb = verbs.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", epilog=f"Exit code: {_CODES[name]}."
        )
        verb.allow_abbrev = False
        verb.set_defaults(unfit=verb.error)
        _common(verb)
        if name in _OPTIONS:
            _OPTIONS[name](verb)
    return parser


def _common(verb: argparse.ArgumentParser) -> None:
    default = os.environ.get("SYNCD_CONFIG") or "syncd.yaml"
    verb.add_argument("-c", "--config", metavar="FILE", default=default, help=f"configuration file (here: {default})")
    verb.add_argument(
        "--log-level", choices=["debug", "info", "warning", "error"], help="how much is logged, to stderr"
    )
    verb.add_argument("--no-color", action="store_true", help="no colours, even on a terminal")


def _scoped(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--context", metavar="NAME", help="context of the kubeconfig: which cluster")
    verb.add_argument(
        "--select",
        metavar="NAMESPACE/NAME",
        action="append",
        default=[],
        help="only these Secrets (globs, repeatable); nothing outside is an orphan then",
    )
    verb.add_argument("--redact-keys", action="store_true", help="hide the names of keys too")
    verb.add_argument("--prune", action="store_true", help="also remove what is due to be removed")
    verb.add_argument("--issue", action="store_true", help="also issue and renew short-lived secrets")
    verb.add_argument("--allow-replace", action="store_true", help="delete and make anew what cannot be changed")
    verb.add_argument(
        "--allow-deletes", metavar="N", type=_count, help="let N removals through, whatever the guards say"
    )
    verb.add_argument(
        "--allow-changes", metavar="N", type=_count, help="let N updates through, whatever the guards say"
    )
    verb.add_argument(
        "--take-over", action="store_true", help="accept an inventory that another configuration has written"
    )


def _diff(verb: argparse.ArgumentParser) -> None:
    _scoped(verb)
    verb.add_argument("--format", choices=["text", "unified", "json", "markdown"], default="text")


def _apply(verb: argparse.ArgumentParser) -> None:
    _scoped(verb)
    verb.add_argument("--format", choices=["text", "json"], default="text")
    verb.add_argument("-y", "--yes", action="store_true", help="do not ask")


def _run(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--context", metavar="NAME", help="context of the kubeconfig: which cluster")


def _own(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--resign", action="store_true", required=True, help="what this is for, said to be sure")
    verb.add_argument("--context", metavar="NAME", help="context of the kubeconfig: which cluster")
    verb.add_argument(
        "--select", metavar="NAMESPACE/NAME", action="append", default=[], help="only these Secrets (globs, repeatable)"
    )
    verb.add_argument("-y", "--yes", action="store_true", help="do not ask")


def _check(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--format", choices=["text", "json"], default="text")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _COUNT_DIGITS):
        message = f"{text[:40]!r} is not a count: write a number from 0"
        raise argparse.ArgumentTypeError(message)
    return int(text)


_OPTIONS: Final[dict[str, Callable[[argparse.ArgumentParser], None]]] = {
    "check": _check,
    "diff": _diff,
    "apply": _apply,
    "run": _run,
    "own": _own,
}

"""How names of a template are put into messages."""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 60


def quoted(name: str) -> str:
    """Put a name between backquotes, cut where it is long and without what could forge a line of output."""
    clipped = name if len(name) <= _LONGEST else name[:_LONGEST] + "…"
    return "`" + "".join(c if c.isprintable() else "?" for c in clipped) + "`"


def closest(name: str, known: Iterable[str]) -> str:
    """Ask whether the known name nearest to `name` was meant, or give an empty text."""
    candidates = {candidate.lower(): candidate for candidate in sorted(known, reverse=True)}
    close = get_close_matches(name[:_LONGEST].lower(), candidates, n=1, cutoff=0.6)
    return f"did you mean {candidates[close[0]]}?" if close else ""

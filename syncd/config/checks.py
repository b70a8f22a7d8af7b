"""`checks` as the file spells it, and the `Checks` that it becomes."""

from collections.abc import Collection
from typing import Final

import msgspec

from syncd import pattern
from syncd.config.convert import Shape
from syncd.config.durations import DURATION_HINT, seconds
from syncd.config.names import is_data_key, nearest
from syncd.config.references import Report
from syncd.model.shaping import NO_CHECKS, CertificateCheck, Checks
from syncd.node import Path, Problem, Text, text

PATTERN_HINT: Final = "see github.com/google/re2/wiki/Syntax for the language"


class CertificateCheckShape(Shape, frozen=True, kw_only=True):
    """How long a certificate must still be valid."""

    key: Text = "tls.crt"
    min_valid: Text | None = None


class ChecksShape(Shape, frozen=True, kw_only=True):
    """What must hold of the finished keys before anything is written."""

    required: list[Text] = msgspec.field(default_factory=list)
    matches: dict[str, Text] = msgspec.field(default_factory=dict)
    json: list[Text] = msgspec.field(default_factory=list)
    max_bytes: int | None = None
    certificate: CertificateCheckShape | None = None


def checks_of(written: ChecksShape | None, known: Collection[str] | None, report: Report) -> Checks:
    """Give the checks; `known` are the keys that the Secret can have, None where only the stores can tell."""
    if written is None:
        return NO_CHECKS
    for name, keys in (("required", written.required), ("json", written.json)):
        for index, key in enumerate(keys):
            _look_at(text(key), ("checks", name, index), known, report)
    for key, expression in written.matches.items():
        _look_at(key, ("checks", "matches", key), known, report)
        if said := pattern.mistake(text(expression)):
            report.append(Problem(("checks", "matches", key), f"not a regular expression: {said[:120]}", PATTERN_HINT))
    if written.max_bytes is not None and written.max_bytes < 0:
        report.append(Problem(("checks", "maxBytes"), "less than nothing", "a number of bytes"))
    return Checks(
        required=tuple(map(text, written.required)),
        matches=tuple((key, text(expression)) for key, expression in written.matches.items()),
        json=tuple(map(text, written.json)),
        max_bytes=written.max_bytes,
        certificate=None if written.certificate is None else _certificate(written.certificate, known, report),
    )


def _certificate(written: CertificateCheckShape, known: Collection[str] | None, report: Report) -> CertificateCheck:
    _look_at(text(written.key), ("checks", "certificate", "key"), known, report)
    least = 0.0
    if written.min_valid is not None:
        found = seconds(text(written.min_valid))
        if found is None:
            said = f"{text(written.min_valid)[:40]!r} is not a duration"
            report.append(Problem(("checks", "certificate", "minValid"), said, DURATION_HINT))
        least = found or 0.0
    return CertificateCheck(text(written.key), least)


def _look_at(key: str, path: Path, known: Collection[str] | None, report: Report) -> None:
    if not is_data_key(key):
        report.append(Problem(path, "not a key for a Secret"))
    elif known is not None and key not in known:
        meant = nearest(key, known)
        hint = f"did you mean {meant}?" if meant else "name a key that the mapping gives"
        report.append(Problem(path, f"the mapping gives no key {key[:64]!r}", hint))

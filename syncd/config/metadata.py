"""Labels and annotations of the file, merged over the defaults and checked."""

from collections.abc import Mapping
from typing import Final, Literal

from syncd.config.names import label_key, label_value
from syncd.config.references import Report
from syncd.node import Problem, Text, text

LARGEST: Final = 192 * 1024
"""Bytes of annotations that a mapping may set: the API server takes 256 KiB, ours and others' included
(core validation `TotalAnnotationSizeLimitB`)."""

Pairs = tuple[tuple[str, str], ...]
Kind = Literal["labels", "annotations"]


def labels(written: Mapping[str, Text], defaults: Mapping[str, str], secret_type: str, report: Report) -> Pairs:
    """Give the labels, sorted by key; the defaults are checked already."""
    if not written:
        return tuple(defaults.items())
    return tuple(sorted({**defaults, **checked("labels", written, secret_type, report)}.items()))


def annotations(written: Mapping[str, Text], defaults: Mapping[str, str], secret_type: str, report: Report) -> Pairs:
    """Give the annotations, sorted by key; the defaults are checked already."""
    if not written:
        return tuple(defaults.items())
    merged = {**defaults, **checked("annotations", written, secret_type, report)}
    if sum(len(key) + len(value.encode()) for key, value in merged.items()) > LARGEST:
        report.append(Problem(("annotations",), f"more than {LARGEST} bytes of annotations"))
    return tuple(sorted(merged.items()))


def checked(kind: Kind, written: Mapping[str, Text], secret_type: str, report: Report) -> dict[str, str]:
    """Check each pair of `labels:` or `annotations:`, and give them as text, sorted by key."""
    out: dict[str, str] = {}
    for key in sorted(written):
        value = text(written[key])
        mistake = label_key(key, secret_type=secret_type) or (label_value(value) if kind == "labels" else "")
        if mistake:
            report.append(Problem((kind, key), mistake))
        out[key] = value
    return out

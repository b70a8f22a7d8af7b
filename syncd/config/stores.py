"""Stores of the file: what every store takes, and the options of its type, which only its spec knows."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal, Never, cast
from urllib.parse import urlsplit

import msgspec

from syncd.config.convert import Shape, convert
from syncd.config.durations import DURATION_HINT, number, seconds
from syncd.config.names import is_word, nearest
from syncd.config.spec import P, StoreSpec
from syncd.model.position import Position
from syncd.model.store import Store, StoreSettings, Timeouts, Tls
from syncd.node import Problem, Text, Tree, text

MOST_REQUESTS: Final = 100_000
MOST_CONCURRENT: Final = 256
NAME_HINT: Final = "letters, digits, -, _ and ., at most 63"
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]+")


class TlsShape(Shape, frozen=True, kw_only=True):
    """How the store's certificate is checked, and ours shown."""

    ca_file: Text | None = None
    server_name: Text | None = None
    cert_file: Text | None = None
    key_file: Text | None = None


class TimeoutsShape(Shape, frozen=True, kw_only=True):
    """How long the store may take."""

    connect: Text = "3s"
    read: Text = "10s"
    total: Text = "20s"


class LimitsShape(Shape, frozen=True, kw_only=True):
    """How hard the store may be asked."""

    requests_per_second: Text | None = None
    concurrency: int | None = None


class StoreShape(Shape, frozen=True, kw_only=True):
    """What every store takes beside the options of its type."""

    type: Text
    tls: TlsShape = TlsShape()
    proxy: Text | None = None
    timeouts: TimeoutsShape = TimeoutsShape()
    limits: LimitsShape = LimitsShape()
    formerly: Text | None = None
    plaintext: Literal["mesh"] | None = None


COMMON: Final = tuple(field.encode_name for field in msgspec.structs.fields(StoreShape))


def store_of(
    name: str,
    tree: Tree,
    specs: Mapping[str, StoreSpec[P]],
    *,
    base: Path,
    origin: Position,
    may_consume: bool = False,
) -> Store[P] | list[Problem]:
    """Give the store called `name` with its provider made, or all that is wrong with it, paths from its own mapping."""
    report: list[Problem] = []
    if not is_word(name):
        report.append(Problem((), f"{name[:64]!r} is not a name for a store", NAME_HINT))
    if not isinstance(tree, dict):
        return [*report, Problem((), "expected a mapping", "write at least its type")]
    shape = convert({key: value for key, value in tree.items() if key in COMMON}, StoreShape)
    options = {key: value for key, value in tree.items() if key not in COMMON}
    if isinstance(shape, list):
        spec = specs.get(str(tree.get("type")))
        return report + shape + ([] if spec is None else _problems(convert(options, spec.options, also=COMMON)))
    spec = specs.get(text(shape.type))
    if spec is None:
        meant = nearest(text(shape.type), specs)
        hint = f"did you mean {meant}?" if meant else "known here: " + ", ".join(sorted(specs))
        report.append(Problem(("type",), f"there is no store type {text(shape.type)[:64]!r}", hint))
    settings = replace(_settings(name, shape, base, report), may_consume=may_consume)
    rate, concurrency = _limits(shape.limits, report)
    formerly = None if shape.formerly is None else text(shape.formerly)
    if formerly is not None and not is_word(formerly):
        report.append(Problem(("formerly",), "not a name for a store", NAME_HINT))
    if spec is None:
        return report
    made = convert(options, spec.options, also=COMMON)
    if isinstance(made, list):
        return report + made
    report.extend(spec.check(cast("Never", made), settings))
    if report:
        return report
    return Store(
        name=name,
        type=spec.name,
        provider=spec.create(cast("Never", made), settings),
        origin=origin,
        requests_per_second=rate or spec.requests_per_second,
        concurrency=concurrency or spec.concurrency,
        formerly=formerly,
    )


def _problems(found: msgspec.Struct | list[Problem]) -> list[Problem]:
    return found if isinstance(found, list) else []


def _settings(name: str, shape: StoreShape, base: Path, report: list[Problem]) -> StoreSettings:
    proxy = None if shape.proxy is None else text(shape.proxy)
    if proxy is not None:
        report.extend(_proxy_mistakes(proxy))
    return StoreSettings(
        name=name,
        base=base,
        timeouts=_timeouts(shape.timeouts, report),
        tls=_tls(shape.tls, base, report),
        proxy=proxy,
        plaintext=shape.plaintext is not None,
    )


def _timeouts(shape: TimeoutsShape, report: list[Problem]) -> Timeouts:
    found: dict[str, float] = {}
    for name, written in (("connect", shape.connect), ("read", shape.read), ("total", shape.total)):
        value = seconds(text(written))
        if not value:
            report.append(Problem(("timeouts", name), f"{text(written)[:40]!r} is not a duration", DURATION_HINT))
        found[name] = value or 1.0
    return Timeouts(**found)


def _tls(shape: TlsShape, base: Path, report: list[Problem]) -> Tls:
    if (shape.cert_file is None) != (shape.key_file is None):
        missing = "keyFile" if shape.key_file is None else "certFile"
        report.append(Problem(("tls", missing), "missing", "certFile and keyFile go together"))

    def path(written: Text | None) -> Path | None:
        return None if written is None else base / text(written)

    server_name = None if shape.server_name is None else text(shape.server_name)
    return Tls(path(shape.ca_file), server_name, path(shape.cert_file), path(shape.key_file))


def _limits(shape: LimitsShape, report: list[Problem]) -> tuple[float | None, int | None]:
    rate = None
    if shape.requests_per_second is not None:
        rate = number(text(shape.requests_per_second))
        if not rate or rate > MOST_REQUESTS:
            report.append(Problem(("limits", "requestsPerSecond"), f"not a number above 0, at most {MOST_REQUESTS}"))
    if shape.concurrency is not None and not 1 <= shape.concurrency <= MOST_CONCURRENT:
        report.append(Problem(("limits", "concurrency"), f"not a number from 1 to {MOST_CONCURRENT}"))
    return rate, shape.concurrency


def _proxy_mistakes(proxy: str) -> Iterable[Problem]:
    """Look at a proxy's address; a user in it would be a credential in the file, so it is never quoted."""
    try:
        address = urlsplit(proxy)
        sound = address.scheme in ("http", "https") and _HOST.fullmatch(address.netloc) and address.port != 0
    except ValueError:
        sound = False
        address = urlsplit("")
    if "@" in address.netloc:
        yield Problem(("proxy",), "a credential is never written in the file", "a proxy is named without a user")
    elif not sound or address.path not in ("", "/") or address.query or address.fragment:
        yield Problem(("proxy",), "not the address of a proxy", "http://HOST:PORT")

"""`checks`: what must hold of the finished keys before anything is written.

A message names the key and the check, never the value, its length, or a date that stands in it.
"""

from collections.abc import Iterator, Mapping

from syncd import pattern
from syncd.build.select import Fault, shown
from syncd.json_text import Flaw, read
from syncd.model.reference import FailureClass
from syncd.model.shaping import CertificateCheck, Checks


def failed_checks(checks: Checks, data: Mapping[str, bytes], *, now: float) -> Iterator[Fault]:
    """Give every check that does not hold; `now` is in seconds since the epoch.

    A check of a value needs the value: a key that is not there fails it.
    """
    for key in checks.required:
        if key not in data:
            yield _fault("check-required", f"there is no key {shown(key)}")
    for key, expression in checks.matches:
        if key not in data or not pattern.matches(expression, data[key]):
            yield _fault("check-matches", f"{_value(key, data)} does not match the pattern of `checks`")
    for key in checks.json:
        if key not in data or isinstance(read(data[key]), Flaw):
            yield _fault("check-json", f"{_value(key, data)} is not JSON that every reader understands alike")
    if checks.max_bytes is not None and sum(map(len, data.values())) > checks.max_bytes:
        yield _fault("check-max-bytes", f"all values together are larger than `maxBytes: {checks.max_bytes}`")
    if checks.certificate is not None:
        flaw = _certificate_flaw(checks.certificate, data, now)
        if flaw:
            yield _fault("check-certificate", flaw)


def _certificate_flaw(check: CertificateCheck, data: Mapping[str, bytes], now: float) -> str:
    from syncd.pki import certificates  # noqa: PLC0415 — cryptography's X.509 is loaded where it is used

    key = check.key
    if key not in data:
        return f"there is no key {shown(key)}"
    found = certificates.of_pem(data[key])
    if isinstance(found, str):
        return f"the value of {shown(key)} {found}"
    flaw = certificates.date_flaw(found[0], now, for_seconds=check.min_valid)
    return f"the certificate in {shown(key)} {flaw}" if flaw else ""


def _value(key: str, data: Mapping[str, bytes]) -> str:
    return f"the value of {shown(key)}" if key in data else f"there is no key {shown(key)}, so it"


def _fault(reason: str, said: str) -> Fault:
    return Fault(FailureClass.CONFIG, reason, f"{said}; look at the sources, or at `checks`")

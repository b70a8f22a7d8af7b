"""Filters that take certificates and keys out of PEM and PKCS#12."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from syncd.pki.pem import Block, PemFlaw, read_blocks
from syncd.template.meter import Meter
from syncd.template.signature import Filter, Parameter
from syncd.template.values import Value, bytes_of, encoded, fail, text_of

if TYPE_CHECKING:
    from syncd.pki.pkcs12 import Bundle

_PEM_COSTS: Final = 8
"""Bytes that a byte of PEM is counted for."""
_CHAIN_COSTS: Final = 8 * 1024 * 1024
"""Bytes that sorting a chain is counted for: signatures are checked."""
_BUNDLE_COSTS: Final = 12 * 1024 * 1024
"""Bytes that opening a bundle is counted for, so that one rendering opens two: its key is tested for 0.3 s."""
_ROUND_COSTS: Final = 8
"""Bytes that each round of hashing its password is counted for."""


def _blocks(meter: Meter, value: Value, use: str) -> tuple[str, tuple[Block, ...]]:
    text = text_of(value, meter, use)
    data = encoded(text)
    meter.work(_PEM_COSTS * len(data))
    blocks = read_blocks(data)
    if isinstance(blocks, PemFlaw):
        fail(f"what {use} was given {blocks.value}")
    return text, blocks


def _as_written(meter: Meter, data: bytes, blocks: list[Block]) -> Value:
    return meter.make("".join(data[block.start : block.end].decode() + "\n" for block in blocks))


def _certificates(meter: Meter, value: Value) -> Value:
    text, blocks = _blocks(meter, value, "pem_certificates")
    found = [block for block in blocks if block.label.endswith("CERTIFICATE")]
    return _as_written(meter, encoded(text), found) if found else fail("pem_certificates was given no certificate")


def _key(meter: Meter, value: Value) -> Value:
    text, blocks = _blocks(meter, value, "pem_key")
    found = [block for block in blocks if block.label.endswith("PRIVATE KEY")]
    if len(found) != 1:
        fail(f"pem_key was given {'more than one private key' if found else 'no private key'}")
    return _as_written(meter, encoded(text), found)


def _chain(meter: Meter, value: Value) -> Value:
    from syncd.pki import certificates  # noqa: PLC0415 — cryptography's X.509 is loaded where it is used

    _, blocks = _blocks(meter, value, "pem_chain")
    found = certificates.of_blocks(block for block in blocks if block.label.endswith("CERTIFICATE"))
    if isinstance(found, str):
        fail(f"what pem_chain was given {found}")
    if not 0 < len(found) <= certificates.MAX_CHAIN:
        fail(f"pem_chain takes 1 to {certificates.MAX_CHAIN} certificates")
    meter.work(_CHAIN_COSTS)
    chain = certificates.from_leaf(found)
    if chain is None:
        fail("what pem_chain was given is not one chain: a certificate too many, or one between them missing")
    return meter.make(certificates.written(chain).decode())


def _opened(meter: Meter, value: Value, password: Value, use: str) -> "Bundle":
    from syncd.pki import pkcs12  # noqa: PLC0415 — as above

    data = bytes_of(value, meter, use)
    secret = None if password is None else bytes_of(password, meter, use)
    found = meter.kept.get((data, secret))
    if found is None:
        rounds = pkcs12.rounds(data)
        meter.work(_BUNDLE_COSTS + _ROUND_COSTS * (rounds if isinstance(rounds, int) else 0))
        found = meter.kept[data, secret] = pkcs12.opened(data, secret)
    if not isinstance(found, pkcs12.Bundle):
        fail(f"what {use} was given {found}")
    return found


def _bundle_certificates(meter: Meter, value: Value, password: Value) -> Value:
    from syncd.pki import certificates  # noqa: PLC0415 — as above

    found = _opened(meter, value, password, "pkcs12_certificates").certificates
    if not found:
        fail("the bundle that pkcs12_certificates was given holds no certificate")
    return meter.make(certificates.written(found).decode())


def _bundle_key(meter: Meter, value: Value, password: Value) -> Value:
    from syncd.pki import private_keys  # noqa: PLC0415 — as above

    key = _opened(meter, value, password, "pkcs12_key").key
    if key is None:
        fail("the bundle that pkcs12_key was given holds no private key")
    known = private_keys.accepted(key)
    if isinstance(known, str):
        fail(f"the key in the bundle that pkcs12_key was given {known}")
    return meter.make(private_keys.written(known).decode())


FILTERS: Final[Mapping[str, Filter]] = {
    "pem_certificates": Filter(_certificates),
    "pem_key": Filter(_key),
    "pem_chain": Filter(_chain),
    "pkcs12_certificates": Filter(_bundle_certificates, (Parameter("password", "any"),)),
    "pkcs12_key": Filter(_bundle_key, (Parameter("password", "any"),)),
}

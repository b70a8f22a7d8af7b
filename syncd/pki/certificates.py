"""X.509 certificates: read, put in the order that clients expect, and looked at for their dates.

Foreign exceptions end here; they may quote what they read. Certificates are read again from the bytes that are
written, so what was checked is what stands in the Secret.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from syncd.pki.pem import Block, PemFlaw, armored, read_blocks

MAX_CHAIN: Final = 10
"""Certificates of a chain: each is held against each other, which costs a signature's check."""
_LABELS: Final = ("CERTIFICATE", "X509 CERTIFICATE")
LABEL: Final = _LABELS[0]
NOT_READABLE: Final = "holds a PEM block that is called a certificate and is none"
NO_CERTIFICATE: Final = "holds no certificate"


def of_pem(data: bytes) -> list[x509.Certificate] | str:
    """Read every certificate of `data` in its order, each once, or say why that cannot be done; keys are left aside."""
    blocks = read_blocks(data)
    if isinstance(blocks, PemFlaw):
        return blocks.value
    found = of_blocks(block for block in blocks if block.label in _LABELS)
    return found or NO_CERTIFICATE


def of_blocks(blocks: Iterable[Block]) -> list[x509.Certificate] | str:
    """Read these blocks, each certificate once."""
    found: dict[bytes, x509.Certificate] = {}
    for block in blocks:
        if block.content not in found:
            certificate = _of_der(block.content)
            if certificate is None:
                return NOT_READABLE
            found[block.content] = certificate
    return list(found.values())


def _of_der(content: bytes) -> x509.Certificate | None:
    try:
        certificate = x509.load_der_x509_certificate(content)
        # Read late by the library: what it cannot make sense of is told here.
        _ = certificate.issuer, certificate.subject, certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except Exception:  # noqa: BLE001 — ValueError, and whatever else odd bytes bring up, with pieces of them
        return None
    return certificate


def written(certificates: Iterable[x509.Certificate]) -> bytes:
    """Spell the certificates as PEM, the same bytes for the same certificates."""
    return b"".join(armored(LABEL, certificate.public_bytes(Encoding.DER)) for certificate in certificates)


def public_key(certificate: x509.Certificate) -> bytes | None:
    """Give the public key as DER, or None for a kind that is not known."""
    try:
        return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # noqa: BLE001 — as above
        return None


def in_order(certificates: Sequence[x509.Certificate], key: bytes) -> list[x509.Certificate] | None:
    """Sort a chain, leaf first: the certificate of the public `key`, then who signed each, up to the root.

    Empty where none has this key; None where some certificate is no part of the leaf's chain. The order of
    `certificates` makes no difference.
    """
    ordered = sorted(certificates, key=lambda each: (_signed_itself(each), each.public_bytes(Encoding.DER)))
    leaves = [each for each in ordered if public_key(each) == key]
    if not leaves:
        return []
    for leaf in leaves:
        chain = _above(leaf, ordered)
        if len(chain) == len(ordered):
            return chain
    return None


def from_leaf(certificates: Sequence[x509.Certificate]) -> list[x509.Certificate] | None:
    """Sort a chain whose key is not at hand, leaf first: the one certificate whose name no other has for its issuer.

    None where there is no such one, or some certificate is no part of its chain.
    """
    leaves = [
        each for each in certificates
        if not any(other.issuer == each.subject for other in certificates if other != each)
    ]  # fmt: skip
    key = public_key(leaves[0]) if len(leaves) == 1 else None
    return None if key is None else in_order(certificates, key) or None


def _above(leaf: x509.Certificate, among: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Give `leaf` and everything that signed it, nearest first. An authority may stand there under two signers."""
    chain = [leaf]
    for each in chain:  # grows as it is walked
        chain.extend(other for other in among if other not in chain and _signed(each, other))
    return chain


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except UnsupportedAlgorithm:  # the names fit; the clients, who know it, judge the rest
        return True
    except Exception:  # noqa: BLE001 — InvalidSignature, and ValueError or TypeError for kinds that do not fit
        return False
    return True


def _signed_itself(certificate: x509.Certificate) -> bool:
    return certificate.issuer == certificate.subject


def date_flaw(certificate: x509.Certificate, now: float, *, for_seconds: float = 0.0) -> str:
    """Say in which way `certificate` is out of date at `now`, or give an empty text.

    `now` is in seconds since the epoch; `for_seconds` is how much longer it must hold.
    """
    if now < certificate.not_valid_before_utc.timestamp():
        return "is not valid yet"
    left = certificate.not_valid_after_utc.timestamp() - now
    if left < 0:
        return "has expired"
    return "is not valid for long enough" if left < for_seconds else ""


def chain_flaw(chain: Sequence[x509.Certificate], now: float) -> str:
    """Say in which way a chain, leaf first, is out of date; its root is for clients to judge, who have their own."""
    flaw = date_flaw(chain[0], now)
    if flaw:
        return f"the certificate {flaw}"
    for certificate in chain[1:]:
        flaw = "" if _signed_itself(certificate) else date_flaw(certificate, now)
        if flaw:
            return f"a certificate between it and the root {flaw}"
    return ""

"""Certificates for tests: a root, what it signs, and their keys, as they would stand in a store."""

import datetime as dt
import itertools
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

NOW: Final = 1_800_000_000.0
"""Seconds since the epoch at which the certificates made here are valid, unless they are made otherwise."""
DAY: Final = 86_400.0
PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_SERIALS = itertools.count(1)


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """Give an RSA key; making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    key: PrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def key_pem(self, form: PrivateFormat = PrivateFormat.PKCS8, password: bytes | None = None) -> bytes:
        encryption = NoEncryption() if password is None else BestAvailableEncryption(password)
        return self.key.private_bytes(Encoding.PEM, form, encryption)

    def bundle(self, *others: "Issued", password: bytes | None = None, key: bool = True) -> bytes:
        """Give a PKCS#12 bundle with the key, the certificate and those of `others`."""
        encryption = NoEncryption() if password is None else BestAvailableEncryption(password)
        cas = [other.certificate for other in others]
        return pkcs12.serialize_key_and_certificates(
            b"test", self.key if key else None, self.certificate, cas, encryption
        )


def issued(
    name: str,
    *,
    by: Issued | None = None,
    key: PrivateKey | None = None,
    start: float = NOW - DAY,
    end: float = NOW + 30 * DAY,
) -> Issued:
    """Make a certificate for `name`, signed by `by` or by itself, valid from `start` to `end` (seconds, epoch)."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    signer = key if by is None else by.key
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(next(_SERIALS))
        .not_valid_before(dt.datetime.fromtimestamp(start, dt.UTC))
        .not_valid_after(dt.datetime.fromtimestamp(end, dt.UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    plain = isinstance(signer, ed25519.Ed25519PrivateKey)
    return Issued(key, builder.sign(signer, None if plain else hashes.SHA256()))


@cache
def chain_of_three() -> tuple[Issued, Issued, Issued]:
    """Give a leaf, who signed it, and the root that signed that."""
    root = issued("root")
    middle = issued("middle", by=root)
    return issued("web.example.com", by=middle), middle, root

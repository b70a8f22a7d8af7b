"""Private keys of TLS: read, held against themselves and their certificates. No byte of one is in any message."""

from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from syncd.pki.pem import Block, PemFlaw, armored, read_blocks

MAX_BYTES: Final = 16 * 1024
"""Of one key as DER: RSA of 16,384 bits needs 9 KiB."""
_LABELS: Final = ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
"""Those that Go's crypto/tls reads, and so the API server's clients and most ingress controllers; and the one that says
that it is encrypted."""
_KINDS: Final = (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)
PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
)

ENCRYPTED: Final = "is encrypted, which nothing that reads the Secret can undo; store it without a passphrase"


def the_block(data: bytes) -> Block | str:
    """Find the one private key in `data`, or say why that cannot be done; certificates beside it are left aside."""
    blocks = read_blocks(data)
    if isinstance(blocks, PemFlaw):
        return blocks.value
    keys = [block for block in blocks if block.label.endswith("PRIVATE KEY")]
    if not keys:
        return "holds no private key"
    if len(keys) > 1:
        return "holds more than one private key"
    (block,) = keys
    if block.label in _LABELS:
        return block
    return "holds a key in another form than PKCS#8, PKCS#1 or SEC 1 (`openssl pkey` converts it)"


def text_of(data: bytes, block: Block) -> bytes:
    """Give what is written: `data` byte for byte, or the key alone where certificates stand beside it."""
    if b"CERTIFICATE" not in data:
        return data
    return data[block.start : block.end] + b"\n"


def read(block: Block) -> PrivateKey | str:
    """Read a key that is not encrypted, or say why that cannot be done."""
    if len(block.content) > MAX_BYTES:
        return "is larger than any private key"
    try:
        # The library would test two numbers for being prime, which takes it 0.4 s for RSA 4096.
        key = load_der_private_key(block.content, None, unsafe_skip_rsa_key_validation=True)
        if isinstance(key, rsa.RSAPrivateKey) and not _adds_up(key):
            return "is no whole RSA key: its numbers do not fit each other"
    except Exception:  # noqa: BLE001 — ValueError, TypeError, UnsupportedAlgorithm and others, with pieces of the key
        return "holds a PEM block that is called a private key and is none"
    return accepted(key)


def accepted(key: object) -> PrivateKey | str:
    """Tell keys that TLS knows from others."""
    return key if isinstance(key, _KINDS) else "is not a key that TLS knows (RSA, EC, Ed25519)"


def _adds_up(key: rsa.RSAPrivateKey) -> bool:
    """Tell whether the numbers of an RSA key belong together (RFC 8017, section 3.2)."""
    numbers = key.private_numbers()
    p, q, n, e = numbers.p, numbers.q, numbers.public_numbers.n, numbers.public_numbers.e
    return (
        min(p, q) > 1
        and p * q == n
        and numbers.dmp1 == numbers.d % (p - 1)
        and numbers.dmq1 == numbers.d % (q - 1)
        and e * numbers.dmp1 % (p - 1) == 1
        and e * numbers.dmq1 % (q - 1) == 1
        and q * numbers.iqmp % p == 1
    )


def public_part(key: PrivateKey) -> bytes:
    """Give the public key as DER, to be compared with a certificate's."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def written(key: PrivateKey) -> bytes:
    """Spell a key as PKCS#8 in PEM, the same bytes for the same key."""
    return armored("PRIVATE KEY", key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))

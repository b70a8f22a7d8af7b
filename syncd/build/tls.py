"""The keys of `kubernetes.io/tls`: a chain sorted leaf first, and the key that fits it, from PEM or from PKCS#12.

Chain and authorities are spelled anew, so that the same certificates give the same bytes; a key that is PEM already
is kept byte for byte.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from syncd.build.select import Fault
from syncd.model.reference import FailureClass
from syncd.pki import certificates, pkcs12, private_keys
from syncd.pki.pem import Block

if TYPE_CHECKING:
    from cryptography import x509

CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
AUTHORITY: Final = "ca.crt"

Keys = dict[str, bytes]
_MEND: Final = "mend it in the store"


def of_pem(certificate: bytes, private_key: bytes, ca: bytes | None, *, now: float) -> Keys | list[Fault]:
    """Make the keys of a PEM chain and its key, `ca.crt` where `ca` is given; `now` is in seconds since the epoch.

    Certificate and key may stand in one value, as Key Vault gives them.
    """
    faults: list[Fault] = []
    made: Keys = {}
    if ca is not None:
        authorities = certificates.of_pem(ca)
        if isinstance(authorities, str):
            faults.append(_fault("tls-ca-unreadable", f"the value of `ca` {authorities}"))
        else:
            made[AUTHORITY] = certificates.written(authorities)
    chain = certificates.of_pem(certificate)
    if isinstance(chain, str):
        faults.append(_fault("tls-certificate-unreadable", f"the value of `certificate` {chain}"))
    key = _key_of(private_key)
    if isinstance(key, Fault):
        faults.append(key)
    if isinstance(chain, str) or isinstance(key, Fault):
        return faults
    block, public = key
    ordered = _ordered(chain, public, now)
    if isinstance(ordered, Fault):
        faults.append(ordered)
        return faults
    made |= {CERTIFICATE: certificates.written(ordered), KEY: private_keys.text_of(private_key, block)}
    return faults or made


def of_bundle(bundle: bytes, password: bytes | None, *, now: float) -> Keys | list[Fault]:
    """Make the keys of a PKCS#12 bundle."""
    found = pkcs12.opened(bundle, password)
    if isinstance(found, str):
        return [_fault("pkcs12-unreadable", f"the value of `pkcs12` {found}")]
    if found.key is None or not found.certificates:
        missing = "private key" if found.key is None else "certificate"
        return [_fault("pkcs12-incomplete", f"the bundle of `pkcs12` holds no {missing}")]
    key = private_keys.accepted(found.key)
    if isinstance(key, str):
        return [_fault("tls-key-unreadable", f"the key in the bundle of `pkcs12` {key}")]
    ordered = _ordered(list(dict.fromkeys(found.certificates)), private_keys.public_part(key), now)
    if isinstance(ordered, Fault):
        return [ordered]
    return {CERTIFICATE: certificates.written(ordered), KEY: private_keys.written(key)}


def _key_of(value: bytes) -> tuple[Block, bytes] | Fault:
    """Give the block of the key and its public part."""
    block = private_keys.the_block(value)
    if isinstance(block, str):
        return _fault("tls-key-unreadable", f"the value of `privateKey` {block}")
    if block.encrypted:
        return _fault("tls-key-encrypted", f"the value of `privateKey` {private_keys.ENCRYPTED}")
    key = private_keys.read(block)
    if isinstance(key, str):
        return _fault("tls-key-unreadable", f"the value of `privateKey` {key}")
    return block, private_keys.public_part(key)


def _ordered(chain: "Sequence[x509.Certificate]", public: bytes, now: float) -> "list[x509.Certificate] | Fault":
    """Sort the chain of the key whose public part is `public`, and look at its dates."""
    if len(chain) > certificates.MAX_CHAIN:
        text = (
            f"there are more than {certificates.MAX_CHAIN} certificates; leave those out that are no part of the chain"
        )
        return _fault("tls-chain-too-long", text, advice="")
    ordered = certificates.in_order(chain, public)
    if ordered is None:
        text = (
            "a certificate is no part of the chain of the key's certificate: one too many, or one between them missing"
        )
        return _fault("tls-chain-broken", text)
    if not ordered:
        return _fault("tls-key-mismatch", "no certificate is that of the private key")
    flaw = certificates.chain_flaw(ordered, now)
    return _fault("tls-not-valid", flaw, advice="renew it in the store") if flaw else ordered


def _fault(reason: str, said: str, *, advice: str = _MEND) -> Fault:
    return Fault(FailureClass.CONFIG, reason, f"{said}; {advice}" if advice and ";" not in said else said)

"""The keys of `kubernetes.io/ssh-auth`: a private key whose frame is whole, as OpenSSH reads it."""

from typing import Final

from syncd.build.select import Fault
from syncd.model.reference import FailureClass
from syncd.pki.pem import PemFlaw, read_blocks

PRIVATE_KEY: Final = "ssh-privatekey"
KNOWN_HOSTS: Final = "known_hosts"
_LABELS: Final = (
    "OPENSSH PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
)  # fmt: skip
"""What sshkey.c of OpenSSH looks for; a passphrase is for whoever uses the key, and may stand under another key."""


def ssh_keys(private_key: bytes, known_hosts: bytes | None) -> dict[str, bytes] | list[Fault]:
    """Make the keys, byte for byte; a final newline is added where the private key has none.

    Stores and shells lose that newline, and OpenSSH then refuses the key ("error in libcrypto").
    """
    flaw = _flaw(private_key)
    if flaw:
        text = f"the value of `privateKey` {flaw}; mend it in the store"
        return [Fault(FailureClass.CONFIG, "ssh-key-unreadable", text)]
    made = {PRIVATE_KEY: private_key if private_key.endswith(b"\n") else private_key + b"\n"}
    return made if known_hosts is None else {**made, KNOWN_HOSTS: known_hosts}


def _flaw(private_key: bytes) -> str:
    blocks = read_blocks(private_key)
    if isinstance(blocks, PemFlaw):
        return blocks.value
    if len(blocks) > 1 or blocks[0].label not in _LABELS:
        return "is not one private key in a PEM frame"
    # OpenSSH looks at the first bytes and nowhere else.
    return "" if blocks[0].start == 0 else "has something in front of its BEGIN line"

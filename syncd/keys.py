"""The instance's key: subkeys for each use, MACs over what we wrote, and their check.

The one importer of cryptography outside the adapters. The key proves that this instance wrote a mark or an
inventory; whoever may read it can forge both, so it stands in the home namespace alone.
"""

import hmac
from functools import cache
from typing import Final, Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from syncd.redact import SecretValue

KEY_BYTES: Final = 32
Use = Literal["mark", "inventory", "digest"]
"""What a subkey is for; a MAC of one use says nothing in another."""


class InstanceKey:
    """Signs and verifies for one instance. Holds the master key in a type that cannot print."""

    __slots__ = ("_master", "_subkeys")

    def __init__(self, master: SecretValue) -> None:
        """Take the key's bytes; raises ValueError for a wrong length."""
        if len(master.reveal()) != KEY_BYTES:
            message = f"an instance key has {KEY_BYTES} bytes"
            raise ValueError(message)
        self._master = master
        self._subkeys = cache(self._derive)

    def mac(self, use: Use, message: bytes) -> bytes:
        """Sign `message` (HMAC-SHA-256, 32 bytes)."""
        return hmac.digest(self._subkeys(use).reveal(), message, "sha256")

    def verify(self, use: Use, message: bytes, mac: bytes) -> bool:
        """Tell, in constant time, whether `mac` is ours for `message`."""
        return hmac.compare_digest(self.mac(use, message), mac)

    def _derive(self, use: Use) -> SecretValue:
        # RFC 5869 without a salt: the master key is uniformly random already.
        derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"syncd/1/" + use.encode())
        return SecretValue(derived.derive(self._master.reveal()))

"""The instance's key: subkeys for each use, MACs over what we wrote, and their check; and the keys of before.

The one importer of cryptography outside the adapters. The key proves that this instance wrote a mark or an
inventory; whoever may read it can forge both, so it stands in the home namespace alone.
"""

import hmac
from collections.abc import Iterable
from functools import cache
from typing import Final, Literal, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from syncd.redact import SecretValue

KEY_BYTES: Final = 32
Use = Literal["mark", "inventory", "digest"]
"""What a subkey is for; a MAC of one use says nothing in another."""


class Former(NamedTuple):
    """A name that the instance had, and the key it signed with under that name."""

    instance: str
    key: "InstanceKey"


class InstanceKey:
    """Signs and verifies for one instance. Holds the master key in a type that cannot print."""

    __slots__ = ("_master", "_subkeys", "former")

    def __init__(self, master: SecretValue, former: Iterable[Former] = ()) -> None:
        """Take the key's bytes; raises ValueError for a wrong length.

        `former` are the names and keys of before: what they signed is still believed, and signed anew.
        """
        if len(master.reveal()) != KEY_BYTES:
            message = f"an instance key has {KEY_BYTES} bytes"
            raise ValueError(message)
        self._master = master
        self._subkeys = cache(self._derive)
        self.former = tuple(former)

    def after(self, former: Iterable[Former]) -> "InstanceKey":
        """Give this key together with those of before."""
        return InstanceKey(self._master, former)

    def signers(self, instance: str, *, present: bool) -> tuple["InstanceKey", ...]:
        """List the keys that may have signed under a name, this one first where it is the `present` one."""
        return (*((self,) if present else ()), *(key for name, key in self.former if name == instance))

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

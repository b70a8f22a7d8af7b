"""The type that carries secret bytes, and nothing else.

It stands below everything: whatever holds a value holds it as a `SecretValue`, so that no
printer, log line, traceback or pickle can show one by accident. It does not guess what looks
secret in foreign text; errors are rebuilt from fixed codes at the adapters' edge instead.
"""

import hmac
from typing import Final, Never, Self, final

MASK: Final = "<secret>"
"""What every printed form of a value reads: fixed, so that it tells neither length nor content."""


@final
class SecretValue:
    """Bytes that never print, pickle, hash, or compare in variable time.

    `reveal` is the one way out; its call sites are few and counted by a test.
    """

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        """Wrap `data`; raises TypeError for anything but bytes."""
        if type(data) is not bytes:
            message = f"a SecretValue is made of bytes, not {type(data).__name__}"
            raise TypeError(message)
        self._data = data

    def reveal(self) -> bytes:
        """Give the bytes out, to whoever writes them to a Secret or derives from them."""
        return self._data

    def is_empty(self) -> bool:
        """Tell whether there is nothing in it, the only thing about its size that a message may say."""
        return not self._data

    def __eq__(self, other: object) -> bool:
        """Compare in constant time for equal lengths."""
        if not isinstance(other, SecretValue):
            return NotImplemented
        return hmac.compare_digest(self._data, other._data)

    __hash__ = None  # type: ignore[assignment]  # a hash would be an unkeyed digest, and a dict key compares early-out

    def __repr__(self) -> str:
        """Give the mask."""
        return MASK

    def __str__(self) -> str:
        """Give the mask."""
        return MASK

    def __format__(self, spec: str) -> str:
        """Give the mask, whatever the format asks for."""
        return MASK

    def __copy__(self) -> Self:
        """Share: the bytes are immutable."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Share: the bytes are immutable."""
        return self

    def __reduce_ex__(self, protocol: object) -> Never:
        """Refuse: a pickle would be the value in the clear."""
        message = "a SecretValue is not pickled"
        raise TypeError(message)

    def __bool__(self) -> Never:
        """Refuse: truth would mean length; ask `is_empty`."""
        message = "a SecretValue has no truth value; ask is_empty()"
        raise TypeError(message)

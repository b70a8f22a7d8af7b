"""What a content was, without keeping it: digests under a key that is made at the start and leaves with the process."""

import hmac
import secrets
from collections.abc import Mapping, Sized

from syncd.redact import SecretValue


class Digests:
    """Makes them. Two of one object are equal where the contents are; nothing else can be told from one."""

    def __init__(self, key: bytes | None = None) -> None:
        """Make a key, or take a random one."""
        self._key = key or secrets.token_bytes(32)

    def of(self, data: Mapping[str, SecretValue], *texts: Mapping[str, str]) -> bytes:
        """Digest named values, and any further names and texts, whatever their order."""
        mac = hmac.new(self._key, digestmod="sha256")
        _add_count(mac, data)
        for name, value in sorted(data.items(), key=lambda item: item[0]):
            _add(mac, name.encode(), value.reveal())
        for more in texts:
            _add_count(mac, more)
            for name, text in sorted(more.items()):
                _add(mac, name.encode(), text.encode())
        return mac.digest()


def _add_count(mac: hmac.HMAC, of: Sized) -> None:
    """Add how many names follow, so that none can be taken for the next one's of an empty list."""
    mac.update(len(of).to_bytes(8, "big"))


def _add(mac: hmac.HMAC, *parts: bytes) -> None:
    """Add each part behind its length, so that no two contents are spelled alike."""
    for part in parts:
        mac.update(len(part).to_bytes(8, "big") + part)

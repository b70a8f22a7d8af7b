"""Values that must show up nowhere, and every form in which they could."""

import base64
import hashlib
import secrets
from collections.abc import Iterable, Iterator
from functools import cache
from urllib.parse import quote

_START = "cAn"
_LEAST = 6
"""Bytes of a beginning that already says too much."""
_LEAST_OF_OTHERS = 12
"""The same for a credential that a server made: six hexadecimal digits of it occur by chance."""
_DIGEST_BYTES = 9
"""Of a digest: whoever shows a beginning of it shows enough to try values out."""
_DIGESTS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "blake2b", "blake2s")
_WATCHED: dict[bytes, None] = {}


def canary() -> str:
    """Make a value that nothing else looks like, with characters that every encoding changes, and watch for it."""
    return watch(f"{_START}{secrets.token_hex(6)}/+\"'=&ü{secrets.token_hex(6)}")


def watch(value: str) -> str:
    """Have the whole run's output scanned for a credential; gives it back."""
    _WATCHED[value.encode()] = None
    return value


def watched() -> tuple[bytes, ...]:
    """Give all that this process watches for."""
    return tuple(_WATCHED)


@cache
def forms(value: bytes) -> tuple[bytes, ...]:
    """Give the forms to look for. The form of a beginning stands in the same form of the whole."""
    return tuple(dict.fromkeys(_forms(value)))


def leaks(values: Iterable[bytes], *, where: str, text: bytes) -> list[str]:
    """Name what of these values stands in `text`, without repeating it."""
    return [
        f"{where}: form {number} of value {index}"
        for index, value in enumerate(values)
        for number, form in enumerate(forms(value))
        if form in text
    ]


def _forms(value: bytes) -> Iterator[bytes]:
    least = _LEAST if value.startswith(_START.encode()) else _LEAST_OF_OTHERS
    start = value[:least]
    yield start
    yield start[::-1]
    yield value[-_LEAST_OF_OTHERS:]
    yield value[-_LEAST_OF_OTHERS:][::-1]
    for coded in _base64(start):
        yield coded
        yield coded.translate(bytes.maketrans(b"+/", b"-_"))
    yield start.hex().encode()
    yield start.hex().upper().encode()
    yield quote(start, safe="").encode()
    yield b"".join(b"%%%02x" % byte for byte in start)
    yield b"".join(b"%%%02X" % byte for byte in start)
    yield b"".join(b"\\x%02x" % byte for byte in start)
    # JSON may escape every character; the usual escapes leave the beginnings of our values alone.
    yield b"".join(b"\\u%04x" % byte for byte in start)
    yield b", ".join(b"%d" % byte for byte in start)
    for content in (value, value + b"\n"):
        for name in _DIGESTS:
            digest = hashlib.new(name, content, usedforsecurity=False).digest()[:_DIGEST_BYTES]
            coded = base64.b64encode(digest)
            yield from (digest.hex().encode(), digest.hex().upper().encode(), coded)
            yield coded.translate(bytes.maketrans(b"+/", b"-_"))


def _base64(value: bytes) -> Iterator[bytes]:
    """Encode `value` as it comes out after no, one and two bytes of something else, without what these share."""
    for before in range(3):
        coded = base64.b64encode(bytes(before) + value)
        shared = -(-before * 8 // 6)
        yield coded[shared : (before + len(value)) * 8 // 6]

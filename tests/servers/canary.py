"""Values that must show up nowhere, and every form in which they could."""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator
from urllib.parse import quote

_LEAST = 6
"""Bytes of a beginning that already says too much."""


def canary() -> str:
    """Make a value that nothing else looks like, with characters that every encoding changes."""
    return f"cAn{secrets.token_hex(6)}/+\"'=&ü{secrets.token_hex(6)}"


def forms(value: bytes) -> Iterator[bytes]:
    """Give the forms to look for: raw and encoded, reversed, its beginning, and unkeyed digests."""
    yield value
    yield value[::-1]
    yield value[:_LEAST]
    # Without the last group, which depends on what comes after.
    yield base64.b64encode(value)[: len(value) * 4 // 3 // 4 * 4 - 4]
    yield base64.urlsafe_b64encode(value)[: len(value) * 4 // 3 // 4 * 4 - 4]
    yield value.hex().encode()
    yield quote(value, safe="").encode()
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    yield json.dumps(text)[1:-1].encode()
    yield json.dumps(text, ensure_ascii=False)[1:-1].encode()
    yield repr(value)[2:-1].encode()
    for name in ("md5", "sha1", "sha224", "sha256", "sha512", "sha3_224", "blake2b"):
        digest = hashlib.new(name, value).digest()
        yield digest.hex().encode()
        yield base64.b64encode(digest).rstrip(b"=")


def leaks(values: Iterable[bytes], *, where: str, text: bytes) -> list[str]:
    """Name what of these values stands in `text`, without repeating it."""
    return [
        f"{where}: form {number} of value {index}"
        for index, value in enumerate(values)
        for number, form in enumerate(forms(value))
        if form in text
    ]

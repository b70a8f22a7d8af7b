"""PKCS#12 bundles (RFC 7292), opened with bounded work.

A bundle says itself how often its password is hashed, up to 2³¹ times, and the library does as told while it holds up
the whole process. So the outer structure is walked first, and a bundle that asks for too much is not opened. What
stands inside an encrypted part cannot be seen before; the writers in use put no key there.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

MAX_BYTES: Final = 256 * 1024
MAX_ROUNDS: Final = 2_000_000
"""Of all that is hashed: its seal, its key and its certificates, for each of which OpenSSL and Windows write 2,000 or
so, Java 10,000, the careful 600,000. That many take half a second."""
MAX_KEY: Final = 3 * 1024
"""Bytes of the key in the bundle: RSA of 4,096 bits, since the library tests a key's numbers for being prime."""
MAX_PASSWORD: Final = 1_000
_MAX_DEPTH: Final = 24
_MAX_ELEMENTS: Final = 20_000
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30
_CONSTRUCTED: Final = 0x20

NOT_A_BUNDLE: Final = "is not a PKCS#12 bundle in DER (is `decode: base64` missing?)"
TOO_MUCH: Final = (
    f"takes more work to open than syncd allows (a key of {MAX_KEY} bytes, {MAX_ROUNDS} rounds in all for the password)"
)
BAD_PASSWORD: Final = f"cannot be opened: its password is no text, holds a NUL, or is longer than {MAX_PASSWORD} bytes"
NOT_OPENED: Final = "cannot be opened: the password does not fit, or it is damaged"


class Bundle(NamedTuple):
    """What is in one."""

    key: object
    """None where there is none."""
    certificates: tuple[x509.Certificate, ...]


class _Element(NamedTuple):
    """One element of DER."""

    tag: int
    content: bytes


class _OddError(Exception):
    """Unwinds the walk; never leaves this module."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


def opened(data: bytes, password: bytes | None) -> Bundle | str:
    """Open a bundle, or say why that cannot be done; no password is tried as none and as an empty one."""
    asked = rounds(data)
    if isinstance(asked, str):
        return asked
    if password is not None and not _is_password(password):
        return BAD_PASSWORD
    try:
        found = pkcs12.load_pkcs12(data, password or None)
    except Exception:  # noqa: BLE001 — ValueError and others, with pieces of the bundle
        return NOT_OPENED
    certificates = [found.cert, *found.additional_certs]
    return Bundle(found.key, tuple(each.certificate for each in certificates if each is not None))


def _is_password(password: bytes) -> bool:
    """Tell whether the library can take it: a NUL makes it panic, and write the password to stderr (50.0.2)."""
    try:
        text = password.decode()
    except UnicodeDecodeError:  # it quotes the bytes
        return False
    return "\0" not in text and len(password) <= MAX_PASSWORD


def rounds(data: bytes) -> int | str:
    """Tell how often a bundle has its password hashed, as far as that can be seen, or why it is not opened at all."""
    if data[:1] != bytes([_SEQUENCE]):
        return NOT_A_BUNDLE
    if len(data) > MAX_BYTES:
        return f"is larger than {MAX_BYTES} bytes"
    try:
        return _walk(data)
    except _OddError as odd:
        return odd.said


def _walk(data: bytes) -> int:
    """Look at every element that can be seen, and count the rounds.

    Raises _OddError for what is no DER, or too much work.
    """
    waiting: list[tuple[bytes, int]] = [(data, 0)]
    seen = found = 0
    while waiting:
        content, depth = waiting.pop()
        before = _Element(0, b"")
        for element in _elements(content):
            seen += 1
            if seen > _MAX_ELEMENTS or depth > _MAX_DEPTH:
                raise _OddError(TOO_MUCH)
            found += _rounds(before, element)
            if found > MAX_ROUNDS:
                raise _OddError(TOO_MUCH)
            if element.tag & _CONSTRUCTED or _looks_whole(element):
                waiting.append((element.content, depth + 1))
            before = element
    return found


def _rounds(before: _Element, element: _Element) -> int:
    """Give the rounds that an element asks for, mostly none, and refuse a large key.

    Rounds always follow their salt (RFC 7292 `MacData` and `pkcs-12PbeParams`, RFC 8018 `PBKDF2-params`), an encrypted
    or plain key always its algorithm (RFC 5958).
    """
    if element.tag == _OCTETS and before.tag == _SEQUENCE and len(element.content) > MAX_KEY:
        raise _OddError(TOO_MUCH)
    return int.from_bytes(element.content[:16]) if element.tag == _INTEGER and before.tag == _OCTETS else 0


def _looks_whole(element: _Element) -> bool:
    """Tell whether octets may be DER themselves, as the content of an authenticated safe is."""
    if element.tag != _OCTETS or element.content[:1] != bytes([_SEQUENCE]):
        return False
    try:
        return len(list(_elements(element.content))) == 1
    except _OddError:
        return False


def _elements(data: bytes) -> Iterator[_Element]:
    at = 0
    while at < len(data):
        head = data[at : at + 6]
        length, size = _length(head[1:])
        at += 1 + size
        if head[0] & 0x1F == 0x1F or at + length > len(data):
            raise _OddError(NOT_A_BUNDLE)
        yield _Element(head[0], data[at : at + length])
        at += length


def _length(head: bytes) -> tuple[int, int]:
    """Give the length that stands in front of an element, and how many bytes it takes itself."""
    if not head or head[0] == 0x80 or head[0] > 0x84 or (len(head) <= head[0] & 0x7F and head[0] & 0x80):
        raise _OddError(NOT_A_BUNDLE)
    if head[0] < 0x80:
        return head[0], 1
    size = head[0] & 0x7F
    return int.from_bytes(head[1 : 1 + size]), 1 + size

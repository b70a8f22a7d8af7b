"""PEM (RFC 7468) as stored bytes: a strict reader of its blocks, and the one spelling that is written."""

import binascii
import re
from enum import Enum
from itertools import islice
from typing import Final, NamedTuple

MAX_BLOCKS: Final = 2_000
_WIDTH: Final = 64
"""Characters of a line, as RFC 7468 has them."""
_BLANKS: Final = b" \t\r\n"
_EDGE: Final = re.compile(rb"-----(BEGIN|END) ([A-Z0-9 ]{1,64})-----")
_HEADERS: Final = re.compile(rb"\s*[A-Za-z][-A-Za-z0-9]*:.*?\r?\n[ \t]*\r?\n", re.DOTALL)
"""Of RFC 1421, such as those of a key that is encrypted the old way; an empty line ends them."""


class PemFlaw(Enum):
    """Why bytes are no PEM; the value is what a message says about them."""

    NO_BLOCK = "holds no PEM block (-----BEGIN …-----)"
    LINES_LOST = "holds PEM without its line breaks; store it with them"
    CUT = "holds a PEM block that is cut off"
    NOT_BASE64 = "holds a PEM block with something else than base64 in it"
    TOO_MANY = f"holds more than {MAX_BLOCKS} PEM blocks"


class Block(NamedTuple):
    """One block."""

    label: str
    content: bytes
    """What the base64 stands for."""
    start: int
    end: int
    """Where it stands in what was read, from the dashes of its BEGIN to those of its END."""
    encrypted: bool
    """True where it says so itself: by its label, or by a header."""


def read_blocks(data: bytes) -> tuple[Block, ...] | PemFlaw:
    """Give every block of `data` in its order, at least one; text between the blocks is left aside, as others do."""
    edges = list(islice(_EDGE.finditer(data), 2 * MAX_BLOCKS + 1))
    if not edges:
        return PemFlaw.NO_BLOCK
    if len(edges) > 2 * MAX_BLOCKS:
        return PemFlaw.TOO_MANY
    if not all(_alone(data, edge) for edge in edges):
        return PemFlaw.LINES_LOST
    blocks: list[Block] = []
    for begin, end in zip(edges[::2], [*edges[1::2], None], strict=False):
        if end is None or (begin[1], end[1], begin[2]) != (b"BEGIN", b"END", end[2]):
            return PemFlaw.CUT
        block = _block(data, begin, end)
        if isinstance(block, PemFlaw):
            return block
        blocks.append(block)
    return tuple(blocks)


def _alone(data: bytes, edge: re.Match[bytes]) -> bool:
    """Tell whether a BEGIN or END has its line to itself."""
    before = data[edge.start() - 1 : edge.start()]
    after = data[edge.end() : edge.end() + 80].partition(b"\n")[0]
    return before in (b"", b"\n") and not after.strip(_BLANKS)


def _block(data: bytes, begin: re.Match[bytes], end: re.Match[bytes]) -> Block | PemFlaw:
    body = data[begin.end() : end.start()]
    headers = _HEADERS.match(body) if b":" in body[:200] else None
    if headers is not None:
        body = body[headers.end() :]
    try:
        content = binascii.a2b_base64(body.translate(None, _BLANKS), strict_mode=True)
    except binascii.Error:
        return PemFlaw.NOT_BASE64
    label = begin[2].decode()
    encrypted = label.startswith("ENCRYPTED") or (headers is not None and b"ENCRYPTED" in headers[0])
    return Block(label, content, begin.start(), end.end(), encrypted)


def armored(label: str, content: bytes) -> bytes:
    """Spell `content` as the one block of RFC 7468, with a final newline."""
    text = binascii.b2a_base64(content, newline=False)
    lines = [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]
    name = label.encode()
    return b"\n".join([b"-----BEGIN %s-----" % name, *lines, b"-----END %s-----" % name, b""])

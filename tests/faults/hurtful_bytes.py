"""Bytes that hurt parsers: they nest, repeat, escape or break something, up to a size."""

from collections.abc import Iterator
from typing import Final

SIZE: Final = 1024 * 1024
"""Bytes of the largest input that the bounds hold for."""

_UNITS: Final = (
    # JSON
    b"[", b"{", b'{"a":', b'[{"a":', b'"', b'\\"', b'"\\"', b'"\\u', b"\\ud800", b"9", b"1,", b"11,", b"1e999,", b"-",
    b"[1],", b"-0,", b'"k":1,', b"NaN,", b"true,",
    # YAML
    b"{a: b}, ", b"[a: b], ", b"- ", b"- a\n", b"? ", b"a: ", b"a: b\n", b"&a ", b"*a ", b"!!a ", b"<<: ", b"# ", b"'",
    b"|\n",
    # white space, controls, UTF-8 that is odd and bytes that are none
    b"\n", b" ", b"\t", b"\r", b"\0", b"\x7f", b"\xff", b"\xc3\xa9", b"\xe2\x80\xae", b"\xf0\x9f\x94\x91",
    b"\xed\xa0\x80", b"\xef\xbb\xbf",
    # names and paths
    b"../", b"%2e%2e/", b"/", b".", b"*", b"A", b"a.", b"1d", b"1h", b"*/", b"1-",
    # dotenv
    b"a=", b"a='", b'a="\\', b"${a}", b"$(", b"=", b"export a=b\n",
    # queries
    b"[*]", b"a[?b==c].", b"@.*.", b"`[", b"(", b"join(',',", b"||",
    # templates
    b"{{", b"{{a}}", b"{%", b"{% if a %}", b"{#", b"{{ a|", b"{{ ((",
    # PEM, zlib, DER
    b"-----BEGIN ", b"x\x9c", b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", b"0\x82\xff\xff",
)  # fmt: skip
_FRAMES: Final = (
    (b"", b""),
    (b"[", b"0]"),
    (b'{"a":"', b'"}'),
    (b'{"data":{"data":{"k":"', b'"},"metadata":{"version":1}}}'),
    (b'{"errors":["', b'"]}'),
    (b'{"error":{"code":"', b'"}}'),
    (b'{"kind":"Secret","metadata":{"name":"db","namespace":"team","uid":"1","resourceVersion":"1"},"x":', b"}"),
    (b"apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {k: ", b"}"),
)


_FRAMES_FOR_ALL: Final = 3
"""Of the frames, the first so many are filled with every unit, the others with what nests or grows."""
_NESTING: Final = (
    b"[",
    b'{"a":',
    b"[1],",
    b'"k":1,',
    b"1,",
    b'\\"',
    b"\\ud800",
    b"A",
    b" ",
    b"\0",
    b"\xed\xa0\x80",
    b"a: ",
)


def hurtful(size: int = SIZE) -> Iterator[tuple[str, bytes]]:
    """Give inputs of `size` bytes that nest, repeat, escape or break something, each with a name for it."""
    for frame, (head, tail) in enumerate(_FRAMES):
        for unit in _UNITS if frame < _FRAMES_FOR_ALL else _NESTING:
            room = size - len(head) - len(tail)
            yield f"{unit!r} in frame {frame}", head + (unit * (room // len(unit) + 1))[:room] + tail
    keys = b",".join(b'"%d":%d' % (key, key) for key in range(size // 16))
    yield "many keys", b"{" + keys + b"}"
    yield "many lists", b"[" + b",".join([b"[[[]]]"] * (size // 8)) + b"]"

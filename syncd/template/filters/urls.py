"""Filters that take one part out of a URL, or of the text by which a driver of a database connects (DSN)."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from syncd.template.meter import Meter
from syncd.template.signature import Filter, Parameter
from syncd.template.values import ABSENT, Value, fail, text_of

URL_PARTS: Final = ("scheme", "user", "password", "host", "port", "path", "query", "fragment")
_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.DOTALL,
)
"""RFC 3986, appendix B, of a URL that names an authority."""
_HOST: Final = re.compile(
    r"\[(?P<address>[^\[\]]*)\](?::(?P<port>[0-9]*))?|(?P<name>[^:\[\]]*)(?::(?P<number>[0-9]*))?"
)
_WORDS: Final = re.compile(r"\s*([^\s='\\]+)\s*=\s*(?:'((?:[^'\\]|\\.)*+)'|((?:[^\s'\\]|\\.)*+))(?=\s|\Z)", re.DOTALL)
"""One keyword and value of libpq (https://www.postgresql.org/docs/current/libpq-connect.html, 34.1.1.1)."""
_QUOTED: Final = re.compile(r"\"((?:[^\"]|\"\")*+)\"|'((?:[^']|'')*+)'")
"""A value between quotes, which stand twice where they are meant
(https://learn.microsoft.com/dotnet/framework/data/adonet/connection-string-syntax)."""
_BLANK: Final = re.compile(r"\s*")
_COSTS: Final = 32
"""Bytes that a character is counted for: reading one pair after the other is slow."""
LONGEST_NAME: Final = 256
LONGEST: Final = 64 * 1024
"""Characters of a URL or DSN."""


def _urlpart(meter: Meter, value: Value, part: Value) -> Value:
    """Give a part as it stands; user and password without their percent signs. What is not there is absent."""
    text = _short_text(value, meter, "urlpart")
    found = _URL.fullmatch(text)
    if found is None:
        fail("urlpart was given something else than a URL: SCHEME://HOST…")
    if part in ("scheme", "path", "query", "fragment"):
        return found[str(part)] or ABSENT
    who, at, where = found["authority"].rpartition("@")
    if part in ("user", "password"):
        user, colon, password = who.partition(":")
        given = at if part == "user" else colon
        return unquote_to_bytes(user if part == "user" else password) if given else ABSENT
    host = _HOST.fullmatch(where)
    if host is None:
        fail("urlpart was given a URL whose host and port cannot be told apart")
    if part == "host":
        return host["address"] or host["name"] or ABSENT
    return host["port"] or host["number"] or ABSENT


def _dsnpart(meter: Meter, value: Value, name: Value, separator: Value) -> Value:
    text = _short_text(value, meter, "dsnpart")
    wanted = text_of(name, meter, "dsnpart")
    if separator == ";":
        return _pairs(text).get(wanted.lower(), ABSENT)
    return _words(text).get(wanted, ABSENT)


def _short_text(value: Value, meter: Meter, use: str) -> str:
    text = text_of(value, meter, use)
    if len(text) > LONGEST:
        fail(f"{use} was given more than {LONGEST} characters")
    meter.work(_COSTS * len(text))
    return text


def _words(text: str) -> dict[str, str]:
    r"""Read `host=db password='it\'s'`; the last of two equal keywords counts, as libpq has it."""
    found: dict[str, str] = {}
    at = 0
    while _after_blank(text, at) < len(text):
        word = _WORDS.match(text, at)
        if word is None:
            fail("dsnpart was given something else than KEYWORD=VALUE with blanks between")
        found[word[1]] = re.sub(r"\\(.)", r"\1", word[2] if word[2] is not None else word[3], flags=re.DOTALL)
        at = word.end()
    return found


def _pairs(text: str) -> dict[str, str]:
    """Read `Server=db;Pwd="it;s"`; keywords in small letters, the last of two equal ones counts."""
    found: dict[str, str] = {}
    at = _after_blank(text, 0)
    while at < len(text):
        name, equals, _ = text[at : at + LONGEST_NAME].partition("=")
        if not equals or not name.strip() or ";" in name:
            fail("dsnpart was given something else than KEYWORD=VALUE with semicolons between")
        start = _after_blank(text, at + len(name) + 1)
        quoted = _QUOTED.match(text, start)
        end = text.find(";", start if quoted is None else quoted.end())
        end = len(text) if end < 0 else end
        if quoted is None:
            found[name.strip().lower()] = text[start:end].strip()
        elif text[quoted.end() : end].strip():
            fail("dsnpart was given a value that goes on after its quotes")
        else:
            found[name.strip().lower()] = _unquoted(quoted)
        at = _after_blank(text, end + 1)
    return found


def _after_blank(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return len(text) if blank is None else blank.end()


def _unquoted(quoted: re.Match[str]) -> str:
    return quoted[1].replace('""', '"') if quoted[1] is not None else quoted[2].replace("''", "'")


FILTERS: Final[Mapping[str, Filter]] = {
    "urlpart": Filter(_urlpart, (Parameter("part", "word", required=True, words=URL_PARTS),)),
    "dsnpart": Filter(
        _dsnpart,
        (Parameter("name", required=True), Parameter("separator", "word", default=" ", words=(" ", ";"))),
    ),
}

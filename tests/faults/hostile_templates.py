"""Templates that are meant to hurt, and what each costs. As a program it prints that, a line of JSON for each.

The process may grow by 64 MiB from where it is once everything is imported, and no further.
"""

import json
import resource
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from syncd import template
from syncd.template import jinja

MEBI: Final = 1024 * 1024
ROOM: Final = 64 * MEBI
"""Of address space; resident memory is less."""
_ROUNDS: Final = 900_000
"""For the key and for its seal: what is still opened."""


def _bundle(name: bytes) -> bytes:
    """Give a PKCS#12 bundle that costs as much to open as any that is opened: a large key, and many rounds."""
    encryption = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(_ROUNDS).build(b"pw")
    return pkcs12.serialize_key_and_certificates(name, _large_key(), None, None, encryption)


@cache
def _large_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=4096)


VALUES: Final[Mapping[str, bytes]] = MappingProxyType(
    {
        "a": b"x" * MEBI,
        "comma": b"," * (MEBI - 1),
        "lines": b"\n" * MEBI,
        "quotes": b"'" * MEBI,
        "wide": "🔑".encode() * (MEBI // 4),
        "control": b"\x01" * MEBI,
        "ones": b"[" + b"1," * (MEBI // 2 - 2) + b"1]",
        "lists": b"[" + b"[]," * (MEBI // 3 - 1) + b"[]]",
        "deep": b"[" * MEBI,
        "words": b"a= " * (MEBI // 3),
        "ten": b"0123456789",
        "many": b",".join([b"x"] * 9_000),
        "yaml": b"- a\n" * (MEBI // 4),
        "anchors": b"a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "blanks": b" " * MEBI,
        "binary": bytes(range(256)),
        "short": b"v",
        "bundle": _bundle(b"one"),
        "other": _bundle(b"two"),
        "far": b"[" * 62 + b"[]," * 180_000 + b"[]" + b"]" * 62,
        "pem": b"-----BEGIN CERTIFICATE-----\n" * (MEBI // 28),
    }
)
_TEN: Final = "[0,1,2,3,4,5,6,7,8,9]"


def _nested(depth: int, body: str) -> str:
    return "".join(f"{{% for i{n} in {_TEN} %}}" for n in range(depth)) + body + "{% endfor %}" * depth


def _chain(step: str, times: int) -> str:
    return "{{ a" + step * times + " }}"


HOSTILE: Final[Mapping[str, str]] = MappingProxyType(
    {
        # what reaches for something else
        "the class of a value": "{{ short.__class__ }}",
        "the class by a filter": '{{ short | attr("__class__") }}',
        "the class by a key": '{{ short["__class__"]["__mro__"] }}',
        "the globals of a function": "{{ short.__init__.__globals__ }}",
        "the attributes of all keys": "{{ data.__class__ }}",
        "a method of a text": '{{ short.format("x") }}',
        "a format with a wide field": '{{ "%0200000000d" % 1 }}',
        "a format by a filter": '{{ "%0200000000d" | format(1) }}',
        "lipsum and its globals": '{{ lipsum.__globals__["os"].popen("id").read() }}',
        "cycler": "{{ cycler.__init__.__globals__.os }}",
        "self": "{{ self._TemplateReference__context }}",
        "a map over attributes": '{{ [short] | map(attribute="__class__") | list }}',
        "the cluster's state": '{{ lookup("v1", "Secret", "kube-system", "x") }}',
        "a name resolved": '{{ getHostByName(short ~ ".example.com") }}',
        "the environment": '{{ env("HOME") }}',
        "a file": '{% include "/etc/passwd" %}',
        "an import": '{% import "x" as y %}',
        "a base": '{% extends "x" %}',
        "a macro that calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "a loop that recurs": "{% for x in [[1]] recursive %}{{ loop(x) }}{% endfor %}",
        # what grows
        "a range": "{% for i in range(99999) %}x{% endfor %}",
        "a text times a number": '{{ "a" * 100000000 }}',
        "a power": "{{ 9 ** 9 ** 9 }}",
        "products": "{{ 999999999 * 999999999 * 999999999 }}",
        "a number of many digits": "{{ " + "9" * 130_000 + " }}",
        "a number of many pieces": "{{ " + "1_" * 65_000 + " }}",
        "loops inside each other": _nested(6, "x"),
        "loops that do nothing": _nested(6, ""),
        "loops that only reckon": _nested(4, "{{ '' if " + " + ".join(["1"] * 60) + " else '' }}"),
        "loops that compare": _nested(4, "{% if a == a ~ '' %}{% endif %}"),
        "loops that search": _nested(4, "{% if 'yx' in a %}{% endif %}"),
        "loops that sort": _nested(4, "{{ (many | split(',') | sort)[0] }}"),
        "loops that read JSON": _nested(4, "{{ (ones | fromjson)[0] }}"),
        "loops that read JSON and keep it": "".join(
            f"{{% for i{n} in [ones | fromjson] %}}" for n in range(8)
        ) + "x" + "{% endfor %}" * 8,
        "loops that read YAML": _nested(4, "{{ (yaml | fromyaml)[0] }}"),
        "loops that quote": _nested(4, "{{ (quotes | quote | length) and '' }}"),
        "loops that hold texts": "".join(f"{{% for i{n} in [a ~ a ~ '{n}'] %}}" for n in range(8)) + "{% endfor %}" * 8,
        "a product of lists": '{% for x in many | split(",") %}{% for y in many | split(",") %}' + "{% endfor %}" * 2,
        "one value again and again": "{{ a }}" * 1_000,
        "one value put together": _chain(" ~ a", 99),
        "base64 of base64": _chain(" | b64encode", 60),
        "percent signs of percent signs": _chain(" | urlencode", 3) + "{{ control | urlencode | urlencode }}",
        "JSON of JSON": "{{ control | tojson | tojson | tojson }}",
        "a replacement that grows": '{{ a | replace("x", "xxxxxxxxxx") | replace("x", "xxxxxxxxxx") }}',
        "a replacement by the whole": '{{ a | replace("x", a) }}',
        "a large indentation": "{{ lines | indent(100, true, true) }}",
        "a list of the largest value": "{{ [" + "a," * 90 + "a] | join(a) }}",
        "a long list as JSON": "{{ [" + "a," * 90 + "a] | tojson }}",
        "parts without end": '{{ comma | split(",") | join(", ") }}',
        "numbers without end": "{{ ones | fromjson | join(ones) }}",
        "lists without end as YAML": "{{ lists | fromjson | toyaml | fromyaml | toyaml }}",
        "long lists far inside": "{{ " + "[" * 7 + "ones | fromjson" + "]" * 7 + " | tojson | fromjson | tojson }}",
        "long lists deep inside": "{{ far | fromjson | tojson }}{{ far | fromjson | toyaml }}",
        "depth without end": "{{ deep | fromjson | tojson }}",
        "aliases that grow": "{{ anchors | fromyaml | tojson }}",
        "a DSN without end": '{{ words | dsnpart("b") }}',
        "a URL without end": '{{ ("x://" ~ a) | urlpart("host") }}{{ a | urlpart("host") }}',
        "certificates without end": "{{ pem | pem_certificates }}{{ pem | pem_chain }}{{ pem | pem_key }}",
        "bundles again and again": _nested(2, "{{ bundle | pkcs12_key('pw') | length }}{{ other | pkcs12_key('pw') }}"),
        "passwords without end": _nested(2, "{{ bundle | pkcs12_key('p' ~ ('w' if i0 == 0 else i1)) | length }}"),
        "wide characters": "{{ wide | upper | urlencode }}",
        "quotes in quotes": "{{ quotes | quote | quote | quote }}",
        "TOML of control characters": "{{ control | toml | toml | toml }}",
        "blanks to split at": "{{ (blanks ~ 'x ') | split | first | int }}",
        # what the parser has to chew
        "brackets without end": "{{ " + "(" * 130_000 + " }}",
        "denials without end": "{{ " + "not " * 30_000 + "a }}",
        "signs without end": "{{ " + "-" * 130_000 + "1 }}",
        "sums without end": "{{ " + "1+" * 65_000 + "1 }}",
        "branches without end": "{% if a %}" * 6_000 + "{% endif %}" * 6_000,
        "tags without end": "{{a}}" * 26_000,
        "tags that never close": "{{" * 65_000,
        "comments that never close": "{#" * 65_000,
        "a text that never closes": '{{ "' + "\\x41" * 32_000,
        "filters without end": "{{ a" + "|trim" * 26_000 + " }}",
        "a mebibyte of text": "x" * MEBI,
        "blanks of every kind": "\r{{ " + jinja.BLANKS + " }}",
        # what is not there or no text
        "a key that is not there": "{{ passwrod }}",
        "an entry that is not there": '{{ (ten | tojson | fromjson) ~ ("{}" | fromjson)["x"] }}',
        "bytes that are no text": "{{ binary }}",
        "half of a surrogate pair": r"""{{ '"\ud800"' | fromjson }}{{ '"\\ud800"' | fromjson }}""",
        "a hash of a secret": "{{ short | sha256 }}",
    }
)  # fmt: skip


def told(text: str) -> tuple[str, bool]:
    """Read, check and render a template: what came of it, and whether that is an error."""
    program = template.read.__wrapped__(text)
    if isinstance(program, tuple):
        return program[0].message, True
    found = template.mistakes(program, template.Known(frozenset(VALUES)))
    if found:
        return found[0].message, True
    result = template.render(program, VALUES)
    return (result.reason.value, True) if isinstance(result, template.Stopped) else (f"{len(result)} bytes", False)


def _mebibytes(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def main() -> None:
    """Print the name of each template, whether it ended with an error, which, its seconds and its MiB."""
    told("{{ a | length }}{{ ten | fromyaml }}{{ short | pkcs12_key }}")
    size = int(_mebibytes("VmSize") * MEBI)
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))
    for name, text in HOSTILE.items():
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here (proc(5))
        before, start = _mebibytes("VmRSS"), time.process_time()
        said, wrong = told(text)
        spent = time.process_time() - start
        print(json.dumps([name, wrong, said, spent, _mebibytes("VmHWM") - before]), flush=True)  # noqa: T201 — its output


if __name__ == "__main__":
    main()

"""Filters that quote one value for a line of a configuration file: TOML, INI, dotenv."""

import json
import re
from collections.abc import Mapping
from typing import Final

from syncd.json_text import Number
from syncd.template.filters.lists import AN_ITEM
from syncd.template.meter import Meter
from syncd.template.signature import Filter
from syncd.template.values import Value, fail, kind, text_of

_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
_INI_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@+-](?:[A-Za-z0-9_./:@+ -]*[A-Za-z0-9_./:@+-])?")
_DOTENV_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@+-]+")
_DOTENV: Final = str.maketrans({**_SHORT, "$": "\\$"})


def _toml(meter: Meter, value: Value) -> Value:
    """Spell a value of TOML 1.0: a basic string, a number as it stands, a truth value, an array of these."""
    if not isinstance(value, list):
        return _toml_scalar(meter, value)
    meter.work(AN_ITEM * len(value))
    parts: list[str] = []
    room = meter.limits.text
    for item in value:
        parts.append(_toml_scalar(meter, item))
        room -= len(parts[-1]) + 2
        if room < 0:
            meter.too_large("a text on the way")
    return meter.make("[" + ", ".join(parts) + "]")


def _toml_scalar(meter: Meter, value: Value) -> str:
    if value is None or isinstance(value, list | dict):
        fail(f"toml quotes texts, numbers, truth values and lists of them, and was given {kind(value)}")
    text = text_of(value, meter, "toml")
    if isinstance(value, int | Number):
        return text
    meter.work(len(text))
    # JSON's escapes are TOML's too, which wants DEL escaped besides.
    return meter.make(json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F"))


def _ini(meter: Meter, value: Value) -> Value:
    """Spell a value of an INI file: as it stands where nobody can mistake it, else in double quotes."""
    text = text_of(value, meter, "ini")
    if _CONTROL.search(text):
        fail("ini was given a control character or the end of a line, which INI files cannot hold")
    if _INI_PLAIN.fullmatch(text):
        return text
    meter.work(len(text))
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return meter.make(f'"{escaped}"')


def _dotenv(meter: Meter, value: Value) -> Value:
    """Spell a value of a dotenv file so that nothing in it is replaced when it is read."""
    text = text_of(value, meter, "dotenv")
    if "\0" in text:
        fail("dotenv was given a NUL, which no variable can hold")
    if _DOTENV_PLAIN.fullmatch(text):
        return text
    if "'" not in text and not _CONTROL.search(text):
        return meter.make(f"'{text}'")
    meter.work(len(text))
    return meter.make(f'"{text.translate(_DOTENV)}"')


FILTERS: Final[Mapping[str, Filter]] = {"toml": Filter(_toml), "ini": Filter(_ini), "dotenv": Filter(_dotenv)}

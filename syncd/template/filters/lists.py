"""Filters of lists: made of a text, put into order, and made a text again."""

from collections.abc import Mapping
from typing import Final

from syncd.json_text import Number
from syncd.template.meter import Meter
from syncd.template.signature import Filter, Parameter
from syncd.template.values import ABSENT, Value, fail, kind, list_of, number_of, text_of

AN_ITEM: Final = 64
"""Bytes that an item of a list is taken for, besides its text."""
MOST_ITEMS: Final = 10_000
"""Of what `split` makes: more than loops have rounds for."""


def _split(meter: Meter, value: Value, separator: Value) -> Value:
    text = text_of(value, meter, "split")
    mark = None if separator is None else text_of(separator, meter, "split")
    if mark == "":
        fail("split was asked to split at an empty text")
    meter.work(len(text))
    found = text.split(mark, MOST_ITEMS)
    if len(found) > MOST_ITEMS:
        fail(f"split would give more than {MOST_ITEMS} parts")
    meter.work(AN_ITEM * len(found))
    return [meter.make(part) for part in found]


def _join(meter: Meter, value: Value, separator: Value) -> Value:
    items = list_of(value, "join")
    meter.work(AN_ITEM * len(items))
    mark = text_of(separator, meter, "join")
    room = meter.limits.text
    texts: list[str] = []
    for item in items:
        texts.append(text_of(item, meter, "join"))
        room -= len(texts[-1]) + len(mark)
        meter.foresee(meter.limits.text - room - len(mark))
    return meter.make(mark.join(texts))


def _alike(items: list[Value], meter: Meter, use: str) -> list[tuple[int, str]]:
    """Give the items as what can be compared, all texts or all whole numbers: the number, or 0, and the text."""
    meter.work(AN_ITEM * len(items))
    numbers = bool(items) and all(isinstance(item, int | Number) and not isinstance(item, bool) for item in items)
    found: list[tuple[int, str]] = []
    for item in items:
        if not numbers and (isinstance(item, Number) or not isinstance(item, str | bytes)):
            fail(f"{use} needs texts alone or whole numbers alone, and was given {kind(item)} among others")
        text = text_of(item, meter, use)
        meter.work(len(text))
        found.append((number_of(item, use) if numbers else 0, text))
    return found


def _sort(meter: Meter, value: Value, reverse: Value) -> Value:
    items = list_of(value, "sort")
    alike = _alike(items, meter, "sort")
    order = sorted(range(len(items)), key=alike.__getitem__, reverse=reverse is True)
    return [items[index] for index in order]


def _unique(meter: Meter, value: Value) -> Value:
    items = list_of(value, "unique")
    firsts: dict[tuple[int, str], Value] = {}
    for key, item in zip(_alike(items, meter, "unique"), items, strict=True):
        firsts.setdefault(key, item)
    return list(firsts.values())


def _first(_meter: Meter, value: Value) -> Value:
    items = list_of(value, "first")
    return items[0] if items else ABSENT


def _last(_meter: Meter, value: Value) -> Value:
    items = list_of(value, "last")
    return items[-1] if items else ABSENT


def _items(meter: Meter, value: Value) -> Value:
    if not isinstance(value, dict):
        fail(f"items needs an object, and was given {kind(value)}")
    meter.work(3 * AN_ITEM * len(value))
    return [[key, item] for key, item in value.items()]


FILTERS: Final[Mapping[str, Filter]] = {
    "split": Filter(_split, (Parameter("separator"),)),
    "join": Filter(_join, (Parameter("separator", default=""),)),
    "sort": Filter(_sort, (Parameter("reverse", "flag", default=False),)),
    "unique": Filter(_unique),
    "first": Filter(_first),
    "last": Filter(_last),
    "items": Filter(_items),
}

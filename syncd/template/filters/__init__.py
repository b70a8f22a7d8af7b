"""What may stand after a `|`: each filter by its name. docs/templates.md says what each does, with an example."""

from collections.abc import Mapping
from typing import Final

from syncd.template.filters import formats, lines, lists, pems, texts, urls
from syncd.template.signature import Filter

FILTERS: Final[Mapping[str, Filter]] = {
    **texts.FILTERS,
    **lists.FILTERS,
    **formats.FILTERS,
    **lines.FILTERS,
    **urls.FILTERS,
    **pems.FILTERS,
}

"""Where the paths of problems stand: a second pass over the events, made only when there is a problem to tell."""

from collections.abc import Iterable, Mapping

from yaml._yaml import CParser
from yaml.events import MappingEndEvent, MappingStartEvent, NodeEvent, ScalarEvent, SequenceEndEvent

from syncd.node.problem import Path
from syncd.node.reader import place_of


class _Wanted:
    """One step of a path that somebody asks for, and the steps below it."""

    __slots__ = ("below", "place")

    def __init__(self) -> None:
        self.below: dict[str | int, _Wanted] = {}
        self.place: tuple[int, int] | None = None


def places(data: bytes, paths: Iterable[Path]) -> Mapping[Path, tuple[int, int]]:
    """Find each of `paths`; see `syncd.node.locate`."""
    asked = tuple(paths)
    root = _Wanted()
    for path in asked:
        step = root
        for part in path:
            step = step.below.setdefault(part, _Wanted())
    _walk(data, root)
    return {path: _nearest(root, path) for path in asked}


def _nearest(root: _Wanted, path: Path) -> tuple[int, int]:
    place = root.place or (1, 1)
    step = root
    for part in path:
        step = step.below[part]
        if step.place is None:
            break
        place = step.place
    return place


def _walk(data: bytes, root: _Wanted) -> None:
    """Give every wanted step that is there its place."""
    next_event = CParser(data).get_event
    above: list[_Box] = []
    while (event := next_event()) is not None:
        if isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            above.pop()
        elif isinstance(event, NodeEvent):
            if not above:
                step: _Wanted | None = root
                root.place = place_of(event)
            elif isinstance(event, ScalarEvent) and above[-1].wants_key():
                above[-1].take_key(event)
                continue
            else:
                step = above[-1].take(event)
            if not isinstance(event, ScalarEvent):
                above.append(_Box(step, mapping=isinstance(event, MappingStartEvent)))


class _Box:
    """A list or mapping on the way to the current event."""

    __slots__ = ("_count", "_has_key", "_mapping", "_pending", "_wanted")

    def __init__(self, wanted: _Wanted | None, *, mapping: bool) -> None:
        self._wanted = wanted
        self._mapping = mapping
        self._has_key = False
        self._pending: _Wanted | None = None
        self._count = 0

    def wants_key(self) -> bool:
        return self._mapping and not self._has_key

    def take_key(self, event: ScalarEvent) -> None:
        self._has_key = True
        self._pending = self._found(event.value, event)

    def take(self, event: NodeEvent) -> _Wanted | None:
        """Step into a value or an item: give what is wanted below it."""
        if self._mapping:
            self._has_key = False
            return self._pending
        self._count += 1
        return self._found(self._count - 1, event)

    def _found(self, part: str | int, event: NodeEvent) -> _Wanted | None:
        step = self._wanted.below.get(part) if self._wanted is not None else None
        if step is not None:
            step.place = place_of(event)
        return step

"""Every order in which tasks that take turns may run, as far as the number of unforced switches goes."""

from collections.abc import Callable

Choose = Callable[[int], int]


def every_order(run: Callable[[Choose], None], *, switches: int) -> int:
    """Run once for each order in which others go first at `switches` places at the most; tell how many these are.

    `run` does the same each time but for what it chooses. An order is the list of its choices, so that a failing one
    shows in the assertion of whoever notes it.
    """
    waiting: list[tuple[int, ...]] = [()]
    runs = 0
    while waiting:
        prefix = waiting.pop()
        trail: list[tuple[int, int]] = []

        def choose(count: int, prefix: tuple[int, ...] = prefix, trail: list[tuple[int, int]] = trail) -> int:
            place = len(trail)
            pick = prefix[place] if place < len(prefix) else 0
            trail.append((count, pick))
            return pick

        run(choose)
        runs += 1
        if sum(pick != 0 for pick in prefix) < switches:
            taken = tuple(pick for _, pick in trail)
            waiting += [
                (*taken[:place], other)
                for place in range(len(prefix), len(trail))
                for other in range(1, trail[place][0])
            ]
    return runs

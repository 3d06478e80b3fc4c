"""Depth where each token sees one stretch of the sequence, whose ends move forward with it.

Let a layer's keys be ``[f(q), g(q)]`` with f and g non-decreasing and ``f(q) <= q <= g(q)``.  Then two such layers
compose to ``[f1(f2(q)), g1(g2(q))]``, so the last token's way to the first, and the first's to the last, tell all.
Windows, chunks (shifted ones too), what is common to them and their unions are of this kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from patternc.analysis.intset import INF, Bound, IntSet, TooLarge, interval
from patternc.analysis.large import Part, parts_of
from patternc.analysis.semantics import Layer, Model

MAX_HOPS = 1 << 20


@dataclass(frozen=True)
class Stretch:
    """What one conjunction of lag and chunk bounds lets a token see, for one length."""

    lags: tuple[Bound, Bound]
    chunks: tuple[tuple[int, int, Bound, Bound], ...]
    last: int

    def first_key(self, q: int) -> int:
        """The first key that query ``q`` sees."""
        low = max(0, q - self.lags[1])
        for size, offset, _, farthest in self.chunks:
            if farthest != INF:
                low = max(low, ((q + offset) // size - int(farthest)) * size - offset)
        return int(low)

    def last_key(self, q: int) -> int:
        """The last key that query ``q`` sees."""
        high = min(self.last, q - self.lags[0])
        for size, offset, nearest, _ in self.chunks:
            if nearest != -INF:
                high = min(high, ((q + offset) // size - int(nearest) + 1) * size - offset - 1)
        return int(high)


def depth(model: Model, n: int, limit: Bound, causal: bool) -> Bound | None:
    """The fewest layers at length ``n``, at most ``limit`` (else `INF`); None where the layers are not of this kind."""
    found: dict[Layer, list[Stretch]] = {}
    for layer in model.distinct:
        stretches = _stretches(parts_of(layer.at(n)), n)
        if stretches is None:
            return None
        found[layer] = stretches

    def back(layer: Layer, q: int) -> int:
        return min((s.first_key(q) for s in found[layer]), default=q)

    def forth(layer: Layer, q: int) -> int:
        return max((s.last_key(q) for s in found[layer]), default=q)

    ways = [(back, n - 1, 0)] if causal else [(back, n - 1, 0), (forth, 0, n - 1)]
    return max(_hops(model, step, start, aim, limit) for step, start, aim in ways)


def _stretches(parts: list[Part] | None, n: int) -> list[Stretch] | None:
    if parts is None:
        return None
    result: list[Stretch] = []
    everywhere = interval(0, n - 1)
    for part in parts:
        if not everywhere.within(part.keys) or not everywhere.within(part.queries):
            return None
        sets = [part.lags, *(c.distances for c in part.chunks)]
        if not all(_solid_about_0(s) for s in sets):
            return None
        chunks = tuple((c.size, c.offset, c.distances.least, c.distances.greatest) for c in part.chunks)
        result.append(Stretch((part.lags.least, part.lags.greatest), chunks, n - 1))
    return result


def _solid_about_0(members: IntSet) -> bool:
    return len(members.pieces) == 1 and members.pieces[0].solid and members.contains(0)


def _hops(model: Model, step: Callable[[Layer, int], int], start: int, aim: int, limit: Bound) -> Bound:
    """The fewest layers that lead from ``start`` to ``aim``."""
    if model.endless:
        at, hops = start, 0
        while at != aim:
            following = step(model.layers[0], at)
            hops += 1
            if following == at or hops > limit:
                return INF
            if hops > MAX_HOPS:
                raise TooLarge(f"more than {MAX_HOPS} layers")
            at = following
        return hops

    def arrives(count: int) -> bool:
        at = start
        for layer in reversed(model.layers[:count]):
            at = step(layer, at)
        return at == aim

    top = int(min(limit, len(model.layers)))
    if not arrives(top):
        return INF
    low, high = 0, top
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if arrives(middle) else (middle + 1, high)
    return low

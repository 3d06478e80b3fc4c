"""Depth on long sequences where what a token sees depends on where it stands: a few tokens speak for all.

Causal: let the relation repeat with period P on positions from T on.  A path from q to k stays between them, so a shift
by P that keeps it at or above T changes nothing.  Hence the last P queries speak for every pair of positions from T on,
and the keys below T are asked one by one who sees them.  To both sides: a token that all see and that sees all makes
two layers enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from patternc.analysis import bits
from patternc.analysis.intset import ALL, INF, Bound, IntSet, TooLarge, interval
from patternc.analysis.lagset import Term, terms_of
from patternc.analysis.receptive_field import MAX_BITS
from patternc.analysis.semantics import Layer, Model
from patternc.analysis.shapes import EVERY, Both, ChunkIn, Either, KeyIn, LagIn, QueryIn, Shape, depends_on_n, leaves

MAX_PARTS = 64
MAX_TOKENS = 1024
MAX_MOVED = 1 << 38
"""So many bits are moved at most, a few seconds."""


@dataclass
class Part:
    """A conjunction: lag, key and query in sets, and chunk distances."""

    lags: IntSet = ALL
    keys: IntSet = ALL
    queries: IntSet = ALL
    chunks: list[ChunkIn] = field(default_factory=list)

    def mirrored(self) -> Part:
        """The part with queries and keys exchanged."""
        turned = [ChunkIn(c.size, c.offset, c.distances.reflected()) for c in self.chunks]
        return Part(self.lags.reflected(), self.queries, self.keys, turned)


def parts_of(shape: Shape) -> list[Part] | None:
    """The shape as a union of conjunctions; None where it has other conditions or too many."""
    found = _parts(shape)
    return None if found is None or len(found) > MAX_PARTS else found


def _parts(shape: Shape) -> list[Part] | None:
    match shape:
        case Either(parts):
            lists = [_parts(p) for p in parts]
            return None if any(x is None for x in lists) else [p for x in lists if x is not None for p in x]
        case Both(parts):
            result = [Part()]
            for one in parts:
                more = _parts(one)
                if more is None or len(more) * len(result) > MAX_PARTS:
                    return None
                result = [_both(a, b) for a in result for b in more]
            return result
        case LagIn(lags):
            return [Part(lags=lags)]
        case KeyIn(keys):
            return [Part(keys=keys)]
        case QueryIn(queries):
            return [Part(queries=queries)]
        case ChunkIn():
            return [Part(chunks=[shape])]
        case _:
            return None


def _both(a: Part, b: Part) -> Part:
    return Part(a.lags & b.lags, a.keys & b.keys, a.queries & b.queries, [*a.chunks, *b.chunks])


class Image:
    """For a set of queries the keys that they see in one layer, as bits, at length n."""

    def __init__(self, parts: list[Part], n: int):
        if n > MAX_BITS:
            raise TooLarge(f"{n} tokens, one by one")
        self.n = n
        self.full = bits.ones(n)
        self.steps = [self._step(p) for p in parts]
        self.cost = 2 * n * sum(24 for _ in parts)

    def __call__(self, queries: int) -> int:
        """The keys, and the queries themselves."""
        return queries | self.new(queries)

    def new(self, queries: int) -> int:
        """The keys."""
        result = 0
        for step in self.steps:
            result |= step(queries)
        return result

    def _step(self, part: Part) -> Callable[[int], int]:
        n, full = self.n, self.full
        keys, queries = (bits.from_set(s, 0, n - 1) for s in (part.keys, part.queries))
        if not part.chunks:
            move = self._by_lag(part.lags)
        elif len(part.chunks) == 1:
            move = self._by_chunk(part.chunks[0], part.lags)
        else:
            raise TooLarge("chunks of several sizes at once")
        return lambda asked: move(asked & queries) & keys & full

    def _by_lag(self, lags: IntSet) -> Callable[[int], int]:
        n = self.n
        held = lags & interval(1 - n, n - 1)
        if held.equals(interval(1 - n, n - 1)):
            return lambda asked: self.full if asked else 0
        if held.equals(interval(0, n - 1)):
            return lambda asked: bits.ones(asked.bit_length())
        # Keys are queries plus negated lags; n - 1 more keeps them from being negative.
        terms, wide = terms_of(held.reflected().shifted(n - 1)), bits.ones(2 * n)
        return lambda asked: bits.plus(asked, terms, wide) >> n - 1

    def _by_chunk(self, chunk: ChunkIn, lags: IntSet) -> Callable[[int], int]:
        """Whole chunks, where the lag says nothing or nothing but earlier (or later)."""
        held = self._possible(chunk)
        size, offset, count = chunk.size, chunk.offset, (self.n - 1 + chunk.offset) // chunk.size + 1
        if not held.pieces:
            return lambda asked: 0
        if self._range(held, size).within(lags):
            return self._whole_chunks(held, size, offset, count)
        own, others = held & interval(0, 0), held - interval(0, 0)
        inside = lags & interval(1 - size, size - 1)
        up = inside.equals(interval(1 - size, 0))
        if (others.pieces and not self._range(others, size).within(lags)) or not (
            up or inside.equals(interval(0, size - 1))
        ):
            raise TooLarge("chunks with other bounds on the lag")
        whole = self._whole_chunks(others, size, offset, count) if others.pieces else None
        room = _Room(size, count)

        def move(asked: int) -> int:
            found = whole(asked) if whole else 0
            return found | room.filled(asked << offset, up) >> offset if own.pieces else found

        return move

    def _possible(self, chunk: ChunkIn) -> IntSet:
        last = (self.n - 1 + chunk.offset) // chunk.size
        return chunk.distances & interval(-last, last)

    def _range(self, distances: IntSet, size: int) -> IntSet:
        """The lags within the sequence that pairs of such chunks can have."""
        low, high = (int(distances.least) - 1) * size + 1, (int(distances.greatest) + 1) * size - 1
        return interval(max(low, 1 - self.n), min(high, self.n - 1))

    def _whole_chunks(self, distances: IntSet, size: int, offset: int, count: int) -> Callable[[int], int]:
        # Bit i stands for position i - offset, so that chunks start at multiples of the size.
        starts, wide = bits.repeated(1, size, count), bits.ones(2 * size * count)
        terms: list[Term] = []
        for t in terms_of(distances.reflected().shifted(count - 1)):
            if t.hops == 0:
                terms.append(Term(t.start * size, size, t.width))
            else:
                terms += (Term((t.start + w) * size, t.period * size, t.hops) for w in range(t.width + 1))
        if len(terms) > MAX_PARTS:
            raise TooLarge("chunks that see many others")

        def move(asked: int) -> int:
            marked = _folded(asked << offset, size, starts)
            found = bits.plus(marked, terms, wide) >> (count - 1) * size
            return bits.dilated(found & starts, size - 1) >> offset

        return move


def _folded(asked: int, size: int, starts: int) -> int:
    """The starts of the chunks that hold a member."""
    span, block = 1, asked
    while span < size:
        step = min(span, size - span)
        block |= block >> step
        span += step
    return block & starts


class _Room:
    """Shifts that stay within their chunk."""

    def __init__(self, size: int, count: int):
        self.size, self.starts = size, bits.repeated(1, size, count)

    def filled(self, asked: int, up: bool) -> int:
        """Each chunk from its start to its last member; with ``up`` from its first member to its end."""
        span, block = 1, asked
        while span < self.size:
            targets = bits.dilated(self.starts, self.size - span - 1)
            block |= (block << span & targets << span) if up else (block >> span & targets)
            span *= 2
        return block


def depth(model: Model, n: int, limit: Bound, causal: bool, budget: int = MAX_MOVED) -> Bound | None:
    """The fewest layers at length ``n``, at most ``limit`` (else `INF`); None where no rule applies."""
    return _causal(model, n, limit, budget) if causal else _by_hub(model, n, limit)


def _images(model: Model, n: int, mirrored: bool) -> dict[Layer, Image] | None:
    images: dict[Layer, Image] = {}
    for layer in model.distinct:
        parts = parts_of(layer.at(n))
        if parts is None:
            return None
        images[layer] = Image([p.mirrored() for p in parts] if mirrored else parts, n)
    return images


def _causal(model: Model, n: int, limit: Bound, budget: int) -> Bound | None:
    period, start = _repeats(model)
    if period + start > min(MAX_TOKENS, n):
        return None
    try:
        down, up = _images(model, n, False), _images(model, n, True) if start else {}
    except TooLarge:
        return None
    if down is None or up is None:
        return None
    deepest: Bound = 1
    moved = 0
    for q in range(n - period, n):
        found, work = _layers_until(model, down, 1 << q, bits.ones(q + 1), limit, True, int(deepest), budget - moved)
        deepest, moved = max(deepest, found), moved + work
        if deepest == INF or moved > budget:
            return INF if deepest == INF else None
    for k in range(int(start)):
        found, work = _layers_until(
            model, up, 1 << k, bits.ones(n) ^ bits.ones(k), limit, False, int(deepest), budget - moved
        )
        deepest, moved = max(deepest, found), moved + work
        if deepest == INF or moved > budget:
            return INF if deepest == INF else None
    return deepest


def _repeats(model: Model) -> tuple[int, Bound]:
    """A period and a start from which on the layers repeat with it, along queries and keys."""
    period, start = 1, 0
    for layer in model.distinct:
        if depends_on_n(layer.shape):
            return 1, INF
        for leaf in leaves(layer.shape):
            match leaf:
                case LagIn():
                    continue
                case ChunkIn(size):
                    period = math.lcm(period, size)
                case KeyIn(members) | QueryIn(members):
                    last = members.pieces[-1]
                    if last.hi == INF:
                        period = math.lcm(period, last.period)
                    start = max(
                        start,
                        int(last.lo)
                        if last.hi == INF and last.lo != -INF
                        else int(last.hi) + 1
                        if last.hi != INF
                        else 0,
                    )
                case _:
                    return 1, INF
    return period, start


def _layers_until(
    model: Model,
    images: dict[Layer, Image],
    first: int,
    goal: int,
    limit: Bound,
    downwards: bool,
    known: int,
    budget: int,
) -> tuple[Bound, int]:
    """The fewest layers, ``known`` at least, after which ``first`` has grown to ``goal``, and the bits moved.

    What a query sees is followed from the last layer down, who sees a key from the first layer up.
    """
    if model.endless:
        seen, layers, moved = first, 0, 0
        image = images[model.layers[0]]
        while seen & goal != goal:
            following = image(seen)
            layers, moved = layers + 1, moved + image.cost
            if layers > limit or following == seen:
                return INF, moved
            if moved > budget:
                return known, moved
            seen = following
        return max(layers, known), moved
    moved = 0
    for count in range(known, int(limit) + 1):
        seen = first
        order = model.layers[:count]
        for layer in reversed(order) if downwards else order:
            seen = images[layer](seen)
            moved += images[layer].cost
        if seen & goal == goal:
            return count, moved
        if moved > budget:
            return known, moved
    return INF, moved


def sees_future(layer: Layer, n: int) -> bool:
    """Whether some pair of the layer has its key after its query.  Raises `TooLarge`."""
    parts = parts_of(layer.at(n))
    if parts is None:
        raise TooLarge(f"a condition over {n} x {n} pairs")
    later = interval(1 - n, -1)
    return any(Image([replace(p, lags=p.lags & later)], n).new(bits.ones(n)) for p in parts)


def _by_hub(model: Model, n: int, limit: Bound) -> Bound | None:
    if not model.endless or limit < 2:
        return None
    if model.layers[0].at(n) == EVERY:
        return 1
    try:
        down, up = _images(model, n, False), _images(model, n, True)
    except TooLarge:
        return None
    if down is None or up is None:
        return None
    layer, full = model.layers[0], bits.ones(n)
    hub = next((c for c in range(min(n, 16)) if down[layer](1 << c) == full == up[layer](1 << c)), None)
    if hub is None:
        return None
    # Two layers are enough; one is not, if some token of a few does not see all.
    for q in (0, n // 2, n - 1, *range(16, min(n, 4096), 97)):
        if down[layer](1 << q) != full:
            return 2
    return None

"""Depth: after how many layers every token of a sequence of n sees every token it may.

What a token may see is all earlier tokens and itself where the pattern holds no future pair, else all.  On a sequence
paths must stay within it.  Where membership is a function of the lag,

- a causal path never leaves the sequence, so that sums of lags, cut to ``[0, n - 1]``, tell all;
- on a ring sums are taken modulo n;
- windows to both sides move straight to their aim;
- for one lag set in all layers, with lags of both signs, steps can be put in an order that stays within the sequence
  where n is at least the sum of any two lags of opposite sign and different magnitude.

Everything else is decided on the graph itself, up to `GRAPH_LIMIT` tokens, or by `large`.
"""

from __future__ import annotations

from patternc.analysis import bits, intervals, large
from patternc.analysis.intset import INF, Bound, IntSet, TooLarge, from_intervals, interval
from patternc.analysis.lagset import Term, terms_of
from patternc.analysis.receptive_field import MAX_BITS, MAX_SHIFTED, Field
from patternc.analysis.rows import composed, targets
from patternc.analysis.semantics import Layer, Model, plainly_causal
from patternc.analysis.shapes import by_lag, lag_set
from patternc.analysis.skip_family import skips_of

GRAPH_LIMIT = 4096
LARGE_GRAPH = 8192
SMALL_GRAPH = 192
LITTLE_MOVED = 1 << 32


def depth(model: Model, n: int, limit: Bound = INF) -> Bound:
    """The fewest layers that are enough at length ``n``, if they are at most ``limit``; else `INF`.

    Raises `TooLarge` where it cannot be said; never up to `GRAPH_LIMIT` tokens.
    """
    limit = min(limit, model.limit)
    if n == 1:
        return 0
    if not model.endless and len(model.distinct) == 1:
        # The same layer again and again, as often as the limit allows.
        model = Model(model.layers[:1], True)
    if limit < 1:
        return INF
    causal = not any(sees_future(layer, n) for layer in model.distinct)
    try:
        if all(by_lag(layer.step(n)) for layer in model.distinct):
            found = _by_lag(model, n, limit, causal)
            if found is not None:
                return found
    except TooLarge:
        if n > GRAPH_LIMIT:
            raise
    if (found := _by_few_tokens(model, n, limit, causal)) is not None:
        return found
    if n <= GRAPH_LIMIT:
        return _on_graph(model, n, limit, causal)
    if n <= LARGE_GRAPH:
        return _on_graph(model, n, limit, causal)
    raise TooLarge(f"tokens see what depends on where they stand, and {n} tokens are too many to follow one by one")


def has_formula(model: Model, n: int) -> bool:
    """Whether the depth at length ``n`` is a matter of arithmetic."""
    layer = model.layers[0] if len(model.distinct) == 1 else None
    if layer is None or not by_lag(layer.step(n)):
        return False
    lags = lags_at(layer, n)
    skips = skips_of(lags)
    return skips is not None and (not skips.both or n >= _opposite_pair(lags))


def enclosed(model: Model, n: int) -> tuple[int, int] | None:
    """Bounds of the depth of a window with skips without end to both sides; None of other patterns.

    Between hops of the period p <= n / 3 windows must cross p // 2; a second hop keeps them away from the ends
    (see `rules.symmetric`).
    """
    layer = model.layers[0] if len(model.distinct) == 1 else None
    skips = skips_of(lags_at(layer, n)) if layer is not None and by_lag(layer.step(n)) else None
    if skips is None or not skips.both or skips.period * (skips.hops + 1) < n:
        return None
    if not 1 <= skips.window < skips.period <= n // 3:
        return None
    least = 1 - (-(skips.period // 2) // skips.window)
    return least, least + 1


def _by_few_tokens(model: Model, n: int, limit: Bound, causal: bool) -> Bound | None:
    """By rules that follow a few tokens only; on short sequences the graph is as quick."""
    if n < SMALL_GRAPH:
        return None
    try:
        if (found := intervals.depth(model, n, limit, causal)) is not None:
            return found
        return large.depth(model, n, limit, causal, large.MAX_MOVED if n > GRAPH_LIMIT else LITTLE_MOVED)
    except TooLarge:
        if n > GRAPH_LIMIT:
            raise
        return None


def sees_future(layer: Layer, n: int) -> bool:
    """Whether some pair of the sequence has its key after its query.  Raises `TooLarge`, not up to `GRAPH_LIMIT`."""
    shape = layer.at(n)
    if by_lag(shape):
        return not (lag_set(shape) & interval(1 - n, -1)).empty
    if plainly_causal(shape):
        return False
    if n <= GRAPH_LIMIT:
        return any(row >> q + 1 for q, row in enumerate(layer.rows(n)))
    return large.sees_future(layer, n)


def sees_all(model: Model, n: int, layers: int) -> bool:
    """Whether ``layers`` layers are enough at length ``n``."""
    return depth(model, n, layers) <= layers


def lags_at(layer: Layer, n: int) -> IntSet:
    """The lags of a layer that is by lag at length ``n``, 0 among them."""
    return lag_set(layer.step(n)) & interval(1 - n, n - 1)


def _by_lag(model: Model, n: int, limit: Bound, causal: bool) -> Bound | None:
    held = {layer: lags_at(layer, n) for layer in model.distinct}
    if causal:
        return _causal(model, held, n, limit)
    if all(len(d.pieces) == 1 and d.pieces[0].solid for d in held.values()):
        return _windows(model, held, n, limit)
    if all(on_a_ring(d, n) for d in held.values()):
        return _ring(model, held, n, limit)
    if model.endless and (lags := held[model.layers[0]]) and n >= _opposite_pair(lags):
        return _both_ways(lags, n, limit)
    return None


def _causal(model: Model, held: dict[Layer, IntSet], n: int, limit: Bound) -> Bound:
    last = n - 1
    if model.endless:
        lags = held[model.layers[0]]
        if not lags.contains(1):
            return INF
        if (skips := skips_of(lags)) is not None:
            return _capped(skips.depth(last, limit), limit)
    if n > MAX_BITS:
        return _bisected(model, held, last, limit)
    if model.endless:
        return _capped(_steps_to_full(held[model.layers[0]], last, limit), limit)
    mask, total = bits.ones(n), 1
    terms = {layer: terms_of(d) for layer, d in held.items()}
    for index, layer in enumerate(model.layers):
        if index >= limit:
            break
        total = bits.plus(total, terms[layer], mask)
        if total == mask:
            return index + 1
    return INF


def _capped(found: Bound, limit: Bound) -> Bound:
    return found if found <= limit else INF


def _bisected(model: Model, held: dict[Layer, IntSet], last: int, limit: Bound) -> Bound:
    """By the prefix of so many layers, which never falls with their number."""

    def enough(layers: int) -> bool:
        return Field([(held[layer], count) for layer, count in model.groups(layers)]).prefix >= last

    low, high = 1, 1
    while not enough(high):
        if high >= limit or high > last:
            return INF
        low, high = high + 1, int(min(high * 2, limit))
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def _steps_to_full(lags: IntSet, last: int, limit: Bound) -> Bound:
    """How often ``lags`` must be added until nothing up to ``last`` is missing (see `receptive_field.add_layers`)."""
    mask, total, steps = bits.ones(last + 1), 1, 0
    terms, top = terms_of(lags), int(lags.greatest)
    moved = 0
    while total != mask:
        if steps >= limit:
            return INF
        following = bits.plus(total, terms, mask)
        if following == (total | total << top) & mask:
            return steps + _shifts_to_full(total, top, mask)
        total, steps, moved = following, steps + 1, moved + 8 * len(terms) * last
        if moved > MAX_SHIFTED:
            raise TooLarge("the depth of an irregular pattern at this length")
    return steps


def _shifts_to_full(total: int, top: int, mask: int) -> Bound:
    """The least j with ``total + {0, top, ..., j top}`` full; `INF` where there is none."""
    if top == 0:
        return 0 if total == mask else INF
    low, high = 0, mask.bit_length() // top + 1
    if bits.repeated(total, top, high + 1) & mask != mask:
        return INF
    while low < high:
        middle = (low + high) // 2
        enough = bits.repeated(total, top, middle + 1) & mask == mask
        low, high = (low, middle) if enough else (middle + 1, high)
    return low


def _windows(model: Model, held: dict[Layer, IntSet], n: int, limit: Bound) -> Bound:
    """Each layer an interval of lags with 0 in it: the last token must reach the first, and the first the last."""
    back = forth = n - 1
    if model.endless:
        lags = held[model.layers[0]]
        if lags.greatest == 0 or lags.least == 0:
            return INF
        return _capped(max(-(-back // int(lags.greatest)), -(-forth // int(-lags.least))), limit)
    for index, layer in enumerate(model.layers):
        if index >= limit:
            break
        back, forth = back - int(held[layer].greatest), forth + int(held[layer].least)
        if back <= 0 and forth <= 0:
            return index + 1
    return INF


def on_a_ring(lags: IntSet, n: int) -> bool:
    """Whether the lags at length ``n`` are those of a ring: with d also d - n."""
    above, below = lags & interval(1, n - 1), lags & interval(1 - n, -1)
    return below.shifted(n).equals(above)


def _ring(model: Model, held: dict[Layer, IntSet], n: int, limit: Bound) -> Bound:
    """Sums modulo n.  A common shift of all lags of a layer changes no count, so the widest gap is put at the end."""
    if n > MAX_BITS:
        raise TooLarge("a ring without a closed form at this length")
    mask = bits.ones(n)
    turned = {layer: _turned(lags & interval(0, None), n) for layer, lags in held.items()}
    arcs = {layer: len(d.pieces) == 1 and d.pieces[0].solid for layer, d in turned.items()}
    if model.endless and arcs[model.layers[0]]:
        width = int(turned[model.layers[0]].greatest)
        return _capped(-(-(n - 1) // width), limit) if width else INF
    terms = {layer: terms_of(d) for layer, d in turned.items()}
    total, index, moved = 1, 0, 0
    while index < limit:
        layer = model.layer(index)
        wide = bits.plus(total, terms[layer], bits.ones(2 * n))
        following = (wide | wide >> n) & mask
        index += 1
        if following == mask:
            return index
        # Rotations of one set have one size: a size that stays the same is a union of cosets, for ever.
        if model.endless and following.bit_count() == total.bit_count():
            return INF
        total, moved = following, moved + 16 * len(terms[layer]) * n
        if moved > MAX_SHIFTED:
            raise TooLarge("the depth of an irregular ring at this length")
    return INF


def _turned(lags: IntSet, n: int) -> IntSet:
    """Lags modulo n shifted so that the longest gap between them lies at the end."""
    runs = lags.intervals(0, n - 1)
    gaps = [(runs[i][0] - runs[i - 1][1], runs[i][0]) for i in range(1, len(runs))]
    gaps.append((runs[0][0] + n - runs[-1][1], runs[0][0]))
    start = max(gaps)[1]
    moved = [((lo - start) % n, (lo - start) % n + hi - lo) for lo, hi in runs]
    return from_intervals(moved)


def _opposite_pair(lags: IntSet) -> Bound:
    """The largest sum of the magnitudes of two lags of opposite sign that do not cancel."""
    up, down = int(lags.greatest), int(-lags.least)
    if up != down:
        return up + down
    second = max(lags.at_most(up - 1) or 0, -(lags.at_least(1 - down) or 0))
    return up + second


def _both_ways(lags: IntSet, n: int, limit: Bound) -> Bound:
    last = n - 1
    if (skips := skips_of(lags)) is not None:
        return _capped(skips.depth(last, limit), limit)
    if n > MAX_BITS:
        raise TooLarge("a pattern to both sides without a closed form at this length")
    # Bit i stands for the lag i - last; every sum that counts has an order whose partial sums stay within.
    width = 2 * n - 1
    mask, total, steps = bits.ones(width), 1 << last, 0
    up = terms_of(lags & interval(0, None))
    down = terms_of((lags & interval(None, 0)).reflected())
    moved = 0
    while total != mask:
        if steps >= limit:
            return INF
        following = bits.plus(total, up, mask) | _plus_down(total, down, mask)
        if following == total:
            return INF
        total, steps, moved = following, steps + 1, moved + 16 * (len(up) + len(down)) * width
        if moved > MAX_SHIFTED:
            raise TooLarge("the depth of an irregular pattern at this length")
    return steps


def _plus_down(total: int, terms: list[Term], mask: int) -> int:
    """The sum with the negated terms."""
    result = 0
    for t in terms:
        block = total >> t.start
        for step, copies in ((1, t.width + 1), (t.period, int(t.hops) + 1)):
            block = bits.repeated_down(block, step, copies)
        result |= block
    return result & mask


def _on_graph(model: Model, n: int, limit: Bound, causal: bool) -> Bound:
    """By composing the layers' matrices; for one layer over and over by squaring and bisection."""
    goal = targets(n, causal)
    if not model.endless:
        seen = [1 << q for q in range(n)]
        for index, layer in enumerate(model.layers):
            if index >= limit:
                break
            seen = composed(list(layer.rows(n)), seen, goal)
            if seen == goal:
                return index + 1
        return INF
    powers = [list(model.layers[0].rows(n))]
    while powers[-1] != goal:
        if 2 ** (len(powers) - 1) >= limit:
            return INF
        square = composed(powers[-1], powers[-1], goal)
        if square == powers[-1]:
            return INF
        powers.append(square)
    seen, steps = [1 << q for q in range(n)], 0
    for i in range(len(powers) - 2, -1, -1):
        more = composed(powers[i], seen, goal) if steps else powers[i]
        if more != goal:
            seen, steps = more, steps + 2**i
    return _capped(steps + 1, limit)

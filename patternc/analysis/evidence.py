"""Evidence for visibility: the hops of a path, the first pair that is out of reach, and why no path leads there."""

from __future__ import annotations

import math
from collections.abc import Sequence

from patternc.analysis import bits
from patternc.analysis.apart import Apart
from patternc.analysis.depth import GRAPH_LIMIT, lags_at, sees_future
from patternc.analysis.intset import INF, IntSet, TooLarge, interval
from patternc.analysis.lagset import terms_of
from patternc.analysis.receptive_field import MAX_BITS, Field, field_of
from patternc.analysis.rows import composed, targets
from patternc.analysis.semantics import Layer, Model
from patternc.analysis.shapes import by_lag
from patternc.analysis.skip_family import skips_of

MAX_PATH = 4096
"""Paths with more hops are not written out."""
MAX_TRACE = 1 << 30
"""So many bits are kept at most to trace a path."""
WORST_LIMIT = 512
"""Up to this length the worst pair is looked for on the graph."""


def lag_path(sets: Sequence[IntSet | Apart], lag: int) -> tuple[int, ...] | None:
    """Lags, one of each set (the last set's first), that sum to ``lag``; None where none are found."""
    if len(sets) > MAX_PATH:
        return None
    if lag == sum(s.greatest for s in sets):
        return tuple(int(s.greatest) for s in reversed(sets))
    if len(set(sets)) == 1 and isinstance(sets[0], IntSet) and (skips := skips_of(sets[0])) is not None:
        found = skips.path(lag, len(sets))
        if found is not None:
            return found
    if any(s.least < 0 for s in sets):
        return _path_both_ways(sets, lag)
    if len(sets) * (lag + 1) > MAX_TRACE:
        return None
    sets = [s & interval(0, lag) for s in sets]
    mask, sums = bits.ones(lag + 1), [1]
    held = [bits.from_set(s, 0, lag) for s in sets]
    terms = {s: terms_of(s) for s in set(sets)}
    for s in sets:
        sums.append(bits.plus(sums[-1], terms[s], mask))
    if not sums[-1] >> lag & 1:
        return None
    hops: list[int] = []
    for own, before in zip(reversed(held), reversed(sums[:-1]), strict=True):
        hop = (own & bits.reversed_bits(before & bits.ones(lag + 1), lag + 1)).bit_length() - 1
        hops.append(hop)
        lag -= hop
    return tuple(hops)


def _path_both_ways(sets: Sequence[IntSet | Apart], lag: int) -> tuple[int, ...] | None:
    """The same with negative lags among them: each set is counted from its least one on."""
    found = [s for s in sets if isinstance(s, IntSet) and s.least != -INF]
    if len(found) < len(sets):
        return None
    lowest = [int(s.least) for s in found]
    hops = lag_path([s.shifted(-low) for s, low in zip(found, lowest, strict=True)], lag - sum(lowest))
    return None if hops is None else tuple(hop + low for hop, low in zip(hops, reversed(lowest), strict=True))


def pair_path(model: Model, n: int, layers: int, query: int, key: int) -> tuple[int, ...] | None:
    """The lag of the hop in each layer, last layer first, from ``query`` to ``key``; None where none is found."""
    if layers > MAX_PATH or layers > model.limit:
        return None
    used = [model.layer(i) for i in range(layers)]
    if all(_looks_back(layer, n) for layer in set(used)):
        lags = {layer: lags_at(layer, n) for layer in set(used)}
        return lag_path([lags[layer] for layer in used], query - key)
    if n > GRAPH_LIMIT or layers * n > 1 << 18:
        return None
    seen = [1 << key]
    for layer in used:
        last = seen[-1]
        seen.append(sum(1 << q for q, row in enumerate(layer.rows(n)) if row & last))
    if not seen[-1] >> query & 1:
        return None
    hops: list[int] = []
    at = query
    for layer, before in zip(reversed(used), reversed(seen[:-1]), strict=True):
        following = _nearest(layer.rows(n)[at] & before, key)
        hops.append(at - following)
        at = following
    return tuple(hops)


def _nearest(choices: int, aim: int) -> int:
    above = choices >> aim
    up = aim + (above & -above).bit_length() - 1 if above else None
    down = (choices & bits.ones(aim)).bit_length() - 1
    if up is None or (down >= 0 and aim - down < up - aim):
        return down
    return up


def missing_pair(model: Model, n: int, layers: int) -> tuple[int, int] | None:
    """The first query that does not see all it may after ``layers`` layers, and a key that it misses."""
    used = [model.layer(i) for i in range(min(layers, 1) if model.endless else layers)]
    causal = not any(sees_future(layer, n) for layer in model.distinct)
    if causal and all(_looks_back(layer, n) for layer in used):
        groups = [(lags_at(layer, n), count) for layer, count in model.groups(layers)]
        lag = _first_missing(Field(groups), n - 1)
        return (lag, 0) if lag is not None else None
    if n > GRAPH_LIMIT:
        return None
    goal = targets(n, causal)
    for q, (row, whole) in enumerate(zip(seen_rows(model, n, layers, goal), goal, strict=True)):
        if row != whole:
            missed = whole & ~row
            return q, (missed & -missed).bit_length() - 1
    return None


def _first_missing(field: Field, last: int) -> int | None:
    """The least lag up to ``last`` that is not crossed."""
    if last <= MAX_BITS and not field.closed_form:
        return field.first_missing(last)
    return lag if (lag := int(min(field.prefix, last)) + 1) <= last else None


def seen_rows(model: Model, n: int, layers: int, goal: list[int]) -> list[int]:
    """What each token sees after ``layers`` layers, as bit rows."""
    seen = [1 << q for q in range(n)]
    if not model.endless:
        for layer in model.layers[:layers]:
            seen = composed(list(layer.rows(n)), seen, goal)
        return seen
    power, left = list(model.layers[0].rows(n)), layers
    while left and seen != goal:
        if left & 1:
            seen = composed(power, seen, goal)
        left >>= 1
        if left:
            square = composed(power, power, goal)
            if square == power:
                return composed(power, seen, goal)
            power = square
    return seen


def hardest_pair(model: Model, n: int, depth: int) -> tuple[int, int]:
    """A pair that needs all ``depth`` layers, where that is cheap to find; else the last and the first token."""
    if n <= WORST_LIMIT or all(_looks_back(layer, n) for layer in model.distinct):
        try:
            if (pair := missing_pair(model, n, depth - 1)) is not None:
                return pair
        except TooLarge:
            return n - 1, 0
    return n - 1, 0


def _looks_back(layer: Layer, n: int) -> bool:
    """Whether the layer is by lag, and none of its lags is negative."""
    return by_lag(layer.step(n)) and lags_at(layer, n).least >= 0


def why_lag_is_missing(model: Model, layers: int, lag: int) -> str:
    """Why no path of so many layers crosses ``lag``: a divisor that all lags share, or the nearest that are crossed."""
    field = field_of(model, layers)
    if (divisor := common_divisor([s for s, _ in field.groups])) > 1 and lag % divisor:
        return f"every lag of a layer is a multiple of {divisor}, and {lag} is not"
    if lag > field.reach:
        return f"{counted(layers)} {'reaches' if layers == 1 else 'reach'} no further than lag {field.reach}"
    below, above = _neighbours(field, lag)
    none = f"a layer has no lag {lag}" if layers == 1 else f"no sum of {layers} lags of a layer is {lag}"
    if below is not None and above is not None:
        return f"{none}; the nearest are {below} and {above}"
    return none + (f"; the nearest is {below}" if below is not None else "")


def _neighbours(field: Field, lag: int) -> tuple[int | None, int | None]:
    """The nearest lags below and above that are crossed."""
    if (found := field.neighbours(lag)) is not None:
        return found
    try:
        members = field.members_up_to(2 * lag + 4096)
    except TooLarge:
        return None, None
    below = (members & bits.ones(lag)).bit_length() - 1
    above = members >> lag + 1
    up = lag + (above & -above).bit_length() if above else None
    return (below if below >= 0 else None), up


def common_divisor(sets: Sequence[IntSet | Apart]) -> int:
    """The greatest common divisor of all members (of sets of too many terms one that is plain)."""
    divisor = 0
    for members in sets:
        try:
            terms = terms_of(members) if isinstance(members, IntSet) else members.terms
        except TooLarge:
            terms = None
        if terms is None:
            return 1
        for term in terms:
            divisor = math.gcd(divisor, term.start)
            if term.width:
                return 1
            if term.hops:
                divisor = math.gcd(divisor, term.period)
    return divisor


def why_pair_is_missing(model: Model, n: int, layers: int, query: int, key: int) -> str:
    """Why ``query`` does not see ``key`` after so many layers."""
    used = {model.layer(i) for i in range(1 if model.endless else layers)}
    if layers == 0:
        return "without a layer a token sees itself only"
    if all(by_lag(layer.step(n)) for layer in used):
        divisor = common_divisor([lags_at(layer, n) for layer in used])
        if divisor > 1 and (query - key) % divisor:
            return f"every lag of a layer is a multiple of {divisor}, and {query - key} is not"
        if divisor == 0:
            return "a token sees itself only, in every layer"
        if all(lags_at(layer, n).least >= 0 and by_lag(layer.shape) for layer in used) and query >= key:
            return why_lag_is_missing(model, layers, query - key)
    if n > GRAPH_LIMIT:
        return f"no path of {counted(layers)} leads from token {query} to token {key}"
    goal = targets(n, False)
    row = seen_rows(model, n, layers, goal)[query] if n <= WORST_LIMIT else None
    if row is None:
        return f"no path of {counted(layers)} leads from token {query} to token {key}"
    following = seen_rows(model, n, layers + 1, goal)[query] if model.endless else row
    if model.endless and following == row and _stays(model, n, row):
        return f"token {query} sees {_listed(row)}, and none of these sees any other token"
    return f"after {counted(layers)} token {query} sees {_listed(row)}"


def _stays(model: Model, n: int, row: int) -> bool:
    rows = model.layers[0].rows(n)
    return all(rows[x] & ~row == 0 for x in bits.members(row))


def _listed(row: int) -> str:
    runs = [str(lo) if lo == hi else f"{lo}..{hi}" for lo, hi in bits.runs(row)]
    shown = ", ".join(runs) if len(runs) <= 6 else ", ".join([*runs[:3], "...", *runs[-2:]])
    return ("token " if row.bit_count() == 1 else "tokens ") + shown


def counted(layers: int | float) -> str:
    """``one layer``, ``3 layers``."""
    return "one layer" if layers == 1 else f"{layers} layers"

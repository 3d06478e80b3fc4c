"""A layer at one length as a boolean matrix: for each query its keys, as the bits of an integer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

from patternc.analysis.bits import from_set, ones, reversed_bits
from patternc.analysis.exprcode import function
from patternc.analysis.intset import IntSet, TooLarge, interval
from patternc.analysis.shapes import Both, ChunkIn, Either, KeyIn, LagIn, Pairs, QueryIn, Shape
from patternc.ir.expr import Expr

PLAIN = 64
"""Up to this length pairs are evaluated without numpy, whose import takes longer."""
MAX_PAIRS = 1 << 27
"""More pairs than this are not evaluated one by one."""


def rows_of(shape: Shape, n: int) -> list[int]:
    """Row q has bit k where the shape (built for this n) holds (q, k)."""
    match shape:
        case Both(()):
            return [ones(n)] * n
        case Both(parts):
            band = _band(parts, n)
            made = (_by_pair(p.test, n, *band) if isinstance(p, Pairs) else rows_of(p, n) for p in parts)
            return reduce(lambda a, b: [x & y for x, y in zip(a, b, strict=True)], made)
        case Either(()):
            return [0] * n
        case Either(parts):
            return reduce(lambda a, b: [x | y for x, y in zip(a, b, strict=True)], (rows_of(p, n) for p in parts))
        case LagIn(lags):
            return _by_lag(lags, n)
        case KeyIn(keys):
            return [from_set(keys, 0, n - 1)] * n
        case QueryIn(queries):
            bits, full = from_set(queries, 0, n - 1), ones(n)
            return [full if bits >> q & 1 else 0 for q in range(n)]
        case ChunkIn(size, offset, distances):
            return _by_chunk(size, offset, distances, n)
        case Pairs(test):
            return _by_pair(test, n)


def _by_lag(lags: IntSet, n: int) -> list[int]:
    # Bit j of the reversed lags stands for the lag n - 1 - j, so key k of query q is bit n - 1 - q + k.
    window, full = reversed_bits(from_set(lags, 1 - n, n - 1), 2 * n - 1), ones(n)
    return [window >> (n - 1 - q) & full for q in range(n)]


def _by_chunk(size: int, offset: int, distances: IntSet, n: int) -> list[int]:
    last = (n - 1 + offset) // size
    found: dict[int, int] = {}

    def row(c: int) -> int:
        keys = 0
        for lo, hi in distances.intervals(c - last, c):
            start, end = max((c - hi) * size - offset, 0), min((c - lo + 1) * size - offset, n)
            keys |= ones(end - start) << start if end > start else 0
        return keys

    for c in range(offset // size, last + 1):
        found[c] = row(c)
    return [found[(q + offset) // size] for q in range(n)]


def _band(parts: tuple[Shape, ...], n: int) -> tuple[int, int]:
    """Bounds of the lags that an intersection can hold, its conditions left aside."""
    lags = reduce(lambda a, b: a & b, (p.lags for p in parts if isinstance(p, LagIn)), interval(1 - n, n - 1))
    return (int(max(lags.least, 1 - n)), int(min(lags.greatest, n - 1))) if lags.pieces else (0, 0)


def _by_pair(test: Expr, n: int, low: int | None = None, high: int | None = None) -> list[int]:
    """The pairs that satisfy a condition; of other lags than ``low`` to ``high`` nothing need be said."""
    low, high = 1 - n if low is None else low, n - 1 if high is None else high
    banded = high - low + 1 < n
    width = high - low + 1 if banded else n
    if n * width > MAX_PAIRS:
        raise TooLarge(f"a condition over {n} x {width} pairs")
    if n <= PLAIN:
        holds = function(test, False, 2 * n)
        return [sum(1 << k for k in range(n) if holds(q, k)) for q in range(n)]
    import numpy as np

    holds = function(test, True, 2 * n)
    columns = np.arange(width, dtype=np.int64)[None, :]
    rows: list[int] = []
    step, full = max(1, (1 << 18) // width), ones(n)
    for start in range(0, n, step):
        queries = np.arange(start, min(start + step, n), dtype=np.int64)[:, None]
        # In a band the first column of query q is key q - high.
        block = np.broadcast_to(
            holds(queries, columns + (queries - high) if banded else columns), (len(queries), width)
        )
        packed = np.packbits(block, axis=1, bitorder="little")
        found = [int.from_bytes(row.tobytes(), "little") for row in packed]
        if banded:
            firsts = range(start - high, start - high + len(found))
            found = [
                (row << first if first >= 0 else row >> -first) & full for row, first in zip(found, firsts, strict=True)
            ]
        rows += found
    return rows


def composed(outer: list[int], inner: list[int], done: list[int] | None = None) -> list[int]:
    """Row q of the result holds the keys of every x in ``outer[q]``, a byte of keys at once (Arlazarov et al., 1970).

    ``outer`` is the layer nearer to the output.  Rows where ``inner`` equals ``done`` already are kept: both relations
    are taken to be reflexive, so that a row never loses a key.
    """
    n = len(outer)
    todo = [q for q in range(n) if done is None or inner[q] != done[q]]
    result = list(inner)
    if not todo:
        return result
    if n <= 128:
        for q in todo:
            row = 0
            for x in _members(outer[q]):
                row |= inner[x]
            result[q] = row
        return result
    size = (n + 7) // 8
    spans = [_byte_span(outer[q]) for q in todo]
    if sum(stop - start for start, stop in spans) * 4 < size * len(todo):
        return _composed_in_bands(outer, inner, todo, spans)
    picks = [outer[q].to_bytes(size, "little") for q in todo]
    sums = [0] * len(todo)
    for g in range(size):
        column = [p[g] for p in picks]
        used = set(column)
        if used == {0}:
            continue
        table = _unions(inner[8 * g : 8 * g + 8], used)
        sums = [s | table[b] if b else s for s, b in zip(sums, column, strict=True)]
    for q, row in zip(todo, sums, strict=True):
        result[q] = row
    return result


def _byte_span(row: int) -> tuple[int, int]:
    """The first byte with a bit in it, and the one after the last."""
    return (((row & -row).bit_length() - 1) // 8, (row.bit_length() + 7) // 8) if row else (0, 0)


def _composed_in_bands(outer: list[int], inner: list[int], todo: list[int], spans: list[tuple[int, int]]) -> list[int]:
    """The same where each row of ``outer`` lies within few bytes."""
    result = list(inner)
    entries: dict[int, list[tuple[int, int]]] = {}
    for q, (start, stop) in zip(todo, spans, strict=True):
        result[q] = 0
        for g, byte in enumerate((outer[q] >> 8 * start).to_bytes(stop - start, "little"), start):
            if byte:
                entries.setdefault(g, []).append((q, byte))
    for g, found in entries.items():
        table = _unions(inner[8 * g : 8 * g + 8], {byte for _, byte in found})
        for q, byte in found:
            result[q] |= table[byte]
    return result


def _members(bits: int) -> Iterator[int]:
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low


def _unions(rows: list[int], used: set[int]) -> dict[int, int] | list[int]:
    """For each byte the union of the rows that its bits pick."""
    if len(used) <= 32:
        return {b: reduce(lambda a, i: a | rows[i], _members(b), 0) for b in used}
    table = [0]
    for row in rows:
        table += [row | t for t in table]
    return table


def transposed(rows: list[int]) -> list[int]:
    """Row k of the result has bit q where ``rows[q]`` has bit k."""
    n = len(rows)
    text = [format(row, f"0{n}b")[::-1] for row in rows]
    return [int("".join(column)[::-1], 2) for column in zip(*text, strict=True)]


def targets(n: int, causal: bool) -> list[int]:
    """What each token may see: all earlier ones and itself, or all."""
    return [ones(q + 1) for q in range(n)] if causal else [ones(n)] * n

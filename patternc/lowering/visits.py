"""The tiles that a kernel visits, from the closed forms that the kernel itself computes them from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from patternc.ir.expr import Expr
from patternc.ir.plan import Gather, Part, Segment
from patternc.lowering.arrays import evaluate
from patternc.lowering.scan import SLICE, one_document


def visited_tiles(part: Part, head: int, n: int, tile: tuple[int, int]) -> int:
    """How many tiles of ``tile`` queries and keys one head multiplies in a part, at length ``n``.

    Where the kernel skips tiles without a live pair, those are not counted.
    """
    period = _number(part.period, head) if part.period is not None else 1
    first, last = _query_tiles(n, period, tile[0])
    values = {**one_document(n), ".first_q": first, ".last_q": last}
    total = 0
    for segment in part.segments:
        lo, hi = (_array(e, values, head, first) for e in (segment.key_lo, segment.key_hi))
        if segment.phase is not None:
            lo = lo + (first - _number(segment.phase, head) - lo) % period
            count = np.maximum(hi - lo + period, 0) // period
        elif part.gather is not None:
            lo, hi = _columns_before(lo, part.gather, head), _columns_before(hi + 1, part.gather, head) - 1
            count = np.maximum(hi - lo + 1, 0)
        else:
            count = np.maximum(hi - lo + 1, 0)
        count = np.where(_array(segment.queries_live, values, head, first), count, 0)
        if part.guarded:
            total += sum(_live(part, segment, head, n, tile, row) for row in _rows(first, last, lo, count, period))
        else:
            total += int(np.sum(-(-count // tile[1])))
    return total


def _number(expr: Expr, head: int) -> int:
    return int(evaluate(expr, {}, head))


def _array(expr: Expr, values: dict[str, Any], head: int, like: Any) -> Any:
    return np.broadcast_to(evaluate(expr, values, head), like.shape).astype(np.int64)


def _query_tiles(n: int, period: int, block: int) -> tuple[Any, Any]:
    """The first and last query of every tile, residue class by residue class."""
    residues = np.arange(min(period, n))[:, None]
    first = (residues + period * block * np.arange(-(-n // (period * block)))[None, :]).ravel()
    first = first[first < n]
    last = first + np.minimum((n - 1 - first) // period, block - 1) * period
    return first, last


def _columns_before(position: Any, gather: Gather, head: int) -> Any:
    """How many columns lie before a position, counted from the first of all."""
    period, phase, width = (_number(e, head) for e in (gather.period, gather.phase, gather.width))
    return (position - phase) // period * width + np.minimum((position - phase) % period, width)


def _rows(first: Any, last: Any, lo: Any, count: Any, period: int) -> Iterator[tuple[Any, int, int]]:
    """For every query tile its queries, the first key or column of its first tile, and how many there are."""
    for a, b, start, found in zip(first, last, lo, count, strict=True):
        if found:
            yield np.arange(a, b + 1, period), int(start), int(found)


def _live(part: Part, segment: Segment, head: int, n: int, tile: tuple[int, int], row: tuple[Any, int, int]) -> int:
    """The key tiles of one query tile that hold a live pair."""
    queries, start, count = row
    width = max(1, SLICE // len(queries) // tile[1]) * tile[1]
    total = 0
    for begin in range(0, count, width):
        steps = np.arange(begin, min(begin + width, count))
        keys = _keys(part, head, start, steps)
        q, k = queries[:, None], keys[None, :]
        values = {**one_document(n), ".q": q, ".k": k, ".qd": q, ".kd": k}
        live = np.broadcast_to(evaluate(segment.mask, values, head), (len(queries), len(keys))).any(axis=0)
        total += int(np.count_nonzero(np.logical_or.reduceat(live, np.arange(0, len(keys), tile[1]))))
    return total


def _keys(part: Part, head: int, start: int, steps: Any) -> Any:
    if part.gather is not None:
        period, phase, width = (_number(e, head) for e in (part.gather.period, part.gather.phase, part.gather.width))
        return (start + steps) // width * period + (start + steps) % width + phase
    return start + steps * (_number(part.period, head) if part.period is not None else 1)

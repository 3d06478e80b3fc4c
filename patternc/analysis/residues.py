"""Endless strides: modulo their period it is enough to know how far down each residue is reached."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from patternc.analysis.intset import INF, Bound, IntSet
from patternc.analysis.pieces import Piece

MAX_PERIOD = 1 << 12
MAX_STEPS = 1 << 22
"""So many residues of two layers are added at most."""
LAYERS = 4
"""More of one kind are not looked at: most residues are reached by a few."""
LOWEST = -(1 << 200)
"""Stands for members without end downwards."""


def crosses_all_from(groups: Sequence[tuple[IntSet, int]]) -> Bound:
    """A number, 0 or more, from which on some endless stride of one layer, and what the others reach, cross every lag.

    Let p be its period.  Where the other layers have a sum f of the residue t - r, and the stride all members of the
    residue r from e up, the lags f + e, f + e + p, ... are crossed; from 0 up that is all of the residue t, if f + e is
    at most t.  `INF` says that it was not shown.
    """
    start: Bound = INF
    for i, (lags, count) in enumerate(groups):
        others = [*groups[:i], *groups[i + 1 :], (lags, count - 1)]
        for piece in lags.pieces:
            endless = count and piece.hi == INF and isinstance(piece.lo, int) and piece.period <= MAX_PERIOD
            if endless:
                start = min(start, _crossed_from(_least(IntSet((piece,)), piece.period), others, piece.period))
    return start


def _crossed_from(found: dict[int, int] | None, others: Sequence[tuple[IntSet, int]], period: int) -> Bound:
    for lags, count in others:
        step = _least(lags, period)
        if found is None or step is None or (count > LAYERS and not lags.contains(0)):
            return INF
        for _ in range(min(count, LAYERS)):
            if len(found) * len(step) > MAX_STEPS:
                return INF
            following = _added(found, step, period)
            if following == found:
                break
            found = following
    if found is None or len(found) < period:
        return INF
    return max(0, max(found.values()) - period + 1)


def _added(a: dict[int, int], b: dict[int, int], period: int) -> dict[int, int]:
    """The least sums of each residue."""
    least: dict[int, int] = {}
    for x in a.values():
        for y in b.values():
            residue = (x + y) % period
            if x + y < least.get(residue, x + y + 1):
                least[residue] = x + y
    return least


def _least(lags: IntSet, period: int) -> dict[int, int] | None:
    """The least member of each residue; None where that is too long to find."""
    least: dict[int, int] = {}
    for piece in lags.pieces:
        found = _least_of(piece, period)
        if found is None:
            return None
        for residue, x in found.items():
            least[residue] = min(x, least.get(residue, x))
    return least


def _least_of(piece: Piece, period: int) -> dict[int, int] | None:
    step = 1 if piece.solid else piece.period
    blocks = period // gcd(step, period)
    lo = piece.lo if isinstance(piece.lo, int) else LOWEST
    width = 1 if piece.solid else sum(b - a + 1 for a, b in piece.runs)
    if blocks * width > MAX_STEPS:
        return None
    last = piece.hi if isinstance(piece.hi, int) else lo + (blocks + 1) * step
    least: dict[int, int] = {}
    for a, b in [(lo, lo)] if piece.solid else piece.runs:
        first = lo if piece.solid else lo + (a - lo) % step - step  # a block that begins before the piece counts, too
        for x in range(first, min(last, first + (blocks + 1) * step) + 1, step):
            for member in range(max(x, lo), min(x + b - a, last) + 1):
                residue = member % period
                least[residue] = min(member, least.get(residue, member))
    return least

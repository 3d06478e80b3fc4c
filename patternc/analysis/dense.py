"""Lag sets that miss little: how many consecutive lags hold a member for certain, by how many may be missing."""

from __future__ import annotations

from patternc.analysis.intset import INF, IntSet, interval
from patternc.analysis.shapes import Both, Either, LagIn, Shape


def filled_by(shape: Shape, length: int) -> bool:
    """Whether every so many consecutive lags from 0 up are sure to hold a member of the shape, which is by lag."""
    if isinstance(shape, LagIn):
        lags = shape.lags & interval(0, None)
        return lags.greatest == INF and lags.least < length and lags.spacing <= length
    if _a_part_fills(shape, length):
        return True
    # If m of m lags may be missing, then at least as many of more.
    m = 1
    while m <= length:
        missing = _missing_of(shape, m)
        if missing < m:
            return True
        m = missing + 1
    return False


def _a_part_fills(shape: Shape, length: int) -> bool:
    """Whether one part of a union does already, which is seen at once."""
    match shape:
        case Either(parts):
            return any(_a_part_fills(p, length) for p in parts)
        case LagIn():
            return filled_by(shape, length)
        case _:
            return False


def _missing_of(shape: Shape, m: int) -> int:
    """How many of m consecutive lags from 0 up are missing at most."""
    match shape:
        case LagIn(lags):
            return _members_of(interval(0, None) - lags, m)
        case Both(parts):
            return min(m, sum(_missing_of(p, m) for p in parts))
        case Either(parts):
            return min((_missing_of(p, m) for p in parts), default=m)
        case _:
            raise TypeError(f"not by lag alone: {shape!r}")


def _members_of(lags: IntSet, m: int) -> int:
    """How many of m consecutive numbers are members at most."""
    found = 0
    for piece in lags.pieces:
        sizes = [b - a + 1 for a, b in piece.runs]
        most = sum(m // piece.period * u + min(u, m % piece.period) for u in sizes)
        if piece.hi != INF and piece.hi - piece.lo < m:
            most = min(most, int(piece.hi - piece.lo) + 1)
        found += most
    return min(found, m)

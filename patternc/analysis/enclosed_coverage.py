"""Bounds of a coverage that is too large to count: what parts of the field cover, and how many lags there can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import comb

from patternc.analysis.intset import INF, Bound, TooLarge
from patternc.analysis.lagset import Term, union_of
from patternc.analysis.receptive_field import Field

FEWER = (16, 4, 2, 1)
"""So many of each layer are tried by themselves."""
MANY_LAYERS = 1 << 12


def coverage_bounds(field: Field, enough: Callable[[Bound], bool]) -> tuple[Bound, Bound]:
    """The coverage is no less and no more than these.  The search ends with a lower bound that is ``enough``."""
    low: Bound = 1
    high = min(field.reach + 1, _choices(field))
    for part in _parts(field):
        try:
            low = max(low, part.coverage)
        except TooLarge:
            continue
        if enough(low):
            break
    return low, high


def _parts(field: Field) -> Iterator[Field]:
    """Fields whose lags are all lags of the whole: of one term of each layer, and of fewer layers."""
    groups = _terms(field)
    terms = list(dict.fromkeys(term for some, _ in groups for term in some if term.period > 0))
    for term in terms:
        held = [(union_of([Term(0), *([term] if term in some else [])]), count) for some, count in groups]
        yield Field([(lags, count) for lags, count in held if lags.count(-INF, INF) > 1])
    for fewer in FEWER:
        if any(count > fewer for _, count in field.groups):
            yield Field([(lags, min(count, fewer)) for lags, count in field.groups])


def _terms(field: Field) -> list[tuple[Sequence[Term], int]]:
    try:
        return field.terms
    except TooLarge:
        return []


def _choices(field: Field) -> Bound:
    """How many ways there are to choose a lag for each layer, but for the order of layers that are alike."""
    total = 1
    for terms, count in _terms(field) or [((), 1)]:
        size = sum((term.hops + 1) * (term.width + 1) for term in terms) or INF
        if size == INF or count > MANY_LAYERS:
            return INF
        total *= comb(int(size) + count - 1, count)
    return total

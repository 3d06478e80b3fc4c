"""Bounds of a coverage or prefix that is too large to count: what parts of the field cover, and how many lags there can
be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import comb
from typing import TypeAlias

from patternc.analysis.apart import Apart
from patternc.analysis.intset import INF, Bound, IntSet, TooLarge, interval
from patternc.analysis.lagset import Term, union_of
from patternc.analysis.receptive_field import Field

Groups: TypeAlias = "Sequence[tuple[Sequence[Term], int]]"
"""The terms of lag sets, each with the number of layers that have it."""

FEWER = (16, 4, 2, 1)
"""So many of each layer are tried by themselves."""
NEAR = 1 << 16
"""Runs about 0 are followed so far."""
MANY_LAYERS = 1 << 12
"""Of more, the ways to choose lags are not counted."""


def coverage_bounds(field: Field, enough: Callable[[Bound], bool]) -> tuple[Bound, Bound]:
    """The coverage is no less and no more than these.  The search ends with a lower bound that is ``enough``.

    Raises `TooLarge` where not even the reach is known.
    """
    try:
        groups = field.terms
    except TooLarge:
        groups = None
    low: Bound = 1
    high = field.reach + 1 if groups is None else min(field.reach + 1, _choices(groups))
    for part in (*_single_terms(groups or []), *_fewer_layers(field)):
        try:
            low = max(low, part.coverage)
        except TooLarge:
            continue
        if enough(low):
            break
    return low, high


def prefix_bounds(field: Field, enough: Callable[[Bound], bool]) -> tuple[Bound, Bound]:
    """The same of the prefix: the runs about lag 0 add up, and nothing lies beyond the reach.

    Raises `TooLarge` where not even these are known.
    """
    low = sum(_run_from_0(lags) * count for lags, count in field.groups if count)
    return low, field.reach


def _run_from_0(lags: IntSet | Apart) -> Bound:
    """How far the run goes that holds lag 0.  Raises `TooLarge` where none does, or that is not known."""
    near = interval(0, NEAR)
    gap = (near - (lags & near)).at_least(0)
    if gap == 0:
        raise TooLarge("lags without 0")
    return NEAR if gap is None else gap - 1


def _single_terms(groups: Groups) -> Iterator[Field]:
    """Fields of one term of each layer's lags, and 0."""
    for term in dict.fromkeys(term for some, _ in groups for term in some if term.period > 0):
        yield Field([(union_of([Term(0), term]), sum(count for some, count in groups if term in some))])


def _fewer_layers(field: Field) -> Iterator[Field]:
    for fewer in FEWER:
        if any(count > fewer for _, count in field.groups):
            yield Field([(lags, min(count, fewer)) for lags, count in field.groups])


def _choices(groups: Groups) -> Bound:
    """How many ways there are to choose a lag for each layer, but for the order of layers that are alike."""
    total = 1
    for terms, count in groups:
        size = sum((term.hops + 1) * (term.width + 1) for term in terms)
        if size == INF or count > MANY_LAYERS:
            return INF
        total *= comb(int(size) + count - 1, count)
    return total

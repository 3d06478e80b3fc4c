"""Receptive fields by counting, from the definition: sums of lags as bit sets, and reachability on the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

Lags = frozenset[int]
Member = Callable[[int, int, int], bool]
"""Whether a query sees a key in a sequence of n tokens: ``member(q, k, n)``."""


def sums(lags: Iterable[int], layers: int) -> Lags:
    """The lags that so many layers cross; each layer holds lag 0 as well."""
    step = frozenset(lags) | {0}
    found: Lags = frozenset({0})
    for _ in range(layers):
        found = frozenset(a + b for a in found for b in step)
    return found


def bits(lags: Iterable[int], layers: int) -> list[int]:
    """For 0 to ``layers`` layers of lags >= 0: the lags crossed, as the bits of a number."""
    step = set(lags) | {0}
    found = [1]
    for _ in range(layers):
        last, total = found[-1], 0
        for lag in step:
            total |= last << lag
        found.append(total)
    return found


def reach(crossed: Lags) -> int:
    return max(crossed)


def prefix(crossed: Lags) -> int:
    h = 0
    while h + 1 in crossed:
        h += 1
    return h


def coverage(crossed: Lags) -> int:
    return sum(d >= 0 for d in crossed)


def prefix_of_bits(crossed: int) -> int:
    return (~crossed & (crossed + 1)).bit_length() - 2


def edges(branches: Sequence[Member], n: int) -> int:
    return sum(member(q, k, n) for member in branches for q in range(n) for k in range(n))


def depth(member: Member, n: int) -> int | None:
    """The fewest layers after which every token sees every token that it may; None where that is never."""
    rows = [sum(1 << k for k in range(n) if k == q or member(q, k, n)) for q in range(n)]
    future = any(member(q, k, n) for q in range(n) for k in range(q + 1, n))
    goal = [(1 << n) - 1 if future else (2 << q) - 1 for q in range(n)]
    seen, layers = [1 << q for q in range(n)], 0
    while seen != goal:
        following = []
        for q in range(n):
            row, left = 0, rows[q]
            while left:
                low = left & -left
                row |= seen[low.bit_length() - 1]
                left ^= low
            following.append(row)
        if following == seen:
            return None
        seen, layers = following, layers + 1
    return layers

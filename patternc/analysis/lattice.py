"""Which combinations of large numbers are small.

Let numbers g_1, ..., g_k be taken n_1, ..., n_k times, ``|n_i| <= most_i``.  The n with ``|n . g| <= near`` span a
lattice.  A basis of all whole vectors that is reduced (Lenstra, Lenstra, Lovasz 1982; with whole numbers, Cohen 1993,
algorithm 2.6.7) has them among its first vectors: where the length of a vector's part that is orthogonal to those
before it is larger than theirs can be, neither it nor any that follows takes part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Vector = list[int]
PRECISION = 20
"""Lengths are whole multiples of 1 / 2 ** PRECISION of the bounds, rounded down, so that no short vector is missed."""

MAX_LOOKED_AT = 1 << 14
ROUNDING = 1e-6


@dataclass(frozen=True)
class Lattice:
    """Each number is ``near[i] + classes[i] . steps``; small combinations have the class 0."""

    near: tuple[int, ...]
    classes: tuple[tuple[int, ...], ...]
    steps: tuple[int, ...]
    free: frozenset[int]
    """The numbers that take part in no small combination."""
    small: tuple[tuple[int, ...], ...] | None
    """The small combinations, one of each and its opposite; None where they are many."""


def lattice(numbers: Sequence[int], most: Sequence[int], near: int, *, listed: bool = True) -> Lattice:
    """The small combinations of numbers, each taken at most so often, and what they leave of each number.

    ``most`` and ``near`` are at least 1.  Combinations that are not listed may be taken for small ones.
    """
    size = len(numbers)
    whole = max(*most, near) << PRECISION
    weights = [whole // m for m in most]
    rows = [[weights[i] * (i == j) for j in range(size)] for i in range(size)]
    for row, number in zip(rows, numbers, strict=True):
        row.append(number * (whole // near))
    basis, inverse, lengths, along = _reduced(rows)
    # A short vector has `size + 1` entries of at most `whole` each.
    bound = (size + 1) * whole * whole
    small = next((i + 1 for i in reversed(range(size)) if lengths[i + 1] <= bound * lengths[i]), 0)
    found = _combinations(basis[:small], lengths, along, bound, (numbers, most, near)) if listed else None
    if found is not None:
        small = max((i + 1 for chosen, _ in found for i, n in enumerate(chosen) if n), default=0)
    values = [sum(n * g for n, g in zip(vector, numbers, strict=True)) for vector in basis]
    classes = [row[small:] for row in inverse]
    left = [sum(n * v for n, v in zip(row[:small], values, strict=False)) for row in inverse]
    steps = values[small:]
    for k in range(size - small):
        left = _moved(left, [c[k] for c in classes], most, steps, k)
    free = frozenset(i for i in range(size) if not any(vector[i] for vector in basis[:small]))
    combinations = None if found is None else tuple(tuple(vector) for _, vector in found)
    return Lattice(tuple(left), tuple(tuple(c) for c in classes), tuple(steps), free, combinations)


def _combinations(
    basis: list[Vector],
    lengths: Vector,
    along: list[Vector],
    bound: int,
    limits: tuple[Sequence[int], Sequence[int], int],
) -> list[tuple[Vector, Vector]] | None:
    """The small combinations, as such of the basis and of the numbers; None where there are many vectors to look at."""
    numbers, most, near = limits
    size = len(basis)
    squares = [lengths[i + 1] / lengths[i] for i in range(size)]
    found: list[tuple[Vector, Vector]] = []
    # Fincke and Pohst 1985: the last vector first; what is cut off is too long by more than an error of rounding.
    left = MAX_LOOKED_AT
    stack: list[tuple[int, Vector, float]] = [(size - 1, [0] * size, bound * (1 + ROUNDING))]
    while stack:
        i, chosen, room = stack.pop()
        left -= 1
        if left < 0:
            return None
        if i < 0:
            vector = [sum(n * v[k] for n, v in zip(chosen, basis, strict=True)) for k in range(len(numbers))]
            first = next((n for n in vector if n), 0)
            value = sum(n * g for n, g in zip(vector, numbers, strict=True))
            if first > 0 and abs(value) <= near and all(abs(n) <= m for n, m in zip(vector, most, strict=True)):
                found.append((chosen, vector))
            continue
        centre = -sum(along[j][i] / lengths[i + 1] * chosen[j] for j in range(i + 1, size))
        reach = (room / squares[i]) ** 0.5
        ahead = range(math.ceil(centre - reach - ROUNDING), math.floor(centre + reach + ROUNDING) + 1)
        if len(ahead) > left:
            return None
        for n in ahead:
            rest = room - squares[i] * (n - centre) ** 2
            stack.append((i - 1, [*chosen[:i], n, *chosen[i + 1 :]], max(rest, 0.0)))
    return found


def _moved(left: Vector, column: Vector, most: Sequence[int], steps: Vector, k: int) -> Vector:
    """What is left of the numbers, as small as a change of step k makes it; the step is changed."""

    def after(by: int) -> Vector:
        return [x - by * c for x, c in zip(left, column, strict=True)]

    ways = {0, *(side for x, c in zip(left, column, strict=True) if c for side in (x // c, -(-x // c)))}
    best = min(sorted(ways), key=lambda by: sum(m * abs(x) for m, x in zip(most, after(by), strict=True)))
    steps[k] += best
    return after(best)


def _reduced(rows: list[Vector]) -> tuple[list[Vector], list[Vector], Vector, list[Vector]]:
    """A reduced basis: how it is made of the rows, the inverse, and products of squared orthogonal lengths.

    Vector i has an orthogonal part of the squared length ``lengths[i + 1] / lengths[i]``, and ``along[i][j] /
    lengths[j + 1]`` of that of vector j.
    """
    size = len(rows)
    rows = [list(row) for row in rows]
    basis = [[int(i == j) for j in range(size)] for i in range(size)]
    inverse = [list(row) for row in basis]
    lengths, along = [1] * (size + 1), [[0] * size for _ in range(size)]

    def subtract(k: int, i: int) -> None:
        times = (2 * along[k][i] + lengths[i + 1]) // (2 * lengths[i + 1])
        if not times:
            return
        for held in (rows, basis):
            held[k] = [x - times * y for x, y in zip(held[k], held[i], strict=True)]
        for row in inverse:
            row[i] += times * row[k]
        along[k][i] -= times * lengths[i + 1]
        for j in range(i):
            along[k][j] -= times * along[i][j]

    def swap(k: int, last: int) -> None:
        for held in (rows, basis):
            held[k], held[k - 1] = held[k - 1], held[k]
        for row in inverse:
            row[k], row[k - 1] = row[k - 1], row[k]
        for j in range(k - 1):
            along[k][j], along[k - 1][j] = along[k - 1][j], along[k][j]
        common = along[k][k - 1]
        length = (lengths[k - 1] * lengths[k + 1] + common * common) // lengths[k]
        for i in range(k + 1, last + 1):
            before = along[i][k]
            along[i][k] = (lengths[k + 1] * along[i][k - 1] - common * before) // lengths[k]
            along[i][k - 1] = (length * before + common * along[i][k]) // lengths[k + 1]
        lengths[k] = length

    k = 0
    last = -1
    while k < size:
        if k > last:
            last = k
            for j in range(k + 1):
                u = sum(x * y for x, y in zip(rows[k], rows[j], strict=True))
                for i in range(j):
                    u = (lengths[i + 1] * u - along[k][i] * along[j][i]) // lengths[i]
                if j < k:
                    along[k][j] = u
                else:
                    lengths[k + 1] = u
        if k:
            subtract(k, k - 1)
            if 4 * (lengths[k + 1] * lengths[k - 1] + along[k][k - 1] ** 2) < 3 * lengths[k] ** 2:
                swap(k, last)
                k = max(1, k - 1)
                continue
            for i in reversed(range(k - 1)):
                subtract(k, i)
        k += 1
    return basis, inverse, lengths, along

"""Contradictions among polynomial inequalities, by non-negative combinations of their products.

From ``h >= 0`` for every hypothesis ``h`` follows that every product of hypotheses, and every sum of such products with
coefficients >= 0, is >= 0.  A sum that equals the number -1 therefore shows that the hypotheses contradict each other
(Krivine 1964, Stengle 1974; for linear hypotheses Handelman 1988).  The combination is searched for with floating-point
numbers, then solved again and checked with rational ones: a wrong step can lose a proof, never make one.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from patternc.analysis.symbolic.polynomial import Poly

Combination: TypeAlias = tuple[tuple[Fraction, tuple[int, ...]], ...]
"""Coefficients, each with the hypotheses (by index) whose product it multiplies."""
Column: TypeAlias = tuple[tuple[int, ...], Poly]

MAX_COLUMNS = 1500
_TOLERANCE = 1e-9


def contradiction(hypotheses: Sequence[Poly], degree: int) -> Combination | None:
    """A combination of products of at most ``degree`` hypotheses that equals -1; None where none was found."""
    for index, hypothesis in enumerate(hypotheses):
        if (value := hypothesis.value) is not None and value < 0:
            return ((Fraction(-1) / Fraction(value), (index,)),)
    columns: list[Column] = [((), Poly.constant(1))]
    level = columns
    for _ in range(degree):
        level = _multiplied(level, hypotheses, columns)
        columns = columns + level
        if (found := _combination(columns)) is not None:
            return found
    return None


def combined(hypotheses: Sequence[Poly], combination: Combination) -> Poly:
    """The polynomial that a combination gives."""
    result = Poly(())
    for coefficient, indices in combination:
        product = Poly.constant(coefficient)
        for index in indices:
            product = product * hypotheses[index]
        result = result + product
    return result


@lru_cache(maxsize=1 << 15)
def _product(left: Poly, right: Poly) -> Poly:
    """Goals that follow one another share most of their hypotheses, and so most products."""
    return left * right


def _multiplied(level: Sequence[Column], hypotheses: Sequence[Poly], known: Sequence[Column]) -> list[Column]:
    """The products of ``level`` with one more hypothesis, without those that are multiples of known ones."""
    seen = {product.primitive for _, product in known}
    result: list[Column] = []
    for indices, product in level:
        for index in range(indices[-1] if indices else 0, len(hypotheses)):
            column = _product(product, hypotheses[index])
            if not column.terms or column.primitive in seen:
                continue
            seen.add(column.primitive)
            result.append(((*indices, index), column))
            if len(known) + len(result) >= MAX_COLUMNS:
                return result
    return result


def _combination(columns: Sequence[Column]) -> Combination | None:
    columns = _useful(columns)
    if not any(product.coefficients.get((), 0) < 0 for _, product in columns):
        return None
    support = _support([product for _, product in columns])
    chosen = [columns[i] for i in support]
    weights = _exact([product for _, product in chosen]) if chosen else None
    if weights is None or any(w < 0 for w in weights):
        return None
    return tuple((w, indices) for w, (indices, _) in zip(weights, chosen, strict=True) if w)


def _useful(columns: Sequence[Column]) -> list[Column]:
    """The columns that can take part: none has a monomial that all columns hold with one sign."""
    left = list(columns)
    while True:
        above = {m for _, product in left for m, c in product.terms if c > 0}
        below = {m for _, product in left for m, c in product.terms if c < 0}
        lonely = (above ^ below) - {()}
        if not lonely:
            return left
        left = [(i, p) for i, p in left if lonely.isdisjoint(p.coefficients)]


def _support(columns: Sequence[Poly]) -> list[int]:
    """Which columns a non-negative combination near -1 uses: least squares by Lawson and Hanson's active sets."""
    import numpy as np

    rows = {m: i for i, m in enumerate(sorted({m for p in columns for m, _ in p.terms} | {()}))}
    matrix = np.zeros((len(rows), len(columns)))
    for j, product in enumerate(columns):
        for monomial, c in product.terms:
            matrix[rows[monomial], j] = float(c)
    matrix /= np.abs(matrix).max(axis=1, keepdims=True, initial=1e-300)
    matrix /= np.linalg.norm(matrix, axis=0, keepdims=True)
    target = np.zeros(len(rows))
    target[rows[()]] = -1.0
    aim = matrix.T @ target
    weights = np.zeros(len(columns))
    barred = np.zeros(len(columns), dtype=bool)
    active: list[int] = []
    inverse = np.zeros((0, 0))
    for _ in range(3 * len(rows)):
        residual = target - matrix[:, active] @ weights[active]
        if np.abs(residual).max() < _TOLERANCE:
            break
        gradient = np.where(barred, -np.inf, matrix.T @ residual)
        best = int(np.argmax(gradient))
        if gradient[best] < _TOLERANCE:
            return []
        barred[best] = True
        overlap = matrix[:, active].T @ matrix[:, best]
        along = inverse @ overlap
        apart = 1.0 - overlap @ along
        if apart < _TOLERANCE:
            # The active columns combine to this one.
            continue
        larger = np.empty((len(active) + 1, len(active) + 1))
        larger[:-1, :-1] = inverse + np.outer(along, along) / apart
        larger[:-1, -1] = larger[-1, :-1] = -along / apart
        larger[-1, -1] = 1.0 / apart
        inverse = larger
        active.append(best)
        while active:
            trial = inverse @ aim[active]
            if trial.min() > _TOLERANCE:
                weights[active] = trial
                break
            # Go towards the trial until the first weight is used up; its column leaves.
            now = weights[active]
            room = np.where(trial <= _TOLERANCE, now / np.maximum(now - trial, 1e-300), np.inf)
            leaves = int(np.argmin(room))
            weights[active] = now + min(float(room[leaves]), 1.0) * (trial - now)
            weights[active[leaves]] = 0
            barred[active.pop(leaves)] = False
            inverse = inverse - np.outer(inverse[:, leaves], inverse[leaves]) / inverse[leaves, leaves]
            inverse = np.delete(np.delete(inverse, leaves, 0), leaves, 1)
    return sorted(active)


def _exact(columns: Sequence[Poly]) -> list[Fraction] | None:
    """The rational weights with which the columns sum to -1, by elimination; None where there are none."""
    monomials = sorted({m for p in columns for m, _ in p.terms} | {()})
    rows = [[Fraction(p.coefficients.get(m, 0)) for p in columns] + [Fraction(-1 if not m else 0)] for m in monomials]
    pivots: list[int] = []
    for j in range(len(columns)):
        top = len(pivots)
        pivot = next((i for i in range(top, len(rows)) if rows[i][j]), None)
        if pivot is None:
            continue
        rows[top], rows[pivot] = rows[pivot], rows[top]
        scale = rows[top][j]
        rows[top] = [v / scale for v in rows[top]]
        for i in range(len(rows)):
            if i != top and (factor := rows[i][j]):
                rows[i] = [a - factor * b if b else a for a, b in zip(rows[i], rows[top], strict=True)]
        pivots.append(j)
    if any(row[-1] for row in rows[len(pivots) :]):
        return None
    weights = [Fraction(0)] * len(columns)
    for i, j in enumerate(pivots):
        weights[j] = rows[i][-1]
    return weights

"""A window and M skips, causal: ``D = [0, k] | {p, 2p, ..., Mp}``.

With j of L layers spent on skips, ``D + ... + D`` is the union of ``m*p + [0, k*(L - j)]`` over ``0 <= m <= j*M``.
Its blocks close the gap between multiples of p as long as ``k*(L - j) >= p - 1``, that is for ``j <= L - c`` with
``c = ceil((p - 1) / k)``.  Hence, for ``k < p``, nothing beyond ``k*L`` is seen without a hole before layer c; from
then on the prefix grows by ``M*p`` a layer.  For ``p <= k < M*p`` a layer without skips closes every gap, and only the
last hop leaves holes.
"""

from __future__ import annotations

from patternc.analysis.closed_form import Rule
from patternc.analysis.family import INFINITE, Block
from patternc.analysis.rules.window import layers_to_cross
from patternc.analysis.subject import Subject
from patternc.analysis.symbolic.formula import formula
from patternc.ir.expr import ZERO, Expr


def single_skip(subject: Subject) -> tuple[Expr, Block] | None:
    """The window and the one periodic skip, beginning at lag 0, of the lags >= 0."""
    if subject.back is None or len(subject.back.skips) != 1 or subject.back.window == INFINITE:
        return None
    skip = subject.back.skips[0]
    return (subject.back.window, skip) if skip.start == ZERO else None


def _shape(subject: Subject) -> dict[str, Expr] | None:
    """``k``, ``p`` and ``M``."""
    found = single_skip(subject) if subject.causal else None
    if found is None or found[1].hops is None or found[1].width != ZERO:
        return None
    return {"k": found[0], "p": found[1].period, "M": found[1].hops}


def _longer(subject: Subject, shape: dict[str, Expr]) -> bool:
    """Whether the skips reach beyond the window."""
    if subject.ask("k >= M*p", **shape):
        return False
    subject.know.settle(formula("M >= 1", **shape))
    return True


def with_windows(shape: dict[str, Expr]) -> dict[str, Expr]:
    """The shape with ``c = ceil((p - 1) / k)``, for k >= 1: how many windows close the gap between two skips."""
    return {**shape, "c": formula("(p + k - 2) // k", **shape)}


def first_run(subject: Subject, shape: dict[str, Expr]) -> Expr:
    """Where ``[0, k]`` ends together with the multiples of p, for ``2 <= p <= k``: k, or k + 1 where p divides that."""
    return formula("k + 1" if subject.ask("(k + 1) % p == 0", **shape) else "k", **shape)


def _prefix(subject: Subject, layers: Expr) -> Expr | None:
    shape = _shape(subject)
    if shape is None or not subject.ask("L >= 1", L=layers):
        return None
    if not _longer(subject, shape):
        return formula("k*L", L=layers, **shape)
    if subject.ask("p <= k", **shape):
        return formula("(L - 1)*M*p + h", L=layers, h=first_run(subject, shape), **shape)
    if not subject.ask("k >= 1", **shape):
        return ZERO
    shape = with_windows(shape)
    if subject.ask("L < c", L=layers, **shape):
        return formula("k*L", L=layers, **shape)
    return formula("(M*(L - c) + 1)*p + k*(c - 1)", L=layers, **shape)


def _coverage(subject: Subject, layers: Expr) -> Expr | None:
    shape = _shape(subject)
    if shape is None or not subject.ask("L >= 1", L=layers):
        return None
    if not _longer(subject, shape):
        return formula("k*L + 1", L=layers, **shape)
    if subject.ask("p <= k", **shape):
        return formula("L*M*p + 1 - (M*p - k - M + k // p)", L=layers, **shape)
    if not subject.ask("k >= 1", **shape):
        return formula("L*M + 1", L=layers, **shape)
    shape = with_windows(shape)
    # The hops to layer c leave holes of p - 1 - k*t, t = 1, 2, ..., M of each; the last hop M - 1 of p - 1.
    full = formula("min(L, c) - 1", L=layers, **shape)
    holes = formula(
        "(M - 1)*(p - 1) + M*(T*(p - 1) - k*(T*(T + 1) // 2)) + max(0, p - 1 - k*L)", T=full, L=layers, **shape
    )
    return formula("L*M*p + 1 - holes", L=layers, holes=holes, **shape)


def _depth(subject: Subject, tokens: Expr) -> Expr | None:
    shape = _shape(subject)
    if shape is None:
        return None
    if not subject.ask("n >= 2", n=tokens):
        return ZERO
    if not _longer(subject, shape):
        return layers_to_cross(subject, shape["k"], tokens)
    last = formula("n - 1", n=tokens)
    if subject.ask("p <= k", **shape):
        beyond = formula("N - h", N=last, h=first_run(subject, shape))
        return formula("1 + (max(0, x) + M*p - 1) // (M*p)", x=beyond, **shape)
    if not subject.ask("k >= 1", **shape):
        return INFINITE
    shape = with_windows(shape)
    if subject.ask("N <= k*(c - 1)", N=last, **shape):
        return layers_to_cross(subject, shape["k"], tokens)
    return formula("c + (max(0, N - p - k*(c - 1)) + M*p - 1) // (M*p)", N=last, **shape)


RULE = Rule(
    "window and skips",
    "the lags of L layers are the union of m*p + [0, k*(L - ceil(m/M))], 0 <= m <= M*L",
    {"prefix": _prefix, "coverage": _coverage, "depth": _depth},
)

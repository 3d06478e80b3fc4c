"""A window and a stride without end, causal: ``D = [0, k] | {m*p + [0, a] : m >= 0}``, ``a < k``; a is mostly 0.

Heads whose phases are 0, 1, ..., a give such runs.  L layers see ``[0, k*L]`` and ``m*p + [0, a + k*(L - 1)]`` for
every ``m >= 1``: one hop reaches any distance, the other layers widen it.  So everything is seen from
``1 + ceil((p - 1 - a) / k)`` layers on, or c = ceil((p - 1) / k) if that is more, whatever the length.
"""

from __future__ import annotations

from patternc.analysis.closed_form import Rule
from patternc.analysis.family import INFINITE
from patternc.analysis.rules.skips import single_skip, with_windows
from patternc.analysis.rules.window import layers_to_cross
from patternc.analysis.subject import Subject
from patternc.analysis.symbolic.formula import formula
from patternc.ir.expr import ONE, ZERO, Expr, Int


def _shape(subject: Subject) -> dict[str, Expr] | None:
    found = single_skip(subject) if subject.causal else None
    if found is None or found[1].hops is not None:
        return None
    shape = {"k": found[0], "p": found[1].period, "a": found[1].width}
    return shape if shape["a"] == ZERO or subject.ask("a < k", **shape) else None


def _first_run(subject: Subject, shape: dict[str, Expr]) -> Expr:
    """Where ``[0, k]`` ends together with the runs, for ``p <= k``."""
    if not subject.ask("(k + 1) % p <= a", **shape):
        return shape["k"]
    return formula("k + 1 + a - (k + 1) % p", **shape)


def _prefix(subject: Subject, layers: Expr) -> Expr | None:
    shape = _shape(subject)
    if shape is None or not subject.ask("L >= 1", L=layers):
        return None
    if not subject.ask("k >= 1", **shape):
        return ZERO
    if subject.ask("p <= k", **shape):
        return _first_run(subject, shape) if subject.ask("L == 1", L=layers) else INFINITE
    if subject.ask("k*L < p - 1", L=layers, **shape):
        return formula("k*L", L=layers, **shape)
    if subject.ask("a + k*(L - 1) >= p - 1", L=layers, **shape):
        return INFINITE
    return formula("p + a + k*(L - 1)", L=layers, **shape)


def _coverage(subject: Subject, layers: Expr) -> Expr | None:
    return None if _shape(subject) is None or not subject.ask("L >= 1", L=layers) else INFINITE


def _depth(subject: Subject, tokens: Expr) -> Expr | None:
    shape = _shape(subject)
    if shape is None:
        return None
    last = formula("n - 1", n=tokens)
    if not subject.ask("N >= 1", N=last):
        return ZERO
    if not subject.ask("k >= 1", **shape):
        return INFINITE
    if subject.ask("p <= k", **shape):
        return ONE if subject.ask("N <= h", N=last, h=_first_run(subject, shape)) else Int(2)
    shape = with_windows(shape)
    if subject.ask("N <= k*(c - 1)", N=last, **shape):
        return layers_to_cross(subject, shape["k"], tokens)
    seen = subject.ask("a + k*(c - 1) >= p - 1", **shape) or subject.ask("N <= p + a + k*(c - 1)", N=last, **shape)
    return formula("c" if seen else "c + 1", **shape)


RULE = Rule(
    "endless stride",
    "the lags of L layers are [0, k*L] and m*p + [0, a + k*(L - 1)] for every m >= 1, a wide as the runs",
    {"prefix": _prefix, "coverage": _coverage, "depth": _depth},
)

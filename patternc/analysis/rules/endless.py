"""A window and a stride without end, causal: ``D = [0, k] | {0, p, 2p, ...}``.

L layers see ``[0, k*L]`` and ``m*p + [0, k*(L - 1)]`` for every ``m >= 1``: one hop reaches any distance, the other
layers widen it.  So everything is seen from ``1 + ceil((p - 1) / k)`` layers on, whatever the length.
"""

from __future__ import annotations

from patternc.analysis.closed_form import Rule
from patternc.analysis.family import INFINITE
from patternc.analysis.rules.skips import first_run, single_skip, with_windows
from patternc.analysis.rules.window import layers_to_cross
from patternc.analysis.subject import Subject
from patternc.analysis.symbolic.formula import formula
from patternc.ir.expr import ONE, ZERO, Expr, Int


def _shape(subject: Subject) -> dict[str, Expr] | None:
    found = single_skip(subject) if subject.causal else None
    if found is None or found[1].hops is not None or found[1].width != ZERO:
        return None
    return {"k": found[0], "p": found[1].period}


def _prefix(subject: Subject, layers: Expr) -> Expr | None:
    shape = _shape(subject)
    if shape is None or not subject.ask("L >= 1", L=layers):
        return None
    if not subject.ask("k >= 1", **shape):
        return ZERO
    if subject.ask("p <= k", **shape):
        return first_run(subject, shape) if subject.ask("L == 1", L=layers) else INFINITE
    shape = with_windows(shape)
    if subject.ask("L < c", L=layers, **shape):
        return formula("k*L", L=layers, **shape)
    return formula("p + k*(c - 1)", **shape) if subject.ask("L == c", L=layers, **shape) else INFINITE


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
        return ONE if subject.ask("N <= h", N=last, h=first_run(subject, shape)) else Int(2)
    shape = with_windows(shape)
    if subject.ask("N <= k*(c - 1)", N=last, **shape):
        return layers_to_cross(subject, shape["k"], tokens)
    return formula("c" if subject.ask("N <= p + k*(c - 1)", N=last, **shape) else "c + 1", **shape)


RULE = Rule(
    "endless stride",
    "the lags of L layers are [0, k*L] and m*p + [0, k*(L - 1)] for every m >= 1",
    {"prefix": _prefix, "coverage": _coverage, "depth": _depth},
)

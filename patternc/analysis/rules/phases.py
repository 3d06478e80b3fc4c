"""A window and runs of skips, causal: ``D = [0, k] | {m*p + [0, a] : 0 <= m <= M}``, ``0 < a < k < p``.

Heads whose phases are 0, 1, ..., a give such runs.  A layer spent on a skip widens what is seen by a, any other by k:
with j skips L layers see ``m*p + [0, k*L - (k - a)*j]`` for ``m <= j*M``.  The gap between multiples of p is closed for
``j <= J = (k*L - (p - 1)) // (k - a)``, so that the prefix ends with the first block that takes J + 1 skips.
"""

from __future__ import annotations

from patternc.analysis.closed_form import Rule
from patternc.analysis.rules.skips import single_skip
from patternc.analysis.subject import Subject
from patternc.analysis.symbolic.formula import formula
from patternc.ir.expr import Expr


def _shape(subject: Subject, layers: Expr) -> dict[str, Expr] | None:
    found = single_skip(subject) if subject.causal else None
    if found is None or found[1].hops is None:
        return None
    k, skip = found
    shape = {"k": k, "p": skip.period, "M": found[1].hops, "a": skip.width, "L": layers}
    return shape if subject.ask("L >= 1 and M >= 1 and 0 < a and a < k and k < p", **shape) else None


def _closed(shape: dict[str, Expr]) -> Expr:
    """With how many skips gaps are closed, where they are with none."""
    return formula("(k*L - (p - 1)) // (k - a)", **shape)


def _prefix(subject: Subject, layers: Expr) -> Expr | None:
    shape = _shape(subject, layers)
    if shape is None:
        return None
    if subject.ask("k*L < p - 1", **shape):
        return formula("k*L", **shape)
    shape["J"] = _closed(shape)
    if subject.ask("J >= L", **shape):
        return formula("L*(M*p + a)", **shape)
    return formula("(M*J + 1)*p + k*L - (k - a)*(J + 1)", **shape)


def _coverage(subject: Subject, layers: Expr) -> Expr | None:
    shape = _shape(subject, layers)
    if shape is None:
        return None
    if subject.ask("k*L < p - 1", **shape):
        return formula("k*L + 1 + M*(L*(k*L + 1) - (k - a)*(L*(L + 1) // 2))", **shape)
    shape["J"] = _closed(shape)
    if subject.ask("J >= L", **shape):
        return formula("L*(M*p + a) + 1", **shape)
    # From J + 1 skips on a block of t skips sees k*L - (k - a)*t + 1 lags, and there are M of each.
    return formula("(M*J + 1)*p + M*((L - J)*(k*L + 1) - (k - a)*((L - J)*(L + J + 1) // 2))", **shape)


RULE = Rule(
    "runs of skips",
    "the lags of L layers are m*p + [0, k*L - (k - a)*ceil(m/M)], m <= M*L",
    {"prefix": _prefix, "coverage": _coverage},
)

"""Windows: ``l`` tokens back and ``r`` ahead.

L layers see the window ``[-r*L, l*L]`` without a gap, clipped to the sequence: the ends of an interval move only
outwards, so clipping breaks no path.
"""

from __future__ import annotations

from patternc.analysis.closed_form import Rule
from patternc.analysis.family import INFINITE
from patternc.analysis.subject import Subject
from patternc.analysis.symbolic.formula import formula
from patternc.ir.expr import ONE, ZERO, Expr


def _sides(subject: Subject) -> tuple[Expr, Expr] | None:
    """``l`` and ``r``."""
    back, ahead = subject.back, subject.ahead
    if back is None or ahead is None or back.skips or ahead.skips:
        return None
    return back.window, ahead.window


def _prefix(subject: Subject, layers: Expr) -> Expr | None:
    sides = _sides(subject)
    if sides is None or not subject.ask("L >= 0", L=layers):
        return None
    if sides[0] == INFINITE:
        return INFINITE if subject.ask("L >= 1", L=layers) else ZERO
    return formula("l*L", l=sides[0], L=layers)


def _coverage(subject: Subject, layers: Expr) -> Expr | None:
    prefix = _prefix(subject, layers)
    return prefix if prefix is None or prefix == INFINITE else formula("h + 1", h=prefix)


def _depth(subject: Subject, tokens: Expr) -> Expr | None:
    sides = _sides(subject)
    if sides is None:
        return None
    if not subject.ask("n >= 2", n=tokens):
        return ZERO
    both = sides[1] == INFINITE or subject.ask("r >= 1", r=sides[1])
    needed = [layers_to_cross(subject, side, tokens) for side in (sides if both else sides[:1])]
    return INFINITE if INFINITE in needed else subject.know.larger(*needed)


def layers_to_cross(subject: Subject, width: Expr, tokens: Expr) -> Expr:
    """How many layers a window of ``width`` on one side takes over ``tokens >= 2`` tokens."""
    if width == INFINITE:
        return ONE
    if not subject.ask("k >= 1", k=width):
        return INFINITE
    return formula("(n - 1 + k - 1) // k", n=tokens, k=width)


RULE = Rule(
    "window",
    "L layers of a window [-r, l] see [-r*L, l*L]",
    {"prefix": _prefix, "coverage": _coverage, "depth": _depth},
)
